"""The loop of supervised training; most tests share one policy and compiled steps."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from nutgraf.errors import ConfigError, RunError
from nutgraf.models.checkpoint import load_policy
from nutgraf.testing.toys import toy_policy, weights_of
from nutgraf.training.log import MetricsLog, read_metrics
from nutgraf.training.run_state import latest_checkpoint
from nutgraf.training.settings import SupervisedSettings
from nutgraf.training.supervised import SupervisedTrainer

SETTINGS = {
    "epochs": 2,
    "learning_rate": 5e-3,
    "warmup": 3,
    "accumulate": 2,
    "checkpoint_every": 3,
    "seed": 1,
}
COMPILED = ("_gradient", "_add", "_apply", "_evaluate")


@pytest.fixture(scope="module")
def make(tokenizer, shapes):
    """Return a function that makes a trainer at the start of a run in a folder."""
    policy = toy_policy(tokenizer, decoder_layers=1)
    start, compiled = weights_of(policy), {}

    def made(folder, sample_metrics=None, **changes):
        for variable, value in zip(policy.variables, start, strict=True):
            variable.assign(value)
        settings = SupervisedSettings(**{**SETTINGS, **changes})
        trainer = SupervisedTrainer(policy, settings, folder, shapes, sample_metrics)
        for name in COMPILED:  # they are the same for all these settings
            setattr(trainer, name, compiled.setdefault(name, getattr(trainer, name)))
        return trainer

    return made


@pytest.fixture(scope="module")
def whole(make, cache, tmp_path_factory):
    """Folder and position of the run that is never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, make(folder).fit(cache, cache)


def records(folder):
    return [
        {key: value for key, value in record.items() if not key.startswith("time/")}
        for record in read_metrics(folder)
    ]


def same(one, two):
    """Whether two runs logged and ended the same, bit for bit."""
    assert records(one) == records(two)
    for name in ("best", "last"):
        pairs = zip(
            *(weights_of(load_policy(folder / name)) for folder in (one, two)),
            strict=True,
        )
        assert all(np.array_equal(a, b) for a, b in pairs), name


def test_the_loss_falls_and_every_update_is_recorded(whole):
    folder, position = whole
    losses = [r["train/loss"] for r in records(folder) if "train/loss" in r]
    assert len(losses) == position["step"] == 10
    assert np.mean(losses[-3:]) < 0.75 * losses[0]
    valid = [r["valid/loss"] for r in records(folder) if "valid/loss" in r]
    assert len(valid) == 2
    assert position["best_loss"] == min(valid)
    assert position["finished"] and position["epoch"] == 2
    assert position["tokens"] > 0


def test_tensorboard_events_are_written(whole):
    pytest.importorskip("tensorboard")
    assert list((whole[0] / "tensorboard").glob("events.out.tfevents.*"))


def test_stopped_after_each_update_equals_uninterrupted(whole, make, cache, tmp_path):
    parts = 0
    while not make(tmp_path).fit(cache, cache, stop_after=0.0)["finished"]:
        parts += 1
    assert parts == 9
    same(tmp_path, whole[0])


def test_a_finished_run_stays_as_it_is(whole, make, cache):
    before = records(whole[0])
    trainer = make(whole[0])
    assert trainer.fit(cache, cache) == whole[1]
    assert records(whole[0]) == before
    for one, two in zip(
        weights_of(trainer.policy),
        weights_of(load_policy(whole[0] / "last")),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


def test_control_c_loses_no_update(whole, make, cache, tmp_path, monkeypatch, ctrl_c):
    write = MetricsLog.write

    def press(log, step, values):
        write(log, step, values)
        if step == 2:
            ctrl_c()

    monkeypatch.setattr(MetricsLog, "write", press)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path).fit(cache, cache)
    monkeypatch.undo()
    assert latest_checkpoint(tmp_path / "checkpoints").name == "step-00000002"
    make(tmp_path).fit(cache, cache)
    same(tmp_path, whole[0])


