import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.models.bert_folder import BertFolder
from nutgraf.models.bert_inputs import bert_batch, joined_texts
from nutgraf.models.token_vectors import TokenEncoder
from tests.models.bert_toys import TEXTS, toy_bert, toy_bert_tokenizer

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    tokenizer = toy_bert_tokenizer()
    return BertFolder(toy_bert(tokenizer), tokenizer, {}, tmp_path_factory.mktemp("b"))


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_text_is_the_same_in_any_company(bert, layer):
    texts = [*TEXTS, "", "red " * 40]
    for text, found in zip(texts, TokenEncoder(bert, layer)(texts), strict=True):
        (one,) = joined_texts(bert.tokenizer, [text], max_length=24)
        batch = bert_batch([one], len(one.ids))
        states = to_numpy(bert.model.encode(*batch, depth=layer))[0]
        expected = states / np.linalg.norm(states, axis=1, keepdims=True)
        np.testing.assert_allclose(found.vectors, expected, rtol=1e-4, atol=1e-5)
        assert found.counts.tolist() == [False, *[True] * (len(one.ids) - 2), False]


@pytest.mark.parametrize("layer", [-1, 3])
def test_an_absent_layer_is_named(bert, layer):
    with pytest.raises(ConfigError, match=f"in .1, 2.*Received: layer={layer}"):
        TokenEncoder(bert, layer)
