"""An evaluation from a model folder and a data file to the files it leaves."""

import dataclasses
import json

import pytest

from nutgraf.arrays import Processors
from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.evaluation import run as module
from nutgraf.evaluation.run import evaluate, read_texts
from nutgraf.evaluation.score import score_texts
from nutgraf.evaluation.settings import EvaluateSettings
from nutgraf.models.checkpoint import save_policy
from nutgraf.report.run import report_of_run
from nutgraf.rewards.registry import make_part
from nutgraf.testing.toys import toy_policy, toy_rows

COUNT = 5


@pytest.fixture(scope="module")
def settings(tmp_path_factory, tokenizer):
    """A tiny model folder and a data file."""
    folder = tmp_path_factory.mktemp("evaluation")
    save_policy(folder / "model", toy_policy(tokenizer, decoder_layers=1))
    with open(folder / "rows.jsonl", "w") as file:
        for row in toy_rows(COUNT, length=6):
            document = f"{row.document}. Then more. The end."
            record = {"document": document, "summary": row.references[0]}
            file.write(json.dumps({"id": row.id, **record}) + "\n")
    return EvaluateSettings(
        model=str(folder / "model"),
        data=DataSettings(source="files", test=str(folder / "rows.jsonl")),
        lead=2,
        oracle=True,
        out=str(folder / "out"),
    )


@pytest.fixture(scope="module")
def found(settings):
    lines = []
    return evaluate(settings, lines.append), lines


def predicting(settings, path, records, **changes):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    wanted = {"model": "starter", "out": "", "oracle": False, "lead": 0, **changes}
    return dataclasses.replace(settings, predictions=str(path), **wanted)


def test_the_model_and_the_baselines_are_scored(settings, found):
    result, lines = found
    assert lines == ["reading the test rows of files"]
    assert [row.id for row in result.rows] == [f"row{n}" for n in range(COUNT)]
    assert any(result.texts)
    expected = score_texts(result.rows, result.texts).means()
    assert result.system.means() == expected
    assert result.system.name == settings.model
    names = [one.name for one in result.baselines]
    assert names == ["first sentence", "first ten words", "Lead-2", "oracle"]
    # Documents are "w1 .. w6. Then more. The end.", references "w1 .. w4".
    rouge1 = [one.values("rouge1").tolist() for one in result.baselines]
    assert rouge1[0] == rouge1[3] == pytest.approx([80] * COUNT)
    assert rouge1[1] == pytest.approx([800 / 14] * COUNT)
    assert rouge1[2] == pytest.approx([800 / 12] * COUNT)


def test_scores_and_texts_are_kept(settings, found):
    result, _ = found
    kept = json.loads(open(f"{settings.out}/evaluation.json").read())
    assert (kept["name"], kept["n"]) == (settings.model, COUNT)
    assert kept["signature"] == result.system.signature
    assert kept["settings"] == json.loads(json.dumps(dataclasses.asdict(settings)))
    assert tuple(kept["metrics"]) == result.system.metrics
    for name, value in kept["metrics"].items():
        assert value == result.system.interval(name)._asdict()
    oracle = kept["baselines"]["oracle"]
    assert oracle["metrics"]["rouge1"]["mean"] == pytest.approx(80)
    assert kept["versions"]["backend"]
    rows, texts = read_texts(settings.out)
    assert texts == result.texts
    assert [row[:3] for row in rows] == [row[:3] for row in result.rows]


def test_the_report_shows_the_model_beside_the_baselines(settings, found):
    report = report_of_run(settings.out)
    assert (report.kind, report.facts, report.summary) == ("evaluation", [], [])
    (table,) = report.tables
    assert [row[0] for row in table.rows] == [
        "first sentence",
        "first ten words",
        "Lead-2",
        "oracle",
        settings.model,
    ]
    assert table.rows[3][1].mean == pytest.approx(80)


