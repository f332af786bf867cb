import dataclasses
import math

import keras
import numpy as np
import pytest

from nutgraf.errors import ConfigError, DataError, RunError
from nutgraf.models.checkpoint import load_policy
from nutgraf.rl.loop import UpdateLoop
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_policy, weights_of
from nutgraf.training.log import read_metrics
from nutgraf.training.run_state import latest_checkpoint

SETTINGS = RLSettings(
    updates=5, prompts=4, samples=2, length=6, checkpoint_every=2, source_bounds=(32,)
)


class AddOne(UpdateLoop):
    """An update that needs no gradient: every weight grows by 1."""

    def __init__(self, policy, settings=SETTINGS, folder=None, **more):
        super().__init__(policy, settings, settings.prompts, folder, **more)
        self.seen = []

    def update(self, state, draw):
        rows, batch = draw()
        self.seen.append((tuple(row.id for row in rows), batch))
        values = [np.asarray(value) + 1 for value in state.values]
        number = float(state.position["step"])
        return state._replace(values=values), {"reward/mean": number}


class Killed(BaseException):
    """Like KeyboardInterrupt, and no error."""


class Callback(keras.callbacks.Callback):
    def __init__(self, kill_at=None):
        super().__init__()
        self.calls = []
        self.kill_at = kill_at

    def on_train_batch_end(self, step, logs=None):
        self.calls.append((step, dict(logs)))
        if step == self.kill_at:
            raise Killed


def distance(policy, start):
    """How much every weight has grown."""
    change = [
        new - old
        for new, old in zip(weights_of(policy), weights_of(start), strict=True)
    ]
    return min(map(np.min, change)), max(map(np.max, change))


@pytest.fixture(scope="module")
def start(tokenizer):
    return toy_policy(tokenizer)


def test_callbacks_and_watchers_get_the_numbers_of_each_update(policy, rows):
    callback, watched = Callback(), []
    loop = AddOne(policy)
    records = loop.fit(rows, [callback], watch=lambda *call: watched.append(call))
    expected = [(step + 1, {"reward/mean": float(step)}) for step in range(5)]
    assert callback.calls == watched == expected
    assert records == [numbers for _, numbers in expected]


def test_updates_get_their_rows_as_arrays_of_one_length(policy, rows):
    loop = AddOne(policy)
    loop.fit(rows)
    assert len({ids for ids, _ in loop.seen}) == 5
    for ids, batch in loop.seen:
        assert len(set(ids)) == 4
        assert batch.target_ids.shape == batch.target_mask.shape == (4, 6)
        assert batch.source_ids.shape[1] in (32, 48)


def test_the_policy_and_the_folder_get_the_weights(policy, start, rows, tmp_path):
    AddOne(policy, folder=tmp_path).fit(rows)
    assert distance(policy, start) == pytest.approx((5, 5), rel=1e-6)
    saved = load_policy(tmp_path / "last")
    assert distance(saved, policy) == (0, 0)
    assert [record["step"] for record in read_metrics(tmp_path)] == [1, 2, 3, 4, 5]
    assert AddOne(saved, folder=tmp_path).fit(rows) == []  # nothing is left to do


def test_stops_after_the_time_and_goes_on(policy, start, rows, tmp_path):
    first, second = AddOne(policy, folder=tmp_path), AddOne(start, folder=tmp_path)
    assert len(first.fit(rows, stop_after=0.0)) == 1
    assert latest_checkpoint(tmp_path / "checkpoints").name == "step-00000001"
    assert len(second.fit(rows, stop_after=math.inf)) == 4
    whole = AddOne(toy_policy(policy.codec.tokenizer))
    whole.fit(rows)
    ids = [ids for ids, _ in first.seen + second.seen]
    assert ids == [ids for ids, _ in whole.seen]
    assert distance(start, whole.policy) == (0, 0)


def test_control_c_loses_no_update(policy, tokenizer, rows, tmp_path, ctrl_c):
    def press(step, numbers):
        if step == 3:
            ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        AddOne(policy, folder=tmp_path).fit(rows, watch=press)
    assert distance(policy, toy_policy(tokenizer)) == pytest.approx((3, 3), rel=1e-6)
    callback = Callback()
    AddOne(toy_policy(tokenizer), folder=tmp_path).fit(rows, [callback])
    assert [step for step, _ in callback.calls] == [4, 5]


def test_killed_goes_on_from_the_last_checkpoint(tokenizer, rows, tmp_path):
    policy = toy_policy(tokenizer)
    with pytest.raises(Killed):
        AddOne(policy, folder=tmp_path).fit(rows, [Callback(kill_at=3)])
    assert distance(policy, toy_policy(tokenizer)) == pytest.approx((3, 3), rel=1e-6)
    callback = Callback()
    AddOne(toy_policy(tokenizer), folder=tmp_path).fit(rows, [callback])
    assert [step for step, _ in callback.calls] == [3, 4, 5]  # 3 is done again
    assert [record["step"] for record in read_metrics(tmp_path)] == [1, 2, 3, 4, 5]


def test_a_run_is_resumed_as_what_it_was_started(policy, rows, tmp_path):
    AddOne(policy, folder=tmp_path, identity={"beta": 0.1}).fit(rows, stop_after=0.0)
    for identity, told in (
        ({"beta": 0.2}, "with: beta = 0.1. Received: beta = 0.2. Use"),
        ({"algorithm": "B"}, "with: algorithm = 'AddOne'. Received: algorithm = 'B'"),
    ):
        other = AddOne(policy, folder=tmp_path, identity={"beta": 0.1, **identity})
        with pytest.raises(ConfigError, match=told):
            other.fit(rows)
    AddOne(policy, folder=tmp_path, identity={"beta": 0.1}).fit(rows)


def test_samples_longer_than_the_model_writes_are_refused(policy):
    with pytest.raises(ConfigError, match="rl.length must be at most 12"):
        AddOne(policy, dataclasses.replace(SETTINGS, length=13))


def test_needs_as_many_rows_as_prompts(policy, rows):
    with pytest.raises(DataError, match=r"prompts per update \(4\)"):
        AddOne(policy).fit(rows[:3])
    with pytest.raises(NotImplementedError):
        UpdateLoop(policy, SETTINGS, 4).fit(rows)


def test_keras_callbacks_live_as_in_fit(policy, tokenizer, rows, tmp_path):
    """Early stopping ends the run and brings the best weights back; a file is kept."""
    start = toy_policy(tokenizer)
    loop = AddOne(policy, folder=tmp_path / "run")
    stopping = keras.callbacks.EarlyStopping(
        "reward/mean", mode="min", patience=2, restore_best_weights=True
    )
    table = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    records = loop.fit(rows, [stopping, table])
    assert len(records) == 3  # the number rises: the first was the best
    assert distance(policy, start) == pytest.approx((1, 1), rel=1e-6)
    assert distance(load_policy(tmp_path / "run" / "last"), policy) == (0, 0)
    lines = (tmp_path / "log.csv").read_text().split()
    assert lines[0].startswith("epoch,reward/mean") and len(lines) == 4


class Diverging(AddOne):
    def update(self, state, draw):
        draw()
        grads = [np.full_like(value, np.nan) for value in state.values]
        state, _ = self.descend(state, grads)
        return state, {}


def test_a_gradient_that_is_not_finite_ends_the_run(policy, tokenizer, rows, tmp_path):
    with pytest.raises(RunError, match="norm of nan in update 1"):
        Diverging(policy, folder=tmp_path).fit(rows)
    assert distance(policy, toy_policy(tokenizer)) == (0, 0)
    assert not (tmp_path / "last").exists()
