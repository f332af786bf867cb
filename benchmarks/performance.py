"""Write docs/performance.md and its plots from benchmarks/results/speed_*.json.

    python benchmarks/performance.py

`make bench` calls it after the measurements. benchmarks/notes.md, written by hand, says
what the numbers mean and stands in the page as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nutgraf.files import write_text

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
NOTES = ROOT / "benchmarks" / "notes.md"
PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "images" / "growth.svg"

INTRO = """# Performance

Written by `make bench`; do not edit it. Everything is measured in one run on one
machine, with two threads each, in float32, warm, the sides taking turns round by round;
a process whose turn it is not is stopped. The median of the rounds counts, five of
them, or three where a step takes more than ten seconds; the lowest and the highest
ratio of a round stand in brackets. Each peer runs at its own best settings, chosen by a
probe of the whole grid. Both sides compute with the same weights and draw the same
numbers of tokens; losses and log-probs of searches agree, see the result files.

Shapes: (a) 16 prompts, 8 samples each, 128 source tokens, 48 actions; width 256, 4 + 4
layers, vocabulary 16,000. (b) 8 prompts, 8 samples, 384 source tokens, 96 actions, the
same model. (c) 4 prompts, 8 samples, 512 source tokens, 96 actions; width 512, 6 + 6
layers, vocabulary 30,000. *Full*: each sample has all actions. *Real*: lengths of a
committed histogram whose mean is 0.4 of the limit (benchmarks/lengths.json).
"""

RUN = """## Run it

    make bench            # all of this: up to 40 minutes, after the installs
    make bench QUICK=1    # a few pairs: up to 5 minutes
    make bench-check      # the same pairs; fails when a ratio is clearly worse
    .venv/bin/python benchmarks/speed.py --peers .venv-peers/bin/python --only sampling

Result files: benchmarks/results/speed_*.json. Pairs, targets and grids:
benchmarks/pairs.py. One file for each side: benchmarks/peers/.
"""


def met(row: dict[str, Any]) -> bool | None:
    """Return whether a row's target is met; None without a target.

    Args:
        row: of a result file; "best" says whether "high" or "low" numbers are good.

    Returns:
        True, False or None.
    """
    if row["target"] is None:
        return None
    if row["best"] == "high":
        return bool(row["measured"] >= row["target"])
    return bool(row["measured"] <= row["target"])


def number(value: float) -> str:
    """Write a number with three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"


def table(header: str, rows: list[list[str]]) -> str:
    """Write a table in Markdown.

    Args:
        header: names of the columns, by " | ".
        rows: cells.

    Returns:
        The table, with an empty line after it.
    """
    lines = [f"| {header} |", "|" + " --- |" * (header.count(" | ") + 1)]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join(lines) + "\n\n"


def targets(rows: list[dict[str, Any]]) -> str:
    """Write the main table."""
    cells = []
    for row in rows:
        sign = "≥" if row["best"] == "high" else "≤"
        stretch = f" ({row['stretch']})" if row["stretch"] else ""
        goal = "–" if row["target"] is None else f"{sign} {row['target']:g}{stretch}"
        spread = ""
        if row.get("range"):
            low, high = map(number, row["range"])
            spread = f" ({low}–{high})"
        reached = {True: "yes", False: "**no**", None: "–"}[met(row)]
        measured = number(row["measured"]) + spread
        cells.append([row["what"], row["against"], goal, measured, reached])
    return table("what | against | target (stretch) | measured | met", cells)


def speeds(pairs: dict[str, Any]) -> str:
    """Write tokens a second and settings of the duels."""
    cells = []
    for name, pair in pairs.items():
        told = ", ".join(f"{key} {value}" for key, value in pair["settings"].items())
        sides = [pair["ours"], pair["peer"]]
        cells.append(
            [name, *(f"{side['median']:.3f}" for side in sides)]
            + [number(side["speed"]) for side in sides]
            + [told]
        )
    header = "pair | ours, s | peer, s | ours, tokens/s | peer, tokens/s | its settings"
    return table(header, cells)


def probes(found: dict[str, list[dict]]) -> str:
    """Write what was tried for each peer."""
    cells = [
        [name, ", ".join(f"{k} {v}" for k, v in one["settings"].items()), seconds]
        for name, tried in found.items()
        for one in tried
        for seconds in [f"{one['seconds']:.3f}"]
    ]
    return table("probe | settings | seconds", cells)


