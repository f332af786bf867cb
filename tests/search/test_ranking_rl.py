"""RL on nDCG: it learns what no supervised loss was shown, the control does not."""

import numpy as np
import pytest

from nutgraf.backend import jit, to_numpy, value_and_grad
from nutgraf.metrics.retrieval import discounts
from nutgraf.search.loop import SearchLoop
from nutgraf.search.ranking import validation
from nutgraf.search.ranking_rl import RankingRL
from nutgraf.search.rescorer import Rescorer
from nutgraf.search.settings import LoopSettings

LOOP = LoopSettings(
    updates=60,
    batch=6,
    learning_rate=0.1,
    warmup=0,
    weight_decay=0.0,
    evaluate_every=60,
)


def values_of(ranker):
    return to_numpy([one.value for one in ranker.variables])


def trained(ranking, folder, **changes):
    ranker = Rescorer(16, "hash", 4)
    lesson = RankingRL(ranker, ranking, 8, 6, 0, places=5, **changes)
    SearchLoop(ranker, lesson, LOOP, folder).fit()
    return validation(ranker, ranking)(values_of(ranker))


def test_it_learns_and_the_random_reward_does_not(ranking, tmp_path):
    start = Rescorer(16, "hash", 4)
    before = validation(start, ranking)(values_of(start))
    after = trained(ranking, tmp_path / "rl")
    control = trained(ranking, tmp_path / "random", reward="random")
    assert after > before + 0.1 and after > control + 0.1


@pytest.mark.parametrize(("places", "relevant"), [(1, 3), (50, 12)])
def test_a_ranking_that_cannot_be_better_gets_1(ranking, places, relevant):
    """Whatever the k of nDCG@k: all candidates relevant, and nothing else."""
    row = ranking[0]
    count = len(row.grades)
    judged = np.ones(max(count, relevant), "float32")
    rows = [row._replace(grades=np.ones(count, "float32"), judged=judged)] * 2
    lesson = RankingRL(Rescorer(16, "hash", 4), rows, 8, 2, 0, places=places)
    found = jit(lesson.loss)(values_of(lesson.ranker), lesson.arrays(0), np.int32(0))[1]
    total, rankings = found["reward/ndcg"]
    worth = discounts(len(judged))
    expected = worth[: min(places, count)].sum() / worth[:places].sum()
    assert float(total) / float(rankings) == pytest.approx(expected, rel=1e-5)


def test_the_gradient_raises_the_expected_reward(ranking):
    ranker = Rescorer(16, "hash", 4)
    lesson = RankingRL(ranker, ranking, 8, 12, 0, samples=64, places=5)
    arrays, values = lesson.arrays(0), values_of(ranker)

    loss = jit(lesson.loss)

    def reward(values, seed):
        _, found = loss(values, arrays, np.int32(seed))
        return float(found["reward/ndcg"][0]) / float(found["reward/ndcg"][1])

    (_, found), grads = jit(value_and_grad(lesson.loss))(values, arrays, np.int32(0))
    assert float(found["reward/ndcg"][1]) == 12 * 64
    norm = np.sqrt(sum(np.sum(to_numpy(grad) ** 2) for grad in grads))
    moved = [
        np.float32(value - 2.0 * to_numpy(grad) / norm)
        for value, grad in zip(values, grads, strict=True)
    ]
    # the same uniforms for both: only the weights differ
    assert reward(moved, 1) > reward(values, 1)


def test_draws_depend_on_seed_row_and_sample_alone(ranking):
    ranker = Rescorer(16, "hash", 4)
    values = values_of(ranker)
    whole = RankingRL(ranker, ranking, 8, 12, 0, places=5)
    arrays = whole.arrays(0)
    loss = jit(whole.loss)
    reward = float(loss(values, arrays, np.int32(5))[1]["reward/ndcg"][0])
    parts = 0.0
    for half in (slice(0, 4), slice(4, 12)):
        inputs = {name: one[half] for name, one in arrays["inputs"].items()}
        cut = {name: one[half] for name, one in arrays.items() if name != "inputs"}
        found = loss(values, {**cut, "inputs": inputs}, np.int32(5))[1]
        parts += float(found["reward/ndcg"][0])
    assert parts == pytest.approx(reward, rel=1e-5)
    other = float(loss(values, arrays, np.int32(6))[1]["reward/ndcg"][0])
    assert other != pytest.approx(reward, rel=1e-5)


def test_the_supervised_loss_is_mixed_in(ranking):
    ranker = Rescorer(16, "hash", 4)
    values = values_of(ranker)
    plain = RankingRL(ranker, ranking, 8, 6, 0)
    mixed = RankingRL(ranker, ranking, 8, 6, 0, supervised_weight=0.5)
    arrays = plain.arrays(0)
    before, _ = jit(plain.loss)(values, arrays, np.int32(0))
    after, found = jit(mixed.loss)(values, arrays, np.int32(0))
    anchor = float(found["loss/ranking"][0])
    assert float(after) == pytest.approx(float(before) + 0.5 * anchor, rel=1e-4)


def test_more_places_than_candidates_are_no_harm(ranking):
    ranker = Rescorer(16, "hash", 4)
    lesson = RankingRL(ranker, ranking[:2], 12, 2, 0, places=50)
    arrays = lesson.arrays(0)  # 8 candidates, 12 columns, 12 places
    (loss, _), grads = jit(value_and_grad(lesson.loss))(
        values_of(ranker), arrays, np.int32(0)
    )
    assert np.isfinite(float(loss))
    assert all(np.isfinite(to_numpy(grad)).all() for grad in grads)
