"""Equal to the scorer, in one window or in many."""

import math

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError
from nutgraf.evaluation.surprise import is_language_model, text_surprise
from nutgraf.testing.toys import toy_policy, toy_rows

TEXT = "the red house reads every old file"


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def language(request, tokenizer):
    return toy_policy(
        tokenizer,
        architecture="decoder-only",
        separator=False,
        block=request.param,
        max_source=24,
        max_target=4,
    )


def nats_of(found):
    return [token.nats for token in found.tokens]


def packed_nats(policy, text):
    """By the likelihood that the model is trained on."""
    ids = np.array([[1, *policy.codec.tokenizer.encode(text), 2]], "int32")
    steps = np.arange(ids.shape[1] - 1, dtype="int32")[None]
    found = policy.log_probs_of_text(
        ids[:, :-1], steps, np.ones_like(steps), ids[:, 1:]
    )
    return -to_numpy(found)[0]


def test_windows_give_each_token_its_whole_past(language):
    found = text_surprise(language, TEXT)
    assert len(found.tokens) > 2 * language.codec.max_target
    expected = packed_nats(language, TEXT)
    np.testing.assert_allclose(nats_of(found), expected, rtol=1e-4)
    assert found.bytes == len(TEXT)
    assert found.nats == pytest.approx(expected.sum(), rel=1e-4)
    assert found.perplexity == pytest.approx(math.exp(expected.mean()), rel=1e-4)
    assert found.bits_per_byte == pytest.approx(
        expected.sum() / math.log(2) / len(TEXT), rel=1e-4
    )


def test_a_text_longer_than_the_context_is_scored_to_its_end(language):
    found = text_surprise(language, TEXT * 4, end=False)
    assert "".join(token.token for token in found.tokens) == TEXT * 4
    assert np.isfinite(nats_of(found)).all()


def test_a_source_is_what_the_text_goes_on_from(language):
    whole = text_surprise(language, "the red house")
    rest = text_surprise(language, " red house", source="the")
    assert len(rest.tokens) == 3
    np.testing.assert_allclose(nats_of(rest), nats_of(whole)[-3:], rtol=1e-4)


def test_the_likeliest_are_sorted_and_hold_the_token_itself(language):
    size = language.vocabulary_size
    found = text_surprise(language, "red", top=size)
    token = found.tokens[0]
    probabilities = [p for _, p in token.likeliest]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1.0, abs=1e-4)
    assert math.exp(-token.nats) == pytest.approx(
        dict(token.likeliest)[token.token], rel=1e-4
    )
    assert found.tokens[-1].token == "<eos>"


def test_any_policy_scores_a_text_of_a_source(policy):
    row = toy_rows(1)[0]
    assert not is_language_model(policy)
    found = text_surprise(policy, row.references[0], row.document)
    batch = policy.codec.batch([row])
    memory = policy.encode(batch)
    actions = batch.target_ids[:, None]
    scored = policy.score(memory, policy.hidden(memory, actions), actions)
    expected = -to_numpy(scored.log_probs)[0, 0][batch.target_mask[0]]
    np.testing.assert_allclose(nats_of(found), expected, rtol=1e-4)
    assert found.unread == 0
    long = Row("long", " ".join([row.document] * 4))
    assert text_surprise(policy, "red", long.document).unread > 0


def test_what_cannot_be_scored_is_told(policy, language):
    with pytest.raises(ConfigError, match="by a language model only.*`--source`"):
        text_surprise(policy, "red")
    with pytest.raises(ConfigError, match="at most 12 tokens. Received: a text of"):
        text_surprise(policy, TEXT * 3, "red")
    with pytest.raises(DataError, match="must hold a token"):
        text_surprise(language, "")
    with pytest.raises(ConfigError, match="top must be >= 1"):
        text_surprise(language, "red", top=0)
