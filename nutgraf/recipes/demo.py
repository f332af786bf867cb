"""Everything once: evaluate a model, improve it by RL, evaluate again, report.

The function behind `nutgraf demo`. The rows are the docstrings of the packages that are
installed here; the test rows come from modules that neither the model nor RL has seen.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings, load_split
from nutgraf.evaluation.generate import Generator, write_texts
from nutgraf.evaluation.score import best_lead, compare, score_texts
from nutgraf.evaluation.texts import words_of
from nutgraf.files import write_json
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.algorithms import make_recipe
from nutgraf.recipes.demo_report import DemoResult, demo_report, shown_rows
from nutgraf.recipes.guarding import make_watch
from nutgraf.recipes.improve import make_reward
from nutgraf.recipes.run_card import refuse_other_rows, rows_name, run_card
from nutgraf.recipes.settings import DemoSettings, ImproveSettings
from nutgraf.recipes.shown import show_end
from nutgraf.report.samples import spread
from nutgraf.report.write import write_report
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.live import live_display
from nutgraf.rl.settings import RLSettings
from nutgraf.text.words import WordKind

__all__ = ["DEMO", "demo", "summary_of"]

DEMO = ImproveSettings(
    start="starter",
    data=DataSettings(source="docstrings"),
    rl=RLSettings(updates=250, learning_rate=2e-4),
    guard=GuardSettings(every=25, rows=128),
)
"""What the demo runs; tuned on validation rows, see docs/experiments.md. The guard
looks at a batch as large as those of the evaluation: nothing is compiled for it."""

LEAST_UPDATES = 5
"""Updates of RL, however short the time is."""
LEAST_RL = 20.0
"""Seconds for RL in each minute of the demo; those of the first update, which compiles,
do not count."""
MOST_EVALUATION = 15.0
"""Seconds for each of the two evaluations in each minute; where that is too short for
all test rows, some of them are evaluated."""


class _Clock(keras.callbacks.Callback):
    """Ends RL in time for the second evaluation, but not before it has begun."""

    def __init__(self, deadline: float, least: float) -> None:
        super().__init__()
        self.deadline = deadline
        self._least = least
        self._runs = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the clock after an update."""
        now = time.monotonic()
        if not self._runs:  # all is compiled
            self._runs, self.deadline = True, max(self.deadline, now + self._least)
        if epoch >= LEAST_UPDATES and now > self.deadline:
            self.model.stop_training = True


def demo(
    settings: DemoSettings = DemoSettings(),  # noqa: B008 - frozen
    report: Callable[[str], None] = lambda line: None,
    run: ImproveSettings = DEMO,
) -> DemoResult:
    """Evaluate, improve by RL, evaluate again; write report.html and result.json.

    Args:
        settings: where to, how long, which seed.
        report: called with each line a user should see.
        run: model, data, reward and RL; its `out` and seed are those of `settings`.

    Returns:
        What was found.

    Raises:
        ModelError: the start is no model folder.
        ConfigError: the folder holds an interrupted demo of other settings.
    """
    started = time.monotonic()
    folder = Path(settings.out)
    run = replace(run, out=str(folder / "rl"), rl=replace(run.rl, seed=settings.seed))
    if (folder / "result.json").exists():  # a finished demo: start anew
        (folder / "result.json").unlink()
        shutil.rmtree(run.out, ignore_errors=True)
    policy = load_policy(run.start)
    report("reading the data (the docstrings of the installed packages take a minute)")
    train, test = (list(load_split(run.data, split)) for split in ("train", "test"))
    words = words_of(test)
    report(f"{len(train):,} training rows, {len(test):,} test rows of unseen modules")
    generator = Generator(policy, rows=128)
    test = _affordable(generator, test, settings.minutes * MOST_EVALUATION, report)
    before = time.monotonic()
    texts = {"supervised": write_texts(generator, test, "evaluating the start")}
    needed = time.monotonic() - before
    deadline = started + settings.minutes * 60 - 1.2 * needed
    clock = _Clock(deadline, settings.minutes * LEAST_RL)
    records = _improve(run, generator, train, words, clock, report)
    texts["RL"] = write_texts(generator, test, "evaluating after RL")
    result = DemoResult(
        test,
        texts,
        best_lead(test, words),
        score_texts(test, texts["supervised"], words, "supervised"),
        score_texts(test, texts["RL"], words, "RL"),
        records,
        time.monotonic() - started,
        run,
    )
    write_report(folder / "report.html", demo_report(result, policy))
    write_json(folder / "result.json", summary_of(result))
    return result


def _affordable(
    generator: Generator,
    rows: list[Row],
    seconds: float,
    report: Callable[[str], None],
) -> list[Row]:
    """As many rows as texts can be written for in the time, at equal distances."""
    generator(rows[:1])  # compiles
    before = time.monotonic()
    generator(rows[: generator.rows])
    pace = max(time.monotonic() - before, 1e-9) / generator.rows
    most = max(generator.rows, int(seconds / pace))
    if most >= len(rows):
        return rows
    report(f"the time is short: {most:,} of the test rows are evaluated")
    return [rows[number] for number in spread(len(rows), most)]


def _improve(
    run: ImproveSettings,
    generator: Generator,
    rows: Sequence[Row],
    words: WordKind,
    clock: _Clock,
    report: Callable[[str], None],
) -> list[dict[str, float]]:
    """Run RL; return the records of all updates, also those before a resume."""
    from nutgraf.training.log import read_metrics

    policy, folder = generator.policy, Path(run.out)
    data = rows_name(rows)
    refuse_other_rows(folder, data)
    card = {**run_card(run, policy, data), "rows": len(rows)}
    write_json(folder / "run.json", card)
    reward = make_reward(run.reward, words, run.rl.seed)
    guard = make_watch(run, policy, rows, reward, words, report, generator)
    recipe = make_recipe(
        run.algorithm,
        policy,
        reward,
        run.rl,
        options=run.options,
        folder=folder,
    )
    with live_display("RL", run.rl.updates) as watch:
        recipe.fit(rows, [clock], watch=watch, guard=guard)
    records = read_metrics(folder)
    if guard:
        show_end(folder, guard, policy, len(records))
    return records


def summary_of(result: DemoResult) -> dict[str, Any]:
    """Return what result.json holds.

    Args:
        result: of `demo`.

    Returns:
        Plain numbers and texts; scores 0-100, `seconds` of the whole demo.
    """
    from nutgraf.backend import describe

    test = compare(result.rl, result.supervised)
    return {
        "n_test": result.supervised.n,
        "lead": result.leads.scores,
        "supervised": result.supervised.means(),
        "rl": result.rl.means(),
        "gain": {"mean": test.difference, "low": test.low, "high": test.high},
        "p_value": test.p_value,
        "reward_curve": [record["reward/mean"] for record in result.records],
        "updates": len(result.records),
        "seconds": result.seconds,
        "signature": result.supervised.signature,
        "samples": [
            {
                "id": result.rows[index].id,
                "document": result.rows[index].document,
                "reference": result.rows[index].references[0],
                **{name: texts[index] for name, texts in result.texts.items()},
            }
            for index in shown_rows(result)
        ],
        "settings": asdict(result.settings),
        "versions": describe(),
    }
