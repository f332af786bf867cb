import math
import subprocess
import sys

import pytest

from nutgraf.cli.declared import settings_of
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.models.config import SIZES, named_config
from nutgraf.recipes import settings as declared
from nutgraf.recipes.settings import (
    DemoSettings,
    ImproveSettings,
    ModelSettings,
    RewardSettings,
    TrainSettings,
)
from nutgraf.rl.guard import METRICS, GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.tasks.names import TASKS
from nutgraf.training.settings import SupervisedSettings

COMMANDS = [
    cls for name in declared.__all__ if isinstance(cls := getattr(declared, name), type)
]


@pytest.mark.parametrize("cls", COMMANDS)
def test_every_setting_has_a_default_and_a_help_text(cls):
    cls()
    for key, setting in settings_of(cls).items():
        assert setting.help, key


def test_settings_have_one_name_each_across_sections():
    keys = settings_of(TrainSettings)
    assert {"training.epochs", "model.size", "data.source", "out"} <= set(keys)
    assert {"rl.updates", "reward.parts", "start"} <= set(settings_of(ImproveSettings))


def test_the_default_model_is_one_of_the_sizes():
    assert ModelSettings().size in SIZES


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (TrainSettings, {"max_minutes": -1.0}),
        (TrainSettings, {"max_minutes": math.nan}),
        (TrainSettings, {"tokens_per_batch": 0}),
        (TrainSettings, {"num_shapes": 0}),
        (TrainSettings, {"sample_rows": -1}),
        (ImproveSettings, {"max_minutes": -0.5}),
        (DemoSettings, {"minutes": 0.0}),
        (RewardSettings, {"processes": -1}),
        (ModelSettings, {"width": -64}),
        (ModelSettings, {"max_source": -1}),
        (ModelSettings, {"vocabulary_size": 0}),
        (SupervisedSettings, {"learning_rate": 0.0}),
        (SupervisedSettings, {"learning_rate": -1e-3}),
        (SupervisedSettings, {"epochs": 0}),
        (SupervisedSettings, {"accumulate": 0}),
        (RLSettings, {"learning_rate": 0.0}),
        (RLSettings, {"updates": 0}),
        (RLSettings, {"prompts": -2}),
        (RLSettings, {"samples": 0}),
    ],
)
def test_what_is_out_of_range_is_refused(cls, wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=rf"^{name} must .*: {name}={value}\. \S"):
        cls(**wrong)


@pytest.mark.parametrize(
    "given",
    [{"width": 64}, {"copy_head": False}, {"max_target": 30}, {"size": "tiny"}],
)
def test_a_start_brings_its_own_sizes(given):
    ((name, value),) = given.items()
    with pytest.raises(
        ConfigError, match=rf"start=starter and model\.{name}={value!r}"
    ):
        ModelSettings(start="starter", **given)
    ModelSettings(start="starter")
    ModelSettings(**given)


def test_a_model_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="size must be one of tiny, mini"):
        ModelSettings(architecture="encoder-decoder", size="huge")
    with pytest.raises(ConfigError, match="multiple of heads. Received: width=250"):
        TrainSettings(model=ModelSettings(width=250))
    with pytest.raises(ConfigError, match="size must be one of .*'minilm'"):
        TrainSettings(model=ModelSettings(size="minilm"))
    changes = TrainSettings(
        model=ModelSettings(width=64, copy_head=False)
    ).model.changes
    config = named_config("small", **changes)
    assert (config.width, config.copy, config.max_source) == (64, False, 400)


def test_the_block_of_a_decoder_only_model_is_read():
    model = ModelSettings(architecture="decoder-only", block="gpt2")
    chosen = TrainSettings(model=model).model
    config = named_config(chosen.size, **chosen.changes)
    assert (config.block, config.feed_forward) == ("gpt2", 1024)


@pytest.mark.parametrize(
    ("architecture", "idle", "reader"),
    [
        ("", {"block": "gpt2"}, "decoder-only"),
        ("encoder-decoder", {"key_value_heads": 1}, "decoder-only"),
        ("encoder-decoder", {"coverage": True}, "lstm"),
        ("decoder-only", {"positions": "rotary"}, "encoder-decoder"),
        ("decoder-only", {"copy_head": False}, "encoder-decoder"),
        ("decoder-only", {"encoder_layers": 2}, "encoder-decoder"),
        ("gru", {"block": "gpt2"}, "decoder-only"),
        ("gru", {"heads": 2}, "encoder-decoder"),
        ("bert", {"positions": "rotary"}, "encoder-decoder"),
        ("bert", {"tokenizer": "unigram"}, "encoder-decoder"),
        ("bert", {"copy_head": False}, "encoder-decoder"),
        ("bert", {"coverage": True}, "lstm"),
        ("bert", {"decoder_layers": 2}, "encoder-decoder"),
        ("bert", {"max_source": 200}, "encoder-decoder"),
        ("bert", {"max_target": 200}, "encoder-decoder"),
        ("bert", {"block": "gpt2"}, "decoder-only"),
        ("bert", {"key_value_heads": 1}, "decoder-only"),
    ],
)
def test_what_an_architecture_does_not_read_is_refused(architecture, idle, reader):
    ((name, value),) = idle.items()
    found = rf"reads no such setting. Received: model\.{name}={value!r}\. "
    with pytest.raises(ConfigError, match=found + f".* model.architecture={reader}"):
        TrainSettings(model=ModelSettings(architecture=architecture, **idle))


