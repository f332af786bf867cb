"""What sampling and RL rely on, for the encoder-decoder with and without copy head."""

import numpy as np
import pytest
from keras import ops

from nutgraf.arrays import EOS, Batch, Processors
from nutgraf.backend import to_numpy, value_and_grad, with_values
from nutgraf.models import scoring
from nutgraf.testing.toys import toy_policy, weights_of
from tests.models.passes import (
    check_parents,
    chosen,
    repeated,
    scored,
    step_by_step,
)

pytestmark = pytest.mark.backend

PROMPTS, SAMPLES, LENGTH = 3, 2, 6


@pytest.fixture(scope="module", params=[True, False], ids=["copy", "no copy"])
def policy(request, tokenizer):
    return toy_policy(tokenizer, copy=request.param)


@pytest.fixture(scope="module")
def batch(policy, rows):
    return policy.codec.batch(rows[:PROMPTS])


@pytest.fixture(scope="module")
def actions(policy, batch):
    """Random actions; in each text some words of the source, so that copying counts."""
    random = np.random.default_rng(0)
    shape = (PROMPTS, SAMPLES, LENGTH)
    drawn = random.integers(EOS, policy.vocabulary_size, shape).astype("int32")
    drawn[..., ::2] = batch.source_ids[:, None, : LENGTH // 2]
    return drawn


def close(one, two):
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_cached_decoding_equals_the_full_forward(policy, batch, actions):
    steps = step_by_step(policy, batch, actions)
    whole = scored(policy, batch, actions, want=frozenset({"entropy"}))
    close(chosen(steps, actions), whole.log_probs)
    close(-(np.exp(steps) * steps).sum(-1), whole.entropy)
    close(chosen(steps, actions), scored(policy, batch, actions).log_probs)


def test_samples_of_one_prompt_equal_the_prompt_repeated(policy, batch, actions):
    alone = repeated(batch, SAMPLES)
    flat = actions.reshape(PROMPTS * SAMPLES, 1, LENGTH)
    for of in (step_by_step, lambda *args: scored(*args).log_probs):
        grouped = of(policy, batch, actions)
        close(grouped, of(policy, alone, flat).reshape(grouped.shape))


def test_padding_a_source_changes_nothing(policy, batch, rows, actions):
    longer = policy.codec.batch(rows[:PROMPTS], source_length=48)
    assert longer.source_ids.shape[1] > batch.source_ids.shape[1]
    for of in (step_by_step, lambda *args: scored(*args).log_probs):
        close(of(policy, longer, actions), of(policy, batch, actions))


def test_a_text_does_not_see_what_follows(policy, batch, actions):
    changed = actions.copy()
    changed[..., 4:] = 7
    one, two = (scored(policy, batch, a).log_probs for a in (actions, changed))
    close(one[..., :4], two[..., :4])
    assert abs(one[..., 4:] - two[..., 4:]).max() > 0.01


def test_samples_go_on_from_their_parents(policy, batch, actions):
    check_parents(policy, batch, actions)


SCORES = {
    "plain": (Processors(), frozenset({"mean_log_probs"})),
    "entropy": (Processors(), frozenset({"entropy"})),
    "tempered": (Processors(0.7, min_length=4, no_repeat_ngram=2), frozenset()),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores_and_gradients_in_chunks_equal_the_whole(
    policy, batch, actions, name, monkeypatch
):
    processors, want = SCORES[name]
    values = [variable.value for variable in policy.variables]
    batch = Batch(*map(ops.convert_to_tensor, batch))
    weights = np.random.default_rng(1).normal(size=actions.shape).astype("float32")
    weights = ops.convert_to_tensor(weights)

    def loss(values):
        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            hidden = policy.hidden(memory, actions)
            found = policy.score(memory, hidden, actions, processors, want)
        total = ops.sum(found.log_probs * weights)
        for extra in (found.entropy, found.mean_log_probs):
            total += 0.0 if extra is None else ops.sum(extra * weights)
        return total, found.log_probs

    (_, whole), whole_grads = value_and_grad(loss)(values)
    monkeypatch.setattr(scoring, "LARGEST_CHUNK", 20 * policy.vocabulary_size)
    chunks = []
    real = scoring.chunks

    def counted(*args):
        chunks.append(len(real(*args)))
        return real(*args)

    monkeypatch.setattr(scoring, "chunks", counted)
    (_, parts), parts_grads = value_and_grad(loss)(values)
    assert chunks[0] > 1
    close(to_numpy(parts), to_numpy(whole))
    for one, two in zip(to_numpy(parts_grads), to_numpy(whole_grads), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)  # sums reordered
    assert max(abs(grad).max() for grad in to_numpy(whole_grads)) > 0.1


def test_everything_is_a_function_of_the_values(policy, batch, actions):
    before = scored(policy, batch, actions).log_probs
    other = [value * 1.5 for value in weights_of(policy)]
    with with_values(policy.variables, [ops.convert_to_tensor(v) for v in other]):
        within = scored(policy, batch, actions).log_probs
        steps = step_by_step(policy, batch, actions)
    close(chosen(steps, actions), within)
    assert abs(within - before).max() > 0.1
    np.testing.assert_array_equal(scored(policy, batch, actions).log_probs, before)
