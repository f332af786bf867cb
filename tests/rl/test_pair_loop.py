import numpy as np
import pytest

from nutgraf.data.pair_groups import group_pairs
from nutgraf.errors import ConfigError, DataError, RunError
from nutgraf.models.checkpoint import load_policy
from nutgraf.rl.pair_loop import PairLoop
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.testing.toys import toy_policy, weights_of
from nutgraf.training.log import read_metrics
from nutgraf.training.run_state import latest_checkpoint
from tests.rl.toy_pairs import toy_pairs

TRAIN, VALID = toy_pairs(14), toy_pairs(6, seed=1)


class Scripted(PairLoop):
    """No gradient: every weight grows by 1, and the accuracies are given."""

    def __init__(self, policy, folder=None, accuracies=(), **settings):
        training = PairSettings(**{"prompts": 4, "checkpoint_every": 2, **settings})
        super().__init__(policy, training, group_pairs, folder)
        self.accuracies = dict(enumerate(accuracies, 1))
        self.seen = []
        self.judgements = []

    def learn(self, state, given):
        self.seen.append(given)
        values = [np.asarray(value) + 1 for value in state.values]
        return state._replace(values=values), {"loss/pairs": 0.5}

    def judged(self, state, given):
        self.judgements.append(given)
        update = state.position["step"] + 1
        return {"valid/accuracy": (self.accuracies.get(update, 0.5), 1.0)}


class Killed(Exception):
    pass


def zero_policy(tokenizer):
    policy = toy_policy(tokenizer, width=16, feed_forward=32, decoder_layers=1)
    for variable in policy.variables:
        variable.assign(np.zeros(variable.shape, "float32"))
    return policy


def grown(policy):
    """By how many updates the weights have grown."""
    return {round(float(value.max())) for value in weights_of(policy)}


def test_passes_are_whole_and_each_ends_with_a_validation(tokenizer):
    loop = Scripted(zero_policy(tokenizer), epochs=3)
    records = loop.fit_pairs(TRAIN, VALID)
    assert len(records) == 9  # 14 prompts are 3 updates of 4
    measured = ["valid/accuracy" in record for record in records]
    assert measured == [False, False, True] * 3
    assert all(record["time/tokens_per_second"] > 0 for record in records)
    assert len({given.actions.shape for given in loop.seen}) == 1
    assert sum(given.wins.sum() for given in loop.judgements) == 3 * len(VALID)


@pytest.mark.parametrize(("every", "expected"), [(2, [2, 4, 6]), (4, [4, 6])])
def test_validations_can_come_more_often(tokenizer, every, expected):
    loop = Scripted(zero_policy(tokenizer), epochs=2, evaluate_every=every)
    records = loop.fit_pairs(TRAIN, VALID)
    steps = [n for n, record in enumerate(records, 1) if "valid/accuracy" in record]
    assert steps == expected  # the last update always


def test_without_held_out_pairs_nothing_is_measured(tokenizer, tmp_path):
    loop = Scripted(zero_policy(tokenizer), tmp_path, epochs=1)
    records = loop.fit_pairs(TRAIN)
    assert len(records) == 3
    assert not any("valid/accuracy" in record for record in records)
    assert not (tmp_path / "best").exists() and (tmp_path / "last").exists()


SCORES = [0.0, 0.0, 0.6, 0.0, 0.0, 0.7, 0.0, 0.0, 0.7, 0.0, 0.0, 0.6]


def test_the_best_model_is_kept_and_the_run_ends_early(tokenizer, tmp_path):
    policy = zero_policy(tokenizer)
    loop = Scripted(policy, tmp_path, SCORES, epochs=9, patience=2)
    assert len(loop.fit_pairs(TRAIN, VALID)) == 12
    assert grown(load_policy(tmp_path / "best")) == {6}
    assert grown(load_policy(tmp_path / "last")) == grown(policy) == {12}
    assert latest_checkpoint(tmp_path / "checkpoints").name == "step-00000012"
    again = Scripted(zero_policy(tokenizer), tmp_path, SCORES, epochs=9, patience=2)
    assert again.fit_pairs(TRAIN, VALID) == []  # it has ended
    assert len(read_metrics(tmp_path)) == 12


def test_patience_is_kept_over_an_interruption(tokenizer, tmp_path):
    def kill(step, record):
        if step == 11:
            raise Killed

    def loop():
        policy = zero_policy(tokenizer)
        return Scripted(policy, tmp_path, SCORES, epochs=9, patience=2)

    with pytest.raises(Killed):
        loop().fit_pairs(TRAIN, VALID, watch=kill)
    assert len(loop().fit_pairs(TRAIN, VALID)) == 2  # 11 and 12
    assert grown(load_policy(tmp_path / "best")) == {6}


def test_a_run_is_not_resumed_with_other_settings(tokenizer, tmp_path):
    Scripted(zero_policy(tokenizer), tmp_path, epochs=1).fit_pairs(TRAIN)
    with pytest.raises(ConfigError, match="resumed with the settings"):
        Scripted(zero_policy(tokenizer), tmp_path, epochs=2).fit_pairs(TRAIN)


def test_preparing_says_what_there_is_to_do(tokenizer):
    loop = Scripted(zero_policy(tokenizer), epochs=2)
    assert loop.prepare(TRAIN) == (6, 0.0, 0.0)
    long = [pair._replace(prompt=pair.prompt * 9) for pair in TRAIN[:7]]
    assert loop.prepare(TRAIN[7:] + long) == (6, 0.5, 0.0)
    with pytest.raises(DataError, match=r"takes, 4. Received: 3. Lower training.pro"):
        loop.prepare(TRAIN[:3])


def test_a_loss_that_is_no_number_stops_the_run(tokenizer, monkeypatch):
    def learn(loop, state, given):
        return state, {"loss/pairs": float("nan")}

    monkeypatch.setattr(Scripted, "learn", learn)
    with pytest.raises(RunError, match="loss/pairs=nan in update 1"):
        Scripted(zero_policy(tokenizer)).fit_pairs(TRAIN)
