"""Resume == uninterrupted, best model, early stop, mistakes."""

import dataclasses

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError, DataError, RunError
from nutgraf.search.first_stage import START
from nutgraf.search.loop import SearchLoop, batch_of
from nutgraf.search.rankers import load_ranker
from nutgraf.search.ranking import Supervised, validation
from nutgraf.search.rescorer import Rescorer
from nutgraf.search.settings import LoopSettings
from nutgraf.training.log import read_metrics

SETTINGS = LoopSettings(
    updates=8,
    batch=4,
    learning_rate=0.05,
    evaluate_every=4,
    checkpoint_every=2,
    warmup=2,
)


def loop(ranking, folder, settings=SETTINGS, valid=True, **changes):
    ranker = Rescorer(16, "hash", 4)
    lesson = Supervised(ranker, ranking, 8, settings.batch, settings.seed, **changes)
    measure = validation(ranker, ranking) if valid else None
    return SearchLoop(ranker, lesson, settings, folder, measure)


def weights(folder):
    return to_numpy([one.value for one in load_ranker(folder).variables])


def numbers(folder):
    """What was logged, but for times."""
    return [
        {name: value for name, value in one.items() if not name.startswith("time/")}
        for one in read_metrics(folder)
    ]


def test_passes_take_each_row_once():
    for number in range(3):
        rows = [i for step in range(3) for i in batch_of(7, 2, 5, 3 * number + step)]
        assert len(set(rows)) == 6
    orders = [batch_of(7, 2, seed, step).tolist() for seed in (5, 6) for step in (0, 3)]
    assert len({tuple(order) for order in orders}) > 2
    with pytest.raises(DataError, match="as a batch takes, 3. Received: 2"):
        batch_of(2, 3, 0, 0)


def test_resumed_is_uninterrupted(ranking, tmp_path):
    whole = loop(ranking, tmp_path / "whole")
    assert whole.fit()["finished"]
    parts = 0
    while True:  # stops after each update
        position = loop(ranking, tmp_path / "parts").fit(stop_after=0.0)
        parts += 1
        if position["finished"]:
            break
    assert parts == 8
    assert numbers(tmp_path / "parts") == numbers(tmp_path / "whole")
    for name in ("best", "last"):
        for one, other in zip(
            weights(tmp_path / "whole" / name),
            weights(tmp_path / "parts" / name),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
    again = loop(ranking, tmp_path / "whole").fit()  # nothing is left to do
    assert again["step"] == 8 and len(read_metrics(tmp_path / "whole")) == 8


def test_it_learns_and_keeps_the_best(ranking, tmp_path):
    training = loop(
        ranking, tmp_path / "run", dataclasses.replace(SETTINGS, updates=60)
    )
    position = training.fit()
    scores = [
        r["valid/ndcg"] for r in read_metrics(tmp_path / "run") if "valid/ndcg" in r
    ]
    assert len(scores) == 15 and scores[-1] > 0.9
    assert position["best"] == max(scores)
    best = validation(training.model, ranking)(weights(tmp_path / "run" / "best"))
    assert best == pytest.approx(position["best"])


def test_the_start_is_kept_where_training_makes_it_worse(ranking, tmp_path):
    def worse(values):
        return -abs(float(values[0][0]) - float(START[0]))

    training = loop(ranking, tmp_path / "run")
    training.validate = worse
    position = training.fit()
    assert position["best_step"] == 0 and position["best"] == 0.0
    assert weights(tmp_path / "run" / "best")[0].tolist() == START.tolist()


def test_patience_ends_it(ranking, tmp_path):
    settings = dataclasses.replace(SETTINGS, updates=40, patience=2, evaluate_every=1)
    training = loop(ranking, tmp_path / "run", settings)
    training.validate = lambda values: 0.5
    position = training.fit()
    assert position["step"] == 2 and position["finished"]
    assert (tmp_path / "run" / "last").is_dir()


def test_without_validation_the_last_is_the_best(ranking, tmp_path):
    position = loop(ranking, tmp_path / "run", valid=False).fit()
    assert position["best"] is None
    for one, other in zip(
        weights(tmp_path / "run" / "best"),
        weights(tmp_path / "run" / "last"),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_ctrl_c_is_kept(ranking, tmp_path, ctrl_c):
    training = loop(ranking, tmp_path / "run")
    arrays = training.lesson.arrays

    def pressed(step):
        if step == 4:
            ctrl_c()
        return arrays(step)

    training.lesson.arrays = pressed
    with pytest.raises(KeyboardInterrupt):
        training.fit()
    position = loop(ranking, tmp_path / "run").fit()
    assert position["step"] == 8 and len(read_metrics(tmp_path / "run")) == 8


def test_other_settings_and_nan_are_told(ranking, tmp_path):
    loop(ranking, tmp_path / "run").fit(stop_after=0.0)
    other = dataclasses.replace(SETTINGS, learning_rate=0.1)
    with pytest.raises(ConfigError, match="learning_rate = 0.05. Received: learning"):
        loop(ranking, tmp_path / "run", other).fit()
    training = loop(ranking, tmp_path / "nan")
    training.model.variables[0].assign(np.full(4, np.nan, "float32"))
    with pytest.raises(RunError, match="must stay finite. Received: loss/ranking=nan"):
        training.fit()
