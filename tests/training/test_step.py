import numpy as np
import pytest

from nutgraf.arrays import Batch
from nutgraf.backend import to_numpy
from nutgraf.models.checkpoint import weight_names
from nutgraf.testing.toys import toy_policy, weights_of
from nutgraf.training.optimizer import AdamW, global_norm
from nutgraf.training.step import (
    add_gradients,
    apply_step,
    evaluation_step,
    gradient_step,
)

pytestmark = pytest.mark.backend

SEED = np.int32(5)


@pytest.fixture(scope="module")
def policy(tokenizer):
    return toy_policy(tokenizer, decoder_layers=1)


@pytest.fixture(scope="module")
def batch(policy, rows):
    """Eight rows whose targets have one to nine actions."""
    cut = [
        row._replace(references=(" ".join(row.document.split()[:count]),))
        for count, row in enumerate(rows[:8])
    ]
    return policy.codec.batch(cut, source_length=48)


@pytest.fixture(scope="module")
def plain(policy):
    return gradient_step(policy, 0.1, 0.0)


@pytest.fixture(scope="module")
def dropped(policy):
    return gradient_step(policy, 0.0, 0.3)


def test_eight_micro_batches_of_one_row_equal_one_of_eight(policy, batch, plain):
    values, add = weights_of(policy), add_gradients()
    whole, whole_nll, whole_count = to_numpy(plain(values, batch, SEED))
    total, nll, count = None, 0.0, 0.0
    for row in range(8):
        one = Batch(*(part[row : row + 1] for part in batch))
        grads, loss, tokens = plain(values, one, SEED)
        total = grads if total is None else add(total, grads)
        nll, count = nll + float(to_numpy(loss)), count + float(to_numpy(tokens))
    assert count == whole_count == batch.target_mask.sum()
    assert nll == pytest.approx(float(whole_nll), rel=1e-5)
    norm = float(to_numpy(global_norm(whole)))
    for one, two in zip(to_numpy(total), whole, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6 * norm)

    update = apply_step(AdamW(), 1.0, weight_names(policy.variables))
    state = AdamW().init(values)
    args = np.float32(count), np.float32(0.01)
    (one, _, norm_one), (two, _, norm_two) = (
        to_numpy(update(values, state, grads, *args)) for grads in (total, whole)
    )
    assert norm_one == pytest.approx(norm_two, rel=1e-4)
    # where a gradient is all rounding, the first step of Adam is its sign
    moved = [np.abs(a - b) > 1e-5 for a, b in zip(one, two, strict=True)]
    assert sum(m.sum() for m in moved) < 0.01 * sum(m.size for m in moved)


def test_padding_and_empty_rows_give_no_gradient(policy, batch, plain):
    values = weights_of(policy)
    whole, *_ = to_numpy(plain(values, batch, SEED))
    filler = Batch(*(np.zeros_like(part[:2]) for part in batch))
    longer = Batch(*(np.concatenate(pair) for pair in zip(batch, filler, strict=True)))
    found, _, count = to_numpy(plain(values, longer, SEED))
    assert count == batch.target_mask.sum()
    for one, two in zip(found, whole, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


def test_the_smoothed_loss_is_what_is_learned(policy, batch):
    """d loss / d log-scale of the output, against a difference of its definition."""
    from keras import ops

    from nutgraf.backend import with_values
    from nutgraf.objectives.supervised import smoothed_cross_entropy

    def smoothed(values):
        actions = batch.target_ids[:, None]
        tensors = [ops.convert_to_tensor(value) for value in values]
        with with_values(policy.variables, tensors):
            memory = policy.encode(batch)
            hidden = policy.hidden(memory, actions)
            scored = policy.score(
                memory, hidden, actions, want=frozenset({"mean_log_probs"})
            )
        loss = smoothed_cross_entropy(scored.log_probs, scored.mean_log_probs, 0.4)
        return to_numpy(loss)[:, 0][batch.target_mask].sum(dtype="float64")

    values = weights_of(policy)
    grads, nll, _ = to_numpy(gradient_step(policy, 0.4, 0.0)(values, batch, SEED))
    norm = float(to_numpy(global_norm(grads)))
    size = 1e-3
    ahead, behind = (
        [v + sign * size * g / norm for v, g in zip(values, grads, strict=True)]
        for sign in (1, -1)
    )
    slope = (smoothed(ahead) - smoothed(behind)) / (2 * size)
    assert slope == pytest.approx(norm, rel=1e-2)  # a difference in float32
    # the reported loss is the plain one, with or without smoothing
    plain, _ = to_numpy(evaluation_step(policy)(values, batch))
    assert nll == pytest.approx(float(plain), rel=1e-5)


def test_dropout_is_a_function_of_the_seed(policy, batch, dropped):
    values = weights_of(policy)
    one, again, other = (
        to_numpy(dropped(values, batch, np.int32(seed))) for seed in (1, 1, 2)
    )
    for a, b in zip(one[0], again[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert one[1] == again[1]
    assert abs(one[1] - other[1]) > 0.01
    without, _ = to_numpy(evaluation_step(policy)(values, batch))
    assert abs(one[1] - without) > 0.01


def test_the_gradient_is_clipped_after_the_mean(policy, batch, plain):
    values = weights_of(policy)
    grads, _, count = plain(values, batch, SEED)
    expected = float(to_numpy(global_norm(grads))) / float(to_numpy(count))
    names = weight_names(policy.variables)
    state, rate = AdamW(weight_decay=0.0).init(values), np.float32(0.01)
    for limit in (0.0, 1e-3):
        update = apply_step(AdamW(weight_decay=0.0), limit, names)
        _, new, norm = to_numpy(update(values, state, grads, count, rate))
        assert norm == pytest.approx(expected, rel=1e-4)
        kept = float(to_numpy(global_norm(new.means))) / 0.1  # of the first mean
        assert kept == pytest.approx(limit or expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["gru", "encoder-decoder"])
def test_biases_and_norms_do_not_decay(tokenizer, kind):
    policy = toy_policy(tokenizer, architecture=kind)
    names = weight_names(policy.variables)
    values = [np.ones_like(value) for value in weights_of(policy)]
    nothing = [np.zeros_like(value) for value in values]
    optimizer = AdamW(weight_decay=0.1)
    update = apply_step(optimizer, 1.0, names)
    args = np.float32(1), np.float32(0.5)
    moved, *_ = to_numpy(update(values, optimizer.init(values), nothing, *args))
    ranks = set()
    for name, value in zip(names, moved, strict=True):
        role = name.rsplit("/", 1)[-1]
        kept = role in ("bias", "gamma", "beta")
        # 1 - 0.5 · 0.1 · 1
        np.testing.assert_allclose(value, 1.0 if kept else 0.95, rtol=1e-6)
        ranks |= {value.ndim} if role == "bias" else set()
    assert ranks == ({1, 2} if kind == "gru" else {1})
