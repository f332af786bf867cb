from dataclasses import replace

import numpy as np
import pytest

from nutgraf.arrays import Processors
from nutgraf.backend import to_numpy
from nutgraf.data.pair_groups import single_groups
from nutgraf.data.pairs import Pair
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.models.build import new_policy
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.dpo import preference_algorithm
from nutgraf.recipes.pair_settings import PreferSettings
from nutgraf.recipes.preferences import PreferenceTraining, prefer
from nutgraf.rl.algorithm import Experience
from nutgraf.rl.learner import scorer
from nutgraf.rl.pair_arrays import PairTable
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.testing.toys import toy_policy, weights_of
from nutgraf.training.step import evaluation_step
from tests.recipes.test_pair_run import toy_settings
from tests.recipes.test_reward_model import comparable
from tests.rl.toy_pairs import toy_pairs

SETTINGS = PairSettings(
    epochs=3, prompts=8, learning_rate=5e-3, warmup=1, checkpoint_every=2
)
TRAIN, VALID = toy_pairs(16), toy_pairs(8, seed=1)


class Killed(Exception):
    pass


def small_policy(tokenizer):
    return toy_policy(tokenizer, width=16, feed_forward=32, decoder_layers=1)


@pytest.fixture(scope="module")
def whole(tokenizer, tmp_path_factory):
    """Records, policy and folder of a run without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    policy = small_policy(tokenizer)
    training = PreferenceTraining(policy, SETTINGS, folder=folder)
    return training.fit_pairs(TRAIN, VALID), policy, folder


def advance(tokenizer, policy):
    """Mean log-prob of preferred texts minus that of the others, against the start."""
    training = PreferenceTraining(small_policy(tokenizer), SETTINGS)
    training.prepare(TRAIN, VALID)
    state = training._first_state()._replace(values=weights_of(policy))
    return training.validate(state)["valid/margin"]


def test_it_starts_where_policy_and_reference_agree(whole):
    first = whole[0][0]
    assert first["loss/pairs"] == pytest.approx(np.log(2), abs=1e-6)
    assert first["pairs/accuracy"] == 0.5  # all are ties
    assert first["pairs/margin"] == first["pairs/chosen"] == 0.0
    assert first["train/gradient_norm"] > 0


def test_it_learns_to_prefer(whole, tokenizer):
    last = whole[0][-1]
    assert last["valid/accuracy"] == 1.0
    assert last["valid/loss"] < 0.5
    assert last["valid/margin"] == pytest.approx(
        last["valid/chosen"] - last["valid/rejected"], rel=1e-4
    )
    assert last["valid/margin"] == pytest.approx(advance(tokenizer, whole[1]), rel=1e-4)
    measured = [one["valid/kl_to_start"] for one in whole[0] if "valid/loss" in one]
    assert 0 < measured[0] < measured[-1] < 10


def test_flipped_pairs_teach_the_opposite(tokenizer):
    policy = small_policy(tokenizer)
    PreferenceTraining(policy, SETTINGS).fit_pairs(toy_pairs(16, flipped=True))
    assert advance(tokenizer, policy) < -0.5


def test_ipo_stops_at_its_margin(tokenizer):
    training = PreferenceTraining(
        small_policy(tokenizer), replace(SETTINGS, epochs=6), loss="ipo", beta=1.0
    )
    records = training.fit_pairs(TRAIN, VALID)
    assert records[0]["loss/pairs"] == pytest.approx(0.25, abs=1e-6)  # (0 - 1/2)^2
    assert records[-1]["valid/accuracy"] >= 0.75
    # the target is 1 / (2 beta) = 0.5 nats per token; beta 1 makes rewards of nats
    assert records[-1]["pairs/margin"] == pytest.approx(0.5, abs=0.15)  # few updates


def test_resumed_equals_uninterrupted_bit_for_bit(whole, tokenizer, tmp_path):
    def kill(step, record):
        if step == 3:  # after the checkpoint at 2: update 3 is done again
            raise Killed

    def training(policy):
        return PreferenceTraining(policy, SETTINGS, folder=tmp_path)

    with pytest.raises(Killed):
        training(small_policy(tokenizer)).fit_pairs(TRAIN, VALID, watch=kill)
    resumed = small_policy(tokenizer)
    records = training(resumed).fit_pairs(TRAIN, VALID)
    assert comparable(records) == comparable(whole[0][2:])
    for one, two in zip(weights_of(resumed), weights_of(whole[1]), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("architecture", ["encoder-decoder", "decoder-only"])
def test_given_texts_have_the_log_probs_of_references(tokenizer, architecture):
    """Scored side by side as pairs, or one by one as in supervised training."""
    sizes = {"max_source": 48, "max_target": 12, "architecture": architecture}
    policy = new_policy(tokenizer, "tiny", **sizes)
    values = weights_of(policy)
    pairs = [
        *toy_pairs(2),
        Pair("the red house", "a" * 40, ""),
    ]  # one is cut, one empty
    table = PairTable(single_groups(pairs), policy.codec)
    given = table.arrays([0, 1, 2], policy.codec.batch(table.rows), 2, 12)
    zeros = np.zeros(given.mask.shape, "float32")
    experience = Experience(given.batch, given.actions, given.mask, *[zeros] * 3)
    scored = to_numpy(scorer(policy, Processors())(values, experience))
    found = np.where(given.mask, scored, 0.0).sum(axis=-1)
    alone = evaluation_step(policy)
    for number, pair in enumerate(pairs):
        for place, text in enumerate((pair.chosen, pair.rejected)):
            row = Row("0", pair.prompt, (text,))
            nll, count = to_numpy(alone(values, policy.codec.batch([row])))
            assert count == given.mask[number, place].sum()
            np.testing.assert_allclose(found[number, place], -nll, rtol=1e-4)


@pytest.mark.parametrize(("loss", "smoothing"), [("dpo", 0.2), ("ipo", 0.0)])
def test_the_held_out_loss_is_the_one_that_is_trained(policy, loss, smoothing):
    random = np.random.default_rng(0)
    now, ref = -random.exponential(size=(2, 4, 2, 5)).astype("float32")
    mask = random.random((4, 2, 5)) < 0.7
    mask[..., 0] = True
    signs = np.broadcast_to(np.float32([[1.0], [-1.0]]), mask.shape)
    given = Experience(None, np.zeros(mask.shape, "int32"), mask, now, ref, signs)
    options = {"loss": loss, "beta": 0.3, "label_smoothing": smoothing}
    found = PreferenceTraining(policy, **options)._losses(given)
    tokens = to_numpy(preference_algorithm(**options).token_loss(now, given))
    np.testing.assert_allclose(tokens[:, 0, 0], found, rtol=1e-5)  # each token has it


def test_wrong_losses_are_refused(policy):
    with pytest.raises(ConfigError, match="Received: loss='kto'"):
        PreferenceTraining(policy, loss="kto")


def test_the_function_behind_the_command(tmp_path):
    given = toy_settings(PreferSettings, tmp_path, beta=0.2)
    lines = []
    found = prefer(given, lines.append)
    assert found["accuracy"] == 1.0
    assert "accuracy on held-out pairs 100.0%" in lines[-1]
    assert load_policy(found["model"]).codec.max_target == 12
