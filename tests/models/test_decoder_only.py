"""What sampling and RL rely on, for the decoder-only model."""

import numpy as np
import pytest
from keras import ops

from nutgraf.arrays import BOS, EOS, PAD, Batch, Processors
from nutgraf.backend import jit, to_numpy, value_and_grad, with_values
from nutgraf.models.decoder_only import DecoderOnly
from nutgraf.sampling.beam import BeamSearch
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from tests.models.passes import (
    check_parents,
    chosen,
    padded,
    repeated,
    scored,
    step_by_step,
)

pytestmark = pytest.mark.backend

PROMPTS, SAMPLES, LENGTH = 3, 2, 6


VARIANTS = {
    "llama": {},
    "grouped": {"tied": False, "key_value_heads": 1},
    "gpt2 goes on": {"block": "gpt2", "separator": False},
}


@pytest.fixture(scope="module", params=VARIANTS)
def policy(request, tokenizer):
    changes = VARIANTS[request.param]
    policy = toy_policy(tokenizer, architecture="decoder-only", **changes)
    for variable in policy.variables:  # distributions less flat, as after training
        if "embeddings" in variable.path:
            variable.assign(variable.value * 2.0)
    return policy


@pytest.fixture(scope="module")
def batch(policy):
    """Prompts of different lengths."""
    found = [toy_rows(1, length, seed=length)[0] for length in (5, 12, 9)]
    return policy.codec.batch(found)


@pytest.fixture(scope="module")
def actions(policy):
    shape = (PROMPTS, SAMPLES, LENGTH)
    random = np.random.default_rng(0)
    return random.integers(EOS, policy.vocabulary_size, shape).astype("int32")


def scores_of(policy, batch, actions):
    return scored(policy, batch, actions).log_probs


def steps_of(policy, batch, actions):
    return chosen(step_by_step(policy, batch, actions), actions)


BOTH = (scores_of, steps_of)


def close(one, two, exact=1e-4):
    np.testing.assert_allclose(one, two, rtol=exact, atol=exact / 10)


def test_cached_decoding_equals_the_full_forward(policy, batch, actions):
    steps = step_by_step(policy, batch, actions)
    whole = scored(policy, batch, actions, want=frozenset({"entropy"}))
    close(chosen(steps, actions), whole.log_probs)
    close(-(np.exp(steps) * steps).sum(-1), whole.entropy)
    close(chosen(steps, actions), scores_of(policy, batch, actions))
    assert np.exp(steps[..., [PAD, BOS]]).max() == 0.0
    assert whole.log_probs.std() > 0.3


def test_samples_of_one_prompt_equal_the_prompt_repeated(policy, batch, actions):
    flat = actions.reshape(PROMPTS * SAMPLES, 1, LENGTH)
    for of in BOTH:
        grouped = of(policy, batch, actions)
        close(
            grouped, of(policy, repeated(batch, SAMPLES), flat).reshape(grouped.shape)
        )


@pytest.mark.parametrize(("left", "right"), [(0, 5), (7, 0)])
def test_padding_of_prompts_changes_nothing(policy, batch, actions, left, right):
    for of in BOTH:
        expected = of(policy, batch, actions)
        close(of(policy, padded(batch, left, right), actions), expected)


def test_a_prompt_in_a_batch_is_the_prompt_alone_without_padding(
    policy, batch, actions
):
    length = batch.source_mask[0].sum()
    assert length < batch.source_ids.shape[1] / 2
    alone = Batch(*(part[:1] for part in batch))
    alone = alone._replace(
        source_ids=alone.source_ids[:, :length],
        source_mask=alone.source_mask[:, :length],
    )
    for of in BOTH:
        close(of(policy, alone, actions[:1])[0], of(policy, batch, actions)[0])


def test_the_whole_prompt_is_read_in_its_order(policy, batch, actions):
    before = scores_of(policy, batch, actions)
    ids = batch.source_ids.copy()
    ids[:, 0] = 9
    assert (
        abs(scores_of(policy, batch._replace(source_ids=ids), actions) - before)
        .max(axis=(1, 2))
        .min()
        > 1e-3
    )
    ids = batch.source_ids.copy()
    ids[:, [1, 2]] = ids[:, [2, 1]]
    other = scores_of(policy, batch._replace(source_ids=ids), actions)
    assert abs(other - before).max() > 1e-3


def test_a_text_does_not_see_what_follows(policy, batch, actions):
    changed = actions.copy()
    changed[..., 4:] = 7
    one, two = (scores_of(policy, batch, a) for a in (actions, changed))
    close(one[..., :4], two[..., :4])
    assert abs(one[..., 4:] - two[..., 4:]).max() > 0.01


