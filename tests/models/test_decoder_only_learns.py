"""By supervised steps the decoder-only model learns to copy how its prompt begins."""

import numpy as np
import pytest

from nutgraf.arrays import Batch
from nutgraf.backend import to_numpy
from nutgraf.models.checkpoint import weight_names
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from nutgraf.training.optimizer import AdamW
from nutgraf.training.step import apply_step, evaluation_step, gradient_step

pytestmark = pytest.mark.backend

STEPS, ROWS = 250, 32


@pytest.mark.xla
def test_unseen_prompts_are_summarised_after_training(tokenizer):
    policy = toy_policy(
        tokenizer, architecture="decoder-only", tied=False, max_source=32
    )
    train = policy.codec.batch(toy_rows(2000, length=8))
    rows = toy_rows(50, length=8, seed=1)
    unseen = policy.codec.batch(rows)
    optimizer = AdamW()
    gradient = gradient_step(policy, 0.1, 0.05)
    apply = apply_step(optimizer, 1.0, weight_names(policy.variables))
    evaluate, sampler = evaluation_step(policy), Sampler(policy, 1, 8, greedy=True)

    def seen(values):
        nll, count = to_numpy(evaluate(values, unseen))
        texts = policy.codec.render(unseen, sampler(values, unseen).actions)
        right = [
            text == row.references[0] for text, row in zip(texts, rows, strict=True)
        ]
        return nll / count, np.mean(right)

    values = weights_of(policy)
    assert seen(values)[0] > 4 and seen(values)[1] == 0
    state = optimizer.init(values)
    random = np.random.default_rng(0)
    for step in range(STEPS):
        chosen = random.integers(0, 2000, ROWS)
        part = Batch(*(array[chosen] for array in train))
        grads, _, count = gradient(values, part, np.int32(step))
        rate = np.float32(5e-3 * min(1, (step + 1) / 20))
        values, state, _ = apply(values, state, grads, count, rate)
    nll, right = seen(values)
    assert nll < 0.3
    assert right >= 0.9
