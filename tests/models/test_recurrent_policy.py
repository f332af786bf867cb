"""What sampling and RL rely on, for LSTM, GRU and plain recurrent models."""

import keras
import numpy as np
import pytest
from keras import ops

from nutgraf import backend
from nutgraf.arrays import EOS, Processors
from nutgraf.backend import jit, to_numpy, value_and_grad, with_values
from nutgraf.layers.packing import packed_size, packing_of
from nutgraf.models.heads import read_head, scalar_head, state_width
from nutgraf.models.recurrent_policy import RecurrentPolicy
from nutgraf.recipes.grpo import GRPO
from nutgraf.rl.algorithm import Experience
from nutgraf.rl.learner import Counts, Weights, gradient_of
from nutgraf.rl.settings import RLSettings
from nutgraf.sampling.beam import BeamSearch
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, toy_reward, toy_rows, weights_of
from nutgraf.training.step import evaluation_step, gradient_step
from tests.models.passes import chosen, padded, repeated, scored, step_by_step

pytestmark = pytest.mark.backend

PROMPTS, SAMPLES, LENGTH = 3, 2, 6
KINDS = {
    "lstm": {"coverage": True, "decoder_layers": 1},
    "gru": {"coverage": True, "copy": False},
    "rnn": {"encoder_layers": 2},
}


def made(tokenizer, name):
    """A toy policy whose weights, biases too, are large enough to tell texts apart."""
    policy = toy_policy(tokenizer, architecture=name, **KINDS[name])
    random = np.random.default_rng(3)
    for weight in policy.variables:
        noise = random.normal(size=weight.shape).astype("float32")
        weight.assign(1.5 * to_numpy(weight.value) + 0.1 * noise)
    return policy


@pytest.fixture(scope="module", params=KINDS)
def policy(request, tokenizer):
    return made(tokenizer, request.param)


@pytest.fixture(scope="module")
def batch(policy):
    """Prompts of different lengths."""
    found = [toy_rows(1, length, seed=length)[0] for length in (5, 12, 9)]
    return policy.codec.batch(found)


@pytest.fixture(scope="module")
def actions(policy):
    shape = (PROMPTS, SAMPLES, LENGTH)
    random = np.random.default_rng(0)
    return random.integers(3, policy.vocabulary_size, shape).astype("int32")


def scores_of(policy, batch, actions, **options):
    return scored(policy, batch, actions, **options).log_probs


def close(one, two):
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("left", "right"), [(0, 5), (7, 0)])
def test_padding_of_prompts_changes_nothing(policy, batch, actions, left, right):
    wider = padded(batch, left, right)
    one, two = (scores_of(policy, of, actions) for of in (batch, wider))
    close(one, two)
    assert one.std() > 0.3


def test_prompt_and_text_are_read_in_their_order(policy, batch, actions):
    before = scores_of(policy, batch, actions)
    ids = batch.source_ids.copy()
    ids[:, [1, 2]] = ids[:, [2, 1]]
    other = scores_of(policy, batch._replace(source_ids=ids), actions)
    assert abs(other - before).max() > 1e-3
    changed = actions.copy()
    changed[..., 3:] = 7
    after = scores_of(policy, batch, changed)
    close(after[..., :3], before[..., :3])
    assert abs(after[..., 4:] - before[..., 4:]).max() > 0.01


@pytest.mark.xla
def test_beam_of_one_is_greedy(policy, batch):
    values = weights_of(policy)
    greedy = Sampler(policy, 1, 8, greedy=True)(values, batch)
    beam = BeamSearch(policy, 1, 8)(values, batch)
    np.testing.assert_array_equal(beam.actions, greedy.actions)
    close(beam.log_probs, greedy.log_probs)
    mask = greedy.mask
    close(scores_of(policy, batch, greedy.actions)[mask], greedy.log_probs[mask])


