import json
from dataclasses import replace

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.data.pair_groups import group_pairs
from nutgraf.data.pairs import Pair
from nutgraf.models.checkpoint import save_policy
from nutgraf.models.reward_model import RewardModel, load_reward_model
from nutgraf.objectives.reward_model import pairwise_loss
from nutgraf.recipes.continued import ContinuedSupervised
from nutgraf.recipes.improve import improve
from nutgraf.recipes.pair_settings import RewardModelSettings
from nutgraf.recipes.reward_model import (
    RewardModelTraining,
    pair_statistics,
    train_reward_model,
)
from nutgraf.recipes.settings import RewardSettings
from nutgraf.rewards.learned import LearnedReward
from nutgraf.rl.pair_arrays import PairTable
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from nutgraf.training.log import read_metrics
from tests.recipes.test_improve import toy_run
from tests.recipes.test_pair_run import toy_settings
from tests.rl.toy_pairs import BAD, GOOD, toy_pairs

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


def accuracy_after_training(tokenizer, pairs=TRAIN):
    training = RewardModelTraining(small_model(tokenizer), replace(SETTINGS, epochs=3))
    return training.fit_pairs(pairs, VALID)[-1]["valid/accuracy"]


def test_flipped_pairs_teach_the_opposite(tokenizer):
    assert accuracy_after_training(tokenizer, toy_pairs(16, flipped=True)) < 0.1


def flipped_loss(chosen, rejected, margin):
    return pairwise_loss(rejected, chosen, margin=margin)


def no_loss(chosen, rejected, margin):
    return 0.0 * pairwise_loss(chosen, rejected, margin=margin)


@pytest.mark.parametrize(("loss", "most"), [(flipped_loss, 0.1), (no_loss, 0.5)])
def test_mutants_do_not_learn(tokenizer, monkeypatch, loss, most):
    """Right pairs and the wrong loss: the reward is upside down, or nothing."""
    monkeypatch.setattr("nutgraf.recipes.reward_model.pairwise_loss", loss)
    assert accuracy_after_training(tokenizer) <= most


def test_the_reward_of_the_folder_orders_texts_as_the_pairs_do(whole):
    reward = LearnedReward(str(whole[2] / "best"), squash=False)
    prompts = [pair.prompt for pair in VALID]
    chosen = reward(prompts, [pair.chosen for pair in VALID], [])
    rejected = reward(prompts, [pair.rejected for pair in VALID], [])
    assert np.mean(np.array(chosen) > np.array(rejected)) > 0.9


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


def learned(tokenizer, pairs=TRAIN, level=0.0, **options):
    """The rewards of better and worse held-out texts after a training."""
    model = small_model(tokenizer)
    model.variables[-1].assign(level)  # the bias
    longer = replace(SETTINGS, epochs=15)
    RewardModelTraining(model, longer, dropout=0.0, **options).fit_pairs(pairs)
    given = arrays(model, VALID)
    scores = to_numpy(model.scores(weights_of(model), *given[:3]))
    return scores[:, 0], scores[:, 1]


def test_the_settings_reach_the_training(tokenizer, tmp_path, monkeypatch):
    seen = {}

    def training(model, settings, **options):
        seen.update(options, training=settings, window=model.codec.max_target)

    def build_only(settings, build, *given):
        return build(toy_policy(tokenizer), tmp_path)

    monkeypatch.setattr("nutgraf.recipes.reward_model.RewardModelTraining", training)
    monkeypatch.setattr("nutgraf.recipes.reward_model.run_pairs", build_only)
    options = {"margin_weight": 2.0, "centring_weight": 0.5, "dropout": 0.3, "texts": 7}
    given = RewardModelSettings("pairs", max_text=24, training=SETTINGS, **options)
    train_reward_model(given)
    assert seen == {**options, "training": SETTINGS, "window": 24, "folder": tmp_path}


def test_a_margin_drives_rewards_apart(tokenizer):
    """One opinion in three is the other way round, or the gap grew without end.

    2 sigmoid(margin - gap) = sigmoid(gap): gap log 2 without a margin, 3.05 with 3.
    """
    sure = [pair._replace(margin=3.0) for pair in TRAIN]
    unsure = [
        Pair(pair.prompt, chosen=pair.rejected, rejected=pair.chosen) for pair in TRAIN
    ]
    for weight, gap in ((0.0, np.log(2)), (1.0, 3.05)):
        found = learned(tokenizer, [*sure, *sure, *unsure], margin_weight=weight)
        assert abs(np.mean(np.subtract(*found)) - gap) < 0.5


def test_the_penalty_holds_rewards_around_zero(tokenizer):
    """A level that the start has is kept without the penalty and taken with it."""
    levels = {}
    for weight in (0.0, 1.0):
        chosen, rejected = learned(tokenizer, centring_weight=weight, level=3.0)
        assert np.mean(chosen > rejected) > 0.8
        levels[weight] = abs(np.mean(chosen + rejected)) / 2
    assert levels[0.0] > 2.0
    assert levels[1.0] < 0.5


def words_of(folder):
    """A file with a function that counts words of better and of worse texts."""
    file = folder / "words.py"
    file.write_text(
        "def good(completions):\n"
        f"    value = dict.fromkeys({GOOD}, 1) | dict.fromkeys({BAD}, -1)\n"
        "    texts = [text.split() for text in completions]\n"
        "    return [sum(value.get(word, 0) for word in text) / max(1, len(text))\n"
        "            for text in texts]\n"
    )
    return file


def test_a_policy_learns_what_the_model_prefers(tokenizer, tmp_path):
    """RL for the learned reward, from a policy that writes texts of both kinds."""
    training = RewardModelTraining(
        small_model(tokenizer), replace(SETTINGS, epochs=15), folder=tmp_path / "judge"
    )
    training.fit_pairs(toy_pairs(64), VALID)
    settings = toy_run(tmp_path)
    rl = replace(settings.rl, updates=25, prompts=8, samples=8, learning_rate=5e-3)
    start = toy_policy(tokenizer, width=16, feed_forward=32, decoder_layers=1)
    rows = [
        row._replace(references=(text,))
        for pair, row in zip(TRAIN, toy_rows(len(TRAIN)), strict=True)
        for text in (pair.chosen, pair.rejected)
    ]
    ContinuedSupervised(start, replace(rl, prompts=4, updates=200)).fit(rows)
    save_policy(tmp_path / "shown", start)
    parts = f"learned:{tmp_path / 'judge' / 'best'}=1", f"{words_of(tmp_path)}:good=0"
    improve(
        replace(
            settings,
            start=str(tmp_path / "shown"),
            reward=RewardSettings(parts=parts),
            rl=replace(rl, learning_rate=2e-3, kl_weight=0.3),
        )
    )
    records = read_metrics(tmp_path / "run")
    for name, gain in (("reward/learned", 0.0), ("reward/good", 0.3)):
        values = [record[name] for record in records]
        assert np.mean(values[-5:]) > np.mean(values[:2]) + gain, name


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
    reward = LearnedReward(found["model"])
    good = reward([pair.prompt for pair in TRAIN], ["red river"] * 16, [])
    bad = reward([pair.prompt for pair in TRAIN], ["old house"] * 16, [])
    assert 0.0 < np.mean(bad) < np.mean(good) < 1.0
