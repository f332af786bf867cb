"""trec_eval's numbers, by hand, ties, and what cannot be scored."""

import json
from pathlib import Path

import numpy as np
import pytest

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.retrieval import (
    discounts,
    gains_of,
    ideal_gain,
    ndcg,
    ranked,
    recall,
    reciprocal_rank,
)

FROZEN = Path(__file__).parent / "frozen" / "retrieval.json"


def test_equals_trec_eval():
    read = json.loads(FROZEN.read_text(encoding="utf-8"))
    assert read["command"] == "python tests/oracles/make_retrieval.py"
    assert read["package"] == "pytrec-eval-terrier" and len(read["cases"]) == 30
    rankings = [ranked(case["scores"]) for case in read["cases"]]
    judged = [case["judged"] for case in read["cases"]]
    found = {
        "ndcg@5": ndcg(rankings, judged, 5),
        "ndcg@10": ndcg(rankings, judged, 10),
        "recall@5": recall(rankings, judged, 5),
        "recall@10": recall(rankings, judged, 10),
        "reciprocal_rank": reciprocal_rank(rankings, judged, 1000),
        "exponential": ndcg(rankings, judged, 10, "exponential"),
    }
    for name, scores in found.items():
        expected = [case["expected"][name] for case in read["cases"]]
        # trec_eval adds up floats of 32 bits in some places
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6, err_msg=name)
    assert np.ptp(found["ndcg@10"]) > 30  # the cases differ


def test_by_hand():
    # gains 0, 3, 1 at places 1 to 3; ideal 3, 1: discounts 1, 0.6309, 0.5
    rankings, judged = [["x", "a", "b"]], [{"a": 3, "b": 1, "c": 0}]
    expected = (3 * 0.63093 + 0.5) / (3 + 0.63093) * 100
    assert ndcg(rankings, judged)[0] == pytest.approx(expected, rel=1e-4)
    assert ndcg(rankings, judged, 1)[0] == 0.0
    assert reciprocal_rank(rankings, judged)[0] == 50.0
    assert reciprocal_rank(rankings, judged, 1)[0] == 0.0
    assert recall(rankings, judged, 2)[0] == 50.0


def test_the_best_ranking_has_100_and_any_swap_less():
    judged = [{"a": 3, "b": 2, "c": 1}]
    assert ndcg([["a", "b", "c"]], judged)[0] == pytest.approx(100.0)
    for worse in (["b", "a", "c"], ["a", "c", "b"], ["x", "a", "b", "c"]):
        assert ndcg([worse], judged)[0] < 100.0


def test_ties_are_broken_by_id_the_last_first():
    assert ranked({"d2": 1.0, "d10": 1.0, "a": 2.0}) == ["a", "d2", "d10"]


def test_what_is_not_relevant_earns_nothing():
    for judged in ({}, {"a": 0}, {"a": -1}):
        for metric in (ndcg, recall, reciprocal_rank):
            assert metric([["a"]], [judged])[0] == 0.0
    assert ndcg([[]], [{"a": 1}])[0] == 0.0
    assert gains_of([-2.0, 0.0, 2.0]).tolist() == [0, 0, 2]
    assert ideal_gain([0, 0]) == 0.0 and discounts(1).tolist() == [1.0]


def test_mistakes_are_told():
    with pytest.raises(DataError, match="Received: 2 rankings, 1 tables"):
        ndcg([["a"], ["b"]], [{"a": 1}])
    with pytest.raises(DataError, match="names each document once"):
        recall([["a", "a"]], [{"a": 1}])
    with pytest.raises(ConfigError, match="k must be at least 1. Received: k=0"):
        reciprocal_rank([["a"]], [{"a": 1}], 0)
    with pytest.raises(ConfigError, match='gain must be "linear"'):
        ndcg([["a"]], [{"a": 1}], gain="log")