@pytest.mark.xla
def test_the_learner_compiles_to_what_its_operations_give(tokenizer, monkeypatch):
    """Ratio, clipping and KL of packed samples, all through the loops of an LSTM."""
    policy = made(tokenizer, "lstm")
    settings = RLSettings(samples=2, length=4, source_bounds=(8,))
    algorithm = GRPO(policy, toy_reward, settings).trainer.algorithm
    batch = policy.codec.batch(toy_rows(2, 3))
    random = np.random.default_rng(0)
    shape = (2, 2, 4)
    mask = np.arange(4) < np.array([[3, 1], [2, 1]])[..., None]
    actions = random.integers(3, policy.vocabulary_size, shape).astype("int32")
    old, ref = (
        scores_of(policy, batch, actions)
        + random.normal(scale=0.1, size=shape).astype("float32")
        for _ in range(2)
    )
    advantages = random.normal(size=shape).astype("float32")
    given = Experience(batch, actions, mask, old, ref, advantages)
    given = given._replace(packing=packing_of(mask, packed_size([mask])))
    counts = Counts(*[np.float32(mask.sum())] * 3)

    def learned():
        step = gradient_of(policy, algorithm, Processors(), Weights(kl=0.1))
        return to_numpy(step(weights_of(policy), given, counts, np.float32(1)))

    found, statistics = learned()
    monkeypatch.setattr(backend._engine, "compile", lambda function: function)
    expected, numbers = learned()
    norm = max(abs(grad).max() for grad in expected)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5 * norm)
    assert norm > 0.1
    for name, pair in numbers.items():
        close(statistics[name], pair)


def gradients(policy, batch, actions):
    """Of the sum of all log-probs, compiled."""

    def loss(values, batch, actions):
        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            scored = policy.score(memory, policy.hidden(memory, actions), actions)
        return ops.sum(scored.log_probs), {}

    return to_numpy(jit(value_and_grad(loss))(weights_of(policy), batch, actions))


def test_gradients_are_finite_reach_every_weight_and_add_up_over_samples(
    policy, batch, actions
):
    _, grads = gradients(policy, batch, actions)
    for variable, grad in zip(policy.variables, grads, strict=True):
        assert np.isfinite(grad).all(), variable.path
        assert abs(grad).max() > 0, variable.path
    flat = actions.reshape(PROMPTS * SAMPLES, 1, LENGTH)
    _, alone = gradients(policy, repeated(batch, SAMPLES), flat)
    norm = max(abs(grad).max() for grad in grads)
    for one, two in zip(grads, alone, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5 * norm)


def test_an_empty_prompt_gives_finite_numbers_and_gradients(policy, batch, actions):
    mask = batch.source_mask & np.array([[True], [False], [True]])
    (value, _), grads = gradients(policy, batch._replace(source_mask=mask), actions)
    assert np.isfinite(value)
    assert all(np.isfinite(grad).all() for grad in grads)


def test_the_gradient_is_a_difference(policy, batch, actions):
    """Along the gradient of the compiled loop, against differences of the loss."""
    _, grads = gradients(policy, batch, actions)
    norm = np.sqrt(sum((grad.astype("float64") ** 2).sum() for grad in grads))
    size, found = 3e-3, []
    for sign in (1, -1):
        values = [
            ops.convert_to_tensor(value + (sign * size / norm * grad).astype("float32"))
            for value, grad in zip(weights_of(policy), grads, strict=True)
        ]
        with with_values(policy.variables, values):
            found.append(scores_of(policy, batch, actions).sum(dtype="float64"))
    slope = (found[0] - found[1]) / (2 * size)
    assert slope == pytest.approx(norm, rel=1e-2)  # a difference in float32


