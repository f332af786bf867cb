from __future__ import annotations

import json

import pytest

from nutgraf.cli import report
from nutgraf.cli.main import main
from nutgraf.errors import ConfigError
from nutgraf.report.tables import escape
from tests.recipes.test_improve import write_toy_rows


@pytest.fixture
def folder(tmp_path):
    records = [{"step": step, "train/loss": 1.0 / step} for step in (1, 2, 3)]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "metrics.jsonl").write_text(text)
    return tmp_path


def test_the_report_goes_into_the_run_folder(folder, capsys):
    assert report.run([str(folder)]) == 0
    path = folder / "report.html"
    assert capsys.readouterr().out == f"{path}\n"
    assert "Loss" in path.read_text()


def test_another_file_can_be_named(folder, capsys):
    out = folder / "pages" / "one.html"
    assert report.run([str(folder), "--out", str(out)]) == 0
    assert out.is_file()
    assert not (folder / "report.html").exists()
    assert str(out) in capsys.readouterr().out


def test_a_wrong_folder_is_told(tmp_path, capsys):
    assert main(["report", str(tmp_path / "absent")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: A run folder must hold")
    assert "Traceback" not in error


def test_the_folder_is_needed():
    with pytest.raises(ConfigError, match="`run` is needed"):
        report.run([])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders that the commands leave: train, then rl, evaluated into its folder."""
    folder = tmp_path_factory.mktemp("commands")
    data = ["--data.source", "files"]
    for seed, split in enumerate(("train", "valid", "test")):
        path = write_toy_rows(folder / f"{split}.jsonl", 12, seed=seed)
        data += [f"--data.{split}", path]
    start, run = folder / "train", folder / "rl"
    sizes = {"size": "tiny", "vocabulary_size": 330, "width": 16, "feed_forward": 32}
    sizes |= {"encoder_layers": 1, "decoder_layers": 1, "max_source": 32}
    model = [f"--model.{name}={value}" for name, value in sizes.items()]
    model += ["--model.max_target=8", "--num_shapes=1", "--sample_rows=6"]
    small = ["--rl.updates=3", "--rl.prompts=4", "--rl.samples=4", "--rl.length=8"]
    guard = ["--guard.every=2", "--guard.rows=6"]
    last = str(run / "last")
    for command in (
        ["train", *data, *model, "--training.epochs=1", "--out", str(start)],
        ["rl", *data, *small, *guard, "--start", f"{start}/best", "--out", str(run)],
        ["evaluate", last, *data, "--out", str(run)],
    ):
        assert main(command) == 0
    return start, run


def test_the_report_of_a_training_shows_texts_and_attention(runs, capsys):
    assert main(["report", str(runs[0])]) == 0
    page = (runs[0] / "report.html").read_text()
    assert page.count("<h4>newest validation</h4>") == page.count("<h4>reference</h4>")
    assert page.count("<article") == 5
    first = json.loads((runs[0] / "samples.json").read_text())[0]["title"]
    assert f"Where the copy head looked: {first}" in page
    assert "that the report does not know" not in page


def test_the_report_of_rl_shows_texts_side_by_side(runs, capsys):
    assert main(["report", str(runs[1])]) == 0
    page = (runs[1] / "report.html").read_text()
    assert page.count("<article") == 10  # five of the test rows, five of the guard's
    assert page.count(f"<h4>{runs[1]}/last</h4>") == 5
    assert page.count("<h4>start</h4>") == page.count("<h4>after update 3</h4>") == 5
    assert page.count("<h4>reference</h4>") == 10
    texts = [json.loads(line) for line in open(runs[1] / "texts.jsonl")]
    for number in (0, 2, 4, 7, 9):
        assert escape(texts[number]["document"]) in page
    assert "Where the copy head looked: row0" in page
    assert "<h3>Evaluation</h3>" in page and "first ten words" in page
    assert "that the report does not know" not in page
