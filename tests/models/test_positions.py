"""Learned and rotary positions of the encoder-decoder."""

import numpy as np
import pytest

from nutgraf.arrays import EOS, PAD
from nutgraf.backend import to_numpy
from nutgraf.layers.positions import Positions, sinusoidal_positions
from nutgraf.models.checkpoint import load_policy, save_policy
from nutgraf.testing.policies import check_policy
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of

pytestmark = pytest.mark.backend

SHAPE = (3, 2, 6)  # prompts, samples, actions


@pytest.fixture(scope="module")
def rows():
    return toy_rows(3)


@pytest.fixture(scope="module")
def actions():
    drawn = np.random.default_rng(0).integers(EOS, 300, SHAPE)
    return drawn.astype("int32")


def scored(policy, batch, actions):
    memory = policy.encode(batch)
    hidden = policy.hidden(memory, actions)
    return to_numpy(policy.score(memory, hidden, actions).log_probs)


def close(one, two):
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("positions", "copy"), [("learned", True), ("rotary", False)])
def test_sampling_and_rl_can_rely_on_them(tokenizer, rows, positions, copy):
    sizes = {"width": 16, "feed_forward": 32, "decoder_layers": 1}
    check_policy(toy_policy(tokenizer, positions=positions, copy=copy, **sizes), rows)


def test_learned_tables_with_sinusoidal_numbers_give_the_sinusoidal_model(
    tokenizer, rows, actions
):
    fixed = toy_policy(tokenizer)
    learned = toy_policy(tokenizer, positions="learned")
    values = {v.path: v for v in fixed.variables}
    tables = {}
    for variable in learned.variables:
        if variable.path in values:
            variable.assign(values[variable.path])
        else:
            tables[variable.path.split("/")[-2]] = variable
    assert set(tables) == {"source_positions", "target_positions"}
    for table in tables.values():
        table.assign(sinusoidal_positions(*table.shape))
    batch = fixed.codec.batch(rows)
    close(scored(learned, batch, actions), scored(fixed, batch, actions))
    # what source and target add is their own
    for name in ("source_positions", "target_positions"):
        before = scored(learned, batch, actions)
        tables[name].assign(0.5 * tables[name])
        assert abs(scored(learned, batch, actions) - before).max() > 0.01


def test_shifting_all_rotary_positions_changes_nothing(
    tokenizer, rows, actions, monkeypatch
):
    policy = toy_policy(tokenizer, positions="rotary")
    batch = policy.codec.batch(rows)
    before = scored(policy, batch, actions)
    rotation = Positions.rotation
    monkeypatch.setattr(
        Positions, "rotation", lambda self, at: rotation(self, at + np.int32(7))
    )
    close(scored(policy, batch, actions), before)
    monkeypatch.setattr(
        Positions, "rotation", lambda self, at: rotation(self, at * np.int32(2))
    )
    assert abs(scored(policy, batch, actions) - before).max() > 0.01


def test_left_padding_is_right_padding_where_positions_are_rotary(
    tokenizer, rows, actions
):
    policy = toy_policy(tokenizer, positions="rotary")
    right = policy.codec.batch(rows, source_length=48)
    space = 48 - right.source_mask.sum(1)
    assert space.min() > 0
    ids = np.stack(
        [np.roll(r, s) for r, s in zip(right.source_ids, space, strict=True)]
    )
    left = right._replace(source_ids=ids, source_mask=ids != PAD)
    assert left.source_mask[:, -1].all()
    close(scored(policy, left, actions), scored(policy, right, actions))


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_the_order_of_the_source_counts(tokenizer, rows, actions, positions):
    policy = toy_policy(tokenizer, positions=positions, copy=False)
    batch = policy.codec.batch(rows, source_length=32)
    ids = batch.source_ids.copy()
    for row, mask in zip(ids, batch.source_mask, strict=True):
        row[mask] = row[mask][::-1]
    turned = batch._replace(source_ids=ids)
    apart = scored(policy, turned, actions) - scored(policy, batch, actions)
    assert abs(apart).max() > 0.01


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_a_saved_model_is_the_model(tokenizer, rows, actions, positions, tmp_path):
    policy = toy_policy(tokenizer, positions=positions)
    save_policy(tmp_path, policy)
    again = load_policy(tmp_path)
    assert again.model.config == policy.model.config
    for one, two in zip(weights_of(again), weights_of(policy), strict=True):
        np.testing.assert_array_equal(one, two)
    batch = policy.codec.batch(rows)
    close(scored(again, batch, actions), scored(policy, batch, actions))