def test_predictions_are_scored_in_place_of_a_model(settings, tmp_path):
    records = [
        {"id": row.id, "text": row.references[0]}
        for row in reversed(toy_rows(COUNT, length=6))
    ]
    path, out = tmp_path / "p.jsonl", tmp_path / "run"
    out.mkdir()
    (out / "kept").write_text("")
    result = evaluate(predicting(settings, path, records, out=str(out)))
    assert result.system.means()["rougeL"] == pytest.approx(100)
    assert len(result.baselines) == 2
    assert {file.name for file in out.iterdir()} == {
        "kept",
        "evaluation.json",
        "texts.jsonl",
    }
    assert (
        evaluate(predicting(settings, path, [{"text": "x"}] * COUNT))
        .system.values("rouge1")
        .tolist()
        == [0.0] * COUNT
    )


def test_words_are_counted_as_the_references_need(tmp_path):
    data, path = tmp_path / "rows.jsonl", tmp_path / "p.jsonl"
    data.write_text(json.dumps({"document": "今天天气很好。", "summary": "天气好"}))
    settings = EvaluateSettings(data=DataSettings(source="files", test=str(data)))
    result = evaluate(predicting(settings, path, [{"text": "天气"}]))
    assert "words:cjk" in result.system.signature
    assert result.system.means()["rouge1"] == pytest.approx(80)


def test_predictions_that_do_not_match_are_told(settings, tmp_path):
    path = tmp_path / "p.jsonl"
    with pytest.raises(DataError, match=f"1 lines for {COUNT} rows"):
        evaluate(predicting(settings, path, [{"text": "x"}]))
    wrong = [{"text": "x", "id": n} for n in range(COUNT)]
    with pytest.raises(DataError, match="first 'row0'"):
        evaluate(predicting(settings, path, wrong))
    nowhere = DataSettings(source="files", test="nowhere.jsonl")
    with pytest.raises(DataError, match=r"p\.jsonl:1: the field `text` is missing"):
        evaluate(predicting(settings, path, [{"txt": "x"}], data=nowhere))


def test_a_missing_model_is_told_before_the_data_are_read():
    nowhere = DataSettings(source="files", test="nowhere.jsonl")
    with pytest.raises(ModelError, match="absent"):
        evaluate(EvaluateSettings(model="absent", data=nowhere))


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "test of files, which is empty"), ([Row("9", "a", ())], "row '9'")],
)
def test_rows_that_cannot_be_scored_are_told(
    rows, message, settings, monkeypatch, tmp_path
):
    monkeypatch.setattr(module, "load_split", lambda *given: iter(rows))
    records = [{"text": "x"} for _ in rows]
    with pytest.raises(DataError, match=message):
        evaluate(predicting(settings, tmp_path / "p.jsonl", records))


def test_the_settings_of_the_search_reach_it(settings, monkeypatch):
    calls = []

    def generator(policy, beams, **named):
        calls.append((beams, named))
        return lambda rows, advance: ["w1"] * len(rows)

    monkeypatch.setattr("nutgraf.evaluation.generate.Generator", generator)
    changed = {"length_penalty": 1.5, "min_length": 2, "no_repeat_ngram": 3}
    evaluate(dataclasses.replace(settings, beams=2, out="", oracle=False, **changed))
    processors = Processors(min_length=2, no_repeat_ngram=3)
    assert calls == [(2, {"length_penalty": 1.5, "processors": processors})]


def test_the_best_of_samples_is_chosen_without_the_reference(settings):
    lower = dataclasses.replace(settings, lead=0, oracle=False, out="")
    best = dataclasses.replace(lower, best_of=4, reward=("coverage=1", "ending=0"))
    result = evaluate(best)
    assert result.system.name == f"{settings.model}, best of 4"
    coverage = make_part("coverage")
    given = [row.document for row in result.rows]

    def covered(texts):
        return sum(coverage(given, texts, [()] * COUNT))

    assert covered(result.texts) >= covered(evaluate(lower).texts)
    blind = dataclasses.replace(best, reward=("rouge1=1", "coverage=1"))
    with pytest.raises(ConfigError, match="not need a reference.*Received: rouge1"):
        evaluate(blind)
