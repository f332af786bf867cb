import functools
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from nutgraf.backend import jit, to_numpy, to_tensor
from nutgraf.errors import ConfigError
from nutgraf.training.optimizer import AdamW, clip_by_global_norm, global_norm

FROZEN = Path(__file__).parent / "frozen" / "adamw.json"
NAMES = ("dense/kernel", "dense/bias")


def arrays(lists):
    return [np.array(values, "float32") for values in lists]


def tensors(lists):
    return [to_tensor(value) for value in arrays(lists)]


@pytest.fixture(scope="module")
def torch_run():
    run = json.loads(FROZEN.read_text(encoding="utf-8"))
    assert run["package"] == "torch"
    return run


def started(optimizer, values):
    return keras.tree.map_structure(to_tensor, optimizer.init(values))


def assert_all_close(found, expected):
    for one, other in zip(to_numpy(found), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_updates_are_those_of_torch(torch_run):
    optimizer = AdamW(**torch_run["settings"])
    values = tensors(torch_run["start"])
    state = started(optimizer, values)
    for update in torch_run["updates"]:
        values, state = optimizer.update(
            values,
            tensors(update["clipped"]),
            state,
            to_tensor(np.float32(update["learning_rate"])),
            NAMES,
        )
        assert_all_close(values, arrays(update["values"]))
    assert int(to_numpy(state.count)) == len(torch_run["updates"])


def test_clipping_is_that_of_torch(torch_run):
    norms = [update["norm"] for update in torch_run["updates"]]
    limit = torch_run["limit"]
    assert min(norms) < limit < max(norms)  # both cases are there
    for update in torch_run["updates"]:
        clipped, norm = clip_by_global_norm(tensors(update["grads"]), limit)
        assert float(to_numpy(norm)) == pytest.approx(update["norm"], rel=1e-5)
        assert_all_close(clipped, arrays(update["clipped"]))


def test_updates_are_those_of_keras_where_epsilon_is_nothing(torch_run):
    # Keras adds epsilon before the square's bias is corrected, the paper and torch
    # after it; with a tiny epsilon all agree.
    settings = {**torch_run["settings"], "epsilon": 1e-12}
    ours = AdamW(**settings)
    values = tensors(torch_run["start"])
    state = started(ours, values)
    variables = [
        keras.Variable(value, name=name)
        for value, name in zip(
            arrays(torch_run["start"]), ("kernel", "bias"), strict=True
        )
    ]
    theirs = keras.optimizers.AdamW(
        beta_1=settings["beta1"],
        beta_2=settings["beta2"],
        epsilon=settings["epsilon"],
        weight_decay=settings["weight_decay"],
    )
    theirs.exclude_from_weight_decay(var_names=["bias"])
    theirs.build(variables)
    for update in torch_run["updates"]:
        grads = tensors(update["grads"])
        rate = update["learning_rate"]
        theirs.learning_rate = rate
        theirs.apply(grads, variables)
        rate = to_tensor(np.float32(rate))
        values, state = ours.update(values, grads, state, rate, NAMES)
        assert_all_close(values, to_numpy([v.value for v in variables]))


def test_first_step_goes_against_the_sign_of_the_gradient():
    # mean / (1 - b1) = g and square / (1 - b2) = g², so the step is g / |g|
    optimizer = AdamW(weight_decay=0.0, epsilon=1e-12)
    values = tensors([[1.0, -2.0]])
    found, _ = optimizer.update(
        values,
        tensors([[0.3, -40.0]]),
        started(optimizer, values),
        to_tensor(np.float32(0.5)),
        ["kernel"],
    )
    assert_all_close(found, arrays([[0.5, -1.5]]))


def test_weight_decay_shrinks_matrices_only():
    """The third is a vector, and a GRU's bias has two rows."""
    optimizer = AdamW(weight_decay=0.1)
    values = tensors([[[2.0]], [[2.0], [2.0]], [2.0]])
    found, _ = optimizer.update(
        values,
        tensors([[[0.0]], [[0.0], [0.0]], [0.0]]),
        started(optimizer, values),
        to_tensor(np.float32(0.5)),
        ["cell/recurrent_kernel", "cell/bias", "norm/gamma"],
    )
    # 2 - 0.5 · 0.1 · 2
    assert_all_close(found, arrays([[[1.9]], [[2.0], [2.0]], [2.0]]))


def test_norm_is_that_of_all_gradients_together():
    assert float(to_numpy(global_norm(tensors([[3.0], [[4.0]]])))) == pytest.approx(5)


def test_zero_gradients_are_clipped_to_zero_not_nan():
    clipped, norm = clip_by_global_norm(tensors([[0.0, 0.0]]), 1.0)
    assert_all_close(clipped, arrays([[0.0, 0.0]]))
    assert float(to_numpy(norm)) == 0.0


def test_no_limit_leaves_gradients_alone():
    clipped, _ = clip_by_global_norm(tensors([[30.0, 40.0]]), 0.0)
    assert_all_close(clipped, arrays([[30.0, 40.0]]))


def test_compiled_is_eager(torch_run):
    optimizer = AdamW(**torch_run["settings"])
    update = torch_run["updates"][0]
    inputs = (tensors(torch_run["start"]), tensors(update["grads"]))
    state = started(optimizer, inputs[0])
    args = (*inputs, state, to_tensor(np.float32(0.1)))
    update = functools.partial(optimizer.update, names=NAMES)
    eager, _ = update(*args)
    compiled, _ = jit(update)(*args)
    assert_all_close(compiled, to_numpy(eager))


@pytest.mark.parametrize(
    "setting", [{"beta1": 1.0}, {"beta2": -0.1}, {"epsilon": 0.0}, {"weight_decay": -1}]
)
def test_settings_out_of_range_are_named(setting):
    (name,) = setting
    with pytest.raises(ConfigError, match=f"{name}.*Received: .*{name}="):
        AdamW(**setting)
