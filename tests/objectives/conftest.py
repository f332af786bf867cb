"""What the tests of objectives share: frozen numbers of other libraries, gradients."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy, to_tensor, value_and_grad

FROZEN = Path(__file__).parent / "frozen"


def _arrays(named: dict) -> dict:
    """Turn lists into float32 or bool arrays; numbers stay numbers."""
    found = {}
    for name, value in named.items():
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype("float32")
        found[name] = array if isinstance(value, list) else value
    return found


@pytest.fixture
def frozen() -> Callable[..., list[SimpleNamespace]]:
    """Return the cases of a file, of one package or of all."""

    def cases(name: str, package: str = "") -> list[SimpleNamespace]:
        read = json.loads((FROZEN / f"{name}.json").read_text(encoding="utf-8"))
        assert read["command"] == "python tests/oracles/make_objectives.py"
        found = [
            SimpleNamespace(
                inputs=_arrays(case["inputs"]), expected=_arrays(case["expected"])
            )
            for case in read["cases"]
            if package in ("", case["package"])
        ]
        assert found
        return found

    return cases


@pytest.fixture
def gradient() -> Callable[..., np.ndarray]:
    """Return the gradient of a scalar function of one array."""

    def of(function: Callable, values: np.ndarray) -> np.ndarray:
        def loss(inputs: list, *_: object) -> tuple:
            # The factor 1 is a value too: autograd wants a loss that depends on one.
            return function(inputs[0]) * inputs[1], 0.0

        inputs = [to_tensor(np.float32(values)), to_tensor(np.float32(1))]
        (_, _), grads = value_and_grad(loss)(inputs)
        return to_numpy(grads[0])

    return of


@pytest.fixture
def token_log_probs() -> Callable:
    """Return the log-probs that logits (..., V) give to actions (...)."""

    def of(logits: object, actions: np.ndarray) -> object:
        chosen = ops.one_hot(actions, logits.shape[-1])  # type: ignore[attr-defined]
        return ops.sum(ops.log_softmax(logits, axis=-1) * chosen, axis=-1)

    return of
