"""Intervals and paired tests: known cases, uniform under the null, bounded memory."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.bleu import bleu
from nutgraf.metrics.chrf import chrf
from nutgraf.metrics.significance import bootstrap_interval, paired_test


def test_interval_is_close_to_the_normal_one():
    values = np.random.default_rng(0).normal(5, 2, 400)
    mean, low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / math.sqrt(400)
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - half, abs=0.15 * half)
    assert high == pytest.approx(mean + half, abs=0.15 * half)
    wide, narrow = bootstrap_interval(values, 0.99), bootstrap_interval(values, 0.5)
    assert wide.low < low < narrow.low < mean < narrow.high < high < wide.high


def test_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(1)
    inside = 0
    for seed in range(200):
        found = bootstrap_interval(random.normal(0, 1, 50), 0.9, 300, seed)
        inside += found.low <= 0 <= found.high
    assert 165 <= inside <= 193  # 180 expected, bootstrap is slightly narrow


def test_one_row_gives_a_point():
    assert bootstrap_interval([3.0]) == (3.0, 3.0, 3.0)


def test_p_value_is_near_the_exact_one():
    a, b = [3.0, 5.0, 2.0, 8.0, 6.0, 7.0], [2.0, 3.0, 2.5, 4.0, 5.0, 4.0]
    d = np.subtract(a, b)
    flips = np.array(list(itertools.product([-1, 1], repeat=6)))
    exact = np.mean(np.abs(flips @ d) >= abs(d.sum()))  # 4 of 64
    assert exact == 4 / 64
    found = paired_test(a, b)
    assert found.p_value == pytest.approx(exact, abs=0.01)  # flips are drawn
    assert found.difference == pytest.approx(10.5 / 6)
    assert found.low < found.difference < found.high


def test_equal_systems_have_p_one_and_better_ones_the_smallest_p():
    values = np.random.default_rng(2).normal(size=100)
    same = paired_test(values, values)
    assert same == (0.0, 0.0, 0.0, 1.0)
    better = paired_test(values + 1, values, resamples=999)
    assert better.p_value == 1 / 1000
    assert better.difference == pytest.approx(1)
    worse = paired_test(values, values + 1, resamples=999)
    assert worse.difference == pytest.approx(-1) and worse.p_value == 1 / 1000


def test_p_values_are_uniform_when_there_is_no_difference():
    random = np.random.default_rng(3)
    p_values = np.array(
        [
            paired_test(*random.normal(size=(2, 40)), resamples=300, seed=seed).p_value
            for seed in range(400)
        ]
    )
    for level in (0.05, 0.25, 0.5, 0.75):
        spread = 4 * math.sqrt(level * (1 - level) / 400)
        assert np.mean(p_values <= level) == pytest.approx(level, abs=spread)


def test_same_seed_same_result():
    a, b = np.random.default_rng(4).normal(size=(2, 50))
    assert paired_test(a, b, seed=5) == paired_test(a, b, seed=5)
    assert paired_test(a, b, seed=5) != paired_test(a, b, seed=6)


def test_memory_is_bounded():
    a = np.random.default_rng(5).normal(size=20_000)
    tracemalloc.start()
    paired_test(a, -a, resamples=500)  # all at once: 80 MB and more
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [[1.0]], [math.inf]])
def test_values_that_cannot_be_used_are_refused(values):
    with pytest.raises(DataError, match="finite number per row"):
        bootstrap_interval(values)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="level"):
        bootstrap_interval([1.0], level=95)
    with pytest.raises(ConfigError, match="resamples"):
        paired_test([1.0], [1.0], resamples=0)
    with pytest.raises(DataError, match="2 and 1 rows"):
        paired_test([1.0, 2.0], [1.0])


TEXTS = ["the cat sat on the mat", "a dog ran far away now", "it rained all day long"]
OTHERS = ["the cat sat on a mat", "one dog ran far away", "it was raining all day"]
REFERENCES = [[text] for text in ("the cat sat on the mat", *OTHERS[1:])]


def swapped(score):
    """How far apart a corpus score is after each of the 8 swaps of rows."""
    found = []
    for swap in itertools.product([0, 1], repeat=3):
        pairs = zip(swap, TEXTS, OTHERS, strict=True)
        left, right = zip(*[(b, a) if s else (a, b) for s, a, b in pairs], strict=True)
        found.append(abs(score(list(left)) - score(list(right))))
    return found


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_the_test_of_a_corpus_score_is_that_of_sacrebleu_after_each_swap(name):
    metric, ours = {"bleu": (BLEU(), bleu), "chrf": (CHRF(), chrf)}[name]
    stream = [[row[0] for row in REFERENCES]]

    def score(texts):
        return metric.corpus_score(texts, stream).score

    a, b = (ours(texts, REFERENCES).statistics for texts in (TEXTS, OTHERS))
    apart = swapped(score)
    exact = np.mean(np.array(apart) >= apart[0] - 1e-9)
    found = paired_test(a, b, resamples=4000)
    assert found.difference == pytest.approx(score(TEXTS) - score(OTHERS))
    assert found.p_value == pytest.approx(exact, abs=0.03)  # swaps are drawn
    assert found.low <= found.difference <= found.high


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_the_interval_of_a_corpus_score_is_that_of_sacrebleu_on_drawn_rows(name):
    metric, ours = {"bleu": (BLEU(), bleu), "chrf": (CHRF(), chrf)}[name]
    found = bootstrap_interval(ours(OTHERS, REFERENCES).statistics, 0.9, 20, seed=3)
    draws = np.random.default_rng(3).integers(0, 3, (20, 3))
    scores = [
        metric.corpus_score(
            [OTHERS[n] for n in draw], [[REFERENCES[n][0] for n in draw]]
        ).score
        for draw in draws
    ]
    assert found[1:] == pytest.approx(np.quantile(scores, [0.05, 0.95]))
