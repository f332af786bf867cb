"""Pretraining end to end, and what a pretrained model is the start of."""

import dataclasses
import json
import math

import numpy as np
import pytest

from nutgraf.data.documents import DocumentSettings
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.evaluation.surprise import text_surprise
from nutgraf.models.checkpoint import load_policy, save_policy
from nutgraf.recipes.improve import improve
from nutgraf.recipes.pretrain import pretrain
from nutgraf.recipes.pretrain_settings import LanguageModelSettings, PretrainSettings
from nutgraf.recipes.settings import (
    ImproveSettings,
    ModelSettings,
    RewardSettings,
    TrainSettings,
)
from nutgraf.recipes.supervised import train
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import SupervisedSettings, TrainingSettings

EPOCHS = 6


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Documents whose words alternate: easy to learn, unlike the single words."""
    folder = tmp_path_factory.mktemp("pretrain")
    texts = folder / "texts"
    texts.mkdir()
    random = np.random.default_rng(0)
    pairs = ["red house", "old data", "new file"]
    with (texts / "all.jsonl").open("w") as file:
        for number in range(160):
            words = " ".join(pairs[place] for place in random.integers(0, 3, 5))
            file.write(json.dumps({"id": f"{number}", "text": words}) + "\n")
    (texts / "more.txt").write_text("the red house\nand old data " * 4)
    return PretrainSettings(
        out=str(folder / "run"),
        data=DocumentSettings("files", train=(str(texts),), valid_share=0.2),
        model=LanguageModelSettings(
            size="tiny",
            vocabulary_size=300,
            width=32,
            decoder_layers=1,
            key_value_heads=1,
            max_source=24,
            max_target=8,
        ),
        training=TrainingSettings(
            epochs=EPOCHS, learning_rate=2e-2, warmup=5, dropout=0.0
        ),
        tokens_per_batch=256,
    )


@pytest.fixture(scope="module")
def run(settings):
    """Lines of report and position of the run; it is stopped once and goes on."""
    lines = []
    stopped = pretrain(dataclasses.replace(settings, max_minutes=1e-9), lines.append)
    assert (stopped["step"], stopped["finished"]) == (1, False)
    return lines, pretrain(settings, lines.append)


@pytest.fixture(scope="module")
def model(settings, run):
    return f"{settings.out}/best"


def test_learns_what_follows_what(run, model):
    lines, position = run
    assert position["finished"] and position["best"]["loss"] < 1.6
    assert position["best"]["perplexity"] == pytest.approx(
        math.exp(position["best"]["loss"])
    )
    found = text_surprise(load_policy(model), "red house old data", top=1)
    by_token = {token.token: token for token in found.tokens}
    assert by_token[" house"].nats < 0.3
    assert by_token[" house"].likeliest[0][0] == " house"
    assert by_token[" old"].nats > 0.5  # one pair of three
    assert "bits per byte" in lines[-1] and "finished at update" in lines[-1]


def test_the_run_says_what_it_is(settings, run):
    lines, position = run
    assert any("for validation" in line and "padding" in line for line in lines)
    recorded = json.loads(open(f"{settings.out}/run.json").read())
    assert recorded["settings"]["data"]["valid_share"] == 0.2
    assert recorded["model"]["separator"] is False
    assert recorded["estimate"]["updates"] == position["step"]
    records = read_metrics(settings.out)
    valid = [record for record in records if "valid/loss" in record]
    assert len(valid) == EPOCHS
    assert valid[-1]["valid/loss"] < 0.25 * records[0]["train/loss"]


def test_goes_on_from_another_model(settings, model, tmp_path):
    more = dataclasses.replace(
        settings,
        out=str(tmp_path),
        model=LanguageModelSettings(start=model),
        max_minutes=1e-9,
    )
    pretrain(more)
    assert read_metrics(tmp_path)[0]["train/loss"] < 1.6


def test_other_settings_or_documents_are_refused(settings, run, tmp_path):
    other = dataclasses.replace(settings, tokens_per_batch=128)
    with pytest.raises(ConfigError, match="tokens_per_batch = 128"):
        pretrain(other)
    (tmp_path / "empty").mkdir()
    data = DocumentSettings("files", train=(str(tmp_path / "empty"),))
    with pytest.raises(DataError, match="must hold files that end in"):
        pretrain(dataclasses.replace(settings, out=str(tmp_path / "run"), data=data))


def test_a_start_of_another_architecture_is_refused(settings, tokenizer, tmp_path):
    save_policy(tmp_path / "other", toy_policy(tokenizer))
    other = LanguageModelSettings(start=str(tmp_path / "other"))
    with pytest.raises(ModelError, match="must be a decoder-only model.*encoder-dec"):
        pretrain(dataclasses.replace(settings, out=str(tmp_path / "run"), model=other))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    with path.open("w") as file:
        for row in toy_rows(24, length=6):
            record = {"document": row.document, "summary": row.references[0]}
            file.write(json.dumps({"id": row.id, **record}) + "\n")
    return str(path)


def test_is_the_start_of_supervised_training(model, pairs, tmp_path):
    """From then on a separator stands between source and target."""
    train(
        TrainSettings(
            out=str(tmp_path),
            data=DataSettings("files", train=pairs, valid=pairs),
            model=ModelSettings(start=model),
            training=SupervisedSettings(epochs=1, learning_rate=1e-9, warmup=0),
            tokens_per_batch=256,
            num_shapes=1,
            sample_rows=0,
        )
    )
    before, after = load_policy(model), load_policy(tmp_path / "last")
    assert after.model.config.separator
    for one, two in zip(weights_of(before), weights_of(after), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_is_the_start_of_reinforcement_learning(model, pairs, tmp_path):
    """The prompt is the source; the model stays one that goes on."""
    found = improve(
        ImproveSettings(
            start=model,
            out=str(tmp_path),
            algorithm="rloo",
            data=DataSettings("files", train=pairs),
            reward=RewardSettings(("length(low=0.8)=1",)),
            rl=RLSettings(updates=2, prompts=3, samples=2, length=6),
        )
    )
    assert found["updates"] == 2
    after = load_policy(tmp_path / "last")
    assert not after.model.config.separator
    assert any(
        not np.array_equal(one, two)
        for one, two in zip(
            weights_of(load_policy(model)), weights_of(after), strict=True
        )
    )
