import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.models.bert_folder import save_bert
from nutgraf.models.bert_inputs import bert_batch, joined_texts
from nutgraf.models.masked_language import (
    MaskedLanguageModel,
    load_masked_model,
    save_masked_model,
)
from tests.models.bert_toys import TEXTS, toy_bert, toy_bert_tokenizer

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def tokenizer():
    return toy_bert_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    made = MaskedLanguageModel(toy_bert(tokenizer))
    random = np.random.default_rng(0)
    for variable in made.head_variables:
        value = to_numpy(variable.value)
        variable.assign(value + 0.3 * random.normal(size=value.shape))
    return made


def batch(tokenizer):
    return bert_batch(joined_texts(tokenizer, TEXTS), 16)


PLACES = np.array([[1, 3], [2, 1], [0, 1], [1, 1]], "int32")


def test_each_place_is_asked_by_itself(model, tokenizer):
    found = to_numpy(model.logits(batch(tokenizer), PLACES))
    assert found.shape == (4, 2, tokenizer.vocabulary_size)
    turned = to_numpy(model.logits(batch(tokenizer), PLACES[:, ::-1]))
    np.testing.assert_allclose(found, turned[:, ::-1], rtol=1e-4, atol=1e-5)
    assert abs(found[:3, 0] - found[:3, 1]).max() > 0.1


def test_the_keras_model_gives_log_probs(model, tokenizer):
    given = batch(tokenizer)
    found = to_numpy(model({"ids": given.ids, "places": PLACES}))
    np.testing.assert_allclose(np.exp(found).sum(-1), 1, rtol=1e-4)
    logits = to_numpy(model.logits(given, PLACES))
    np.testing.assert_array_equal(found.argmax(-1), logits.argmax(-1))


def test_saved_and_loaded_with_the_head(model, tokenizer, tmp_path):
    save_masked_model(tmp_path / "m", model, tokenizer, {"steps": 1})
    again, _ = load_masked_model(tmp_path / "m")
    np.testing.assert_array_equal(
        to_numpy(again.logits(batch(tokenizer), PLACES)),
        to_numpy(model.logits(batch(tokenizer), PLACES)),
    )


def test_a_bert_alone_gets_a_new_head(model, tokenizer, tmp_path):
    save_bert(tmp_path / "m", model.bert, tokenizer)
    again, _ = load_masked_model(tmp_path / "m")
    assert not to_numpy(again.output_bias.value).any()
    states = [to_numpy(m.bert.encode(*batch(tokenizer))) for m in (again, model)]
    np.testing.assert_array_equal(*states)
