"""The package's scores against the formula, ties, saving, Cranfield."""

import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nutgraf.errors import DependencyError
from nutgraf.metrics.retrieval import ndcg
from nutgraf.search.bm25 import K1, B, Bm25, best_first
from nutgraf.search.words import search_words
from nutgraf.tasks.search import read_documents, read_judgements, read_queries

TEXTS = ["a wing lifts", "wing wing heat", "", "heat of a plate, heat", "天气 wing"]


def by_formula(texts, query):
    """BM25 with Lucene's idf, as in Robertson and Zaragoza 2009."""
    rows = [search_words(text) for text in texts]
    mean = sum(map(len, rows)) / len(rows)
    found = np.zeros(len(rows))
    for word in search_words(query):
        have = sum(word in row for row in rows)
        idf = math.log(1 + (len(rows) - have + 0.5) / (have + 0.5))
        for number, row in enumerate(rows):
            count = Counter(row)[word]
            norm = K1 * (1 - B + B * len(row) / mean)
            found[number] += idf * count / (count + norm) if count else 0.0
    return found


@pytest.mark.parametrize("query", ["wings", "heat plate", "wing wing a", "天气"])
def test_scores_equal_the_formula(query):
    found = Bm25.build(TEXTS).scores(query)
    np.testing.assert_allclose(found, by_formula(TEXTS, query), rtol=1e-5, atol=1e-7)
    assert found.max() > 0


def test_what_has_no_word_of_the_query_is_not_found():
    bm25 = Bm25.build(TEXTS)
    numbers, scores = bm25.search("plates", 10)
    assert numbers.tolist() == [3] and (scores > 0).all()
    for query in ("unknown", "", "?"):
        numbers, scores = bm25.search(query, 10)
        assert not len(numbers) and not len(scores)
        assert (bm25.scores(query) == 0).all()


def test_ties_go_to_the_first():
    numbers, _ = Bm25.build(["x", "a b", "a b", "a c"]).search("a", 2)
    assert numbers.tolist() == [1, 2]
    assert best_first(np.zeros(3), 5).tolist() == [0, 1, 2]


def test_saved_and_loaded_it_is_the_same(tmp_path):
    bm25 = Bm25.build(TEXTS, "none")
    bm25.save(tmp_path / "bm25")
    again = Bm25.load(tmp_path / "bm25", "none")
    for query in ("wing", "heat a", "none of them", "气"):
        np.testing.assert_array_equal(again.scores(query), bm25.scores(query))


def test_texts_without_any_word_can_be_asked():
    assert (Bm25.build(["", "!"]).scores("a") == 0).all()


def test_an_absent_package_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(DependencyError, match=r'pip install "nutgraf\[search\]"'):
        Bm25.build(["a"])


@pytest.mark.data
def test_cranfield(shared_data):
    """The data's README has 0.339, by another tokenizer, without titles and stems."""
    files = (
        shared_data / f"cranfield.{n}.jsonl.gz" for n in ("corpus", "queries", "qrels")
    )
    corpus, queries, qrels = map(Path, files)
    documents, judged = list(read_documents(corpus)), read_judgements(qrels)
    asked = read_queries(queries)
    for stem, least, most in (("none", 33.0, 36.0), ("english", 36.0, 40.0)):
        texts = [d.text if stem == "none" else d.content for d in documents]
        bm25 = Bm25.build(texts, stem)
        rankings = [
            [documents[n].id for n in bm25.search(query.text, 10)[0]] for query in asked
        ]
        found = ndcg(rankings, [judged[query.id] for query in asked]).mean()
        assert least < found < most
