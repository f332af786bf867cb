from __future__ import annotations

import gzip
import json
import sys

import pytest

from nutgraf.cli import evaluate
from nutgraf.cli.main import main
from nutgraf.evaluation import generate
from nutgraf.models.checkpoint import save_policy
from nutgraf.tasks.baselines import lead
from nutgraf.testing.toys import toy_policy, toy_rows

COUNT = 4


@pytest.fixture
def data(tmp_path):
    """Flags that name a data file."""
    path = tmp_path / "rows.jsonl"
    with open(path, "w") as file:
        for row in toy_rows(COUNT, length=6):
            record = {"document": row.document, "summary": row.references[0]}
            file.write(json.dumps(record) + "\n")
    return ["--data.source", "files", "--data.test", str(path)]


@pytest.fixture
def predictions(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"text": ""}\n' * COUNT)
    return str(path)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")  # room for the path of any tmp_path


class Copier:
    """Stands in for the compiled `Generator`: writes the first words."""

    def __init__(self, policy, beams, **search):
        self.words = beams

    def __call__(self, rows, advance):
        advance(len(rows))
        return [" ".join(row.document.split()[: self.words]) for row in rows]


def test_a_model_is_scored_beside_the_leads(
    data, tmp_path, tokenizer, monkeypatch, capsys
):
    monkeypatch.setattr(generate, "Generator", Copier)
    monkeypatch.chdir(tmp_path)
    save_policy(tmp_path / "model", toy_policy(tokenizer))
    assert evaluate.run(["model", *data, "--beams", "4", "--out", "out"]) == 0
    printed = capsys.readouterr()
    lines = [" ".join(line.split()) for line in printed.out.splitlines()]
    assert lines[1].split()[:3] == ["system", "ROUGE-1", "ROUGE-2"]
    assert lines[2].startswith("first sentence 80.0 [80.0, 80.0]")
    assert lines[3].startswith("first ten words 80.0 [80.0, 80.0]")
    assert lines[4].startswith("model, beam 4 100.0 [100.0, 100.0]")
    assert f"n = {COUNT}, 95 % bootstrap intervals; p: paired test" in lines[5]
    assert lines[6].startswith("ROUGE|f1|stem:yes")
    assert lines[7] == "wrote evaluation.json and texts.jsonl into out"
    assert f"writing {COUNT}/{COUNT}" in printed.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "evaluation.json",
        "texts.jsonl",
    }


def test_predictions_need_no_framework(data, predictions, monkeypatch, capsys):
    for name in ("keras", "nutgraf.backend"):  # as if they could not be imported
        monkeypatch.setitem(sys.modules, name, None)
    assert evaluate.run(["--predictions", predictions, *data, "--lead", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].startswith("Lead-1 ")
    assert lines[5].startswith(f"{predictions} ")
    assert lines[5].split()[1:4] == ["0.0", "[0.0,", "0.0]"]
    assert lines[-1].startswith("ROUGE|")


def test_settings_can_come_from_a_file(data, predictions, tmp_path, capsys):
    path = tmp_path / "evaluate.toml"
    path.write_text(f'lead = 2\n[data]\nsource = "files"\ntest = "{data[-1]}"\n')
    argv = ["--config", str(path), "--predictions", predictions, "--lead", "3"]
    assert evaluate.run(argv) == 0
    assert "\nLead-3 " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["absent"], "A model is a folder with config.json"),
        (["--beams", "0"], "beams must be an integer >= 1"),
        (["--split", "tests"], '--split must be one of "train", "valid", "test"'),
        (["--predictions", "absent.jsonl"], "absent.jsonl: No such file"),
    ],
)
def test_mistakes_are_told_in_our_form(argv, message, capsys):
    assert main(["evaluate", *argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and "Received: " in error


@pytest.mark.data
def test_lead_3_of_cnn_dailymail_has_its_known_scores(shared_data, tmp_path, capsys):
    source, path = shared_data / "cnndm_tok.test.jsonl.gz", tmp_path / "lead.jsonl"
    with gzip.open(source, "rt", encoding="utf-8") as lines, open(path, "w") as file:
        for line in lines:
            row = json.loads(line)
            text = lead(row["document"], 3)
            file.write(json.dumps({"id": row["id"], "text": text}) + "\n")
    data = ["--data.source", "files", "--data.test", str(source)]
    assert evaluate.run(["--predictions", str(path), *data]) == 0
    system = capsys.readouterr().out.split(str(path))[1].split("]")
    found = [float(system[column].split("[")[0]) for column in (0, 1, 3)]
    # R-Lsum of Lead-3; sentence splitters differ
    assert found == pytest.approx([39.0, 17.4, 35.5], abs=0.31)  # 0.3, and rounding
