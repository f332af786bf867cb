"""What is measured against what, and the targets: the table of docs/performance.md."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

WAITS = ("active", "passive")
"""Threads that spin while they wait are faster on a quiet machine, slower on a busy."""

GRIDS: dict[str, list[dict[str, Any]]] = {
    "hf": [
        {"attention": attention, "wait": wait}
        for attention, wait in itertools.product(("sdpa", "eager"), WAITS)
    ],
    "torch_step": [
        {"compiled": compiled, "wait": wait}
        for compiled, wait in itertools.product((False, True), WAITS)
    ],
    "ctranslate2": [
        {"inter": inter, "intra": 2 // inter, "wait": wait}
        for inter, wait in itertools.product((1, 2), WAITS)
    ],
    "trl": [
        {"attention": attention, "wait": wait}
        for attention, wait in itertools.product(("sdpa", "eager"), WAITS)
    ],
}
"""Settings of each peer that are tried; the fastest in a probe is the one measured."""

TRAINING = {"do": "supervised", "shape": "a", "source": 512, "length": 96}
TRAINING |= {"dropout": 0.1, "copy": True}
FIXED = "supervised step, fixed full shapes"
SEARCH = {"do": "search", "shape": "a"}
UPDATE = {"do": "update", "shape": "a", "lengths": "real"}

PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "hf sampling": ("hf", {"do": "sample", "shape": "a"}),
    "hf gradient": ("hf", {"do": "gradient", "shape": "a", "prompts": 4}),
    "torch": ("torch_step", {**TRAINING, "batches": "fixed"}),
    "ct2 sampling": ("ctranslate2", {"do": "sample", "shape": "a"}),
    "ct2 search": ("ctranslate2", {**SEARCH, "beams": 4}),
    "trl": ("trl", {"do": "update", "shape": "llama", "length": 8, "prompts": 4}),
}
"""Name -> peer, task. "batches" names a plan of `batches.py`."""


class Pair(NamedTuple):
    """One duel.

    Attributes:
        group: name of the result file.
        name: unique.
        what: for the table.
        against: for the table.
        task: ours.
        probe: key of `PROBES`: who the peer is, and how its settings are chosen.
        target: least ratio of the speeds; None: for information.
        stretch: the ratio that would be fine.
        changes: what the peer's task has otherwise.
        only: settings that the peer must have.
        quick: whether `make bench QUICK=1` and `make bench-check` measure it.
    """

    group: str
    name: str
    what: str
    against: str
    task: dict[str, Any]
    probe: str
    target: float | None = None
    stretch: float | None = None
    changes: dict[str, Any] = {}
    only: dict[str, Any] = {}
    quick: bool = False


HF = "Hugging Face `generate`"
REPEATED = "Hugging Face, repeated prompts, full logits"
CT2 = "CTranslate2 float32"


def _sampling(name: str, what: str, *rest: Any, **task: Any) -> Pair:
    target, stretch, quick = rest
    given = {"do": "sample", **task}
    pair = Pair("sampling", name, what, HF, given, "hf sampling", target, stretch)
    return pair._replace(quick=quick)


def _gradient(shape: str, lengths: str, target: float | None, quick: bool) -> Pair:
    name = f"gradient_{lengths}_{shape}"
    what = f"gradient step of the group update, {lengths} lengths, ({shape})"
    task = {"do": "gradient", "shape": shape, "lengths": lengths}
    pair = Pair("gradient", name, what, REPEATED, task, "hf gradient", target)
    return pair._replace(quick=quick)


PAIRS = (
    Pair(
        "supervised",
        "supervised_padded",
        "supervised step, real length mix",
        "torch eager, ordinary padding",
        {**TRAINING, "batches": "by_length"},
        "torch",
        1.5,
        changes={"batches": "at_random"},
        only={"compiled": False},
    ),
    Pair(
        "supervised",
        "supervised_lengths",
        "supervised step, real length mix",
        "torch eager, batches by length",
        {**TRAINING, "batches": "by_length"},
        "torch",
        1.1,
        only={"compiled": False},
    ),
    Pair(
        "supervised",
        "supervised_fixed",
        FIXED,
        "best of torch eager and compiled",
        {**TRAINING, "batches": "fixed"},
        "torch",
        1.0,
        1.2,
        quick=True,
    ),
    _sampling(
        "sampling_full_a",
        "sampling G = 8, full length, (a)",
        *(3.3, 5.0, False),
        shape="a",
    ),
    Pair(
        "sampling",
        "sampling_full_a_ct2",
        "sampling G = 8, full length, (a)",
        f"{CT2}, random sampling",
        {"do": "sample", "shape": "a"},
        "ct2 sampling",
        1.2,
        quick=True,
    ),
    _sampling(
        "sampling_real_a",
        "sampling G = 8, real lengths, (a)",
        *(5.0, None, True),
        shape="a",
        lengths="real",
    ),
    _sampling(
        "sampling_real_b",
        "sampling G = 8, real lengths, (b)",
        *(5.0, None, False),
        shape="b",
        lengths="real",
    ),
    _sampling(
        "sampling_full_c",
        "sampling G = 8, full length, (c)",
        *(3.3, 5.0, False),
        shape="c",
    ),
    _sampling(
        "sampling_copy_a",
        "the same with our copy head, which the peer has not",
        *(None, None, False),
        shape="a",
        copy=True,
    ),
    Pair(
        "search",
        "greedy_a",
        "greedy search, (a)",
        CT2,
        {**SEARCH, "beams": 1},
        "ct2 search",
        0.9,
        quick=True,
    ),
    Pair(
        "search",
        "beam_a",
        "beam search of 4, (a)",
        CT2,
        {**SEARCH, "beams": 4},
        "ct2 search",
        0.9,
        quick=True,
    ),
    _gradient("a", "full", 1.8, False),
    _gradient("b", "full", 2.5, False),
    _gradient("a", "real", 3.0, False),
    _gradient("b", "real", 3.0, False),
    _gradient("c", "real", 3.0, False),
    Pair(
        "update",
        "update_real_a",
        "whole GRPO update, encoder-decoder, real lengths, (a)",
        "the loop of torch and Hugging Face",
        UPDATE,
        "hf gradient",
        3.5,
        5.0,
        quick=True,
    ),
    Pair(
        "decoder_only",
        "update_llama_a",
        "whole GRPO update, decoder-only of 12 million weights, (a)",
        "TRL `GRPOTrainer`",
        {"do": "update", "shape": "llama"},
        "trl",
        3.5,
        6.0,
    ),
)
