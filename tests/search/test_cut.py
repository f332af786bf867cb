"""Queries that a model does not read whole are counted, once for each model."""

import pytest

from nutgraf.search.cross_encoder import CrossEncoder
from nutgraf.search.cut import count_cut, cut_notes, cut_pairs
from nutgraf.search.rescorer import Rescorer
from nutgraf.search.searcher import Searcher
from tests.search.toy_search import toy_bert, toy_bi_encoder

LONG = "wing lift slipstream aircraft airfoil heat shield"
MODEL = "2 queries were cut: the model reads the first 6 tokens"


def notes(searcher, ranker, dense):
    own = Searcher(searcher.index, searcher.embedder, ranker)
    return cut_notes(own, [LONG, "wing", LONG], dense)


def test_the_model_of_the_index_where_it_is_asked(searcher):
    assert notes(searcher, None, True) == [MODEL]
    assert notes(searcher, None, False) == []
    assert notes(searcher, Rescorer(16, "hash"), False) == [MODEL]
    assert cut_notes(searcher, ["wing"], True) == []
    (line,) = cut_notes(searcher, [LONG], True)
    assert line == "the query was cut: the model reads the first 6 tokens"


def test_a_ranker_that_reads_the_query(searcher):
    found = notes(searcher, toy_bi_encoder(max_length=5), False)
    assert found == [
        MODEL,
        "2 queries were cut: the ranker reads the first 5 tokens",
    ]


@pytest.mark.parametrize("length", [12, 13])
def test_the_query_of_a_pair_as_the_cross_encoder_cuts_it(searcher, ranking, length):
    cross = CrossEncoder(*toy_bert(), max_length=length)
    (line,) = notes(searcher, cross, False)[1:]
    window = cross.query_window
    assert line == (
        "2 queries were cut: the ranker, beside a long document, reads the first "
        f"{window} tokens"
    )
    row = ranking[0].candidates
    long = [document._replace(text="heat " * 50) for document in row.documents]
    arrays = cross.arrays([row._replace(query=LONG, documents=long)], 8)
    segments = arrays["segments"][0, 0][arrays["token_mask"][0, 0]]
    assert (segments == 0).sum() - 2 == window < cross.tokens(LONG)


def test_what_a_bi_encoder_does_not_read_whole_in_training():
    model = toy_bi_encoder(max_length=5)
    assert cut_pairs(model, ["wing"], ["wing"]) == []
    assert cut_pairs(model, ["wing", LONG], [LONG, LONG, "wing"]) == [
        "1 of 2 queries are cut: the model learns from their first 5 tokens",
        "2 of 3 documents are cut: the model learns from their first 5 tokens",
    ]


def test_a_text_that_just_fits_is_not_cut():
    model = toy_bi_encoder()
    size = model.tokens("wing lift")
    assert count_cut(model, ["wing lift"], size) == 0
    assert count_cut(model, ["wing lift", "wing"], size - 1) == 1
