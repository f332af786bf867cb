import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.search.fusion import fuse
from nutgraf.search.index_folder import build_index, open_index
from nutgraf.search.searcher import MODES, Searcher
from nutgraf.tasks.search import Document
from tests.search.toy_search import HashEmbedder, toy_documents


def ids(found):
    return [hit.document.id for hit in found]


def test_each_mode_finds_its_topic(searcher):
    assert searcher.modes() == MODES
    for mode in MODES:
        found = searcher.search("shell buckling", mode, 5)
        assert len(found) == 5
        assert [name.split("-")[0] for name in ids(found[:3])] == ["shell"] * 3
        scores = [hit.score for hit in found]
        assert scores == sorted(scores, reverse=True)
        assert all(
            searcher.index.documents[hit.number] == hit.document for hit in found
        )


def test_hybrid_is_the_fusion_of_both(searcher):
    query = "heat of a wing"
    words, meaning = (
        np.array([hit.number for hit in searcher.search(query, mode, 24)])
        for mode in ("bm25", "dense")
    )
    expected, scores = fuse([words, meaning], 7)
    found = searcher.search(query, "hybrid", 7)
    assert [hit.number for hit in found] == expected.tolist()
    assert [hit.score for hit in found] == pytest.approx(scores.tolist())


def test_many_queries_are_each_one_alone(searcher):
    queries = ["shock wave", "creep"]
    for mode in MODES:
        both = searcher.search_all(queries, mode, 3)
        assert [ids(found) for found in both] == [
            ids(searcher.search(query, mode, 3)) for query in queries
        ]


class Backwards:
    """A ranker that turns the order of its candidates round."""

    def rank(self, rows):
        self.rows = rows
        return [np.arange(len(row.numbers), dtype="float32") for row in rows]


def test_the_first_ones_are_ranked_again_and_the_rest_follow(searcher):
    before = ids(searcher.search("nozzle", "dense", 8))
    ranker = Backwards()
    again = Searcher(searcher.index, searcher.embedder, ranker, 5)
    found = again.search("nozzle", "dense", 8)
    assert ids(found) == [*before[4::-1], *before[5:]]
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert ids(again.search("nozzle", "dense", 2)) == before[4:2:-1]
    (row,) = ranker.rows
    assert row.query == "nozzle" and len(row.documents) == 5
    np.testing.assert_allclose(row.vectors @ row.query_vector, row.dense, rtol=1e-5)
    assert row.bm25[row.numbers == before.index(before[0])].shape[0] <= 1


def test_nothing_found_is_empty(searcher):
    assert searcher.search("zebra", "bm25") == []
    again = Searcher(searcher.index, searcher.embedder, Backwards())
    assert again.search("zebra", "bm25") == []
    assert len(searcher.search("zebra", "dense", 3)) == 3


def test_no_search_finds_an_empty_document(tmp_path):
    documents = [*toy_documents(), Document("empty", ""), Document("blank", " \n")]
    embedder = HashEmbedder()
    build_index(tmp_path / "i", documents, embedder)
    searcher = Searcher(open_index(tmp_path / "i"), embedder)
    for mode, count in (("bm25", 6), ("dense", 24), ("hybrid", 24)):
        found = ids(searcher.search("shell", mode, 50))
        assert len(found) == count and not {"empty", "blank"} & {*found}
    (row,) = searcher.candidates(["shell"], [np.array([0, 24])])
    assert row.vectors[0].any() and not row.vectors[1].any()


def test_mistakes_are_told(searcher, tmp_path):
    for query in ("", "  \n"):
        with pytest.raises(ConfigError, match="A query must hold at least one word"):
            searcher.search(query)
    with pytest.raises(ConfigError, match="mode must be one of bm25, dense, hybrid"):
        searcher.search("a", "fuzzy")
    with pytest.raises(ConfigError, match="top must be at least 1"):
        searcher.search("a", top=0)
    build_index(tmp_path / "i", toy_documents())
    plain = Searcher(open_index(tmp_path / "i"))
    assert plain.modes() == ("bm25",)
    with pytest.raises(ConfigError, match="an index without vectors. Received: dense"):
        plain.search("a", "dense")
    with pytest.raises(ConfigError, match="the one of the index, none. Received: hash"):
        Searcher(plain.index, HashEmbedder())
