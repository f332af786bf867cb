"""Rewards beside people: both levels by hand, intervals one by one, gaps, errors."""

import numpy as np
import pytest

from nutgraf.data.judged import JudgedRow, JudgedText, read_judged
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError, RunError
from nutgraf.evaluation import audit as module
from nutgraf.evaluation.audit import COEFFICIENTS, LEVELS, Question, audit_rewards
from nutgraf.metrics.correlation import kendall
from nutgraf.rewards.rouge import RougeReward


def rows_of(**human):
    """Articles whose texts are `article/system`; grids of scores by dimension."""
    grids = {name: np.asarray(grid, float) for name, grid in human.items()}
    articles, systems = next(iter(grids.values())).shape
    return [
        JudgedRow(
            Row(f"a{i}", f"document {i}", (f"one {i}", f"two {i}"), f"file:{i + 1}"),
            tuple(
                JudgedText(f"S{j}", f"{i}/{j}", {n: g[i, j] for n, g in grids.items()})
                for j in range(systems)
            ),
        )
        for i in range(articles)
    ]


def table(grid):
    """A reward that looks its values up."""

    def reward(prompts, completions, references, rows=None):
        places = (tuple(map(int, text.split("/"))) for text in completions)
        return [grid[i][j] for i, j in places]

    return reward


def values(audit, reward="r"):
    """(level, coefficient, dimension) -> correlation."""
    return {
        (q.level, q.coefficient, q.human): a.value
        for q, a in audit.agreement.items()
        if q.reward == reward
    }


def test_both_levels_by_hand():
    rows = rows_of(turned=[[1, 2, 3], [3, 2, 1]], close=[[1, 2, 3], [1, 3, 2]])
    found = audit_rewards(rows, {"r": table([[1, 2, 3], [1, 2, 3]])})
    assert values(found) == pytest.approx(
        {
            ("summary", "kendall", "turned"): 0.0,  # 1 and -1
            ("summary", "spearman", "turned"): 0.0,
            ("summary", "kendall", "close"): (1 + 1 / 3) / 2,
            ("summary", "spearman", "close"): (1 + 1 / 2) / 2,
            ("system", "kendall", "turned"): None,  # all means are 2
            ("system", "spearman", "turned"): None,
            ("system", "kendall", "close"): 2 / 6**0.5,  # means 1, 2.5, 2.5
            ("system", "spearman", "close"): 1.5 / 3**0.5,
        }
    )
    assert (found.articles, found.texts, found.systems) == (2, 6, ("S0", "S1", "S2"))
    assert found.rewards == ("r",) and found.human == ("turned", "close")


def test_the_same_order_is_one_and_the_reverse_minus_one():
    grid = np.random.default_rng(0).normal(size=(7, 5))
    found = audit_rewards(rows_of(h=grid), {"r": table(grid), "s": table(-grid)})
    for question, agreement in found.agreement.items():
        wanted = 1.0 if question.reward == "r" else -1.0
        assert agreement == pytest.approx((wanted,) * 3 + (7,))
    assert len(found.agreement) == 2 * len(LEVELS) * len(COEFFICIENTS)


def test_intervals_equal_those_of_articles_drawn_one_by_one():
    rng = np.random.default_rng(1)
    human = rng.integers(1, 6, (12, 6)).astype(float)
    reward = human + 2 * rng.normal(size=human.shape)
    found = audit_rewards(rows_of(h=human), {"r": table(reward)}, resamples=200, seed=3)
    draws = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), 200)
    by_level = {"system": [], "summary": []}
    for counts in draws:
        drawn = np.repeat(np.arange(12), counts)
        means = kendall(reward[drawn].mean(axis=0), human[drawn].mean(axis=0))
        by_level["system"].append(means)
        by_level["summary"].append(kendall(reward[drawn], human[drawn]).mean())
    for level, resampled in by_level.items():
        _, low, high, _ = found.agreement[Question(level, "kendall", "r", "h")]
        assert (low, high) == pytest.approx(
            tuple(np.quantile(resampled, [0.025, 0.975]))
        )
        assert low < high


def test_work_is_cut_into_pieces(monkeypatch):
    rng = np.random.default_rng(2)
    human, reward = rng.normal(size=(2, 9, 4))
    rows, rewards = rows_of(h=human), {"r": table(reward)}
    whole = audit_rewards(rows, rewards, resamples=50)
    monkeypatch.setattr(module, "_CHUNK", 16 * 7)
    assert audit_rewards(rows, rewards, resamples=50) == whole


def test_means_that_rounding_tells_apart_are_tied():
    human = [[0.1, 0.3, 1.0], [0.2, 0.2, 1.0], [0.3, 0.1, 1.0]]
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    found = audit_rewards(rows_of(h=human), {"r": table([[1, 2, 3]] * 3)})
    agreement = found.agreement[Question("system", "kendall", "r", "h")]
    assert agreement.value == pytest.approx(2 / 6**0.5)


