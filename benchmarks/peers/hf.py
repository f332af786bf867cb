"""Hugging Face's side: `generate`, and the steps that one would write around it.

Settings: "attention" ("sdpa" or "eager"), "wait". Each prompt is repeated G times, as
`num_return_sequences` does, and logits are made for all positions.
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from duel import Step, own_settings, serve
from rouge_score.rouge_scorer import RougeScorer
from transformers import LogitsProcessor, LogitsProcessorList
from workload import (
    EOS,
    PAD,
    actions_of,
    advantages_of,
    lengths_of,
    references_of,
    shape_of,
    sources_of,
    text_of,
    words,
)

from peers.pegasus import pegasus

SETTINGS = own_settings()
torch.set_num_threads(SETTINGS["threads"])
ROUGE = ("rouge1", "rouge2", "rougeL")


class Ending(LogitsProcessor):
    """Each sample ends exactly when it is told to."""

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = torch.from_numpy(lengths.reshape(-1))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Allow nothing but the end where it is due; the start token is in the ids."""
        due = self.lengths == input_ids.shape[1]
        if due.any():
            scores = scores.clone()
            scores[due] = -math.inf
            scores[due, EOS] = 0.0
        return scores


def model_of(task: dict) -> torch.nn.Module:
    """Return the model of a task."""
    return pegasus(task, SETTINGS["attention"])


def generated(model: torch.nn.Module, task: dict, number: int) -> torch.Tensor:
    """Return (P·G, T) actions; at real lengths they end where they are told to."""
    shape = shape_of(task)
    ids = torch.from_numpy(sources_of(shape, number)).long()
    processors = LogitsProcessorList()
    if task.get("lengths") == "real":
        processors.append(Ending(lengths_of(task, number)))
    torch.manual_seed(number)
    with torch.inference_mode():
        found = model.eval().generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            top_k=0,
            top_p=1.0,
            num_return_sequences=shape["samples"],
            max_new_tokens=shape["length"],
            logits_processor=processors,
        )
    return found[:, 1:].clone()


def sample(task: dict) -> Step:
    """Draw G samples of each prompt."""
    model = model_of(task)

    def step(number: int) -> dict:
        drawn = (generated(model, task, number) != PAD).sum(-1).numpy()
        if (drawn != lengths_of(task, number).reshape(-1)).any():
            raise ValueError(f"Samples must be as long as told. Received: {drawn}.")
        return {"tokens": int(drawn.sum())}

    return step


def backward(
    model: torch.nn.Module,
    source: torch.Tensor,
    actions: torch.Tensor,
    advantages: torch.Tensor,
    old: torch.Tensor | None,
) -> torch.Tensor:
    """Take the gradient of GRPO's clipped loss.

    Args:
        model: the model.
        source: (P, S) ids.
        actions: (P·G, T) ids, padded.
        advantages: (P·G,).
        old: (P·G, T) log-probs before the update; None = those of now.

    Returns:
        The loss.
    """
    actions = actions[:, : int((actions != PAD).sum(-1).max())]
    mask = (actions != PAD).float()
    repeated = source.repeat_interleave(len(actions) // len(source), dim=0)
    inputs = model.prepare_decoder_input_ids_from_labels(actions)
    logits = model.train()(
        input_ids=repeated,
        attention_mask=torch.ones_like(repeated),
        decoder_input_ids=inputs,
    ).logits
    chosen = logits.gather(-1, actions[..., None])[..., 0]
    log_probs = chosen - logits.logsumexp(-1)
    old = log_probs.detach() if old is None else old[:, : actions.shape[1]]
    ratio = (log_probs - old).exp()
    weights = advantages[:, None]
    kept = torch.minimum(ratio * weights, ratio.clamp(0.8, 1.2) * weights)
    loss = -(kept * mask).sum() / mask.sum()
    loss.backward()
    return loss.detach()


def gradient(task: dict) -> Step:
    """Take the gradient of the clipped loss of given samples."""
    model, shape = model_of(task), shape_of(task)
    level = -math.log(shape["model"]["vocabulary_size"])

    def step(number: int) -> dict:
        drawn, mask = actions_of(task, number)
        actions = torch.from_numpy(drawn).flatten(0, 1).long()
        source = torch.from_numpy(sources_of(shape, number)).long()
        advantages = torch.from_numpy(advantages_of(task, number)).flatten()
        model.zero_grad(set_to_none=True)
        old = torch.full(actions.shape, level)
        loss = backward(model, source, actions, advantages, old)
        return {"tokens": int(mask.sum()), "loss": round(loss.item(), 4)}

    return step


def update(task: dict) -> Step:
    """Take a whole update: generate, reward, advantages, gradient, AdamW."""
    model, shape = model_of(task), shape_of(task)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    scorer, vocabulary = RougeScorer(list(ROUGE), use_stemmer=True), words()
    samples = shape["samples"]

    def step(number: int) -> dict:
        references = references_of(shape, number)
        begin = time.perf_counter()
        actions = generated(model, task, number)
        drawn = time.perf_counter()
        rewards = []
        for place, row in enumerate(actions.numpy()):
            text = text_of(row, vocabulary)
            scores = scorer.score(references[place // samples], text)
            rewards.append(sum(scores[kind].fmeasure for kind in ROUGE) / len(ROUGE))
        rewarded = time.perf_counter()
        groups = torch.tensor(rewards).view(-1, samples)
        spread = groups.std(1, keepdim=True) + 1e-4
        advantages = ((groups - groups.mean(1, keepdim=True)) / spread).flatten()
        source = torch.from_numpy(sources_of(shape, number)).long()
        optimizer.zero_grad(set_to_none=True)
        backward(model, source, actions, advantages, None)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds = time.perf_counter() - begin
        return {
            "seconds": seconds,
            "reward_share": (rewarded - drawn) / seconds,
            "sampling_share": (drawn - begin) / seconds,
            "tokens": int(lengths_of(task, number).sum()),
        }

    return step


TASKS = {"sample": sample, "gradient": gradient, "update": update}

if __name__ == "__main__":
    serve(lambda task: TASKS[task["do"]](task))
