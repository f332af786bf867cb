"""What a reward buys: does it rank texts as people do?

Two questions, each answered by Kendall's tau-b and Spearman's rho. **System level**: a
system's score is its mean over the articles; are the systems in the same order?
**Summary level**: are the systems' texts for one article in the same order, on average
over the articles? RL compares texts for one prompt, so the second is what a policy
learns from; the first is what a table of results shows.

An article on which either side gives every text the same score has no order and is
left out of the summary level, as usual. Intervals come from drawing the articles
again: they say how sure a number is for these systems, not for others.

Reference: Fabbri et al. 2021, "SummEval: Re-evaluating Summarization Evaluation",
arXiv 2007.12626; Deutsch et al. 2021, "A Statistical Analysis of
Summarization Evaluation Metrics Using Resampling Methods", arXiv 2104.00054.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nutgraf.data.judged import JudgedRow, chosen_dimensions
from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.correlation import kendall, spearman
from nutgraf.rewards.base import Reward, score_completions

__all__ = ["COEFFICIENTS", "LEVELS", "Agreement", "Audit", "Question", "audit_rewards"]

LEVELS = ("summary", "system")
"""What is put in order: the texts for one article, or systems by their means."""

COEFFICIENTS = {"kendall": kendall, "spearman": spearman}
"""Name -> function of `nutgraf.metrics.correlation`."""

_CHUNK = 1 << 21  # comparisons of a resampling that are held at once


class Agreement(NamedTuple):
    """A correlation with its 95 % bootstrap interval over articles.

    Attributes:
        value: in [-1, 1], 1 = the same order; None where it is undefined, because a
            side gives everything the same score.
        low: low end of the interval, or None.
        high: high end, or None.
        articles: number of articles that it is made of; at the summary level those
            on which both sides have an order.
    """

    value: float | None
    low: float | None
    high: float | None
    articles: int


class Question(NamedTuple):
    """Which correlation.

    Attributes:
        level: one of `LEVELS`.
        coefficient: one of `COEFFICIENTS`.
        reward: name of the reward.
        human: name of what people scored.
    """

    level: str
    coefficient: str
    reward: str
    human: str


@dataclass(frozen=True)
class Audit:
    """How far each reward agrees with each dimension of human scores.

    Attributes:
        rewards: names, in order.
        human: dimensions, in order.
        systems: names of those who wrote the texts.
        articles: number of articles.
        texts: number of texts.
        judged: reward -> number of texts that it applied to.
        reward_means: reward -> mean of each system over its articles; None where the
            reward applied to none of its texts.
        human_means: dimension -> mean of each system.
        agreement: the answers.
        resamples: how often the articles were drawn again.
        seed: of the draws.
    """

    rewards: tuple[str, ...]
    human: tuple[str, ...]
    systems: tuple[str, ...]
    articles: int
    texts: int
    judged: dict[str, int]
    reward_means: dict[str, list[float | None]]
    human_means: dict[str, list[float | None]]
    agreement: dict[Question, Agreement]
    resamples: int
    seed: int


def _systems(rows: Sequence[JudgedRow]) -> tuple[str, ...]:
    """The systems in order of appearance, at least two."""
    names = tuple(dict.fromkeys(one.system for row in rows for one in row.texts))
    if len(names) < 2:
        raise DataError(
            "An order needs at least two systems. Received: "
            f"{len(names)} ({', '.join(names) or 'none'}) in {len(rows)} articles. Add "
            "the texts of others."
        )
    return names


def _grid(
    rows: Sequence[JudgedRow],
    systems: Sequence[str],
    values: Callable[[JudgedRow], Sequence[float | None]],
) -> np.ndarray:
    """(articles, systems) float64; NaN where a text or its value is missing."""
    place = {name: column for column, name in enumerate(systems)}
    grid = np.full((len(rows), len(systems)), np.nan)
    for number, row in enumerate(rows):
        for one, value in zip(row.texts, values(row), strict=True):
            if value is not None:
                grid[number, place[one.system]] = value
    return grid


def _rewarded(
    reward: Reward, name: str, done: Callable[[int, str], None]
) -> Callable[[JudgedRow], Sequence[float | None]]:
    """A function that judges the texts of an article."""

    def values(judged: JudgedRow) -> Sequence[float | None]:
        count = len(judged.texts)
        found, _ = score_completions(
            reward,
            [judged.row.document] * count,
            [one.text for one in judged.texts],
            [judged.row.references] * count,
            [judged.row] * count,
        )
        done(1, name)
        return found

    return values


def _scored(dimension: str) -> Callable[[JudgedRow], Sequence[float | None]]:
    """A function that returns what people gave to the texts of an article."""
    return lambda judged: [one.scores[dimension] for one in judged.texts]


def _means(counts: np.ndarray, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the means over the articles that each resample drew, NaN without any."""
    number = counts @ known.astype(float)
    total = counts @ np.where(known, values, 0.0)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def _system_means(grids: Mapping[str, np.ndarray]) -> dict[str, list[float | None]]:
    """Return the mean of each system over all its articles."""
    found: dict[str, list[float | None]] = {}
    for name, grid in grids.items():
        means = _means(np.ones((1, len(grid))), grid, np.isfinite(grid))[0]
        found[name] = [float(mean) if np.isfinite(mean) else None for mean in means]
    return found


