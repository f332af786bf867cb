"""The loop alone, around one weight: which batches, which update, which best model.

What a policy makes of it is tested in test_supervised.py and test_language.py.
"""

import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import RunError
from nutgraf.training import epochs
from nutgraf.training.epochs import EpochLoop
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import TrainingSettings


class Quadratic(EpochLoop):
    """Learns the mean of numbers: half the squared distance, as (sum, count)."""

    def batches(self, epoch):
        order = np.random.default_rng(epoch).permutation(8)
        return [order[start : start + 2] for start in range(0, 8, 2)]

    def gradient(self, values, plan, seed):
        apart = to_numpy(values[0]) - plan.astype("float32")
        self.seeds.append(int(seed))
        return [np.float32(apart.sum())], np.sum(apart**2) / 2, np.float32(len(plan))

    def validate(self, values):
        self.seen.append(float(to_numpy(values[0])))
        return {"valid/loss": self.losses.pop(0)} if self.losses else {}


@pytest.fixture
def loop(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(
        epochs, "save_policy", lambda folder, policy: saved.append(folder.name)
    )

    def made(losses=(), **changes):
        weight = keras.Variable(np.float32(0.0), name="w")
        settings = {"epochs": 3, "learning_rate": 0.5, "warmup": 0, "seed": 7}
        settings = TrainingSettings(**{**settings, "weight_decay": 0.0, **changes})
        found = Quadratic(SimpleNamespace(variables=[weight]), settings, tmp_path)
        found.losses, found.seeds, found.seen, found.saved = list(losses), [], [], saved
        return found

    return made


def test_the_mean_is_learned_and_every_batch_has_a_seed_of_its_own(loop, tmp_path):
    trainer = loop(accumulate=2, epochs=20)
    position = trainer.run()
    assert trainer.updates == position["step"] == 40 and position["tokens"] == 160
    assert float(to_numpy(trainer.policy.variables[0].value)) == pytest.approx(
        3.5, 0.1
    )  # the rate falls before it is reached
    assert len(set(trainer.seeds)) == len(trainer.seeds) == 80
    records = read_metrics(tmp_path)
    losses = [record["train/loss"] for record in records if "train/loss" in record]
    assert np.mean(losses[:2]) > 2 * np.mean(losses[-2:])  # two updates an epoch


def test_a_stopped_run_goes_on_bit_for_bit(loop, tmp_path):
    whole = loop()
    whole.run()
    (tmp_path / "metrics.jsonl").unlink()
    for checkpoint in (tmp_path / "checkpoints").iterdir():
        checkpoint.rename(tmp_path / checkpoint.name)
    seeds = []
    while True:
        part = loop()
        position = part.run(stop_after=0.0)
        seeds += part.seeds
        if position["finished"]:
            break
    assert seeds == whole.seeds
    values = [to_numpy(trainer.policy.variables[0].value) for trainer in (whole, part)]
    assert values[0] == values[1]


def test_the_lowest_loss_is_the_best_model_and_patience_ends(loop):
    trainer = loop([3.0, 1.0, 2.0, 2.5, 0.0], epochs=9, patience=2)
    position = trainer.run()
    assert (position["best_loss"], position["best_step"]) == (1.0, 8)
    assert position["finished"] and position["step"] == 16
    assert trainer.saved == ["best", "best", "last"]


def test_the_last_update_is_always_measured(loop):
    """Four updates an epoch: not at the end of the first, but at the end of all."""
    trainer = loop([2.0, 1.0], epochs=2, evaluate_every=5)
    position = trainer.run()
    assert (position["best_loss"], position["best_step"]) == (1.0, 8)
    assert trainer.saved == ["best", "best", "last"]
    seldom = loop([3.0, 9.0], epochs=2, evaluate_every=1000)
    shutil.rmtree(seldom.folder / "checkpoints")
    assert seldom.run()["best_loss"] == 3.0
    exact = loop([3.0, 2.0, 1.0], epochs=2, evaluate_every=4)
    shutil.rmtree(exact.folder / "checkpoints")
    exact.run()
    assert exact.losses == [1.0]  # the last update is measured once


def test_without_validation_the_newest_model_is_the_best(loop):
    trainer = loop()
    position = trainer.run()
    assert position["best_loss"] is None
    assert trainer.saved == ["best"] * 3 + ["last"]


def test_a_loss_that_is_not_finite_ends_the_run(loop):
    trainer = loop()
    trainer.gradient = lambda *_: ([np.float32("nan")], np.float32(1), np.float32(1))
    with pytest.raises(RunError, match="The loss must stay finite.*norm nan in update"):
        trainer.run()
