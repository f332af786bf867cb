"""What is no duel of seconds: memory, compiling, growth, parts, shares of a whole."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import flops
import numpy as np
from duel import take_turns
from pairs import FIXED, GRIDS, TRAINING, UPDATE
from workload import model_config, shape_of

if TYPE_CHECKING:
    from speed import Bench

GROWTH = {
    "samples": (1, 2, 4, 8, 16),
    "length": (12, 24, 48, 96),
    "vocabulary": (4_000, 8_000, 16_000, 32_000),
    "source": (64, 128, 256, 512),
}
"""Axes of the growth of sampling, from shape (a)."""
MIXED = ((64, 24), (64, 48), (128, 24), (128, 48))
"""Source length and length limit of the updates whose compilations are counted."""


def _row(
    name: str, what: str, against: str, measured: float, target: float, best: str
) -> dict[str, Any]:
    return {
        "name": name,
        "what": what,
        "against": against,
        "target": target,
        "stretch": None,
        "measured": round(measured, 4),
        "best": best,
    }


def gemm_rate(bench: Bench) -> dict[str, Any]:
    """Measure the rate of a product of two 2048 x 2048 float32 matrices.

    Args:
        bench: the run.

    Returns:
        "seconds" by engine, and "rate" of the faster, in operations a second.
    """
    torch = bench.side("torch_step", {"compiled": False, "wait": "active"})
    task = {"do": "gemm"}
    found = take_turns([(bench.side("ours", {}), task), (torch, task)], 7)
    seconds = {side: found[side]["median"] for side in ("ours", "peer")}
    return {"seconds": seconds, "rate": flops.GEMM / min(seconds.values())}


def derived(group: str, bench: Bench, found: dict[str, Any]) -> dict[str, Any]:
    """Return what a group tells beyond its ratios.

    Args:
        group: its name.
        bench: the run.
        found: the measurements of its pairs.

    Returns:
        "rows" for the table, and what they are made of.
    """
    if group == "supervised" and "supervised_fixed" in found:
        gemm = gemm_rate(bench)
        plan = bench.prepared({**TRAINING, "batches": "fixed"})
        work = flops.supervised(model_config(plan), plan["batches"])
        share = work / found["supervised_fixed"]["ours"]["median"] / gemm["rate"]
        row = _row("gemm_share", FIXED, "the machine's GEMM rate", share, 0.55, "high")
        return {"rows": [row], "gemm": gemm, "operations": work}
    if group == "update" and found:
        share = max(one["ours"]["reward_share"] for one in found.values())
        row = _row("reward_share", "reward time", "our update", share, 0.05, "low")
        return {"rows": [row]}
    return {"rows": []}


def memory(bench: Bench) -> dict[str, Any]:
    """Measure the peak of a warm update over the loaded model, a process for each."""
    if bench.quick:
        return {"rows": []}
    rows, found = [], {}
    for name, what, task in (
        ("memory_update", "peak memory of the group update, real lengths", UPDATE),
        (
            "memory_gradient",
            "peak memory of the group gradient, full length",
            {"do": "gradient", "shape": "a"},
        ),
    ):
        peaks = {}
        for module, settings in (("ours", {}), ("hf", GRIDS["hf"][1])):
            side = bench.start(module, settings)
            peaks[module] = side.take(bench.prepared({**task, "memory": True}))
            side.close()
        share = peaks["ours"]["peak"] / peaks["hf"]["peak"]
        print(f"{name}: {share:.2f} (target 0.4)", flush=True)
        found[name] = {"task": task, "megabytes": peaks}
        rows.append(_row(name, f"{what}, (a)", "the torch loop", share, 0.4, "low"))
    return {"rows": rows, "pairs": found}


def compile_times(bench: Bench) -> dict[str, Any]:
    """Time the first steps of new processes, and count what runs compile."""
    if bench.quick:
        return {"rows": []}
    rows, found = [], {}
    for name, what, task in (
        ("first_update", "first update, `small`", UPDATE),
        (
            "first_supervised",
            "first supervised step, `small`",
            {**TRAINING, "batches": "fixed"},
        ),
    ):
        side = bench.start("ours", {})
        found[name] = side.take(bench.prepared(task))
        side.close()
        seconds = found[name]["seconds"]
        print(f"{name}: {seconds:.1f} s (target 30)", flush=True)
        rows.append(_row(name, what, "seconds", seconds, 30.0, "low"))
    side = bench.start("ours", {})
    task = bench.prepared({**UPDATE, "do": "mixed", "mixed": MIXED, "prompts": 4})
    counts = [side.take(task, number)["compilations"] for number in range(2)]
    side.close()
    found["mixed"] = {"shapes": MIXED, "compilations": counts}
    what = f"compilations when updates of {len(MIXED)} shapes come again"
    again = counts[1] - counts[0]
    rows.append(_row("recompiled", what, "none", again, 0, "low"))
    print(f"compilations: {counts}", flush=True)
    return {"rows": rows, "pairs": found}


def growth(bench: Bench) -> dict[str, Any]:
    """Time sampling along each axis; one action only shows the encoder's part."""
    if bench.quick:
        return {"rows": []}
    side = bench.side("ours", {})
    base = shape_of({"shape": "a"})
    base["vocabulary"] = base["model"]["vocabulary_size"]
    known: dict[str, float] = {}
    found: dict[str, list[dict]] = {}
    for axis, values in GROWTH.items():
        for length in (None, 1) if axis == "samples" else (None,):
            name = axis if length is None else f"{axis}, one action"
            for value in values:
                sizes = {axis: value} | ({"length": length} if length else {})
                changed = {key: n for key, n in sizes.items() if base[key] != n}
                key = str(changed)  # the axes cross at shape (a): measured once
                if key not in known:
                    task = {"do": "sample", "shape": "a", **changed}
                    taken = [side.take(task, n)["seconds"] for n in range(4)][1:]
                    known[key] = round(statistics.median(taken), 5)
                found.setdefault(name, []).append({"at": value, "seconds": known[key]})
        print(f"growth of {axis}: {found[axis]}", flush=True)
    return {"rows": [], "growth": found}