def test_what_a_reward_does_not_apply_to_is_left_out():
    human = [[1, 2, 3], [1, 2, 3], [3, 2, 1]]
    reward = [[1, None, 2], [None, None, None], [1, 2, 3]]
    found = audit_rewards(rows_of(h=human), {"r": table(reward), "s": table(human)})
    assert found.judged == {"r": 5, "s": 9}
    assert found.reward_means["r"] == [1.0, 2.0, 2.5]
    assert found.human_means == {"h": pytest.approx([5 / 3, 2.0, 7 / 3])}
    seen = values(found)
    assert seen["summary", "kendall", "h"] == 0.0  # 1 (two texts), none, -1
    # Means of the judged: reward 1, 2, 2.5; people 2, 2, 2.
    assert seen["system", "kendall", "h"] is None
    assert values(found, "s")["summary", "kendall", "h"] == 1.0


def test_systems_may_be_absent_for_some_articles():
    rows = rows_of(h=[[1, 2, 3], [1, 2, 3]])
    nothing = audit_rewards(rows, {"r": table([[1, None, 3], [1, None, 3]])})
    assert nothing.reward_means == {"r": [1.0, None, 3.0]}
    rows[1] = rows[1]._replace(texts=rows[1].texts[::-1][:2])  # S2, S1
    found = audit_rewards(rows, {"r": table([[1, 2, 3], [9, 3, 2]])})
    assert found.texts == 5 and found.judged == {"r": 5}
    assert values(found)["summary", "kendall", "h"] == 0.0
    assert values(found)["system", "kendall", "h"] == pytest.approx(2 / 6**0.5)


def test_one_score_for_all_is_undefined_and_never_nan():
    human = {"h": [[1, 2], [2, 1], [1, 2]], "flat": [[4, 4]] * 3}
    rewards = {"flat": table([[0, 0]] * 3), "r": table([[1, 2]] * 3)}
    found = audit_rewards(rows_of(**human), rewards)
    for question, agreement in found.agreement.items():
        if "flat" in question:
            assert agreement[:3] == (None, None, None)
            assert agreement.articles == (3 if question.level == "system" else 0)
        else:
            assert np.isfinite(agreement).all()
    # An article without an order is left out of the mean, as it is elsewhere.
    partly = audit_rewards(rows_of(h=[[1, 1], [1, 2]]), {"r": table([[1, 2]] * 2)})
    assert partly.agreement[Question("summary", "kendall", "r", "h")] == (1, 1, 1, 1)


def test_rewards_get_the_texts_of_an_article_and_all_references():
    calls, done = [], []

    def reward(prompts, completions, references, rows=None):
        calls.append((prompts, completions, references, [row.id for row in rows]))
        return [0.0] * len(prompts)

    rows = rows_of(h=[[1, 2], [2, 1]])
    audit_rewards(rows, {"r": reward}, done=lambda *told: done.append(told))
    assert calls == [
        (
            [f"document {i}"] * 2,
            [f"{i}/0", f"{i}/1"],
            [(f"one {i}", f"two {i}")] * 2,
            [f"a{i}"] * 2,
        )
        for i in range(2)
    ]
    assert done == [(1, "r"), (1, "r")]


def test_only_the_dimensions_asked_for():
    rows = rows_of(h=[[1, 2]], g=[[2, 1]])
    found = audit_rewards(rows, {"r": table([[1, 2]])}, ["g"])
    assert found.human == ("g",) and {q.human for q in found.agreement} == {"g"}
    with pytest.raises(ConfigError, match="Received: 'f'"):
        audit_rewards(rows, {"r": table([[1, 2]])}, ["f"])


def test_what_cannot_be_audited_is_refused():
    rows, reward = rows_of(h=[[1, 2]]), table([[1, 2]])
    with pytest.raises(DataError, match=r"two systems. Received: 1 \(S0\) in 2"):
        audit_rewards(rows_of(h=[[1], [2]]), {"r": reward})
    with pytest.raises(DataError, match="two systems"):
        audit_rewards([], {"r": reward})
    with pytest.raises(ConfigError, match="0 rewards"):
        audit_rewards(rows, {})
    with pytest.raises(ConfigError, match="resamples=0"):
        audit_rewards(rows, {"r": reward}, resamples=0)
    with pytest.raises(RunError, match=r"nan for row 'a0' \(file:1\), text '0/1'"):
        audit_rewards(rows, {"r": table([[1, float("nan")]])})


@pytest.mark.data
def test_rouge_agrees_with_people_on_summeval(shared_data):
    rows = read_judged(shared_data / "summeval.jsonl.gz", limit=30)
    rouge = RougeReward(1, 0, 0)
    found = audit_rewards(rows, {"rouge1": rouge}, ["relevance"], resamples=200)
    value, low, high, _ = found.agreement[
        Question("summary", "kendall", "rouge1", "relevance")
    ]
    assert low > 0 and 0.1 < value < 0.5 and high < 0.6
