"""Hidden words through the loop: what is counted, learned, resumed."""

import functools
import math

import keras
import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.data.packed import build_packed
from nutgraf.data.rows import Row
from nutgraf.models.bert import Bert
from nutgraf.models.bert_config import BertConfig
from nutgraf.models.bert_inputs import BertBatch
from nutgraf.models.masked_language import MaskedLanguageModel, load_masked_model
from nutgraf.text.bert_tokenizer import BertTokenizer
from nutgraf.training.hidden_words import (
    HiddenWordsTrainer,
    MaskedLearner,
    masked_pieces,
    masking_of,
)
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import TrainingSettings

SETTINGS = {"epochs": 2, "learning_rate": 1e-2, "warmup": 3, "checkpoint_every": 2}
COMPILED = ("_gradient", "_add", "_apply", "_evaluate")
LENGTH = 16
PAIRS = ["red house", "old data", "new file", "blue river"]


def documents(count, seed=0):
    """Words in pairs: one word of a pair tells the other."""
    numbers = np.random.default_rng(seed).integers(0, 4, count)
    return [Row(f"{n}", PAIRS[number]) for n, number in enumerate(numbers)]


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer.train([row.document for row in documents(50)], 60)


@pytest.fixture(scope="module")
def rows_of(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    cut = functools.partial(masked_pieces, tokenizer)

    def built(count, seed=0):
        rows = documents(count, seed)
        return build_packed(rows, tokenizer, folder, LENGTH, f"{count} {seed}", cut)

    return built


def new_model(tokenizer):
    keras.utils.set_random_seed(0)
    config = BertConfig(
        vocabulary_size=tokenizer.vocabulary_size,
        width=32,
        heads=2,
        feed_forward=64,
        layers=1,
        max_length=LENGTH,
    )
    return MaskedLanguageModel(Bert(config))


@pytest.fixture(scope="module")
def make(tokenizer, rows_of):
    """Return a function that makes a trainer at the start of a run in a folder."""
    learner = MaskedLearner(new_model(tokenizer), tokenizer)
    start = to_numpy([variable.value for variable in learner.variables])
    compiled = {}

    def made(folder, valid=True, **changes):
        for variable, value in zip(learner.variables, start, strict=True):
            variable.assign(value)
        settings = TrainingSettings(**{**SETTINGS, "dropout": 0.0, **changes})
        held_out = rows_of(120, 1) if valid else None
        trainer = HiddenWordsTrainer(
            learner, settings, folder, rows_of(200), held_out, 8
        )
        for name in COMPILED:
            key = (name, settings.dropout)
            setattr(trainer, name, compiled.setdefault(key, getattr(trainer, name)))
        return trainer

    return made


def values_of(trainer):
    return to_numpy([variable.value for variable in trainer.policy.variables])


def test_documents_are_cut_between_their_ends(tokenizer):
    found = list(masked_pieces(tokenizer, list(range(10, 17)), 5))
    assert found == [[2, 10, 11, 12, 3], [2, 13, 14, 15, 3], [2, 16, 3]]
    assert list(masked_pieces(tokenizer, [], 5)) == []


def test_special_tokens_are_not_hidden(tokenizer):
    masking = masking_of(tokenizer, 0.3)
    assert masking.special == (0, 1, 2, 3, 4) and masking.share == 0.3
    assert masking.starts_word.shape == (tokenizer.vocabulary_size,)


@pytest.mark.backend
def test_only_hidden_tokens_are_counted(make, tmp_path):
    """A model that knows nothing: each costs the logarithm of the vocabulary."""
    trainer = make(tmp_path)
    values = [0 * value for value in values_of(trainer)]
    batch = trainer._batch(trainer.valid, np.arange(3), (0,))
    nats, count, _ = to_numpy(trainer._evaluate(values, batch))
    assert count == batch.hidden.asked.sum() > 0
    size = trainer.policy.tokenizer.vocabulary_size
    assert nats == pytest.approx(count * math.log(size), rel=1e-5)


@pytest.mark.backend
def test_the_loss_is_that_of_each_text_alone(make, tmp_path):
    """Packed or not, a text has the same states; nothing is seen across texts."""
    trainer = make(tmp_path)
    model = trainer.policy.model
    hidden, texts, positions = trainer._batch(trainer.train, np.arange(2), (0,))
    inputs = BertBatch(hidden.ids, hidden.mask, hidden.segments)
    found = to_numpy(model.bert.encode(*inputs, packed=(texts, positions)))
    assert texts.max() > 1
    for row in range(2):
        for number in range(1, texts[row].max() + 1):
            place = texts[row] == number
            ids = hidden.ids[row][place][None]
            alone = to_numpy(model.bert.encode(ids, np.ones_like(ids, bool)))[0]
            np.testing.assert_allclose(found[row][place], alone, rtol=1e-4, atol=1e-5)


def test_it_learns_the_other_word_of_a_pair(make, tmp_path):
    trainer = make(tmp_path, epochs=25, evaluate_every=150)
    before = trainer.validate(values_of(trainer))
    position = trainer.run()
    after = trainer.validate(values_of(trainer))
    assert position["finished"] and before["valid/accuracy"] < 40
    assert (
        after["valid/accuracy"] > 90 and after["valid/loss"] < before["valid/loss"] / 2
    )
    record = [one for one in read_metrics(tmp_path) if "valid/accuracy" in one][-1]
    assert record["valid/perplexity"] == pytest.approx(math.exp(record["valid/loss"]))
    model, tokenizer = load_masked_model(tmp_path / "best")
    assert tokenizer.fingerprint == trainer.policy.tokenizer.fingerprint
    ids = np.array([[2, *tokenizer.encode("red"), 4, 3]], "int32")
    batch = BertBatch(ids, ids > 0, 0 * ids)
    logits = to_numpy(model.logits(batch, np.array([[2]], "int32")))[0, 0]
    assert tokenizer.token(int(logits.argmax())) == "house"


def test_each_pass_hides_other_words_and_validation_the_same(make, tmp_path):
    trainer = make(tmp_path)
    (_, plan), *_ = trainer.batches(0)
    one, two = (trainer._batch(trainer.train, plan, (0, n)).hidden for n in (0, 1))
    assert (one.places != two.places).any()
    values = values_of(trainer)
    assert trainer.validate(values) == trainer.validate(values)
    assert make(tmp_path, valid=False).validate(values) == {}


def test_resumed_is_uninterrupted(make, tmp_path):
    whole = make(tmp_path / "whole", dropout=0.1)
    whole.run()
    expected = values_of(whole)
    for _ in range(60):
        parts = make(tmp_path / "parts", dropout=0.1)
        if parts.run(stop_after=-1.0)["finished"]:
            break
    else:
        pytest.fail("it never ended")
    for one, two in zip(values_of(parts), expected, strict=True):
        np.testing.assert_array_equal(one, two)
    losses = [
        [r["train/loss"] for r in read_metrics(tmp_path / name) if "train/loss" in r]
        for name in ("whole", "parts")
    ]
    assert losses[0] == losses[1]
