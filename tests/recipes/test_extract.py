"""Training and RL of spans from rows: learning, resuming, mistakes."""

import dataclasses
import json

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError, DataError
from nutgraf.evaluation.extract import Extractor
from nutgraf.models.span_folder import load_span_policy
from nutgraf.models.span_settings import WindowSettings
from nutgraf.recipes.extract import window_rows
from nutgraf.recipes.improve import improve
from nutgraf.recipes.settings import ImproveSettings, ModelSettings, TrainSettings
from nutgraf.recipes.supervised import train
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.tasks.extract import EXTRACT
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import SupervisedSettings
from tests.models.span_toys import toy_codec

ANIMALS, DO = "dog cat bird fox".split(), "barks runs sleeps eats".split()
THINGS, ARE = "house river book tree".split(), "stands falls lies ends".split()
MODEL = ModelSettings(
    architecture="bert",
    size="tiny",
    vocabulary_size=120,
    width=24,
    heads=2,
    feed_forward=48,
    encoder_layers=1,
)


def record(number, random):
    """An animal and a thing, each with what it does; the animal is asked for."""
    places = random.integers(0, 4, 4)
    animal = f"{ANIMALS[places[0]]} {DO[places[1]]}"
    said = random.permutation([animal, f"{THINGS[places[2]]} {ARE[places[3]]}"])
    text = f"the {said[0]} and the {said[1]}"
    answer = {"text": animal, "answer_start": text.index(animal)}
    question = "which animal does what"
    return {"id": number, "context": text, "question": question, "answers": [answer]}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("rows"), np.random.default_rng(0)
    paths = {}
    for split, count in (("train", 240), ("valid", 40)):
        path = folder / f"{split}.jsonl"
        lines = (json.dumps(record(n, random)) + "\n" for n in range(count))
        path.write_text("".join(lines))
        paths[split] = str(path)
    return EXTRACT.data(DataSettings("files", **paths))


def settings_of(data, out, **changes):
    training = SupervisedSettings(
        epochs=8, learning_rate=5e-3, warmup=5, dropout=0.0, label_smoothing=0.0
    )
    return TrainSettings(
        **{
            "out": str(out),
            "task": "extract",
            "data": data,
            "model": MODEL,
            "training": training,
            "windows": WindowSettings(24, 4, 4),
            "tokens_per_batch": 900,
            "num_shapes": 1,
            "sample_rows": 40,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train(settings_of(data, folder))
    return folder


def test_it_learns_to_find_what_is_asked_for(trained):
    records = [r for r in read_metrics(trained) if "valid/token_f1" in r]
    assert records[-1]["valid/exact_match"] > 90  # a guess is right in 1 of 30
    policy = load_span_policy(trained / "best")
    assert policy.codec.windows == WindowSettings(24, 4, 4)


def test_an_interrupted_training_goes_on_bit_for_bit(data, tmp_path):
    short = dataclasses.replace(settings_of(data, "").training, epochs=2, dropout=0.1)
    whole, cut = (
        settings_of(data, tmp_path / name, training=short, sample_rows=0)
        for name in ("whole", "cut")
    )
    train(whole)
    train(dataclasses.replace(cut, max_minutes=1e-6))
    train(cut)
    one, two = (load_span_policy(tmp_path / n / "last") for n in ("whole", "cut"))
    for left, right in zip(one.variables, two.variables, strict=True):
        np.testing.assert_array_equal(to_numpy(left.value), to_numpy(right.value))


def improved(data, trained, out, **changes):
    return ImproveSettings(
        **{
            "start": str(trained / "checkpoint"),
            "out": str(out),
            "task": "extract",
            "data": data,
            "algorithm": "self-critical",
            "guard": GuardSettings(on="off"),
            **changes,
        }
    )


@pytest.fixture(scope="module")
def early(data, tmp_path_factory):
    """A model that has hardly begun to learn."""
    folder = tmp_path_factory.mktemp("early")
    few = dataclasses.replace(data, max_rows=40)
    short = dataclasses.replace(settings_of(data, "").training, epochs=1)
    train(settings_of(few, folder / "run", training=short, sample_rows=0))
    return folder / "run" / "last"


RL = RLSettings(
    updates=30,
    prompts=16,
    samples=4,
    learning_rate=3e-3,
    warmup=2,
    kl_weight=0.0,
    supervised_weight=0.0,
    source_bounds=(24,),
)


@pytest.mark.parametrize("algorithm", ["self-critical", "rloo"])
def test_rl_raises_the_f1_of_the_answers(data, early, tmp_path, algorithm):
    settings = improved(
        data, early, tmp_path / "rl", start=str(early), rl=RL, algorithm=algorithm
    )
    improve(settings)
    records = read_metrics(tmp_path / "rl")
    rewards = [record["reward/mean"] for record in records]
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5]) + 0.1
    assert records[0]["policy/ratio"] == pytest.approx(1.0, abs=1e-4)
    load_span_policy(tmp_path / "rl" / "last")