def _system_level(
    measure: Callable, reward: np.ndarray, human: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Correlate the means of the systems, once per resample: (B, A) -> (B,)."""
    known = np.isfinite(reward) & np.isfinite(human)
    size = max(1, _CHUNK // human.shape[1] ** 2)
    found = []
    for part in np.split(counts, range(size, len(counts), size)):
        # Equal means may differ in their last bits: float32 makes them equal again.
        means = (_means(part, side, known) for side in (reward, human))
        found.append(measure(*(side.astype(np.float32) for side in means)))
    return np.concatenate(found)


def _summary_level(
    measure: Callable, reward: np.ndarray, human: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Average the correlations within articles, once per resample: (B, A) -> (B,)."""
    within = measure(reward, human)
    return _means(counts, within, np.isfinite(within))


_BY_LEVEL = {"summary": _summary_level, "system": _system_level}


def _articles(level: str, reward: np.ndarray, human: np.ndarray) -> int:
    """Return how many articles a correlation is made of."""
    if level == "summary":
        return int(np.isfinite(kendall(reward, human)).sum())
    return int((np.isfinite(reward) & np.isfinite(human)).any(axis=1).sum())


def _agreement(whole: float, resampled: np.ndarray, articles: int) -> Agreement:
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(whole) or not defined.size:
        return Agreement(None, None, None, articles)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Agreement(float(whole), float(low), float(high), articles)


def _answers(
    scores: Mapping[str, np.ndarray],
    human: Mapping[str, np.ndarray],
    counts: np.ndarray,
) -> Iterator[tuple[Question, Agreement]]:
    all_once = np.ones((1, counts.shape[1]))
    for level in LEVELS:
        for coefficient, measure in COEFFICIENTS.items():
            for name, reward in scores.items():
                for dimension, people in human.items():
                    correlate = _BY_LEVEL[level]
                    whole = correlate(measure, reward, people, all_once)[0]
                    resampled = correlate(measure, reward, people, counts)
                    question = Question(level, coefficient, name, dimension)
                    articles = _articles(level, reward, people)
                    yield question, _agreement(whole, resampled, articles)


def audit_rewards(
    rows: Sequence[JudgedRow],
    rewards: Mapping[str, Reward],
    human: Sequence[str] = (),
    *,
    resamples: int = 1000,
    seed: int = 0,
    done: Callable[[int, str], None] = lambda count, name: None,
) -> Audit:
    """Compare the order of texts by rewards with the order by people.

    Each reward is called once per article with the texts of all systems, and is given
    all references. A text that a reward does not apply to is left out for that reward.

    Args:
        rows: articles with judged texts, of `nutgraf.data.judged`.
        rewards: name -> reward; larger must mean better.
        human: dimensions of human scores; none means all.
        resamples: how often the articles are drawn again, at least 1.
        seed: of the draws; the same draws serve all rewards.
        done: called with 1 and the name of the reward after each article.

    Returns:
        All correlations with their intervals.

    Raises:
        DataError: there are no articles, or texts of fewer than two systems.
        ConfigError: no reward, an unknown dimension, or `resamples` below 1.
        RunError: a reward returned what it may not.

    Example:
        >>> from nutgraf.data.judged import JudgedText
        >>> from nutgraf.data.rows import Row
        >>> def length(prompts, completions, references, rows=None):
        ...     return [len(text) for text in completions]
        >>> texts = [JudgedText(t, t, {"fluency": len(t)}) for t in ("a", "be", "sea")]
        >>> rows = [JudgedRow(Row("1", "x"), tuple(texts))]
        >>> found = audit_rewards(rows, {"len": length})
        >>> found.agreement[Question("system", "kendall", "len", "fluency")].value
        1.0
    """
    if not rewards or resamples < 1:
        raise ConfigError(
            "An audit needs at least one reward and at least one resample. Received: "
            f"{len(rewards)} rewards, resamples={resamples}. Name a reward; use 1000 "
            "resamples."
        )
    systems = _systems(rows)
    dimensions = chosen_dimensions(rows, human)
    scores = {
        name: _grid(rows, systems, _rewarded(reward, name, done))
        for name, reward in rewards.items()
    }
    people = {name: _grid(rows, systems, _scored(name)) for name in dimensions}
    random = np.random.default_rng(seed)
    articles = len(rows)
    counts = random.multinomial(articles, np.full(articles, 1 / articles), resamples)
    return Audit(
        tuple(scores),
        dimensions,
        systems,
        articles,
        sum(len(row.texts) for row in rows),
        {name: int(np.isfinite(grid).sum()) for name, grid in scores.items()},
        _system_means(scores),
        _system_means(people),
        dict(_answers(scores, people, counts.astype(float))),
        resamples,
        seed,
    )
