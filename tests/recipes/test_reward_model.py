import json
from dataclasses import replace

import numpy as np
import pytest

from nutgraf.data.pair_groups import group_pairs
from nutgraf.data.pairs import Pair
from nutgraf.models.reward_model import RewardModel, load_reward_model
from nutgraf.recipes.pair_settings import RewardModelSettings
from nutgraf.recipes.reward_model import (
    RewardModelTraining,
    pair_statistics,
    train_reward_model,
)
from nutgraf.rewards.learned import LearnedReward
from nutgraf.rl.pair_arrays import PairTable
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.testing.toys import toy_policy, weights_of
from tests.recipes.test_pair_run import toy_settings
from tests.rl.toy_pairs import toy_pairs

SETTINGS = PairSettings(
    epochs=5, prompts=8, learning_rate=1e-2, warmup=1, checkpoint_every=3
)
TRAIN, VALID = toy_pairs(16), toy_pairs(8, seed=1)


class Killed(Exception):
    pass


def small_model(tokenizer):
    small = {"width": 16, "feed_forward": 32, "decoder_layers": 1}
    return RewardModel(toy_policy(tokenizer, **small))


def comparable(records):
    """Records without times."""
    return [
        {name: value for name, value in one.items() if not name.startswith("time/")}
        for one in records
    ]


@pytest.fixture(scope="module")
def whole(tokenizer, tmp_path_factory):
    """Records, model and folder of a run without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    model = small_model(tokenizer)
    training = RewardModelTraining(model, SETTINGS, folder=folder)
    return training.fit_pairs(TRAIN, VALID), model, folder


def test_it_learns_what_is_preferred(whole):
    records, _, _ = whole
    # log 2 at reward 0 for all texts, whatever the dropout
    assert records[0]["loss/pairs"] == pytest.approx(np.log(2), abs=1e-6)
    assert records[0]["pairs/accuracy"] == 0.5
    assert records[-1]["valid/accuracy"] > 0.9
    assert records[-1]["valid/loss"] < 0.5 and records[-1]["valid/margin"] > 0.5
    assert all(record["train/gradient_norm"] > 0 for record in records)


def test_the_body_learns_with_the_head(whole, tokenizer):
    changed = [
        bool((one != two).any())
        for one, two in zip(
            weights_of(whole[1]), weights_of(small_model(tokenizer)), strict=True
        )
    ]
    assert changed[0] and changed[-2]  # the embeddings, the kernel of the head


def test_resumed_equals_uninterrupted_bit_for_bit(whole, tokenizer, tmp_path):
    def kill(step, record):
        if step == 5:  # after the checkpoint at 3: updates 4 and 5 are done again
            raise Killed

    def training(model):
        return RewardModelTraining(model, SETTINGS, folder=tmp_path)

    with pytest.raises(Killed):
        training(small_model(tokenizer)).fit_pairs(TRAIN, VALID, watch=kill)
    resumed = small_model(tokenizer)
    records = training(resumed).fit_pairs(TRAIN, VALID)
    assert comparable(records) == comparable(whole[0][3:])
    for one, two in zip(weights_of(resumed), weights_of(whole[1]), strict=True):
        np.testing.assert_array_equal(one, two)
    for folder in ("best", "last"):
        models = [load_reward_model(path / folder) for path in (tmp_path, whole[2])]
        for one, two in zip(*map(weights_of, models), strict=True):
            np.testing.assert_array_equal(one, two)


def test_flipped_pairs_teach_the_opposite(whole, tokenizer):
    """The model of the right pairs is wrong on flipped ones, reward for reward."""
    right = LearnedReward(str(whole[2] / "best"), squash=False)
    prompts = [pair.prompt for pair in VALID]
    chosen = right(prompts, [pair.chosen for pair in VALID], [])
    rejected = right(prompts, [pair.rejected for pair in VALID], [])
    wins = np.mean(np.array(chosen) > np.array(rejected))
    assert wins > 0.9
    model = small_model(tokenizer)
    training = RewardModelTraining(model, replace(SETTINGS, epochs=3))
    records = training.fit_pairs(toy_pairs(16, flipped=True), VALID)
    assert records[-1]["valid/accuracy"] < 0.1


def arrays(policy, pairs):
    table = PairTable(group_pairs(pairs), policy.codec)
    batch = policy.codec.batch(table.rows)
    return table.arrays(list(range(len(table))), batch, 3, 8)


def test_loss_accuracy_and_margin_of_all_pairs(policy):
    pairs = [
        Pair("p", "a", "b", 2.0),
        Pair("p", "a", "b", 2.0),
        Pair("p", "b", "c"),
        Pair("q", "a", "b"),
    ]
    scores = np.float32([[1.0, 0.0, 0.0], [-1.0, 2.0, 9.0]])
    given = arrays(policy, pairs)
    found = pair_statistics(scores, given, 0.5, 0.1)
    totals = {name: float(total) for name, (total, _) in found.items()}
    assert {float(count) for _, count in found.values()} == {4.0}
    assert totals["accuracy"] == 2 + 0.5 + 0
    assert totals["margin"] == 2 * 1 + 0 - 3
    # the margin of a over b: 0.5 per point, two points: -log sigmoid(1 - 0 - 1)
    expected = 2 * np.log(2) + np.log(2) + np.log1p(np.exp(3))
    expected += 0.1 * (2 * 1 + 0 + 1)  # (chosen + rejected)^2
    assert totals["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_function_behind_the_command(tmp_path):
    given = toy_settings(RewardModelSettings, tmp_path, max_text=8, texts=4)
    given = replace(given, training=replace(given.training, epochs=6))
    lines = []
    found = train_reward_model(given, lines.append)
    assert found["accuracy"] > 0.9
    assert found["model"] == str(tmp_path / "run" / "best")
    assert lines[-1].startswith(f"finished at update {found['updates']}; model in")
    config = json.loads((tmp_path / "run" / "best" / "config.json").read_text())
    assert config["kind"] == "reward-model" and config["model"]["max_target"] == 8
    (value,) = LearnedReward(found["model"])(["p"], ["red river"], [[]])
    assert 0.5 < value < 1.0
