import numpy as np
import pytest
from keras import ops

from nutgraf.arrays import EOS, Processors
from nutgraf.backend import to_numpy, to_tensor, value_and_grad, with_values
from nutgraf.evaluation.extract import span_log_probs
from nutgraf.models.policy import Policy
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.policies import check_policy
from tests.models.span_toys import (
    all_spans,
    question,
    toy_codec,
    toy_questions,
    toy_span_policy,
)

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def policy():
    return toy_span_policy()


def log_probs_of(policy, batch, actions, **options):
    memory = policy.encode(batch)
    hidden = policy.hidden(memory, actions)
    return policy.score(memory, hidden, actions, **options)


def span_scores(policy, batch, actions):
    found = to_numpy(log_probs_of(policy, batch, actions[None]).log_probs)[0]
    ended = np.cumsum(actions == EOS, axis=-1) - (actions == EOS) > 0
    return np.where(ended, 0.0, found).sum(axis=-1)


def test_it_is_a_policy(policy):
    protocol: Policy = policy
    check_policy(protocol, toy_questions())


@pytest.mark.parametrize("row", toy_questions(), ids=["english", "one", "chinese"])
def test_the_probabilities_of_all_spans_add_up_to_1(policy, row):
    batch, actions = all_spans(policy, row)
    scores = span_scores(policy, batch, actions)
    assert len({tuple(one) for one in actions.tolist()}) == len(actions) > 5
    assert np.exp(scores.astype("float64")).sum() == pytest.approx(1.0, abs=1e-5)


def test_the_search_over_spans_has_the_same_numbers(policy):
    row = toy_questions()[0]
    batch, actions = all_spans(policy, row)
    scores = span_scores(policy, batch, actions)
    memory = policy.encode(batch)
    tables = [to_numpy(memory[name])[0] for name in ("start", "end")]
    found, none = span_log_probs(*tables, policy.codec.max_answer)
    assert none == pytest.approx(scores[0], abs=1e-5)
    for (first, last, _), score in zip(actions[1:], scores[1:], strict=True):
        more = 0 if last == EOS else last - first
        assert found[first, more] == pytest.approx(score, rel=1e-5, abs=1e-5)
    assert (found > -1e8).sum() == len(actions) - 1


def test_samples_are_as_frequent_as_is_likely_and_the_first_ratio_is_1(policy):
    row = toy_questions()[1]
    batch, actions = all_spans(policy, row)
    scores = span_scores(policy, batch, actions)
    sampler = Sampler(policy, 400, policy.codec.max_target)
    values = to_numpy([variable.value for variable in policy.variables])
    rollout = sampler(values, batch, seed=3)
    assert rollout.ended.all() and not rollout.truncated.any()
    again = to_numpy(log_probs_of(policy, batch, rollout.actions).log_probs)
    np.testing.assert_allclose(
        again[rollout.mask], rollout.log_probs[rollout.mask], rtol=1e-4, atol=1e-5
    )
    known = {tuple(one): n for n, one in enumerate(actions.tolist())}
    counts = np.zeros(len(actions))
    for one in rollout.actions[0].tolist():
        counts[known[tuple(one)]] += 1  # nothing impossible is drawn
    apart = abs(counts / 400 - np.exp(scores)).max()
    assert apart < 0.1  # 4 standard deviations of 400 draws at p = 0.5


def test_padding_changes_nothing(policy):
    rows = toy_questions()
    together = policy.codec.batch(rows, 24)
    actions = together.target_ids[:, None]
    whole = to_numpy(log_probs_of(policy, together, actions).log_probs)
    for place, row in enumerate(rows):
        one = policy.codec.batch([row], policy.codec.source_lengths([row])[0])
        found = to_numpy(log_probs_of(policy, one, one.target_ids[:, None]).log_probs)
        count = one.target_mask[0].sum()
        np.testing.assert_allclose(
            found[0, 0, :count], whole[place, 0, :count], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("better", [0, 4])  # no answer, a span
def test_the_gradient_makes_a_better_span_likelier(better):
    policy = toy_span_policy()
    batch, actions = all_spans(policy, toy_questions()[0])
    mask = np.cumsum(actions == EOS, axis=-1) - (actions == EOS) == 0
    advantages = np.where(np.arange(len(actions)) == better, 1.0, 0.0)

    def loss(values):
        with with_values(policy.variables, values):
            found = log_probs_of(policy, batch, actions[None]).log_probs[0]
        weights = to_tensor((advantages[:, None] * mask).astype("float32"))
        return -ops.sum(found * weights), ()

    values = [to_tensor(to_numpy(variable.value)) for variable in policy.variables]
    before = span_scores(policy, batch, actions)[better]
    _, grads = value_and_grad(loss)(values)
    moved = [value - 1e-3 * grad for value, grad in zip(values, grads, strict=True)]
    with with_values(policy.variables, moved):
        after = span_scores(policy, batch, actions)[better]
    assert after > before + 1e-4
    assert all(np.isfinite(to_numpy(grad)).all() for grad in grads)


def test_smoothing_is_spread_over_what_is_possible(policy):
    batch, actions = all_spans(policy, toy_questions()[0])
    scored = log_probs_of(
        policy, batch, actions[None, :1], want=frozenset({"mean_log_probs"})
    )
    mean = to_numpy(scored.mean_log_probs)[0, 0]
    assert -20 < mean[0] < 0 and mean[1] == mean[2] == 0  # then the end alone


def test_filters_leave_the_likeliest_spans(policy):
    batch, _ = all_spans(policy, toy_questions()[0])
    sampler = Sampler(policy, 8, 3, Processors(top_k=1))
    values = to_numpy([variable.value for variable in policy.variables])
    rollout = sampler(values, batch)
    assert (rollout.actions == rollout.actions[:, :1]).all()
    np.testing.assert_allclose(rollout.log_probs, 0.0, atol=1e-6)


def test_two_passes_are_as_far_apart_as_their_distributions(policy):
    batch, actions = all_spans(policy, toy_questions()[0])
    memory = policy.encode(batch)
    one = memory, policy.hidden(memory, actions[None, :2])
    other = toy_span_policy(policy.codec, seed=1)
    memory = other.encode(batch)
    two = memory, other.hidden(memory, actions[None, :2])
    assert abs(to_numpy(policy.divergence(one, one))).max() == 0
    apart = to_numpy(policy.divergence(one, two))
    assert apart[0, 0, 0] > 1e-3 and abs(apart[0, 0, 1:]).max() == 0


def test_a_text_without_a_question_and_a_long_answer():
    policy = toy_span_policy(toy_codec(answer=1))
    row = question("1", "", "the red house")
    batch, actions = all_spans(policy, row._replace(document="the red house"))
    scores = span_scores(policy, batch, actions)
    assert np.exp(scores.astype("float64")).sum() == pytest.approx(1.0, abs=1e-5)
    assert (actions[1:, 1] == EOS).all()  # every answer is one piece
