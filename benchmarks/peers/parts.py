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


def attend(own: Any, source: Any, samples: int, causal: bool) -> Any:
    """Products and softmax of a block: own (P·G, H, Q, D), source (P, H, S, D)."""
    rows, heads, length, size = own.shape
    scores = ops.matmul(own, ops.swapaxes(own, -1, -2))
    if causal:
        scores = ops.where(causal_mask(length), scores, -1e9)
    mixed = ops.matmul(ops.softmax(scores), own)
    prompts = rows // samples
    grouped = ops.reshape(mixed, (prompts, samples, heads, length, size))
    grouped = ops.reshape(
        ops.transpose(grouped, (0, 2, 1, 3, 4)), (prompts, heads, -1, size)
    )
    scores = ops.matmul(grouped, ops.swapaxes(source, -1, -2))
    return ops.matmul(ops.softmax(scores), source)


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
        last = ops.full((shape["prompts"], samples), BOS, dtype="int32")

        def step(time: Any, state: Any) -> Any:
            with with_values(policy.variables, values):
                log_probs, state = policy.step(memory, state[0], last)
            return state, log_probs[..., 0]

        with with_values(policy.variables, values):
            start = policy.init(memory, samples, length), ops.zeros(last.shape)
        return ops.fori_loop(0, length, step, start)[1]

    def project(states: Any, table: Any) -> Any:
        return ops.log_softmax(ops.matmul(states, ops.transpose(table)))[:, 0]

    random = np.random.default_rng(0)
    states = random.normal(size=(rows, width)).astype(np.float32)
    table = random.normal(size=(policy.vocabulary_size, width)).astype(np.float32)
    own, source = heads_of(task)

    def attention(own: Any, source: Any) -> Any:
        layers = shape["model"]["decoder_layers"]
        one = own[:, :, :1]  # the last action asks, half the text answers on average

        def step(time: Any, total: Any) -> Any:
            scores = ops.matmul(one + total, ops.swapaxes(own, -1, -2))
            mixed = ops.matmul(ops.softmax(scores), own)
            return ops.sum(attend(mixed, source, samples, False)) * 1e-9

        return ops.fori_loop(0, length * layers, step, ops.convert_to_tensor(0.0))

    both = timed(steps, values, memory)
    vocabulary = length * timed(project, states, table)
    return {
        "encoder": timed(encode, values, batch),
        "decoder": both - vocabulary,
        "attention": timed(attention, own, source),
        "vocabulary": vocabulary,
    }


def training(task: dict) -> dict[str, float]:
    """Return seconds of encoder, decoder, attention and scores, with gradients."""
    policy = policy_of({**task, "lengths": "full"})
    if task["do"] == "supervised":
        task = {**task, "samples": 1}
    batch, values = batch_of(task, 0), values_of(policy)
    actions = actions_of(task, 0)[0]

    def under(values: list[Any], function: Callable[..., Any], *args: Any) -> Any:
        with with_values(policy.variables, values):
            return function(*args)

    def with_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
        def loss(values: Any, *rest: Any) -> tuple[Any, Any]:
            found = function(values, *rest)
            leaves = found if isinstance(found, list) else [found]
            return sum(ops.sum(leaf) for leaf in leaves), ()

        return lambda values, *rest: value_and_grad(loss)(values, *rest)[1][0]

    def encode(values: list[Any], batch: Any) -> list[Any]:
        memory = under(values, policy.encode, batch)
        pairs = [array for one in memory["source"] for array in one]
        return pairs + ([memory["copy_keys"]] if "copy_keys" in memory else [])

    memory = jit(lambda values, batch: under(values, policy.encode, batch))(
        values, batch
    )

    def decode(values: list[Any], memory: Any, actions: Any) -> Any:
        return under(values, policy.hidden, memory, actions)

    hidden = jit(decode)(values, memory, actions)

    def score(values: list[Any], memory: Any, hidden: Any, actions: Any) -> Any:
        given = (memory, hidden, actions, Processors())
        return under(values, policy.score, *given).log_probs

    own, source = heads_of(task)
    layers = shape_of(task)["model"]["decoder_layers"]
    samples = actions.shape[1]
    pair = with_gradient(lambda arrays: attend(*arrays, samples, True))
    return {
        "encoder": timed(with_gradient(encode), values, batch),
        "decoder": timed(with_gradient(decode), values, memory, actions),
        "attention": layers * timed(pair, [own, source]),
        "scores": timed(with_gradient(score), values, memory, hidden, actions),
    }


def prepare(task: dict) -> Step:
    """Measure the parts of a task's step."""
    measure = sampling if task["do"] == "sample" else training
    return lambda number: {
        "parts": measure(task),
        "tokens": int(lengths_of(task).sum()),
    }


if __name__ == "__main__":
    serve(prepare)
