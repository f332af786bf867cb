"""Language modelling through the loop: what is counted, learned, resumed."""

import math

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.data.packed import build_packed
from nutgraf.models.checkpoint import load_policy
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from nutgraf.training.language import (
    LanguageTrainer,
    bits_per_byte,
    language_evaluation,
    language_gradient,
)
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import TrainingSettings

SETTINGS = {"epochs": 2, "learning_rate": 1e-2, "warmup": 3, "checkpoint_every": 2}
COMPILED = ("_gradient", "_add", "_apply", "_evaluate")


@pytest.fixture(scope="module")
def rows_of(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")

    def built(count, seed=0):
        rows = toy_rows(count, length=6, seed=seed)
        return build_packed(rows, tokenizer, folder, 32, f"{count} {seed}")

    return built


@pytest.fixture(scope="module")
def make(tokenizer, rows_of):
    """Return a function that makes a trainer at the start of a run in a folder."""
    policy = toy_policy(
        tokenizer,
        architecture="decoder-only",
        separator=False,
        decoder_layers=1,
        key_value_heads=1,
    )
    start, compiled = weights_of(policy), {}

    def made(folder, valid=True, **changes):
        for variable, value in zip(policy.variables, start, strict=True):
            variable.assign(value)
        settings = TrainingSettings(**{**SETTINGS, **changes})
        held_out = rows_of(20, 1) if valid else None
        trainer = LanguageTrainer(policy, settings, folder, rows_of(80), held_out, 8)
        for name in COMPILED:
            setattr(trainer, name, compiled.setdefault(name, getattr(trainer, name)))
        return trainer

    return made


@pytest.fixture(scope="module")
def whole(make, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, make(folder).run()


@pytest.mark.backend
def test_a_batch_counts_every_token_once(tokenizer, rows_of):
    """A model that knows nothing: each token costs the logarithm of the vocabulary."""
    policy = toy_policy(tokenizer, architecture="decoder-only", separator=False)
    for variable in policy.variables:
        variable.assign(0.0 * variable.value)
    packed = rows_of(20, 1)
    batch = packed.batch(np.arange(len(packed)), len(packed) + 2)
    nats, count = to_numpy(language_evaluation(policy)(weights_of(policy), batch))
    assert count == packed.tokens
    words = policy.vocabulary_size - 2  # PAD and BOS are never predicted
    assert nats == pytest.approx(count * math.log(words), rel=1e-5)


@pytest.mark.backend
def test_two_halves_of_a_batch_add_up(make, rows_of, tmp_path):
    policy = make(tmp_path).policy
    step, packed = language_gradient(policy, 0.0), rows_of(80)
    values = weights_of(policy)

    def of(*places):
        return to_numpy(step(values, packed.batch(np.array(places), 4), np.int32(0)))

    whole, one, two = of(0, 1, 2, 3), of(0, 1), of(2, 3)
    assert one[2] + two[2] == whole[2]
    np.testing.assert_allclose(one[1] + two[1], whole[1], rtol=1e-5)
    for a, b, c in zip(one[0], two[0], whole[0], strict=True):
        np.testing.assert_allclose(a + b, c, rtol=1e-4, atol=1e-4)


def test_the_loss_falls_and_the_numbers_belong_together(whole, rows_of):
    folder, position = whole
    records = [r for r in read_metrics(folder) if "valid/loss" in r]
    assert len(records) == 2 and position["finished"]
    last, valid = records[-1], rows_of(20, 1)
    assert last["valid/loss"] < records[0]["valid/loss"] < 5.6
    assert last["valid/perplexity"] == pytest.approx(math.exp(last["valid/loss"]))
    nats = last["valid/loss"] * valid.tokens
    assert last["valid/bits_per_byte"] == pytest.approx(
        nats / math.log(2) / valid.bytes
    )
    assert position["tokens"] == 2 * rows_of(80).tokens


def test_stopped_after_each_update_equals_uninterrupted(whole, make, tmp_path):
    while not make(tmp_path).run(stop_after=0.0)["finished"]:
        pass

    def records(folder):
        return [
            {key: value for key, value in record.items() if key[:5] != "time/"}
            for record in read_metrics(folder)
        ]

    assert records(tmp_path) == records(whole[0])
    for name in ("best", "last"):
        one, two = (weights_of(load_policy(f / name)) for f in (tmp_path, whole[0]))
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_without_validation_the_newest_is_the_best(make, tmp_path):
    position = make(tmp_path, valid=False, epochs=1).run()
    assert position["best_loss"] is None and (tmp_path / "best").is_dir()


def test_a_uniform_byte_costs_eight_bits():
    assert bits_per_byte(3 * math.log(256), 3) == pytest.approx(8.0)
