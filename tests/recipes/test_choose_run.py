import json
import sys
from pathlib import Path

import pytest

from nutgraf.data.sources import DataSettings
from nutgraf.recipes import choose_run
from nutgraf.recipes.choose_run import plan_sizes
from nutgraf.recipes.choose_settings import ChooseSettings, CommonSettings
from nutgraf.testing.toys import toy_rows
from nutgraf.training.settings import SupervisedSettings


def test_sizes_follow_from_the_rows(monkeypatch):
    """FLOPs are matched at the lengths of these rows, cut as the model cuts them."""
    asked = []

    def choose_sizes(settings, vocabulary_size, source, target):
        asked.append((vocabulary_size, source, target))
        return {}

    monkeypatch.setattr(choose_run, "load_split", lambda *_: iter(toy_rows(50)))
    monkeypatch.setattr(choose_run, "choose_sizes", choose_sizes)
    common = CommonSettings(vocabulary_size=330, max_source=16, max_target=12)
    settings = ChooseSettings(models=("lstm",), model=common)
    assert plan_sizes(settings, print) == {}
    ((vocabulary, source, target),) = asked
    assert vocabulary <= 330
    assert source == 16.0  # documents of twenty words are cut
    assert 5 <= target <= 9  # four words of one or two pieces, and the end


def test_the_memory_is_that_of_the_training_also_when_it_ended_before(
    monkeypatch, tmp_path
):
    """Interrupted between the end of the training and the end of the tests."""
    rows = toy_rows(64, length=6)
    path = str(tmp_path / "rows.jsonl")
    with open(path, "w") as file:
        for row in rows:
            record = {"document": row.document, "summary": row.references[0]}
            file.write(json.dumps(record) + "\n")
    settings = ChooseSettings(
        models=("gru",),
        out=str(tmp_path / "out"),
        data=DataSettings("files", train=path, valid=path, test=path),
        model=CommonSettings(
            size="tiny", vocabulary_size=330, max_source=32, max_target=12
        ),
        training=SupervisedSettings(epochs=1, warmup=1),
        tokens_per_batch=800,
    ).train_settings("gru")
    peaks = iter([310.0, 300.0, 20.0])

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(choose_run, "_peak_memory", lambda: next(peaks))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(choose_run, "evaluate", stopped)
        choose_run.train_and_measure(settings, print)
    found = choose_run.train_and_measure(settings, print)
    assert found["peak_memory_mib"] == 310.0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_peak_memory_is_that_of_this_process():
    status = Path("/proc/self/status").read_text()
    now = int(status.split("VmRSS:")[1].split()[0]) / 1024
    assert choose_run._peak_memory() >= now > 10
