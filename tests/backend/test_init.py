"""What nutgraf asks of a framework; `make test-backends` runs this on each of them."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from nutgraf import backend

FOLDER = Path(backend.__file__).parent
ENGINES = ("tensorflow", "jax", "torch")
STAND_INS = """
import os, sys, types
sys.modules["keras"] = keras = types.ModuleType("keras")
keras.tree = None
keras.backend = types.SimpleNamespace(backend=lambda: os.environ["KERAS_BACKEND"])
for name in ("tensorflow", "jax", "torch"):
    sys.modules[f"nutgraf.backend.{name}"] = types.ModuleType(f"engine-{name}")
from nutgraf import backend
print(backend.name, backend._engine.__name__)
"""
"""Loads `nutgraf.backend` where no framework needs to be installed."""


def declared(name):
    """Public functions of an engine with their arguments, and its `__all__`."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))
    found = {
        node.name: ast.unparse(node.args)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    listed = [
        item
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AugAssign) and "__all__" in ast.dump(node)
        for item in ast.literal_eval(node.value)
    ]
    return found, listed


@pytest.mark.parametrize("name", ENGINES)
def test_engines_have_the_same_functions_and_arguments(name):
    found, listed = declared(name)
    assert found == declared("tensorflow")[0]
    assert listed == sorted(found)


@pytest.mark.parametrize("name", ENGINES)
def test_every_function_that_is_asked_of_an_engine_is_there(name):
    tree = ast.parse(Path(backend.__file__).read_text("utf-8"))
    asked = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "_engine"
    }
    assert asked == set(declared(name)[0])


def test_the_engine_is_the_one_that_keras_runs_on():
    assert backend.name == keras.backend.backend()
    assert backend._engine.__name__ == f"nutgraf.backend.{backend.name}"
    assert backend.describe()["backend"] == backend.name
    assert backend.describe()[backend.name]


@pytest.mark.parametrize("choice", [None, *ENGINES])
def test_kerass_choice_is_the_engine_and_tensorflow_without_one(choice):
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    environment |= {"KERAS_BACKEND": choice} if choice else {}
    command = [sys.executable, "-c", STAND_INS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    chosen = choice or "tensorflow"
    assert done.stdout.split() == [chosen, f"engine-{chosen}"], done.stderr


@pytest.mark.backend
def test_a_function_is_compiled_once_per_shape():
    double = backend.jit(lambda tree: {"twice": [tree["x"] * 2]})
    for length in (2, 3, 2, 3):
        found = backend.to_numpy(double({"x": np.arange(length, dtype="float32")}))
        np.testing.assert_array_equal(found["twice"][0], 2 * np.arange(length))
    assert double.compilations == (0 if backend.name == "torch" else 2)


@pytest.mark.backend
def test_gradients_have_the_values_order_and_zeros_where_nothing_depends():
    def loss(values, factor):
        return factor * ops.sum(values[0] ** 2), {"sum": ops.sum(values[0])}

    values = [np.array([1.0, -2.0], "float32"), np.ones((2, 3), "float32")]
    compiled = backend.jit(backend.value_and_grad(loss))
    (value, aux), grads = backend.to_numpy(compiled(values, np.float32(3.0)))
    assert (float(value), float(aux["sum"])) == (15.0, -1.0)
    np.testing.assert_allclose(grads[0], [6.0, -12.0])  # d 3x² = 6x
    np.testing.assert_array_equal(grads[1], np.zeros((2, 3)))


@pytest.mark.backend
def test_chunks_are_the_whole_and_what_is_not_read_gets_zeros():
    """The second function reads its rows alone."""
    shared, numbers = np.float32([2.0, -1.0]), np.arange(6, dtype="int32")
    rows = np.random.default_rng(0).normal(size=(3, 2, 2)).astype("float32")

    def both(shared, rows, numbers):
        return ops.tanh(rows * shared) * ops.cast(numbers, "float32")[:, None]

    def rows_alone(_, rows, numbers):
        return both(1.0, rows, numbers)

    def loss(values, function, chunks):
        shared, rows = values
        given = ops.convert_to_tensor(numbers.reshape(3, 2))
        if chunks:
            found = backend.chunked(function, shared, rows, given)
        else:
            found = ops.stack([function(shared, rows[k], given[k]) for k in range(3)])
        return ops.sum(found**2), found

    for function in (both, rows_alone):
        found = [
            backend.to_numpy(
                backend.jit(
                    backend.value_and_grad(
                        lambda v, f=function, chunks=chunks: loss(v, f, chunks)
                    )
                )([shared, rows])
            )
            for chunks in (True, False)
        ]
        (parts, grads), (whole, expected) = found
        np.testing.assert_allclose(parts[1], whole[1], rtol=1e-6)
        for one, two in zip(grads, expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5)
    np.testing.assert_array_equal(grads[0], [0.0, 0.0])


@pytest.mark.backend
def test_variables_stand_for_values_while_the_block_runs():
    variable = keras.Variable(np.array([1.0, 2.0], "float32"))
    with backend.with_values([variable], [backend.to_tensor(np.float32([5, 6]))]):
        inside = backend.to_numpy(variable + 0.0)
    assert inside.tolist() == [5.0, 6.0]
    assert backend.to_numpy(variable.value).tolist() == [1.0, 2.0]
    backend.assign([variable], [np.float32([7, 8])])
    assert backend.to_numpy(variable.value).tolist() == [7.0, 8.0]


@pytest.mark.parametrize("put", [backend.with_values, backend.assign])
def test_a_value_too_few_is_refused(put):
    one = np.zeros(2, "float32")
    variables = [keras.Variable(one), keras.Variable(one)]
    with pytest.raises(ValueError, match="shorter"), put(variables, [one]):
        pass


@pytest.mark.backend
def test_arrays_go_to_the_device_and_come_back():
    half = ops.cast(np.float32([0.5, 1.5]), "bfloat16")
    tree = {"a": [np.arange(3, dtype="int32"), None], "half": half}
    moved = {"a": [backend.to_tensor(leaf) for leaf in tree["a"]], "half": half}
    found = backend.to_numpy(moved)
    assert found["a"][0].dtype == np.int32
    assert found["a"][0].tolist() == [0, 1, 2]
    assert found["a"][1] is None
    assert found["half"].dtype == np.float32
    assert found["half"].tolist() == [0.5, 1.5]
