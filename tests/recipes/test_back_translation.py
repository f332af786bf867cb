"""Rows from texts: what is written, what is counted, what is drawn."""

import json

import pytest

from nutgraf.data.files import read_rows
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.evaluation.generate import Generator
from nutgraf.recipes.back_translation import Decoding, back_translate
from nutgraf.testing.toys import toy_policy

TEXTS = [
    Row("a", "red house", origin="texts.jsonl:1"),
    Row("b", "old river", origin="texts.jsonl:2"),
    Row("c", "new data " * 60, origin="texts.jsonl:3"),
]


@pytest.fixture(scope="module")
def policy(tokenizer):
    return toy_policy(tokenizer, decoder_layers=1)


def made(policy, path, decoding=Decoding(), **options):  # noqa: B008 - frozen
    counts = back_translate(
        policy, TEXTS, path, made_by="runs/back", decoding=decoding, batch=4, **options
    )
    return counts, [json.loads(line) for line in path.read_text().splitlines()]


def test_a_row_holds_source_text_and_where_it_comes_from(policy, tmp_path):
    counts, rows = made(policy, tmp_path / "new.jsonl")
    assert counts["made"] + counts["empty"] == 3 and counts["cut"] == 1
    assert rows
    for row in rows:
        text = next(text for text in TEXTS if f"{text.id}#back" == row["id"])
        assert row["summary"] == text.document
        assert row["back_translated"] == {
            "model": "runs/back",
            "decoding": "sample",
            "temperature": 1.0,
            "top_k": 0,
            "seed": 0,
            "text": text.origin,
        }
        assert row["document"].strip()
    read = list(read_rows(tmp_path / "new.jsonl", "document", "summary"))
    assert [row.id for row in read] == [row["id"] for row in rows]


def test_sources_are_those_of_the_model_under_the_decoding(policy, tmp_path):
    for kind, beams in (("greedy", 1), ("beam", 2)):
        path = tmp_path / f"{kind}.jsonl"
        _, rows = made(policy, path, Decoding(kind, beams=2))
        expected = Generator(policy, beams, rows=4)(TEXTS)
        assert [row["document"] for row in rows] == [
            text for text in expected if text.strip()
        ]
        assert rows[0]["back_translated"]["decoding"] == kind


def test_the_seed_decides_what_is_drawn(policy, tmp_path):
    found = [
        [row["document"] for row in made(policy, tmp_path / name, Decoding(seed=s))[1]]
        for name, s in (("1", 1), ("again", 1), ("2", 2))
    ]
    assert found[0] == found[1] != found[2]


def test_names_and_tag_are_the_users(policy, tmp_path):
    names = {"source_field": "en", "target_field": "de"}
    _, rows = made(policy, tmp_path / "new.jsonl", tag="<back>", **names)
    for row in rows:
        assert set(row) == {"id", "en", "de", "back_translated"}
        assert row["en"].startswith("<back> ")


def test_an_empty_source_is_left_out_and_counted(policy, tmp_path, monkeypatch):
    def write(self, rows, **more):
        return ["", " ", "the source"]

    monkeypatch.setattr(Generator, "__call__", write)
    counts, rows = made(policy, tmp_path / "new.jsonl")
    assert counts == {"made": 1, "empty": 2, "cut": 1}
    assert [row["id"] for row in rows] == ["c#back"]


def test_a_failure_leaves_no_file(policy, tmp_path, monkeypatch):
    def fail(self, rows, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(Generator, "__call__", fail)
    with pytest.raises(KeyboardInterrupt):
        made(policy, tmp_path / "new.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_decoding_is_named():
    with pytest.raises(ConfigError, match="sample, greedy or beam. Received: 'best'"):
        Decoding("best")