PROFILED = {
    "sampling": {"do": "sample", "shape": "a"},
    "group gradient": {"do": "gradient", "shape": "a"},
    "supervised step": {
        "do": "supervised",
        "shape": "a",
        "prompts": 32,
        "length": 40,
        "copy": True,
    },
}


def profile(bench: Bench) -> dict[str, Any]:
    """Count the operations of each part of the main steps, and run each part alone."""
    if bench.quick:
        return {"rows": []}
    rate = gemm_rate(bench)["rate"]
    found = {}
    for name, task in PROFILED.items():
        whole = {**TRAINING, "batches": "fixed"} if name == "supervised step" else task
        ours = bench.side("ours", {})
        taken = [ours.take(bench.prepared(whole), n)["seconds"] for n in range(4)]
        side = bench.start("parts", {})
        seconds = side.take(bench.prepared(task))["parts"]
        side.close()
        work = _operations(bench.prepared(task))
        total = sum(work.values())
        work["decoder"] += work["attention"]  # its time holds both
        parts = [
            {
                "part": part,
                "operations": work[part],
                "seconds": round(took, 5),
                "share": round(work[part] / took / rate, 4),
            }
            for part, took in seconds.items()
        ]
        took = statistics.median(taken[1:])
        parts.append(
            {
                "part": "whole step",
                "operations": total,
                "seconds": round(took, 5),
                "share": round(total / took / rate, 4),
            }
        )
        found[name] = parts
        print(f"profile of {name}: {parts}", flush=True)
    return {"rows": [], "gemm_rate": rate, "profile": found}


def _operations(task: dict) -> dict[str, float]:
    """Return the operations of the parts that `peers.parts` times."""
    shape = shape_of(task)
    samples = 1 if task["do"] == "supervised" else shape["samples"]
    targets = np.full((shape["prompts"], samples), shape["length"])
    sources = np.full(shape["prompts"], shape["source"])
    times = 1 if task["do"] == "sample" else 3
    work = flops.forward(model_config(task), sources, targets)
    return {part: float(times * count) for part, count in work.items()}