def test_tempered_and_filtered_scores_are_those_of_the_steps(policy, batch, actions):
    processors = Processors(temperature=0.7, min_length=2)
    want = frozenset({"entropy"})
    found = scored(policy, batch, actions, processors, want=want)
    logits = step_by_step(policy, batch, actions) / 0.7
    logits[:, :, :2, EOS] = -1e9
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    close(found.log_probs, chosen(logits, actions))
    close(found.entropy, -(np.exp(logits) * logits).sum(-1))


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_the_coverage_loss_is_that_of_the_attention_and_is_learned(tokenizer, name):
    policy = made(tokenizer, name)
    batch = policy.codec.batch(toy_rows(3))
    ids = batch.target_ids
    memory = policy.encode(batch)
    scored = policy.score(memory, policy.hidden(memory, ids[:, None]), ids[:, None])
    weights = to_numpy(policy.model.attention_maps(batch.source_ids, ids)["cross"])
    weights = weights[:, 0, 0]  # (P, T, S)
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-5)
    covered = np.cumsum(weights, axis=1) - weights
    expected = np.minimum(weights, covered).sum(-1)
    close(to_numpy(scored.auxiliary)[:, 0], expected)
    assert expected[:, 1:].min() > 0.01

    # supervised training goes down on both losses, and reports the likelihood alone
    values = weights_of(policy)
    grads, nll, _ = to_numpy(
        gradient_step(policy, 0.0, 0.0)(values, batch, np.int32(0))
    )
    plain, _ = to_numpy(evaluation_step(policy)(values, batch))
    assert nll == pytest.approx(float(plain), rel=1e-5)

    def both(values):
        values = [ops.convert_to_tensor(value) for value in values]
        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            found = policy.score(
                memory, policy.hidden(memory, ids[:, None]), ids[:, None]
            )
        total = to_numpy(found.auxiliary - found.log_probs)[:, 0]
        return total[batch.target_mask].sum(dtype="float64")

    norm = np.sqrt(sum((grad.astype("float64") ** 2).sum() for grad in grads))
    ahead, behind = (
        both([v + sign * 3e-3 * g / norm for v, g in zip(values, grads, strict=True)])
        for sign in (1, -1)
    )
    slope = (ahead - behind) / 6e-3
    assert slope == pytest.approx(norm, rel=1e-2)  # a difference in float32


def test_without_coverage_there_is_no_such_loss(tokenizer):
    policy = made(tokenizer, "rnn")
    batch = policy.codec.batch(toy_rows(2))
    memory, ids = policy.encode(batch), batch.target_ids[:, None]
    assert policy.score(memory, policy.hidden(memory, ids), ids).auxiliary is None


def test_heads_read_the_states_alone(policy, batch, actions):
    width = policy.model.config.width
    assert state_width(policy) == width
    hidden = policy.hidden(policy.encode(batch), actions)
    head = {**scalar_head(width), "kernel": np.ones(width, "float32")}
    head = {name: ops.convert_to_tensor(array) for name, array in head.items()}
    found = to_numpy(read_head(head, hidden))
    close(found, to_numpy(hidden)[..., :width].sum(-1))


def test_dropout_is_a_function_of_the_seed(policy, batch):
    step, values = gradient_step(policy, 0.0, 0.3), weights_of(policy)
    one, again, other = (
        float(to_numpy(step(values, batch, np.int32(seed))[1])) for seed in (1, 1, 2)
    )
    assert one == again
    assert abs(one - other) > 0.01


def test_mixed_bfloat16_keeps_float32_weights_and_log_probs(policy, batch, actions):
    half = type(policy.model)(policy.model.config, dtype="mixed_bfloat16")
    for variable, value in zip(
        half.trainable_variables, weights_of(policy), strict=True
    ):
        variable.assign(value)
    other = RecurrentPolicy(half, policy.codec)
    one, two = (scores_of(p, batch, actions) for p in (policy, other))
    assert two.dtype == np.float32
    assert {keras.backend.standardize_dtype(v.dtype) for v in half.variables} >= {
        "float32"
    }
    assert 0 < abs(one - two).max() < 0.5  # bfloat16 has three decimal digits
    values = weights_of(other)
    rollout = Sampler(other, 2, 6)(values, batch, seed=1)
    found = scores_of(other, batch, rollout.actions)
    apart = abs(found - rollout.log_probs)[rollout.mask]
    assert apart.max() < 0.1  # another order of sums; bfloat16 logits lie 0.03 apart
