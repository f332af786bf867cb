"""Evaluation of texts: every number against its own metric, guards, comparisons."""

import numpy as np
import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError
from nutgraf.evaluation.score import best_lead, compare, score_texts
from nutgraf.metrics.rouge import rouge

ROWS = [
    Row("1", "The cat sat on a mat. It was late.", ("The cat sat.\nIt was late.",)),
    Row("2", "One two three. Four five.", ("One two.", "Four five six.")),
    Row("3", "Nothing to say here.", ("Something else.",)),
]
PREDICTIONS = ["It was late. The cat sat.", "four five", "here here here"]


def test_scores_are_those_of_the_metrics():
    found = score_texts(ROWS, PREDICTIONS, name="system")
    assert (found.name, found.n, found.ids) == ("system", 3, ("1", "2", "3"))
    assert found.signature.startswith("ROUGE|")
    split = ["It was late.\nThe cat sat.", *PREDICTIONS[1:]]
    expected = rouge(split, [row.references for row in ROWS])
    for kind, values in expected.items():
        np.testing.assert_array_equal(found.values(kind), values)
    assert found.values("rougeLsum")[0] == pytest.approx(100)  # order does not count
    assert found.values("rougeL")[0] < 60
    np.testing.assert_allclose(found.values("rouge1"), [100, 80, 0])
    mean = (expected["rouge1"] + expected["rouge2"] + expected["rougeL"]) / 3
    np.testing.assert_allclose(found.values("rouge_mean"), mean)


def test_means_hold_every_metric_and_length_is_a_ratio_of_sums():
    means = score_texts(ROWS, PREDICTIONS).means()
    assert tuple(means) == score_texts(ROWS, PREDICTIONS).metrics
    assert means["rouge1"] == pytest.approx(60)
    assert means["length_ratio"] == pytest.approx((6 + 2 + 3) / (6 + 2 + 2))
    assert means["repetition"] == pytest.approx(50 / 3)
    assert means["novel_bigrams"] == pytest.approx((100 / 5 + 0 + 100) / 3)
    assert means["copied_share"] == pytest.approx(100 / 3)


def test_interval_of_each_metric_surrounds_its_score():
    found = score_texts(ROWS, PREDICTIONS)
    for metric, value in found.means().items():
        interval = found.interval(metric)
        assert interval.mean == pytest.approx(value)
        assert interval.low <= value <= interval.high
    wide, narrow = found.interval("rouge1"), found.interval("rouge1", level=0.5)
    assert narrow.high - narrow.low < wide.high - wide.low


def test_length_interval_is_that_of_the_resampled_ratio():
    random = np.random.default_rng(0)
    count = random.integers(1, 30, (300, 2))
    rows = [Row(str(i), "", ("a " * int(w),)) for i, (_, w) in enumerate(count)]
    found = score_texts(rows, ["b " * int(p) for p, _ in count])
    draws = count[random.integers(0, 300, (2000, 300))].sum(axis=1)
    low, high = np.quantile(draws[:, 0] / draws[:, 1], [0.025, 0.975])
    interval = found.interval("length_ratio")
    assert interval.low == pytest.approx(low, abs=0.1 * (high - low))
    assert interval.high == pytest.approx(high, abs=0.1 * (high - low))


def test_compare_gives_the_sign_and_the_size():
    good = score_texts(ROWS * 10, [row.references[0] for row in ROWS] * 10)
    bad = score_texts(ROWS * 10, ["x"] * 30)
    found = compare(good, bad, "rouge1")
    assert found.difference == pytest.approx(100) and found.p_value < 1e-3
    assert compare(bad, good, "rouge1").difference == pytest.approx(-100)
    assert compare(good, good).p_value == 1


def test_only_equal_rows_and_settings_are_compared():
    found = score_texts(ROWS, PREDICTIONS)
    with pytest.raises(DataError, match="same rows"):
        compare(found, score_texts(ROWS[:2], PREDICTIONS[:2]))
    with pytest.raises(DataError, match="words:cjk"):
        compare(found, score_texts(ROWS, PREDICTIONS, "cjk"))
    with pytest.raises(ConfigError, match="rouge7"):
        compare(found, found, "rouge7")


def test_best_lead_takes_the_better_one_per_metric():
    rows = [
        Row("1", "Yes. " + "word " * 20, ("yes word word word",)),
        Row("2", "A b c d e f g h i j k l m n o.", ("a b c d e f g h i j k l m n o",)),
    ]
    found = best_lead(rows)
    assert found.sentence.name == "first sentence"
    assert found.ten_words.of("length_ratio").rows[:, 0].tolist() == [10, 10]
    for kind in ("rouge1", "rouge2", "rougeL", "rougeLsum", "rouge_mean"):
        both = found.sentence.means()[kind], found.ten_words.means()[kind]
        assert found.scores[kind] == max(both)
    assert tuple(found.scores) == found.sentence.metrics


def test_chinese_rows():
    rows = [Row("1", "今天天气很好。我们出去。", ("今天天气好。",))]
    found = score_texts(rows, ["今天天气很好。"], "cjk")
    assert found.means()["rouge1"] == pytest.approx(100 * 10 / 11)
    assert best_lead(rows, "cjk").scores["rouge1"] == pytest.approx(100 * 10 / 11)


def test_rows_that_cannot_be_scored_are_named():
    with pytest.raises(DataError, match="2 predictions, 3 rows"):
        score_texts(ROWS, ["a", "b"])
    with pytest.raises(DataError, match="0 rows"):
        score_texts([], [])
    with pytest.raises(DataError, match=r"'9' \(file:7\)"):
        score_texts([Row("9", "a", (), "file:7")], ["a"])
