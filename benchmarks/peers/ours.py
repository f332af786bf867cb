"""nutgraf's side of every duel, through what a user calls."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from duel import Step, serve
from keras import ops
from workload import (
    actions_of,
    advantages_of,
    lengths_of,
    references_of,
    shape_of,
    square,
    supervised_batch,
    tokens_of,
)

from nutgraf.arrays import Batch, Processors
from nutgraf.backend import jit, to_numpy, to_tensor
from nutgraf.data.rows import Row
from nutgraf.models.checkpoint import weight_names
from nutgraf.recipes.grpo import GRPO
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rl.experience import Experience, packed
from nutgraf.rl.learner import Counts, gradient_of
from nutgraf.rl.settings import RLSettings
from nutgraf.sampling.beam import BeamSearch
from nutgraf.sampling.sample import Sampler
from nutgraf.training.optimizer import AdamW
from nutgraf.training.run_state import RunState
from nutgraf.training.step import apply_step, gradient_step
from peers.policies import batch_of, compilations, policy_of, values_of


def sample(task: dict) -> Step:
    """Draw G samples of each prompt."""
    shape, policy = shape_of(task), policy_of(task)
    sampler = Sampler(policy, shape["samples"], shape["length"])
    values = values_of(policy)

    def step(number: int) -> dict:
        rollout = sampler(values, batch_of(task, number), update=number)
        drawn = rollout.mask.sum(-1)
        if (drawn != lengths_of(task, number)).any():
            raise ValueError(f"Samples must be as long as told. Received: {drawn}.")
        return {"tokens": int(drawn.sum())}

    return step


def search(task: dict) -> Step:
    """Find the likeliest text: greedily, or with beams."""
    shape, policy = shape_of(task), policy_of(task)
    values = values_of(policy)
    if task["beams"] == 1:
        find: Any = Sampler(policy, 1, shape["length"], greedy=True)
    else:
        find = BeamSearch(policy, task["beams"], shape["length"], 0.0)

    def step(number: int) -> dict:
        rollout = find(values, batch_of(task, number))
        return {
            "tokens": int(rollout.mask.sum()),
            "log_prob": round(float(rollout.log_probs.sum(-1).mean()), 3),
        }

    return step


def gradient(task: dict) -> Step:
    """Take the gradient of the clipped loss of given samples."""
    policy = policy_of({**task, "lengths": "full"})
    settings = RLSettings(length=shape_of(task)["length"], kl_weight=0.0)
    algorithm = GRPO(policy, RougeReward(), settings).trainer.algorithm
    gradients = gradient_of(policy, algorithm, Processors())
    values = values_of(policy)

    def step(number: int) -> dict:
        actions, mask = actions_of(task, number)
        old = np.full(mask.shape, -math.log(policy.vocabulary_size), np.float32)
        spread = np.broadcast_to(advantages_of(task, number)[..., None], mask.shape)
        given = Experience(batch_of(task, number), actions, mask, old, old, spread)
        (given,) = packed([given])
        tokens = np.float32(mask.sum())
        counts = Counts(tokens, tokens, np.float32(1))
        found, statistics = gradients(values, given, counts, np.float32(1))
        to_numpy(found[0])  # wait for it
        total, count = to_numpy(statistics["loss/rl"])
        return {"tokens": int(tokens), "loss": round(float(total / count), 4)}

    return step


def trainer_of(shape: dict, policy: Any) -> Any:
    """Return the trainer of GRPO without a price on the KL."""
    settings = RLSettings(
        prompts=shape["prompts"],
        samples=shape["samples"],
        length=shape["length"],
        kl_weight=0.0,
        learning_rate=1e-6,
    )
    return GRPO(policy, RougeReward(), settings).trainer


def update(task: dict) -> Step:
    """Take a whole update: samples, reward, advantages, gradient, optimiser."""
    shape, policy = shape_of(task), policy_of(task)
    trainer = trainer_of(shape, policy)
    position = {"step": 0, "plans": 0, "memory": {}}
    state = RunState(trainer.start, trainer.optimizer.init(trainer.start), position)
    held = {"state": state}

    def step(number: int) -> dict:
        batch = batch_of(task, number)
        references = references_of(shape, number)
        rows = [Row(str(i), "", (text,)) for i, text in enumerate(references)]
        state = held["state"]._replace(position={**position, "step": number})
        start = time.perf_counter()
        held["state"], record = trainer.update(state, lambda: (rows, batch))
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "reward_share": record["time/reward"] / seconds,
            "tokens": int(lengths_of(task, number).sum()),
        }

    return step


def mixed(task: dict) -> Step:
    """Take updates of several shapes, and count what was compiled so far."""
    steps = [
        update({**task, "source": source, "length": length})
        for source, length in task["mixed"]
    ]

    def step(number: int) -> dict:
        for place, one in enumerate(steps):
            one(len(steps) * number + place)
        return {"compilations": compilations()}

    return step


def supervised(task: dict) -> Step:
    """Train on batches; the seconds of each are weighed by how many are like it."""
    policy = policy_of(task)
    optimizer = AdamW(weight_decay=0.01)
    gradients = gradient_step(policy, 0.1, task["dropout"])
    apply = apply_step(optimizer, 1.0, weight_names(policy.variables))
    values = values_of(policy)
    held = {"values": values, "state": optimizer.init(to_numpy(values))}
    top = policy.vocabulary_size
    batches = [supervised_batch(one, top, fit=False) for one in task["batches"]]

    def step(number: int) -> dict:
        seconds, tokens, losses = 0.0, 0.0, []
        for place, (told, ids) in enumerate(zip(task["batches"], batches, strict=True)):
            start = time.perf_counter()
            source, target = ids["source"], ids["target"]
            numbers = np.arange(len(source), dtype=np.int32)
            batch = Batch(numbers, source, source != 0, target, target != 0)
            seed = np.int32(1000 * number + place)
            grads, loss, count = gradients(held["values"], batch, seed)
            losses.append(float(to_numpy(loss)) / float(to_numpy(count)))
            rate = np.float32(1e-4)
            held["values"], held["state"], norm = apply(
                held["values"], held["state"], grads, to_numpy(count), rate
            )
            to_numpy(norm)  # wait for the update
            seconds += told["weight"] * (time.perf_counter() - start)
            tokens += told["weight"] * tokens_of(told)
        return {
            "seconds": seconds,
            "tokens": tokens,
            "loss": round(losses[0], 4),
            "compilations": compilations(),
        }

    return step


def gemm(task: dict) -> Step:
    """Square a matrix, compiled and not; the faster counts."""
    matrix = to_tensor(square())

    def product(x: Any) -> Any:
        return ops.sum(ops.matmul(x, x)[0])  # all of it is made, little is returned

    engines = (product, jit(ops.matmul))

    def step(number: int) -> dict:
        found = []
        for engine, inputs in zip(engines, ((matrix,), (matrix, matrix)), strict=True):
            start = time.perf_counter()
            to_numpy(engine(*inputs))
            found.append(time.perf_counter() - start)
        return {"seconds": min(found)}

    return step


TASKS = {
    "sample": sample,
    "search": search,
    "gradient": gradient,
    "update": update,
    "mixed": mixed,
    "supervised": supervised,
    "gemm": gemm,
}

if __name__ == "__main__":
    serve(lambda task: TASKS[task["do"]](task))
