import shutil

import numpy as np
import pytest

from nutgraf.errors import ConfigError, RunError
from nutgraf.training.optimizer import OptimizerState
from nutgraf.training.run_state import (
    RunState,
    latest_checkpoint,
    load_state,
    resume,
    save_state,
)

NAMES = ["layer/kernel", "layer/bias"]


def state(step):
    values = [np.full((2, 3), step, "float32"), np.arange(3, dtype="float32")]
    means, squares = ([value * factor for value in values] for factor in (2, 3))
    position = {"step": step, "epoch": 1, "best_loss": None, "finished": False}
    return RunState(values, OptimizerState(np.int32(step), means, squares), position)


def test_a_state_comes_back_bit_for_bit(tmp_path):
    saved = state(7)
    found = load_state(save_state(tmp_path, NAMES, saved), NAMES)
    assert found.position == saved.position
    assert found.optimizer.count == 7 and found.optimizer.count.dtype == np.int32
    for one, two in (
        (found.values, saved.values),
        (found.optimizer.means, saved.optimizer.means),
        (found.optimizer.squares, saved.optimizer.squares),
    ):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == np.float32


def test_the_newest_stay(tmp_path):
    assert latest_checkpoint(tmp_path / "none") is None
    for step in (9, 100, 2000):
        save_state(tmp_path, NAMES, state(step), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-00000100",
        "step-00002000",
    ]
    assert latest_checkpoint(tmp_path).name == "step-00002000"


def test_half_a_checkpoint_is_never_taken(tmp_path):
    good = save_state(tmp_path, NAMES, state(5))
    shutil.copytree(good, tmp_path / ".step-00000009.77.part")  # killed before renaming
    (tmp_path / "step-00000008").mkdir()  # no state in it
    shutil.copy(good / "arrays.safetensors", tmp_path / "step-00000008")
    assert latest_checkpoint(tmp_path) == good


@pytest.mark.parametrize("name", ["state.json", "arrays.safetensors"])
def test_a_torn_checkpoint_is_named(tmp_path, name):
    folder = save_state(tmp_path, NAMES, state(5))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match=r"step-00000005 must be a checkpoint"):
        load_state(folder, NAMES)


def test_a_run_is_resumed_with_its_settings_only(tmp_path):
    assert resume(tmp_path, NAMES, {"rate": 1.0}) is None
    started = state(5)
    started.position["settings"] = {"rate": 1.0, "seed": 3}
    save_state(tmp_path / "checkpoints", NAMES, started)
    found = resume(tmp_path, NAMES, {"rate": 1.0, "seed": 3})
    assert found.position["step"] == 5
    with pytest.raises(ConfigError, match="with: rate = 1.0. Received: rate = 2.0."):
        resume(tmp_path, NAMES, {"rate": 2.0, "seed": 3})
    assert resume(tmp_path, NAMES, {"rate": 1.0, "other": 2}).position["step"] == 5


def test_the_checkpoint_of_another_model_is_named(tmp_path):
    folder = save_state(tmp_path, NAMES, state(5))
    with pytest.raises(RunError, match="other/kernel"):
        load_state(folder, ["other/kernel", "layer/bias"])
