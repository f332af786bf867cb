import dataclasses
import gc
import json
import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest

from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.models.checkpoint import load_policy, save_policy
from nutgraf.recipes.continued import ContinuedSupervised
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.improve import improve, make_reward
from nutgraf.recipes.settings import ImproveSettings, RewardSettings
from nutgraf.rewards.pool import PooledReward
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.trainer import RLTrainer
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from nutgraf.training.log import read_metrics


def write_toy_rows(path, count, seed=0):
    """A data file of rows whose summary is the first four words."""
    with path.open("w") as file:
        for row in toy_rows(count, seed=seed):
            record = {"document": row.document, "summary": row.references[0]}
            file.write(json.dumps({"id": row.id, **record}) + "\n")
    return str(path)


def toy_run(folder, guard=GuardSettings(on="off"), **changes):  # noqa: B008 - frozen
    """Settings of a run that takes seconds: a random toy model and toy rows."""
    small = {"width": 16, "feed_forward": 32, "decoder_layers": 1}
    save_policy(folder / "start", toy_policy(**small))
    return ImproveSettings(
        start=str(folder / "start"),
        out=str(folder / "run"),
        data=DataSettings(
            source="files",
            train=write_toy_rows(folder / "train.jsonl", 24),
            test=write_toy_rows(folder / "test.jsonl", 12, seed=1),
        ),
        rl=RLSettings(
            updates=3,
            prompts=4,
            samples=4,
            length=8,
            warmup=1,
            learning_rate=1e-3,
            checkpoint_every=1,
            source_bounds=(48,),
        ),
        guard=guard,
        **changes,
    )


def still(name):
    """An update that changes nothing, so that nothing is compiled for it."""
    return lambda trainer, state, draw: (state, {name: 0.25})


class Interrupt(keras.callbacks.Callback):
    """A callback that stops the run like Ctrl-C, before the update is saved."""

    def __init__(self, update):
        super().__init__()
        self.update = update

    def on_train_batch_end(self, step, logs=None):
        if step == self.update:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return toy_run(tmp_path_factory.mktemp("reinforce"))


