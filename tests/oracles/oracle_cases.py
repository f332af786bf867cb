"""What the makers of frozen numbers share: shapes, random inputs, the file format."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

COMMAND = "python tests/oracles/make_objectives.py"
FROZEN = Path(__file__).parents[1] / "objectives" / "frozen"
P, G, T = 3, 4, 6


def plain(value: Any) -> Any:
    """Turn arrays into nested lists of short numbers."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    array = np.asarray(value)
    if array.dtype.kind == "f":
        array = array.astype(np.float64).round(9)
    return array.tolist()


def case(package: str, function: str, inputs: dict, expected: dict) -> dict:
    """Return one frozen comparison."""
    return {
        "package": package,
        "version": version(package),
        "function": function,
        "inputs": {name: plain(value) for name, value in inputs.items()},
        "expected": {name: plain(value) for name, value in expected.items()},
    }


def write(name: str, cases: list[dict]) -> None:
    """Write the cases of one objective file."""
    FROZEN.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"command": COMMAND, "cases": cases})
    text = text.replace('{"package"', '\n{"package"') + "\n"
    (FROZEN / f"{name}.json").write_text(text, encoding="utf-8")


def ragged_mask(rng: np.random.Generator) -> np.ndarray:
    """Return (P * G, T) bool: lengths 1..T, and one sequence without any token."""
    lengths = rng.integers(1, T + 1, size=P * G)
    lengths[5] = 0
    return np.arange(T) < lengths[:, None]


def full_mask(rng: np.random.Generator) -> np.ndarray:
    """Return (P * G, T) bool: lengths 1..T, for libraries that count empty texts."""
    return np.arange(T) < rng.integers(1, T + 1, size=P * G)[:, None]


def random_log_probs(rng: np.random.Generator, scale: float) -> tuple:
    """Return log-probs of two policies, (P * G, T), `scale` nats apart."""
    log_probs = -rng.exponential(2.0, size=(P * G, T)).astype("float32")
    other = log_probs - rng.normal(0.0, scale, size=(P * G, T)).astype("float32")
    return log_probs.round(4), other.round(4).astype("float32")


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Return rounded float32 normal numbers."""
    return rng.normal(0, scale, size=shape).astype("float32").round(4)
