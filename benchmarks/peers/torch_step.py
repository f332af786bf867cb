"""Plain PyTorch's side of the supervised step, with the model of `torch_model.py`.

Settings: "compiled" (`torch.compile`) or eager, "wait".
"""

from __future__ import annotations

import time

import torch
from duel import Step, own_settings, serve
from torch import nn
from workload import model_config, square, supervised_batch, tokens_of, weights_of

from peers.torch_model import PAD, Summarizer, load

SETTINGS = own_settings()
torch.set_num_threads(SETTINGS["threads"])


def supervised(task: dict) -> Step:
    """Train on batches; the seconds of each are weighed by how many are like it."""
    torch.manual_seed(0)
    config = model_config(task)
    model = Summarizer(config).train()
    load(model, weights_of(task))
    run = torch.compile(model) if SETTINGS["compiled"] else model
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": 0.01},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=1e-4,
        betas=(0.9, 0.98),
        eps=1e-8,
        fused=True,
    )
    top = config["vocabulary_size"]
    batches = [
        {
            name: torch.from_numpy(ids).long()
            for name, ids in supervised_batch(one, top, fit=True).items()
        }
        for one in task["batches"]
    ]

    def train(source: torch.Tensor, target: torch.Tensor) -> float:
        losses, log_probs = run(source, target, 0.1)
        counts = (target != PAD).float()
        loss = (losses * counts).sum() / counts.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return -((log_probs.detach() * counts).sum() / counts.sum()).item()

    def step(number: int) -> dict:
        seconds, tokens, losses = 0.0, 0.0, []
        for told, ids in zip(task["batches"], batches, strict=True):
            start = time.perf_counter()
            losses.append(train(ids["source"], ids["target"]))
            seconds += told["weight"] * (time.perf_counter() - start)
            tokens += told["weight"] * tokens_of(told)
        return {"seconds": seconds, "tokens": tokens, "loss": round(losses[0], 4)}

    return step


def gemm(task: dict) -> Step:
    """Square a matrix."""
    matrix = torch.from_numpy(square())

    def step(number: int) -> dict:
        matrix @ matrix
        return {}

    return step


TASKS = {"supervised": supervised, "gemm": gemm}

if __name__ == "__main__":
    serve(lambda task: TASKS[task["do"]](task))
