"""Models are trained, tested and compared; what is done is not done again."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.recipes.choose import CHOICE, choice_table, choose, in_a_process
from nutgraf.recipes.choose_settings import ChooseSettings, CommonSettings
from nutgraf.testing.toys import toy_rows
from nutgraf.training.settings import SupervisedSettings

MODELS = ("transformer", "gru")


def here(function, *args):
    return function(*args)


def nowhere(function, *args):
    raise AssertionError("nothing is left to do")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choose")
    files = {}
    for split, seed in (("train", 0), ("valid", 1), ("test", 2)):
        files[split] = str(folder / f"{split}.jsonl")
        with open(files[split], "w") as file:
            for row in toy_rows(64, length=6, seed=seed):
                record = {"document": row.document, "summary": row.references[0]}
                file.write(json.dumps({"id": row.id, **record}) + "\n")
    return ChooseSettings(
        models=MODELS,
        out=str(folder / "out"),
        data=DataSettings(source="files", **files),
        model=CommonSettings(
            size="tiny", vocabulary_size=330, max_source=32, max_target=12
        ),
        training=SupervisedSettings(
            epochs=4, learning_rate=1e-2, warmup=4, dropout=0.0
        ),
        tokens_per_batch=800,
        num_shapes=1,
    )


@pytest.fixture(scope="module")
def found(settings):
    lines = []
    short = dataclasses.replace(settings, max_minutes=1e-9)
    assert choose(short, lines.append, here) == {}
    stopped = [line for line in lines if "was stopped" in line]
    assert stopped == [f"{name} was stopped; run it again to go on" for name in MODELS]
    return choose(settings, lines.append, here)


def test_each_model_has_its_numbers(settings, found):
    assert tuple(found) == MODELS
    for name, one in found.items():
        assert one["metric"] == "rouge_mean"
        assert one["low"] <= one["mean"] <= one["high"]
        assert one["rows"] == 64
        assert one["parameters"] > 10_000 and one["flops"] > 1e8
        for speed in ("training", "sampling"):
            assert one[f"{speed}_tokens_per_second"] > 1
        assert one["peak_memory_mib"] > 50 and one["seconds"] > 0
        assert (Path(settings.out) / name / "best" / "config.json").is_file()
        assert (Path(settings.out) / name / "test" / "texts.jsonl").is_file()
    first, second = found.values()
    assert first["p_value"] is None and 0 < second["p_value"] <= 1
    wanted = pytest.approx(first["parameters"], rel=0.1)  # widths are multiples of 4
    assert second["parameters"] == wanted
    written = json.loads((Path(settings.out) / CHOICE).read_text())
    assert written["models"] == found
    assert written["settings"]["models"] == list(MODELS)


def test_what_is_done_is_read(settings, found):
    lines = []
    assert choose(settings, lines.append, nowhere) == found
    assert [line for line in lines if "done before" in line] == lines


def test_a_model_is_done_while_the_first_one_is_not(settings, found, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(settings.out, folder)
    (folder / "transformer" / "result.json").unlink()
    only = choose(dataclasses.replace(settings, out=str(folder)), run=lambda *_: None)
    assert list(only) == ["gru"] and only["gru"]["p_value"] is None
    note = choice_table(only, settings).note
    assert "p: paired test against transformer, which is not done;" in note


def test_other_settings_need_another_folder(settings, found):
    longer = dataclasses.replace(
        settings, training=dataclasses.replace(settings.training, epochs=9)
    )
    with pytest.raises(ConfigError, match="training = .*Use another `out`"):
        choose(longer, run=nowhere)
    with pytest.raises(ConfigError, match="first = 'gru'"):
        choose(dataclasses.replace(settings, models=("gru",)), run=nowhere)


def test_the_table_has_a_line_for_each(settings, found):
    table = choice_table(found, settings)
    assert [row[0] for row in table.rows] == list(MODELS)
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert "n = 64 test rows" in table.note and "equal parameters" in table.note
    assert table.rows[0][2] == "" and float(table.rows[1][2]) > 0


def test_work_is_done_in_another_process():
    import os

    assert in_a_process(os.getpid) != os.getpid()
    with pytest.raises(ConfigError, match="start must"):
        in_a_process(complain)


def complain():
    raise ConfigError("start must be there. Received: nothing. Give one.")
