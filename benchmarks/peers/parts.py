"""nutgraf's three main steps in parts, each compiled and run alone.

The parts follow the `Policy` protocol: `encode`, `hidden`, `score`, `step`. Attention
is the products and the softmax alone, as plain operations at the same sizes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from duel import Step, serve
from keras import ops
from workload import actions_of, lengths_of, shape_of

from nutgraf.arrays import BOS, Processors
from nutgraf.backend import jit, to_numpy, value_and_grad, with_values
from nutgraf.layers.attention import causal_mask
from peers.policies import batch_of, policy_of, values_of

REPEATS = 3


def timed(function: Callable[..., Any], *arrays: Any) -> float:
    """Return the seconds of a compiled function, warm."""
    compiled = jit(function)
    seconds = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        to_numpy(compiled(*arrays))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def to_itself(asking: Any, own: Any, causal: bool = False) -> Any:
    """Products and softmax of self attention: (N, H, Q, D) and (N, H, T, D)."""
    scores = ops.matmul(asking, ops.swapaxes(own, -1, -2))
    if causal:
        scores = ops.where(causal_mask(own.shape[2]), scores, -1e9)
    return ops.matmul(ops.softmax(scores), own)


def to_source(asking: Any, source: Any) -> Any:
    """Products and softmax of cross attention: (P·G, H, Q, D) and (P, H, S, D)."""
    rows, heads, length, size = asking.shape
    prompts = source.shape[0]
    grouped = ops.reshape(asking, (prompts, rows // prompts, heads, length, size))
    grouped = ops.transpose(grouped, (0, 2, 1, 3, 4))
    grouped = ops.reshape(grouped, (prompts, heads, -1, size))
    return to_itself(grouped, source)


def heads_of(task: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return states for `attend`."""
    shape = shape_of(task)
    heads = shape["model"]["heads"]
    size = shape["model"]["width"] // heads
    samples = 1 if task["do"] == "supervised" else shape["samples"]
    random = np.random.default_rng(0)
    rows = shape["prompts"] * samples
    own = random.normal(size=(rows, heads, shape["length"], size))
    source = random.normal(size=(shape["prompts"], heads, shape["source"], size))
    return own.astype(np.float32), source.astype(np.float32)


def sampling(task: dict) -> dict[str, float]:
    """Return seconds of encoder, decoder, attention, and vocabulary; the rest draws."""
    shape, policy = shape_of(task), policy_of({**task, "lengths": "full"})
    batch, values = batch_of(task, 0), values_of(policy)
    samples, length = shape["samples"], shape["length"]
    rows, width = shape["prompts"] * samples, shape["model"]["width"]

    def encode(values: list[Any], batch: Any) -> Any:
        with with_values(policy.variables, values):
            return policy.encode(batch)

    memory = jit(encode)(values, batch)

    def steps(values: list[Any], memory: Any) -> Any:
        uniforms = ops.full((rows,), 0.5)

        def step(time: Any, carried: Any) -> Any:
            state, last, total = carried
            with with_values(policy.variables, values):
                last, log_probs, state = policy.draw(memory, state, last, uniforms)
            return state, last, total + log_probs

        with with_values(policy.variables, values):
            state = policy.init(memory, samples, length)
        first = ops.full((rows,), BOS, dtype="int32")
        return ops.fori_loop(0, length, step, (state, first, ops.zeros((rows,))))[2]

    def project(states: Any, table: Any) -> Any:
        def step(time: Any, total: Any) -> Any:
            logits = ops.matmul(states + total, ops.transpose(table))
            return ops.sum(ops.logsumexp(logits, axis=-1)) * 1e-9

        return ops.fori_loop(0, length, step, ops.convert_to_tensor(0.0))

    random = np.random.default_rng(0)
    states = random.normal(size=(rows, width)).astype(np.float32)
    table = random.normal(size=(policy.vocabulary_size, width)).astype(np.float32)
    own, source = heads_of(task)

    def attention(own: Any, source: Any) -> Any:
        layers = shape["model"]["decoder_layers"]
        one = own[:, :, :1]  # the last action asks the whole cache

        def step(time: Any, total: Any) -> Any:
            return ops.sum(to_source(to_itself(one + total, own), source)) * 1e-9

        return ops.fori_loop(0, length * layers, step, ops.convert_to_tensor(0.0))

    both = timed(steps, values, memory)
    vocabulary = timed(project, states, table)
    return {
        "encoder": timed(encode, values, batch),
        "decoder": both - vocabulary,
        "attention": timed(attention, own, source),
        "vocabulary": vocabulary,
    }


def under(policy: Any, values: list[Any], method: str, *args: Any) -> Any:
    """Call a policy's method with weights."""
    with with_values(policy.variables, values):
        return getattr(policy, method)(*args)


def with_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives one gradient of the sum of what another gives."""

    def loss(values: Any, *rest: Any) -> tuple[Any, Any]:
        found = function(values, *rest)
        leaves = found if isinstance(found, list) else [found]
        return sum(ops.sum(leaf) for leaf in leaves), ()

    return lambda values, *rest: value_and_grad(loss)(values, *rest)[1][0]


def scores(task: dict, actions: np.ndarray) -> dict[str, float]:
    """Return seconds of encoder, decoder and scores, with gradients."""
    policy, batch = policy_of(task), batch_of(task, 0)
    values = values_of(policy)

    def encode(values: list[Any], batch: Any) -> Any:
        return under(policy, values, "encode", batch)

    def all_of(values: list[Any], batch: Any) -> list[Any]:
        memory = encode(values, batch)
        pairs = [array for one in memory["source"] for array in one]
        return pairs + ([memory["copy_keys"]] if "copy_keys" in memory else [])

    def decode(values: list[Any], memory: Any, actions: Any) -> Any:
        return under(policy, values, "hidden", memory, actions)

    def score(values: list[Any], memory: Any, hidden: Any, actions: Any) -> Any:
        given = (memory, hidden, actions, Processors())
        return under(policy, values, "score", *given).log_probs

    memory = jit(encode)(values, batch)
    hidden = jit(decode)(values, memory, actions)
    return {
        "encoder": timed(with_gradient(all_of), values, batch),
        "decoder": timed(with_gradient(decode), values, memory, actions),
        "scores": timed(with_gradient(score), values, memory, hidden, actions),
    }


def training(task: dict) -> dict[str, float]:
    """Return seconds of encoder, decoder, attention, vocabulary and copy head."""
    task = {**task, "lengths": "full"}
    if task["do"] == "supervised":
        task["samples"] = 1
    actions = actions_of(task, 0)[0]
    own, source = heads_of(task)
    layers = shape_of(task)["model"]["decoder_layers"]

    def attention(arrays: list[Any]) -> Any:
        own, source = arrays
        return to_source(to_itself(own, own, causal=True), source)

    bare = scores({**task, "copy": False}, actions)
    found = {
        "encoder": bare["encoder"],
        "decoder": bare["decoder"],
        "attention": layers * timed(with_gradient(attention), [own, source]),
        "vocabulary": bare["scores"],
    }
    if task.get("copy"):
        found["copy"] = scores(task, actions)["scores"] - bare["scores"]
    return found


def prepare(task: dict) -> Step:
    """Measure the parts of a task's step."""
    measure = sampling if task["do"] == "sample" else training
    return lambda number: {
        "parts": measure(task),
        "tokens": int(lengths_of(task).sum()),
    }


if __name__ == "__main__":
    serve(prepare)