def profiles(profile: dict[str, list[dict]]) -> str:
    """Write each part's operations, seconds and share of the GEMM rate."""
    cells = [
        [
            step,
            part["part"],
            f"{part['operations'] / 1e9:.1f}" if part["operations"] else "–",
            f"{part['seconds']:.3f}",
            f"{part['share']:.2f}" if part["operations"] else "–",
        ]
        for step, parts in profile.items()
        for part in parts
    ]
    return table("step | part | GFLOP | seconds alone | share of GEMM", cells)


def plot(growth: dict[str, list[dict]], path: Path) -> None:
    """Draw the seconds of sampling along each axis.

    Args:
        growth: axis -> points "at" and "seconds".
        path: of the picture.
    """
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "nutgraf"  # the same bytes each time
    from matplotlib import pyplot

    axes_of = [axis for axis in growth if "," not in axis]
    figure, panels = pyplot.subplots(1, len(axes_of), figsize=(12, 3), sharey=True)
    for panel, axis in zip(panels, axes_of, strict=True):
        for name, points in growth.items():
            if name.partition(",")[0] == axis:
                label = "one action: the encoder" if "," in name else "all actions"
                at = [point["at"] for point in points]
                panel.plot(at, [p["seconds"] for p in points], "o-", label=label)
        panel.set_xlabel(axis)
    slowest = max(p["seconds"] for points in growth.values() for p in points)
    panels[0].set_ylim(0.0, 1.1 * slowest)
    panels[0].set_ylabel("seconds")
    panels[0].legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def growth_text(growth: dict[str, list[dict]]) -> str:
    """Write the numbers of the plot."""
    cells = [
        [axis, *(f"{p['at']:,}: {p['seconds']:.3f}" for p in points)]
        for axis, points in growth.items()
    ]
    width = max(map(len, cells))
    cells = [row + [""] * (width - len(row)) for row in cells]
    return table("axis" + " | value: seconds" * (width - 1), cells)


def setup(files: dict[str, Any]) -> str:
    """Write machine and versions, of the group that was measured last."""
    last = max(files.values(), key=lambda found: found["date"])
    lines = [
        f"Machine: {last['machine']['cpu']}, {last['machine']['cores']} cores; "
        f"{last['threads']} threads; {last['date']}; nutgraf on {last['backend']}.",
    ]
    for side, packages in last["versions"].items():
        told = ", ".join(f"{name} {version}" for name, version in packages.items())
        lines.append(f"Versions, {side}: {told}.")
    loads = [found["machine"]["load"] for found in files.values()]
    lines.append(f"Load of the machine as groups began: {min(loads)} to {max(loads)}.")
    return "\n".join(lines) + "\n\n"


def page(files: dict[str, Any], notes: str) -> str:
    """Return the page.

    Args:
        files: group -> content of its result file, in the order of the table.
        notes: Markdown.

    Returns:
        Markdown.
    """
    rows = [row for found in files.values() for row in found["rows"]]
    text = INTRO + "\n" + setup(files) + "## Targets\n\n" + targets(rows)
    text += notes.rstrip() + "\n\n" if notes else ""
    pairs, tried = {}, {}
    for found in files.values():
        duels = found.get("pairs", {}).items()
        pairs |= {name: pair for name, pair in duels if "settings" in pair}
        tried |= found.get("probes", {})
    text += "## Speeds\n\n" + speeds(pairs)
    if "profile" in files:
        rate = files["profile"]["gemm_rate"] / 1e9
        text += (
            "## Where the time goes\n\nEach part of a step, compiled and run alone. "
            "Its operations are by arithmetic (benchmarks/flops.py). The share is of "
            f"{rate:.0f} GFLOP/s, which a product of two 2048 x 2048 matrices reaches. "
            "Attention is a part of the decoder, shown once more.\n\n"
        )
        text += profiles(files["profile"]["profile"])
    if "growth" in files:
        text += "## Growth of sampling\n\n![seconds](images/growth.svg)\n\n"
        text += "From shape (a) along one axis at a time, full length.\n\n"
        text += growth_text(files["growth"]["growth"])
    return text + "## Settings that were tried\n\n" + probes(tried) + RUN


ORDER = "supervised sampling search gradient update decoder_only memory compile"
ORDER += " growth profile"


def main() -> None:
    """Write page and plot."""
    files = {}
    for group in ORDER.split():
        path = RESULTS / f"speed_{group}.json"
        if path.is_file():
            files[group] = json.loads(path.read_text("utf-8"))
    if "growth" in files:
        plot(files["growth"]["growth"], PLOT)
    notes = NOTES.read_text("utf-8") if NOTES.is_file() else ""
    write_text(PAGE, page(files, notes))
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
