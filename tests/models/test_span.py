import keras
import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ModelError
from nutgraf.models.bert_folder import check_bert, save_bert
from nutgraf.models.bert_inputs import bert_batch, joined_texts
from nutgraf.models.span import SpanModel, load_span_model, save_span_model
from tests.models.bert_toys import TEXTS, toy_bert, toy_bert_tokenizer

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def tokenizer():
    return toy_bert_tokenizer()


@pytest.fixture
def model(tokenizer):
    return SpanModel(toy_bert(tokenizer, dropout=0.0))


def batch(tokenizer, length=20):
    return bert_batch(joined_texts(tokenizer, ["house", "river"], TEXTS[:2]), length)


def test_padding_gets_no_answer_and_changes_nothing(model, tokenizer):
    whole = [to_numpy(part) for part in model.logits(*batch(tokenizer))]
    mask = batch(tokenizer).mask
    assert all((part[~mask] == -1e9).all() for part in whole)
    assert abs(whole[0] - whole[1])[mask].max() > 0.01  # start is not end
    for row, count in enumerate(mask.sum(axis=1)):
        one = [part[row : row + 1, :count] for part in batch(tokenizer)]
        for found, expected in zip(model.logits(*one), whole, strict=True):
            np.testing.assert_allclose(
                to_numpy(found)[0], expected[row, :count], rtol=1e-4, atol=1e-5
            )


def test_the_keras_model_learns(model, tokenizer):
    keras.utils.set_random_seed(0)
    ids, mask, segments = batch(tokenizer)
    words = [[3, 5], [3, 4]]
    labels = {"start": np.array(words)[:, 0], "end": np.array(words)[:, 1]}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), {"start": loss, "end": loss})
    inputs = {"ids": ids, "segments": segments}
    model.fit(inputs, labels, epochs=25, verbose=0)
    found = {name: to_numpy(part) for name, part in model(inputs).items()}
    for name, expected in labels.items():
        assert (found[name].argmax(axis=1) == expected).all()


def test_saved_and_loaded(model, tokenizer, tmp_path):
    save_span_model(tmp_path / "m", model, tokenizer, {"steps": 2})
    again, same = load_span_model(tmp_path / "m")
    assert (
        same.fingerprint == tokenizer.fingerprint and check_bert(tmp_path / "m") == []
    )
    for one, two in zip(
        model.logits(*batch(tokenizer)), again.logits(*batch(tokenizer)), strict=True
    ):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(two))


def test_a_bert_without_a_head_is_refused(model, tokenizer, tmp_path):
    save_bert(tmp_path / "m", model.bert, tokenizer)
    with pytest.raises(ModelError, match="must hold `qa_outputs.weight`.*nothing"):
        load_span_model(tmp_path / "m")
