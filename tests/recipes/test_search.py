"""`train_search` end to end on the toy collection: each objective, resumed, refused."""

import dataclasses
import json

import pytest

from nutgraf.errors import ConfigError, DataError
from nutgraf.recipes.search import split_queries, train_search
from nutgraf.search.cross_encoder import CrossEncoder
from nutgraf.search.dense import BiEncoder, load_bi_encoder
from nutgraf.search.index_folder import build_index, open_index
from nutgraf.search.rankers import load_ranker
from nutgraf.search.rescorer import Rescorer
from nutgraf.search.searcher import Searcher
from nutgraf.search.settings import LoopSettings, TrainSearchSettings
from nutgraf.tasks.search import Query
from nutgraf.training.log import read_metrics
from tests.search.test_dense import values_of
from tests.search.toy_search import (
    HashEmbedder,
    toy_bi_encoder,
    toy_documents,
    toy_queries,
)

LOOP = LoopSettings(updates=4, batch=4, learning_rate=1e-2, evaluate_every=2, warmup=0)


def write_toy(folder):
    """An index with a tiny BERT, its queries and judgements; the settings for them."""
    model = toy_bi_encoder()
    model.save(folder / "bert", values_of(model))
    build_index(
        folder / "index",
        toy_documents(),
        model,
        model=str(folder / "bert"),
    )
    queries, judged = toy_queries()
    rows = {
        "queries": [query._asdict() for query in queries],
        "qrels": [
            {"query_id": query, "doc_id": document, "relevance": grade}
            for query, own in judged.items()
            for document, grade in own.items()
        ],
    }
    for name, records in rows.items():
        text = "\n".join(map(json.dumps, records))
        (folder / f"{name}.jsonl").write_text(text)
    return TrainSearchSettings(
        str(folder / "index"),
        str(folder / "queries.jsonl"),
        str(folder / "qrels.jsonl"),
        str(folder / "run"),
        folds=3,
        candidates=8,
        rank=2,
        max_length=32,
        samples=4,
        training=LOOP,
    )


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("search"))


def run(toy, folder, report=lambda line: None, **changes):
    return train_search(dataclasses.replace(toy, out=str(folder), **changes), report)


def test_a_rescorer_then_rl_on_it(toy, tmp_path):
    lines = []
    found = run(toy, tmp_path / "a", lines.append)
    assert found["finished"] and isinstance(load_ranker(found["model"]), Rescorer)
    assert lines[0].startswith("8 queries to learn from, 4 held out; 4 updates of 4")
    assert "finished at update 4" in lines[-1] and "nDCG@10 of held-out" in lines[-1]
    card = json.loads((tmp_path / "a" / "run.json").read_text())
    assert card["data"].startswith("12 queries, ")
    best = found["model"]
    for reward in ("ndcg", "random"):
        folder = tmp_path / reward
        run(toy, folder, objective="rl", start=best, reward=reward)
        assert "reward/ndcg" in read_metrics(folder)[-1]
    more = run(toy, tmp_path / "more", start=best)  # supervised, continued
    assert more["finished"]


@pytest.mark.parametrize(
    ("objective", "kind", "told"),
    [
        ("contrastive", BiEncoder, "documents are cut: the model learns from their"),
        ("cross", CrossEncoder, "queries were cut: the ranker, beside a long document"),
    ],
)
def test_models_of_a_bert_then_rl_on_them(toy, tmp_path, objective, kind, told):
    """They read too little, which is told."""
    bert, lines = toy.index.replace("index", "bert"), []
    changes = {"objective": objective, "start": bert, "max_length": 5}
    found = run(toy, tmp_path / "a", lines.append, **changes)
    assert any(told in line for line in lines)
    assert type(load_ranker(found["model"])) is kind
    again = run(toy, tmp_path / "rl", objective="rl", start=found["model"])
    assert type(load_ranker(again["model"])) is kind


def test_stopped_it_goes_on(toy, tmp_path):
    first = run(toy, tmp_path / "a", max_minutes=1e-9)
    assert first["step"] == 1 and not first["finished"]
    assert run(toy, tmp_path / "a")["step"] == 4
    with pytest.raises(ConfigError, match="must be resumed with the settings"):
        run(toy, tmp_path / "a", candidates=6)


@pytest.mark.parametrize("changed", ["queries", "qrels", "index"])
def test_stopped_it_goes_on_with_the_same_data_alone(tmp_path, changed):
    toy = write_toy(tmp_path)
    assert not run(toy, tmp_path / "a", max_minutes=1e-9)["finished"]
    if changed == "index":
        index = open_index(toy.index)
        model = load_bi_encoder(index.manifest.model)
        build_index(toy.index, index.documents, model, model=index.manifest.model)
        assert not run(toy, tmp_path / "a", max_minutes=1e-9)["finished"]  # the same
        build_index(toy.index, toy_documents(5), model, model=index.manifest.model)
    else:
        path = tmp_path / f"{changed}.jsonl"
        path.write_text(path.read_text().replace("wing-0", "wing-1").replace(" w", "w"))
    with pytest.raises(ConfigError, match="must be resumed with the rows"):
        run(toy, tmp_path / "a")


def test_a_rescorer_ranks_the_vectors_it_has_learned_from(toy, tmp_path):
    best = run(toy, tmp_path / "a")["model"]
    other = HashEmbedder(open_index(toy.index).vectors.width)
    build_index(tmp_path / "i", toy_documents(), other)
    searcher = Searcher(open_index(tmp_path / "i"), other, load_ranker(best))
    with pytest.raises(ConfigError, match="of the model bert-.* those of hash"):
        searcher.search("shell", "dense")


def test_an_index_of_words_only(toy, tmp_path):
    build_index(tmp_path / "i", toy_documents())
    bert = toy.index.replace("index", "bert")
    words = dataclasses.replace(toy, index=str(tmp_path / "i"))
    with pytest.raises(ConfigError, match="without vectors. Received: rescore"):
        run(words, tmp_path / "a")
    assert run(words, tmp_path / "c", objective="cross", start=bert)["finished"]


def test_what_does_not_fit_is_told(toy, tmp_path):
    rescorer = run(toy, tmp_path / "a")["model"]
    with pytest.raises(ConfigError, match="`cross` trains. Received: .*, a Rescorer"):
        run(toy, tmp_path / "b", objective="cross", start=rescorer)
    other = tmp_path / "qrels.jsonl"
    other.write_text('{"query_id": "x", "doc_id": "y", "relevance": 1}')
    with pytest.raises(DataError, match="which share no query id"):
        run(toy, tmp_path / "c", qrels=str(other))


def test_folds_part_the_queries():
    queries = [Query(str(number), "a") for number in range(10)]
    held = [split_queries(queries, 5, fold)[1] for fold in range(5)]
    assert sorted(query.id for one in held for query in one) == sorted("0123456789")
    rest, valid = split_queries(queries, 5, 2)
    assert len(rest) == 8 and not set(rest) & set(valid)
    assert split_queries(queries, 0) == (queries, [])