@pytest.fixture(scope="module")
def run(settings):
    """What a run says and returns that was interrupted in its second update."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RLTrainer, "update", still("reward/mean"))
        with pytest.raises(KeyboardInterrupt):
            improve(settings, callbacks=[Interrupt(2)])
    assert (Path(settings.out) / "run.json").is_file()
    lines = []
    return lines, improve(settings, lines.append)


def test_an_interrupted_run_goes_on(settings, run):
    lines, found = run
    assert "24 prompts; 3 updates of 4 x 4 samples, words counted as english" in lines
    assert "goes on after update 1 of 3" in lines
    assert found["updates"] == 3
    records = read_metrics(Path(settings.out))
    assert [record["step"] for record in records] == [1, 2, 3]
    assert records[0] == {"step": 1, "reward/mean": 0.25}
    for name, record in (("first", records[1]), ("last", records[2])):
        assert {"step": record["step"], **found[name]} == record
    first, last = found["first"]["reward/mean"], found["last"]["reward/mean"]
    folder = Path(settings.out) / "last"
    change = f"reward {first:.3f} -> {last:.3f}"
    assert lines[-1] == f"finished at update 3; model in {folder}; {change}"
    assert {"reward/rouge", "reward/length", "reward/repetition"} <= set(found["last"])


def test_the_model_has_changed_and_can_be_loaded(settings, run):
    before, after = (
        weights_of(load_policy(folder))
        for folder in (settings.start, f"{settings.out}/last")
    )
    assert all((old != new).any() for old, new in zip(before, after, strict=True))


def test_the_run_says_what_it_is(settings, run):
    card = json.loads((Path(settings.out) / "run.json").read_text())
    assert card["settings"]["rl"]["samples"] == 4
    assert card["rows"] == 24
    assert {"nutgraf", "keras", "backend"} <= set(card["versions"])


def test_a_finished_run_has_nothing_left_to_do(settings, run):
    lines = []
    longer = dataclasses.replace(settings, max_minutes=5.0)  # when to pause is free
    found = improve(longer, lines.append)
    assert found == {"updates": 3, "first": {}, "last": {}}
    assert lines[-1] == "nothing was left to do: the run is finished"


def test_a_run_is_not_resumed_with_other_settings(settings, run):
    other = dataclasses.replace(
        settings,
        options=("clip_range=0.1",),
        reward=RewardSettings(parts=("rouge",)),
        rl=dataclasses.replace(settings.rl, seed=1),
    )
    with pytest.raises(ConfigError, match="resumed with the settings") as caught:
        improve(other)
    text = str(caught.value)
    old, new = text.split("Received: ")
    assert "options = [], reward.parts = ['rouge=1'," in old
    assert "options = ['clip_range=0.1'], reward.parts = ['rouge']" in new


def test_a_run_is_not_resumed_with_other_rows(settings, run, monkeypatch):
    rows = toy_rows(24, seed=5)  # as many, but others
    monkeypatch.setattr("nutgraf.recipes.improve.load_split", lambda *given: rows)
    before = (Path(settings.out) / "run.json").read_bytes()
    with pytest.raises(ConfigError, match="resumed with the rows.*Received: 24 rows"):
        improve(settings)
    assert (Path(settings.out) / "run.json").read_bytes() == before


def test_supervised_training_is_an_arm_without_reward(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(ContinuedSupervised, "update", still("loss/supervised"))
    lines = []
    arm = dataclasses.replace(settings, algorithm="supervised", out=str(tmp_path))
    found = improve(arm, lines.append)
    record = {"loss/supervised": 0.25}
    assert found == {"updates": 3, "first": record, "last": record}
    assert lines[-1].endswith("; loss 0.250 -> 0.250")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"algorithm": "trpo"}, ConfigError, "one of grpo, .*supervised.*trpo"),
        (
            {"reward": RewardSettings(parts=("blue",))},
            ConfigError,
            "Did you mean .bleu",
        ),
        ({"start": "absent"}, ModelError, "absent, which is no folder"),
    ],
)
def test_what_is_unknown_is_told_before_anything_slow(
    settings, tmp_path, monkeypatch, changes, error, message
):
    def fail(*arguments):
        raise AssertionError("the rows were read")

    monkeypatch.setattr("nutgraf.recipes.improve.load_split", fail)
    wrong = dataclasses.replace(settings, out=str(tmp_path), **changes)
    with pytest.raises(error, match=message.replace('"bleu"', "'bleu'")):
        improve(wrong)
    assert list(tmp_path.iterdir()) == []


def test_what_the_start_cannot_write_is_refused_before_rows_are_read(
    settings, tmp_path, monkeypatch
):
    monkeypatch.setattr("nutgraf.recipes.improve.load_split", None)
    longer = dataclasses.replace(settings.rl, length=13)
    wrong = dataclasses.replace(settings, rl=longer, out=str(tmp_path))
    with pytest.raises(ConfigError, match="rl.length must be at most 12.*length=13"):
        improve(wrong)


def test_options_are_refused_before_all_rows_are_read(settings, tmp_path, monkeypatch):
    read = []

    def rows(*given):
        for row in toy_rows(200):
            read.append(row)
            yield row

    monkeypatch.setattr("nutgraf.recipes.improve.load_split", rows)
    chosen = {"algorithm": "minimum-risk", "options": ("sharpness=0",)}
    wrong = dataclasses.replace(settings, out=str(tmp_path), **chosen)
    with pytest.raises(ConfigError, match="sharpness must be a number > 0"):
        improve(wrong)
    assert len(read) == 100  # which tell the language


@pytest.mark.parametrize(("length", "told"), [(4, "--rl.length"), (12, "")])
def test_references_that_are_cut_are_told(
    settings, tmp_path, monkeypatch, length, told
):
    """Four words of one or two pieces each, and the end action."""
    monkeypatch.setattr(GRPO, "fit", lambda *given, **more: [])
    lines = []
    chosen = dataclasses.replace(settings.rl, length=length)
    out = str(tmp_path)
    improve(dataclasses.replace(settings, rl=chosen, out=out), lines.append)
    cut = [line for line in lines if "references are longer than rl.length" in line]
    assert bool(cut) == bool(told)
    if cut:
        policy, rows = load_policy(settings.start), toy_rows(24)
        sizes = sorted(policy.codec.batch(rows).target_mask.sum(axis=1))
        expected = f"{np.mean(np.array(sizes) > 4):.0%} of the references are longer"
        assert cut[0].startswith(f"{expected} than rl.length, 4 actions")
        assert f"--rl.length {sizes[21]} cuts" in cut[0]  # 22 of 24 are no longer


def test_mixed_precision_improves_in_bfloat16_what_stays_float32(settings, tmp_path):
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, step, logs=None):
            seen.append((self.model.compute_dtype, logs["policy/ratio"]))

    mixed = dataclasses.replace(settings, mixed_precision=True, out=str(tmp_path))
    improve(mixed, callbacks=[Look()])
    assert [dtype for dtype, _ in seen] == ["bfloat16"] * 3
    # the first ratio of each update: cached and whole passes round differently
    assert [ratio for _, ratio in seen] == pytest.approx([1.0] * 3, abs=0.1)  # bfloat16
    assert load_policy(tmp_path / "last").model.compute_dtype == "float32"


def test_a_missing_validation_file_is_told_before_rows_are_read(
    settings, tmp_path, monkeypatch
):
    def fail(*arguments):
        raise AssertionError("the rows were read")

    monkeypatch.setattr("nutgraf.recipes.improve.load_split", fail)
    train = write_toy_rows(tmp_path / "train.jsonl", 6)
    data = DataSettings("files", train=train, valid=str(tmp_path / "absent.jsonl"))
    wrong = dataclasses.replace(settings, data=data, out=str(tmp_path / "run"))
    with pytest.raises(DataError, match="must exist. Received: .*absent.jsonl, which"):
        improve(wrong)


def test_rows_that_are_left_out_are_told(settings, tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(GRPO, "fit", lambda *given, **more: [])
    bad = {}
    for split in ("train", "valid"):
        bad[split] = write_toy_rows(tmp_path / f"{split}.jsonl", 6)
        with open(bad[split], "a") as file:
            file.write('{"document": "a"}\n')
    data = DataSettings("files", bad_rows="skip", **bad)
    guard = GuardSettings(rows=2)
    lines = []
    out = str(tmp_path / "run")
    improve(
        dataclasses.replace(settings, out=out, data=data, guard=guard), lines.append
    )
    told = [line for line in lines if line.startswith("left out 1 bad row")]
    for line, path in zip(told, bad.values(), strict=True):
        assert f"{path}:7: the field `summary` is missing" in line
    assert not [one for one in recwarn if "bad row" in str(one.message)]


def test_a_run_does_not_start_from_its_own_model(settings):
    own = dataclasses.replace(settings, start=f"{settings.out}/last")
    with pytest.raises(ConfigError, match="a folder that the run does not write"):
        improve(own)


def test_a_reward_needs_no_argument():
    reward = make_reward()
    same, nothing = reward(["a b c d"] * 2, ["a b c", "x"], [["a b c"]] * 2)
    assert same == pytest.approx(1.0)
    assert nothing < 0.1
    assert set(reward.parts) == {"rouge", "length", "repetition"}


def test_a_reward_has_the_parts_that_weigh():
    only = make_reward(RewardSettings(parts=("rouge1",)))
    assert set(only.parts) == {"rouge1"}
    # ROUGE-1: both words are among the three: F1 = 2 · 1 · 2/3 / (1 + 2/3) = 0.8
    assert only([""], ["a b"], [["b c a"]]) == pytest.approx([0.8])
    chinese = make_reward(RewardSettings(parts=("rouge",)), words="cjk")
    assert chinese([""], ["天气好"], [["天气好"]]) == pytest.approx([1.0])


def test_random_numbers_are_those_of_the_seed(rows):
    texts = [row.document for row in rows]

    def values(seed):
        reward = make_reward(RewardSettings(parts=("random",)), seed=seed)
        return reward(texts, texts, [[]] * len(texts), rows)

    assert values(0) == values(0) != values(1)


def test_rewards_in_other_processes_are_the_same(rows):
    texts = [row.document for row in rows]
    given = texts, texts, [row.references for row in rows]
    with make_reward(RewardSettings(processes=1)) as pooled:
        assert pooled(*given) == make_reward()(*given)


def test_the_processes_of_a_reward_end_with_the_run(settings, tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(PooledReward, "close", lambda reward: closed.append(reward))
    monkeypatch.setattr(GRPO, "fit", lambda *given, **more: [])
    own = dataclasses.replace(
        settings, out=str(tmp_path / "run"), reward=RewardSettings(processes=1)
    )
    improve(own)
    assert len(closed) == 1


def peak_of_a_run(settings, folder, count, monkeypatch):
    """The most bytes of Python that a run held at once, with rows of 2,000 letters."""

    def rows(*given):
        for number in range(count):
            yield Row(f"row{number}", f"{number:8}" * 250, ("a b c d",))

    def update(trainer, state, draw):
        draw()
        return state, {"reward/mean": 0.0}

    monkeypatch.setattr("nutgraf.recipes.improve.load_split", rows)
    monkeypatch.setattr(RLTrainer, "update", update)
    gc.collect()
    tracemalloc.start()
    try:
        improve(dataclasses.replace(settings, out=str(folder)))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_rows(settings, tmp_path, monkeypatch):
    few, many = 1_000, 3_000
    _, low, high = (  # the first run also imports and fills caches
        peak_of_a_run(settings, tmp_path / name, count, monkeypatch)
        for name, count in (("first", few), ("few", few), ("many", many))
    )
    # 8 bytes where a row begins, 4 of its length, and its share of a batch's plan; the
    # text alone would be 2,000.
    assert (high - low) / (many - few) < 100
