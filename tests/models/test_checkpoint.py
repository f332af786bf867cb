import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from nutgraf.backend import assign
from nutgraf.errors import ModelError
from nutgraf.models.build import new_policy
from nutgraf.models.checkpoint import (
    check_folder,
    load_policy,
    load_weights,
    save_policy,
    starter_folder,
    weight_names,
)
from nutgraf.models.decoder_only_policy import DecoderOnlyPolicy
from nutgraf.models.encoder_decoder import EncoderDecoder
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy
from nutgraf.models.logits_policy import LogitsPolicy
from nutgraf.models.recurrent_policy import RecurrentPolicy
from nutgraf.models.reward_model import RewardModel, load_reward_model
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from tests.models.own_models import own_policy
from tests.models.passes import scored

RECURRENT = ["lstm", "gru", "rnn"]


@pytest.fixture
def folder(policy, tmp_path):
    save_policy(tmp_path / "model", policy, card={"steps": 3})
    return tmp_path / "model"


def test_saved_and_loaded_weights_are_the_same(policy, folder):
    again = load_policy(folder)
    for one, two in zip(weights_of(policy), weights_of(again), strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.codec.max_source == policy.codec.max_source
    assert check_folder(folder) == []
    assert json.loads((folder / "card.json").read_text())["steps"] == 3


def test_half_precision_is_half_the_size_and_close(policy, folder, tmp_path):
    save_policy(tmp_path / "half", policy, half=True)
    sizes = [
        (p / "model.safetensors").stat().st_size for p in (folder, tmp_path / "half")
    ]
    assert sizes[1] < 0.6 * sizes[0]
    for one, two in zip(
        weights_of(policy), weights_of(load_policy(tmp_path / "half")), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-6)  # float16: 11 bits


def test_other_values_can_be_saved(policy, tmp_path):
    values = [value + 1 for value in weights_of(policy)]
    save_policy(tmp_path / "m", policy, values=values)
    np.testing.assert_array_equal(weights_of(load_policy(tmp_path / "m"))[0], values[0])


def set_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    config["model"] |= changes
    (folder / "config.json").write_text(json.dumps(config))


def damage(folder, what):
    if what == "absent":
        return folder / "nowhere"
    weights = folder / "model.safetensors"
    if what == "torn":
        weights.write_bytes(weights.read_bytes()[:-100])
    if what == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    if what == "other config":
        set_config(folder, feed_forward=32)
    if what == "no json":
        (folder / "config.json").write_text("{")
    return folder


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("absent", "is no folder"),
        ("torn", "whole safetensors file"),
        ("no tokenizer", "tokenizer"),
        ("other config", "with shape"),
        ("no json", "must be the JSON of a nutgraf model"),
    ],
)
def test_damage_is_named(folder, what, message):
    with pytest.raises(ModelError, match=message):
        load_policy(damage(folder, what))
    path = folder / "nowhere" if what == "absent" else folder
    assert any(message in problem for problem in check_folder(path))


def test_an_interrupted_save_leaves_the_old_model(policy, folder, monkeypatch):
    def fails(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(policy.codec.tokenizer), "save", fails)
    with pytest.raises(KeyboardInterrupt):
        save_policy(folder, toy_policy(policy.codec.tokenizer, seed=5))
    monkeypatch.undo()
    np.testing.assert_array_equal(
        weights_of(load_policy(folder))[0], weights_of(policy)[0]
    )
    assert not list(folder.parent.glob("*.part"))


def test_everyone_may_read_a_saved_model(policy, tmp_path):
    save_policy(tmp_path / "model", policy)
    modes = {path.name: path.stat().st_mode for path in (tmp_path / "model").iterdir()}
    assert all(mode & 0o044 for mode in modes.values()), modes


def saved_and_loaded(policy, folder):
    """The policy that a folder gives back: its config and weights are the same."""
    save_policy(folder, policy)
    again = load_policy(folder)
    assert again.model.config == policy.model.config
    for one, two in zip(weights_of(policy), weights_of(again), strict=True):
        np.testing.assert_array_equal(one, two)
    assert check_folder(folder) == []
    return again