def test_sizes_of_a_bert_need_no_architecture():
    for size in ("minilm", "medium"):
        made = TrainSettings(task="extract", data=FILES, model=ModelSettings(size=size))
        assert (made.model.architecture, made.model.size) == ("bert", size)
    with pytest.raises(ConfigError, match="bert reads no .* model.block='gpt2'"):
        TrainSettings(task="extract", data=FILES, model=ModelSettings(block="gpt2"))
    wrong = ModelSettings(architecture="encoder-decoder")
    with pytest.raises(ConfigError, match="must be bert for the task extract"):
        TrainSettings(task="extract", data=FILES, model=wrong)


def test_the_length_of_an_answer_that_is_found_is_fixed():
    given = {"task": "extract", "data": FILES, "start": "m"}
    for length in (RLSettings.length, 3):
        assert ImproveSettings(rl=RLSettings(length=length), **given).rl.length == 3
    with pytest.raises(ConfigError, match="rl.length must be 3 .* rl.length=12"):
        ImproveSettings(rl=RLSettings(length=12), **given)


def test_a_batch_holds_the_longest_row():
    wrong = {"tokens_per_batch": 499}
    with pytest.raises(ConfigError, match="at least 500, .* Received: 499. Raise it"):
        TrainSettings(**wrong)
    TrainSettings(tokens_per_batch=500)
    started = TrainSettings(model=ModelSettings(start="starter"), **wrong)
    with pytest.raises(ConfigError, match="at least 500"):
        started.check_room(400, 100)


def test_files_that_are_read_must_be_named():
    data = DataSettings("files", test="rows.jsonl")
    for cls, split in ((TrainSettings, "train"), (ImproveSettings, "train")):
        with pytest.raises(ConfigError, match=f"Add `--data.{split} FILE`"):
            cls(data=data)
    data = DataSettings("files", train="rows.jsonl")
    ImproveSettings(data=data)
    with pytest.raises(ConfigError, match="Add `--data.valid FILE`"):
        TrainSettings(data=data)


def test_they_load_no_framework():
    code = "import nutgraf.recipes.settings, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "nutgraf.rl.settings" in loaded
    assert not loaded & {"keras", "tensorflow", "jax", "torch"}


FILES = DataSettings("files", train="a.jsonl", valid="b.jsonl")


def test_limits_fields_reward_and_watch_follow_from_the_task():
    train = TrainSettings(task="translate", data=FILES)
    assert (train.model.max_source, train.model.max_target) == (96, 96)
    assert (train.data.source_field, train.data.target_field) == ("source", "target")
    improve = ImproveSettings(task="answer", data=FILES)
    assert improve.reward.parts == ("token_f1=1",)
    assert improve.data.question_field == "question"
    assert "exact_match" in improve.guard.metrics
    assert ImproveSettings().reward.parts[0] == "rouge=1"


def test_what_is_watched_may_be_that_of_another_task():
    assert ImproveSettings().guard.metrics == METRICS == TASKS["summarize"].watched
    guard = GuardSettings(metrics=METRICS)
    assert ImproveSettings(task="translate", data=FILES, guard=guard).guard == guard
    unset = ImproveSettings(task="translate", data=FILES)
    assert unset.guard.metrics == TASKS["translate"].watched != METRICS


def test_what_is_set_is_not_replaced():
    model = ModelSettings(max_source=40, max_target=30)
    train = TrainSettings(task="translate", data=FILES, model=model)
    assert (train.model.max_source, train.model.max_target) == (40, 30)
    guard = GuardSettings(metrics=("bleu",))
    reward = RewardSettings(parts=("bleu=1",))
    improve = ImproveSettings(task="translate", data=FILES, reward=reward, guard=guard)
    assert (improve.reward, improve.guard) == (reward, guard)
    started = TrainSettings(data=FILES, model=ModelSettings(start="starter"))
    assert started.model == ModelSettings(start="starter")


@pytest.mark.parametrize("cls", [TrainSettings, ImproveSettings])
def test_an_unknown_task_and_its_data_are_refused(cls):
    with pytest.raises(ConfigError, match="task must be one of .* Received: 'chat'"):
        cls(task="chat", data=FILES)
    with pytest.raises(ConfigError, match="source must be files for the task answer"):
        cls(task="answer")
