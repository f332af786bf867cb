import json

import pytest

from nutgraf.cli.main import main
from nutgraf.models.checkpoint import save_policy
from nutgraf.testing.toys import toy_policy, toy_rows


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_policy(folder, toy_policy(decoder_layers=1))
    return str(folder)


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.jsonl"
    records = [{"id": row.id, "de": row.document} for row in toy_rows(3)]
    records.insert(1, {"id": "bad", "de": ""})
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_texts_become_rows(model, texts, tmp_path, capsys):
    out = tmp_path / "made.jsonl"
    fields = ["--text_field", "de", "--source_field", "en", "--target_field", "de"]
    where = ["--model", model, "--out", str(out)]
    code = main(["back-translate", texts, *where, *fields, "--bad_rows", "skip"])
    assert code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    said = capsys.readouterr().out
    assert f"{len(rows)} rows in {out}" in said and "left out 1 bad row" in said
    documents = [row.document for row in toy_rows(3)]
    assert rows and all(row["de"] in documents for row in rows)
    assert rows[0]["back_translated"]["text"].startswith(f"{texts}:")
    assert main(["back-translate", texts, *where, *fields, "--max_rows", "1"]) == 2
    assert "out must be a new file. Received: " in capsys.readouterr().err


def test_chinese_texts_become_rows(model, tmp_path):
    path, out = tmp_path / "texts.jsonl", tmp_path / "made.jsonl"
    path.write_text('{"zh": "大雨封了路。"}\n', encoding="utf-8")
    fields = ["--text_field", "zh", "--source_field", "en", "--target_field", "zh"]
    where = ["--model", model, "--out", str(out)]
    assert main(["back-translate", str(path), *where, *fields]) == 0
    (row,) = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert row["zh"] == "大雨封了路。" and row["en"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.jsonl"], "A data file must exist. Received: absent.jsonl"),
        (["{texts}"], "the field `summary` is missing"),
        (["{texts}", "--text_field", "de", "--model", "/nowhere"], "A model is a fol"),
        (["{texts}", "--beams", "1"], "beams must be an integer >= 2. Received: bea"),
        (["{texts}", "--decoding", "best"], "decoding must be"),
        (["{texts}", "--source_field", "id"], "two names other than back_translated"),
        (["{texts}", "--target_field", "document"], "Received: document and document"),
    ],
)
def test_mistakes_are_told_and_no_file_is_left(
    model, texts, tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    given = [argument.replace("{texts}", texts) for argument in arguments]
    given += [] if "--model" in given else ["--model", model]
    assert main(["back-translate", *given]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["texts.jsonl"]
