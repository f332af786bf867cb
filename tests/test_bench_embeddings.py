"""The benchmark of sentence vectors, on toys."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bm25s")
pytest.importorskip("usearch")

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

import embeddings  # noqa: E402

from nutgraf.metrics.correlation import spearman  # noqa: E402
from nutgraf.models.embedding import SentenceEmbedder  # noqa: E402
from nutgraf.search.dense import BiEncoder, load_bi_encoder  # noqa: E402
from tests.models.bert_toys import toy_bert, toy_bert_tokenizer  # noqa: E402

INTENTS = ["house", "river", "data", "file", "new", "old"]


def write(path, rows):
    with gzip.open(path, "wt", encoding="utf8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path):
    """Six intents, each of a word; a row in 25 is what --tiny takes."""
    texts = [f"the {intent} {n} reads {n % 7}" for n in range(75) for intent in INTENTS]
    rows = [
        {"id": f"train-{n}", "text": text, "label": INTENTS[n % 6]}
        for n, text in enumerate(texts)
    ]
    write(tmp_path / "banking77.train.jsonl.gz", rows)
    asked = [{**row, "id": f"test-{n}"} for n, row in enumerate(rows)]
    for row in asked[50:]:
        row["text"] = "a blue " + row["text"]
    write(tmp_path / "banking77.test.jsonl.gz", asked)
    pairs = [
        {"score": n % 6, "sentence1": texts[n], "sentence2": texts[n * 5 % 400]}
        for n in range(200)
    ]
    write(tmp_path / "stsb.test.jsonl.gz", pairs)
    return tmp_path


@pytest.fixture
def toy(monkeypatch):
    def load(name, **options):
        if name != "minilm":
            return load_bi_encoder(name, **options)
        tokenizer = toy_bert_tokenizer()
        return BiEncoder(SentenceEmbedder(toy_bert(tokenizer), tokenizer), **options)

    monkeypatch.setattr(embeddings, "load_bi_encoder", load)


def test_questions_in_the_training_rows_are_left_out(data):
    bank = embeddings.bank_of(data)
    assert len(bank.documents) == 450 and len(bank.queries) == 400
    assert bank.held_out == {"data", "river"}  # the first and sixth in order
    assert all(text.startswith("a blue") for text in bank.queries)


def test_pairs_are_of_one_intent_and_held_out_ones_are_in_none(data, toy, tmp_path):
    bank = embeddings.bank_of(data, 5)
    model = embeddings.load_bi_encoder("minilm")
    searcher = embeddings.searcher_of(bank, tmp_path / "index", model, "minilm")
    pairs = embeddings.pairs_of_intents(searcher, bank)
    texts = [document.text for document in bank.documents]
    assert len(pairs) == sum(intent not in bank.held_out for intent in bank.intents)
    assert any(pair.negatives for pair in pairs)
    for pair in pairs:
        own = bank.intents[texts.index(pair.query)]
        assert own == bank.intents[pair.document] and own not in bank.held_out
        assert texts[pair.document] != pair.query
        for number in pair.negatives:
            assert bank.intents[number] not in {own, *bank.held_out}


def test_the_whole_benchmark_and_going_on(data, toy, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    argv = ["embeddings", str(data), "--out", str(out), "--tiny"]
    monkeypatch.setattr(sys, "argv", argv)
    embeddings.main()
    found = json.loads((out / "tiny" / "embeddings.json").read_text())
    assert found["tiny"] and found["stsb"]["n"] == 10
    part = found["banking77"]["learned"]
    assert set(part["scores"]) == {
        *("bm25", "dense", "hybrid", "trained dense", "trained hybrid")
    }
    assert found["banking77"]["training"]["updates"] == 3
    capsys.readouterr()
    embeddings.main()
    assert json.loads((out / "tiny" / "embeddings.json").read_text()) == found


def test_an_interval_holds_the_value():
    random = np.random.default_rng(0)
    people = random.normal(size=40)
    said = people + random.normal(size=40)
    value, low, high = embeddings.with_interval(said, people, 100)
    assert value == round(100 * float(spearman(said, people)), 2)
    assert low < value < high