@pytest.mark.parametrize("tied", [True, False])
def test_a_decoder_only_model_is_saved_and_loaded_as_one(tokenizer, tmp_path, tied):
    policy = new_policy(tokenizer, "tiny", architecture="decoder-only", tied=tied)
    assert type(saved_and_loaded(policy, tmp_path / "model")) is DecoderOnlyPolicy
    settings = json.loads((tmp_path / "model" / "config.json").read_text())
    assert settings["kind"] == settings["model"]["architecture"] == "decoder-only"


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_recurrent_model_is_saved_and_loaded_as_one(tokenizer, tmp_path, kind):
    policy = toy_policy(tokenizer, architecture=kind, coverage=True, encoder_layers=2)
    again = saved_and_loaded(policy, tmp_path / "model")
    assert type(again) is RecurrentPolicy
    batch = policy.codec.batch(toy_rows(2, 6))
    actions = batch.target_ids[:, None]
    found = [scored(p, batch, actions).log_probs for p in (policy, again)]
    np.testing.assert_array_equal(*found)


def test_a_config_of_another_architecture_is_named(folder):
    path = folder / "config.json"
    settings = json.loads(path.read_text())
    settings["model"] |= {
        "architecture": "decoder-only",
        "encoder_layers": 0,
        "copy": False,
    }
    path.write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="must hold `block_0/.*belongs to another"):
        load_policy(folder)


def test_a_config_from_before_architectures_is_an_encoder_decoder(folder, policy):
    path = folder / "config.json"
    settings = json.loads(path.read_text())
    for key in ("architecture", "tied"):
        del settings["model"][key]
    path.write_text(json.dumps(settings))
    assert load_policy(folder).model.config == policy.model.config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_layers": 3}, "must hold `decoder_2/.*Received: nothing"),
        ({"decoder_layers": 1}, "weights of its config only. Received: decoder_1/"),
        ({"copy": False}, "weights of its config only. Received: copy_head/"),
    ],
)
def test_a_starter_of_another_config_is_not_whole(tmp_path, changes, message):
    shutil.copytree(starter_folder(), tmp_path / "m")
    set_config(tmp_path / "m", **changes)
    (problem,) = check_folder(tmp_path / "m")
    assert re.search(message, problem)


def test_a_reward_model_without_its_head_is_not_whole(policy, tmp_path):
    save_policy(tmp_path / "m", RewardModel(policy))
    assert check_folder(tmp_path / "m") == []
    save_policy(tmp_path / "body", policy)
    weights = "model.safetensors"
    shutil.copy(tmp_path / "body" / weights, tmp_path / "m" / weights)
    (problem,) = check_folder(tmp_path / "m")
    assert "must hold `head_kernel` with shape (32,). Received: nothing" in problem


@pytest.mark.parametrize("kind", ["encoder-decoder", "decoder-only", *RECURRENT])
def test_our_models_keep_their_names(tokenizer, kind):
    variables = toy_policy(tokenizer, architecture=kind).variables
    assert weight_names(variables) == [v.path.split("/", 1)[1] for v in variables]


def test_a_keras_model_has_the_same_names_each_time(tokenizer):
    once, twice = (weight_names(own_policy(tokenizer).variables) for _ in range(2))
    assert (
        once
        == twice
        == [
            "embedding/embeddings",
            *("conv1d/kernel", "conv1d/bias", "dense/kernel", "dense/bias"),
            *("dense_1/kernel", "dense_1/bias"),
        ]
    )


def test_weights_of_one_path_are_numbered():
    variables = [SimpleNamespace(path="model/w")] * 2
    assert weight_names(variables) == ["0/model/w", "1/model/w"]


@pytest.mark.parametrize("kind", [own_policy, lambda *_: RewardModel(own_policy(*_))])
def test_of_a_keras_model_the_weights_are_saved(tokenizer, tmp_path, kind):
    save_policy(tmp_path / "m", kind(tokenizer), card={"steps": 3})
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names == {"model.safetensors", "card.json"}
    other = kind(tokenizer, False, 5)
    assign(
        other.variables,
        load_weights(tmp_path / "m" / "model.safetensors", other.variables),
    )
    for one, two in zip(weights_of(other), weights_of(kind(tokenizer)), strict=True):
        np.testing.assert_array_equal(one, two)
    for load in (load_policy, load_reward_model):
        with pytest.raises(ModelError, match="which has no config.json"):
            load(tmp_path / "m")


class Changed(EncoderDecoder):
    """An architecture that its config does not tell of."""


def test_of_a_changed_architecture_the_weights_are_saved(policy, tmp_path):
    changed = EncoderDecoderPolicy(Changed(policy.model.config), policy.codec)
    save_policy(tmp_path / "m", changed)
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["model.safetensors"]


def test_a_wrapped_model_makes_no_folder_that_is_loaded_as_another(policy, tmp_path):
    """Its reward model has a head of another width."""
    wrapped = LogitsPolicy(policy.model, policy.codec, policy.vocabulary_size)
    save_policy(tmp_path / "m", RewardModel(wrapped))
    assert not (tmp_path / "m" / "config.json").exists()
