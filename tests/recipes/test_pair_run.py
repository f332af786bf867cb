import dataclasses
import json
from pathlib import Path

import keras
import pytest

from nutgraf.data.pairs import split_pairs
from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.models.checkpoint import save_policy
from nutgraf.recipes.pair_run import line_of, run_pairs
from nutgraf.recipes.pair_settings import PreferSettings, RewardModelSettings
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.testing.toys import toy_policy
from tests.rl.test_pair_loop import Scripted
from tests.rl.toy_pairs import toy_pairs

SCORES = [0.6, 0.7, 0.8]


def write_pairs(path, pairs):
    lines = [
        {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}
        for pair in pairs
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def toy_settings(kind, folder, **changes):
    """Settings of a run that takes seconds, with its pairs and its start."""
    small = {"width": 16, "feed_forward": 32, "decoder_layers": 1}
    save_policy(folder / "start", toy_policy(**small))
    training = PairSettings(
        epochs=3, prompts=8, learning_rate=1e-2, warmup=1, checkpoint_every=1
    )
    return kind(
        write_pairs(folder / "pairs.jsonl", toy_pairs(24)),
        start=str(folder / "start"),
        out=str(folder / "run"),
        folds=4,
        training=training,
        **changes,
    )


def scripted(policy, folder):
    training = {"epochs": 3, "prompts": 8, "evaluate_every": 2, "checkpoint_every": 1}
    return Scripted(policy, folder, SCORES, **training)


def stopped(policy, folder):
    return Scripted(policy, folder, [0.6] * 9, epochs=9, prompts=8, patience=1)


@pytest.fixture
def settings(tmp_path):
    return toy_settings(RewardModelSettings, tmp_path)


def test_a_run_says_what_it_does_and_what_came_of_it(settings, tmp_path):
    lines = []
    found = run_pairs(settings, scripted, lines.append)
    # 24 prompts in 4 folds by their hash: one of them is held out
    train, held = map(len, split_pairs(toy_pairs(24), 0, 4))
    assert train + held == 24 and held > 0
    assert lines[0] == (
        f"{train} pairs of {train} prompts; {held} of {held} held out; 6 updates"
    )
    best = tmp_path / "run" / "best"
    assert found == {"updates": 6, "accuracy": 0.7, "model": str(best)}
    assert lines[-1] == (
        f"finished at update 6; model in {best}; accuracy on held-out pairs 70.0%"
    )
    card = json.loads((tmp_path / "run" / "run.json").read_text())
    assert card["held_out_pairs"] == held and card["settings"]["folds"] == 4
    assert run_pairs(settings, scripted, lines.append) == found
    assert lines[-1].startswith("nothing was left to do")


def test_an_interrupted_run_goes_on(settings):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, step, logs=None):
            if step == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_pairs(settings, scripted, callbacks=[Stop()])
    lines = []
    assert run_pairs(settings, scripted, lines.append)["updates"] == 6
    assert "goes on after update 2 of 6" in lines


def test_a_run_that_no_longer_gains_ends_early(settings):
    lines = []
    found = run_pairs(settings, stopped, lines.append)
    assert found["updates"] == 4 and found["accuracy"] == 0.6
    assert lines[-1].startswith("finished, before the end, at update 4; model in")


def test_a_run_can_be_stopped_by_the_clock(settings):
    lines = []
    short = dataclasses.replace(settings, max_minutes=1e-9)
    assert run_pairs(short, scripted, lines.append)["updates"] == 1
    assert lines[-1].startswith("stopped at update 1, run it again to go on; model in")
    assert run_pairs(settings, scripted)["updates"] == 6  # minutes may change


def test_nothing_need_be_held_out(tmp_path):
    settings = toy_settings(PreferSettings, tmp_path)
    lines = []
    found = run_pairs(dataclasses.replace(settings, folds=0), scripted, lines.append)
    assert found["accuracy"] is None and found["model"].endswith("last")
    assert lines[0].startswith("24 pairs of 24 prompts; 0 of 0 held out")
    assert (
        lines[-1]
        == f"finished at update {found['updates']}; model in " + (found["model"])
    )


def test_what_is_cut_is_told(settings):
    long = [pair._replace(prompt=pair.prompt * 9) for pair in toy_pairs(24)]
    write_pairs(Path(settings.pairs), long)
    lines = []
    run_pairs(settings, scripted, lines.append)
    assert lines[1] == (
        "cut, for they are longer than the model reads: 100% of the prompts, 0% of "
        "the texts"
    )


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pairs": "absent.jsonl"}, DataError, "absent.jsonl"),
        ({"start": "absent"}, ModelError, "is no folder"),
        ({"human": ("tone",)}, ConfigError, "human must be left out"),
        ({"folds": 500}, DataError, "24 prompts, of which none would be held out"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    settings, tmp_path, changes, error, message
):
    wrong = dataclasses.replace(settings, **changes)
    with pytest.raises(error, match=message):
        run_pairs(wrong, scripted)
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_resumed_with_other_settings_or_pairs(settings):
    run_pairs(settings, scripted)
    other = dataclasses.replace(settings, margin_weight=1.0)
    with pytest.raises(ConfigError, match=r"margin_weight = 0.0. Received: margin_w"):
        run_pairs(other, scripted)
    write_pairs(Path(settings.pairs), toy_pairs(24, seed=5))
    with pytest.raises(ConfigError, match="resumed with the rows .*24 pairs"):
        run_pairs(settings, scripted)
    own = dataclasses.replace(settings, start=f"{settings.out}/best")
    with pytest.raises(ConfigError, match="a folder that the run does not write"):
        run_pairs(own, scripted)


def test_a_line_holds_what_was_measured():
    record = {"pairs/accuracy": 0.5, "valid/accuracy": 0.625, "valid/loss": 1.0}
    assert line_of(record) == "accuracy 50%  held out 62.5%"
    assert line_of({"valid/kl_to_start": 0.01}) == "KL 0.010"