def test_an_interrupt_keeps_the_checkpoint_and_the_run_goes_on(
    whole, make, cache, tmp_path
):
    seen = []

    def interrupted(policy):
        seen.append(policy)
        if len(seen) == 2:  # in the second epoch's validation, before its record
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, interrupted).fit(cache, cache)
    assert latest_checkpoint(tmp_path / "checkpoints") is not None
    assert not (tmp_path / "last").exists()
    make(tmp_path).fit(cache, cache)
    same(tmp_path, whole[0])


KILLED = """
import json, os, signal, sys
from pathlib import Path
from nutgraf.data.batches import choose_shapes
from nutgraf.data.cache import build_cache
from nutgraf.testing.toys import toy_policy, toy_tokenizer
from nutgraf.training.log import MetricsLog
from nutgraf.training.settings import SupervisedSettings
from nutgraf.training.supervised import SupervisedTrainer

folder, cache_folder, settings = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
tokenizer = toy_tokenizer()
cache = build_cache([], tokenizer, cache_folder, 48, 12, "toy")
shapes = choose_shapes(cache.source_lengths, cache.target_lengths, 48, 12, 250, 1)
write = MetricsLog.write

def killed(log, step, values):
    write(log, step, values)
    if step == 5:  # 3 is saved; 4 and 5 are lost
        os.kill(os.getpid(), signal.SIGKILL)

MetricsLog.write = killed
settings = SupervisedSettings(**json.loads(settings))
policy = toy_policy(tokenizer, decoder_layers=1)
SupervisedTrainer(policy, settings, folder, shapes).fit(cache, cache)
"""


def test_killed_in_another_process_and_resumed_here(whole, make, cache, tmp_path):
    command = [sys.executable, "-c", KILLED, tmp_path, cache.folder.parent]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [*map(str, command), json.dumps(SETTINGS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert latest_checkpoint(tmp_path / "checkpoints").name == "step-00000003"
    assert records(tmp_path)[-1]["step"] == 5
    make(tmp_path).fit(cache, cache)
    same(tmp_path, whole[0])


def test_other_settings_do_not_resume(whole, make, cache):
    with pytest.raises(ConfigError, match="resumed with the settings it was started"):
        make(whole[0], learning_rate=1e-3).fit(cache, cache)


def test_stops_early_and_keeps_best_and_last(make, cache, tmp_path):
    """A learning rate that ruins the model: only the first validation is the best."""
    trainer = make(tmp_path, learning_rate=0.5, warmup=8, evaluate_every=1, patience=2)
    position = trainer.fit(cache, cache)
    losses = [r["valid/loss"] for r in records(tmp_path) if "valid/loss" in r]
    assert position["finished"] and position["step"] < 10
    assert len(losses) == position["step"]
    assert np.argmin(losses) == len(losses) - 3
    assert position["best_step"] == np.argmin(losses) + 1
    for name, expected in (("best", min(losses)), ("last", losses[-1])):
        values = weights_of(load_policy(tmp_path / name))
        assert trainer.validation_loss(values, cache) == expected


def test_without_validation_rows_best_is_the_last(make, cache, tmp_path):
    position = make(tmp_path, epochs=1).fit(cache)
    assert position["best_loss"] is None
    best, last = (weights_of(load_policy(tmp_path / n)) for n in ("best", "last"))
    assert all(np.array_equal(a, b) for a, b in zip(best, last, strict=True))


def test_keras_callbacks_see_numbers_and_current_weights(make, cache, tmp_path):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, logs, [w.numpy() for w in self.model.weights[:1]]))

    trainer = make(tmp_path, lambda policy: {"valid/rouge1": 7.0})
    written = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    trainer.fit(cache, cache, [Watch(), written])
    assert len(seen) == 2
    assert all(
        set(logs) == {"valid/loss", "valid/perplexity", "valid/rouge1"}
        for _, logs, _ in seen
    )
    assert not np.array_equal(seen[0][2], seen[1][2])
    np.testing.assert_array_equal(seen[1][2][0], weights_of(trainer.policy)[0])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3


def test_a_loss_that_is_no_number_stops_the_run(make, cache, tmp_path):
    trainer = make(tmp_path)
    trainer.policy.variables[0].assign(trainer.policy.variables[0] * np.nan)
    with pytest.raises(RunError, match="The loss must stay finite. Received: nan"):
        trainer.fit(cache, cache)
    assert latest_checkpoint(tmp_path / "checkpoints") is None