def test_rl_mixed_with_the_references_resumes_bit_for_bit(data, early, tmp_path):
    mixed = dataclasses.replace(RL, updates=4, supervised_weight=1.0)
    whole, cut = (
        improved(data, early, tmp_path / name, start=str(early), rl=mixed)
        for name in ("whole", "cut")
    )
    improve(whole)
    improve(dataclasses.replace(cut, max_minutes=1e-6))
    assert len(read_metrics(tmp_path / "cut")) < 4
    improve(cut)
    one, two = (load_span_policy(tmp_path / n / "last") for n in ("whole", "cut"))
    for left, right in zip(one.variables, two.variables, strict=True):
        np.testing.assert_array_equal(to_numpy(left.value), to_numpy(right.value))
    assert "loss/supervised" in read_metrics(tmp_path / "cut")[-1]


@pytest.mark.parametrize("algorithm", ["supervised", "ppo", "grpo"])
def test_control_critics_and_guard(data, early, tmp_path, algorithm):
    few = dataclasses.replace(RL, updates=2, prompts=2, samples=2)
    settings = improved(
        data,
        early,
        tmp_path,
        start=str(early),
        algorithm=algorithm,
        rl=few,
        guard=GuardSettings(every=1, rows=4),
    )
    assert improve(settings)["updates"] == 2
    records = read_metrics(tmp_path)
    assert "guard/exact_match" in records[-1]


def test_windows_of_a_split_and_the_answers_that_are_not_there(data, tmp_path):
    codec = toy_codec()
    assert len(list(window_rows(data, codec, "valid"))) >= 40
    path = tmp_path / "rows.jsonl"
    rows = [record(n, np.random.default_rng(n)) for n in range(3)]
    rows[1]["answers"] = [{"text": "elephant", "answer_start": 0}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    wrong = dataclasses.replace(data, train=str(path))
    with pytest.raises(DataError, match=f"{path}:2: the answer 'elephant' is not"):
        list(window_rows(wrong, codec, "train"))
    skipped = dataclasses.replace(wrong, bad_rows="skip")
    lines = []
    assert len(list(window_rows(skipped, codec, "train", lines.append))) == 2
    assert "left out 1 bad row" in lines[0]


def test_rows_without_an_answer_teach_to_find_none(data, tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [record(n, np.random.default_rng(n)) for n in range(120)]
    for row in rows[::2]:
        row |= {"question": "why", "answers": []}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = dataclasses.replace(data, train=str(path), valid=str(path), no_answers=True)
    few = dataclasses.replace(settings_of(data, "").training, epochs=6)
    train(settings_of(files, tmp_path / "run", training=few, sample_rows=0))
    extractor = Extractor(load_span_policy(tmp_path / "run" / "last"), no_answer=True)
    found = extractor(list(window_rows(files, extractor.policy.codec, "train")))
    assert np.mean([text == "" for text in found[::2]]) > 0.9
    assert np.mean([text == "" for text in found[1::2]]) < 0.1
    with pytest.raises(DataError, match="`answers` is empty"):
        list(
            window_rows(
                dataclasses.replace(files, no_answers=False), toy_codec(), "train"
            )
        )


def test_settings_that_do_not_fit_are_refused(data):
    from nutgraf.data.augment import AugmentSettings
    from nutgraf.evaluation.settings import EvaluateSettings

    with pytest.raises(ConfigError, match="must be bert for the task extract"):
        settings_of(data, "x", model=ModelSettings(architecture="lstm"))
    with pytest.raises(ConfigError, match="augment must be left out"):
        settings_of(data, "x", augment=AugmentSettings(token_dropout=0.1))
    with pytest.raises(ConfigError, match="at least 24, windows.length"):
        settings_of(data, "x", tokens_per_batch=23)
    with pytest.raises(ConfigError, match="for the task extract. Received: model"):
        settings_of(data, "x", task="answer")
    with pytest.raises(ConfigError, match="start must be a model that finds answers"):
        ImproveSettings(task="extract", data=data)
    test = dataclasses.replace(data, test="t.jsonl")
    with pytest.raises(ConfigError, match="model must be one that finds answers"):
        EvaluateSettings(task="extract", data=test)
    with pytest.raises(ConfigError, match="extract reads no such .* beams=4"):
        EvaluateSettings("m", task="extract", data=test, beams=4)
    with pytest.raises(ConfigError, match="extract reads no .* no_repeat_ngram=3"):
        EvaluateSettings("m", task="extract", data=test, no_repeat_ngram=3)
    with pytest.raises(ConfigError, match="answer reads no such .* no_answer=True"):
        EvaluateSettings("m", task="answer", data=test, no_answer=True)
    assert settings_of(data, "x", model=ModelSettings()).model.architecture == "bert"