def test_samples_go_on_from_their_parents(policy, batch, actions):
    check_parents(policy, batch, actions)


SETTINGS = {
    "plain": Processors(),
    "tempered": Processors(temperature=0.6),
    "top-k": Processors(top_k=5),
    "top-p": Processors(top_p=0.7),
    "all": Processors(0.8, top_k=40, top_p=0.9, min_length=3, no_repeat_ngram=2),
}


def trainer_log_probs(policy, rollout):
    """The trainer's side of the first ratio, compiled."""

    def score(values, batch, actions, support):
        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            hidden = policy.hidden(memory, actions)
            return policy.score(
                memory, hidden, actions, rollout.processors, support=support
            ).log_probs

    arguments = (rollout.batch, rollout.actions, rollout.support)
    return to_numpy(jit(score)(weights_of(policy), *arguments))


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.xla) if n == "all" else n for n in SETTINGS],
)
def test_the_first_ratio_is_one(policy, batch, name):
    values = weights_of(policy)
    sampler = Sampler(policy, 3, 12, SETTINGS[name], greedy=[True, False, False])
    rollout = sampler(values, batch, seed=1)
    ratio = np.exp(trainer_log_probs(policy, rollout) - rollout.log_probs)
    ratio = ratio[rollout.mask]
    np.testing.assert_allclose(ratio, 1.0, rtol=1e-4)
    assert rollout.log_probs.min() < -0.5
    greedy = Sampler(policy, 1, 12, SETTINGS[name], greedy=True)(values, batch)
    np.testing.assert_array_equal(greedy.actions, rollout.actions[:, :1])


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_beam_of_one_is_greedy(policy, batch, penalty):
    values = weights_of(policy)
    greedy = Sampler(policy, 1, 12, greedy=True)(values, batch)
    beam = BeamSearch(policy, 1, 12, length_penalty=penalty)(values, batch)
    np.testing.assert_array_equal(beam.actions, greedy.actions)
    close(beam.log_probs, greedy.log_probs)


def test_a_beam_finds_what_the_scorer_confirms(policy, batch):
    values = weights_of(policy)
    found = BeamSearch(policy, 3, 8, length_penalty=0.0)(values, batch)
    again = scores_of(policy, batch, found.actions)
    close(again[found.mask], found.log_probs[found.mask])


def test_a_step_up_the_gradient_raises_the_log_prob(policy, batch, actions):
    def loss(values):
        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            scored = policy.score(memory, policy.hidden(memory, actions), actions)
        return -ops.mean(scored.log_probs[1, 1]), scored.log_probs

    values = [variable.value for variable in policy.variables]
    (_, before), grads = value_and_grad(loss)(values)
    moved = [value - 0.05 * grad for value, grad in zip(values, grads, strict=True)]
    (_, after), _ = value_and_grad(loss)(moved)
    change = to_numpy(after)[1, 1] - to_numpy(before)[1, 1]
    assert change.mean() > 1e-3
    for variable, grad in zip(policy.variables, grads, strict=True):
        if not variable.path.endswith("key/bias"):  # softmax does not see it
            assert abs(to_numpy(grad)).max() > 0, variable.path


def test_an_empty_prompt_gives_finite_numbers_and_gradients(policy, batch, actions):
    mask = batch.source_mask & np.array([[True], [False], [True]])
    empty = Batch(*map(ops.convert_to_tensor, batch._replace(source_mask=mask)))

    def loss(values):
        with with_values(policy.variables, values):
            memory = policy.encode(empty)
            scored = policy.score(memory, policy.hidden(memory, actions), actions)
        return ops.mean(scored.log_probs), {}

    (value, _), grads = value_and_grad(loss)([v.value for v in policy.variables])
    assert np.isfinite(to_numpy(value))
    assert all(np.isfinite(to_numpy(grad)).all() for grad in grads)


def test_mixed_bfloat16_keeps_float32_weights_and_log_probs(policy, batch, actions):
    half = DecoderOnly(policy.model.config, dtype="mixed_bfloat16")
    for variable, value in zip(
        half.trainable_variables, weights_of(policy), strict=True
    ):
        variable.assign(value)
    other = type(policy)(half, policy.codec)
    one, two = (scored(p, batch, actions).log_probs for p in (policy, other))
    assert two.dtype == np.float32
    assert {v.dtype for v in half.trainable_variables} == {"float32"}
    assert abs(one - two).max() < 0.3  # bfloat16 has three decimal digits
    assert abs(one - two).max() > 0  # the policy really is at work
