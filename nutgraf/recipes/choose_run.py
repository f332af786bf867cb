"""One model of a choice: trained, tested, measured; each in a process of its own."""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from keras.callbacks import LambdaCallback

from nutgraf.data.rows import Row
from nutgraf.data.sources import load_split
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.run import evaluate
from nutgraf.evaluation.settings import EvaluateSettings
from nutgraf.files import write_json
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.choose_settings import ChooseSettings
from nutgraf.recipes.choose_width import Sizes, choose_sizes
from nutgraf.recipes.settings import TrainSettings
from nutgraf.recipes.supervised import train, train_tokenizer
from nutgraf.training.log import read_metrics

__all__ = ["plan_sizes", "train_and_measure"]

MEMORY = "memory.json"
"""The most memory that any process of a training held, in its run folder."""
COUNTED = 1000
"""Rows whose tokens are counted to match FLOPs."""
TIMED = 256
"""Rows whose texts are written once more to measure the speed of sampling."""
_SPEED = "time/target_tokens_per_second"


def plan_sizes(
    settings: ChooseSettings, report: Callable[[str], None]
) -> dict[str, Sizes]:
    """Read the training rows and return how large each model is to be.

    Args:
        settings: the settings.
        report: called with each line a user should see.

    Returns:
        The sizes of each model.
    """
    first = settings.train_settings(settings.models[0])
    rows = load_split(first.data, "train", report)
    tokenizer = train_tokenizer(first.model, rows)
    some = itertools.islice(load_split(first.data, "train"), COUNTED)
    read, written = [], []
    for row in some:
        read.append(min(len(tokenizer.encode(row.document)), first.model.max_source))
        length = len(tokenizer.encode(next(iter(row.references), ""))) + 1
        written.append(min(length, first.model.max_target))
    means = statistics.fmean(read), statistics.fmean(written)
    return choose_sizes(settings, tokenizer.vocabulary_size, *means)


def train_and_measure(
    settings: TrainSettings, report: Callable[[str], None]
) -> dict[str, Any] | None:
    """Train a model and write the texts of the test rows, greedily.

    Args:
        settings: of the training; its `out` is the run folder.
        report: called with each line a user should see.

    Returns:
        What the table shows, see `nutgraf.recipes.choose`; None when the training was
        stopped before its end.
    """
    folder = Path(settings.out)
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: _kept_memory(folder))
    position = train(settings, report, [keep])
    memory = _kept_memory(folder)
    if not position["finished"]:
        return None
    best = folder / "best"
    asked = EvaluateSettings(
        model=str(best),
        task=settings.task,
        data=settings.data,
        out=str(folder / "test"),
    )
    found = evaluate(asked, report)
    policy = load_policy(best)
    planned = position["estimate"]
    speeds = [one[_SPEED] for one in read_metrics(folder) if _SPEED in one]
    score = found.system
    return {
        "metric": score.main,
        **score.interval(score.main)._asdict(),
        "rows": score.n,
        "signature": score.signature,
        "width": policy.model.config.width,
        "parameters": policy.model.count_params(),
        "flops": planned["flops"] * position["step"] / planned["updates"],
        "training_tokens_per_second": statistics.median(speeds),
        "sampling_tokens_per_second": _sampling_speed(policy, found.rows),
        "peak_memory_mib": memory,
        "seconds": position["seconds"],
    }


def _sampling_speed(policy: Any, rows: Sequence[Row]) -> float:
    """Tokens a second of greedy texts, once everything is compiled."""
    generator, rows = Generator(policy), rows[:TIMED]
    generator(rows)
    start = time.perf_counter()
    texts = generator(rows)
    seconds = time.perf_counter() - start
    tokens = sum(len(policy.codec.tokenizer.encode(text)) + 1 for text in texts)
    return tokens / seconds


def _kept_memory(folder: Path) -> float:
    """The most memory that a process of this training held so far, in MiB.

    It is kept before the training ends: what then goes on with it trains nothing more.
    """
    path, peak = folder / MEMORY, _peak_memory()
    if path.is_file():
        peak = max(peak, json.loads(path.read_text(encoding="utf-8"))["peak_mib"])
    write_json(path, {"peak_mib": peak})
    return float(peak)


def _peak_memory() -> float:
    """The most memory this process ever held, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():  # `ru_maxrss` would also count what its parent held
        for line in status.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 1024
