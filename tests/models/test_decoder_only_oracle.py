"""Our decoder-only models are Hugging Face's Llama and GPT-2, weight by weight."""

import numpy as np
import pytest

from nutgraf.arrays import EOS, PAD
from nutgraf.backend import to_numpy
from nutgraf.data.batches import fit_arrays
from nutgraf.models.config import ModelConfig
from nutgraf.models.decoder_only import DecoderOnly
from nutgraf.models.decoder_only_policy import DecoderOnlyPolicy
from tests.models.frozen_models import (
    check_beams,
    check_greedy,
    frozen_batch,
    read_frozen,
    take_weights,
)

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module", params=["llama", "llama_grouped", "gpt2"])
def frozen(request):
    return read_frozen(request.param)


@pytest.fixture(scope="module")
def policy(frozen):
    model = DecoderOnly(ModelConfig.from_dict(frozen["about"]["config"]))
    take_weights(model, frozen)
    return DecoderOnlyPolicy(model, codec=None)  # ids in, ids out: no texts


@pytest.fixture(scope="module", params=["right", "left"])
def batch(request, frozen):
    found = frozen_batch(frozen)
    if request.param == "right":
        return found
    source = np.stack([np.roll(ids, (ids == PAD).sum()) for ids in found.source_ids])
    assert (source[:, -1] != PAD).all()
    return found._replace(source_ids=source, source_mask=source != PAD)


def test_logits_of_all_words_are_those_of_the_other(policy, batch, frozen):
    memory = policy.encode(batch)
    hidden = policy.hidden(memory, batch.target_ids[:, None])[:, 0]
    found = to_numpy(
        policy.model.vocabulary_logits(hidden, policy.model.output_table())
    )
    np.testing.assert_allclose(
        found[..., EOS:], frozen["logits"][..., EOS:], rtol=1e-5, atol=1e-5
    )
    assert found[..., :EOS].max() < -1e8  # PAD and BOS are never predicted
    assert abs(frozen["logits"]).max() > 3


def test_the_keras_model_gives_the_others_log_probs(policy, batch, frozen):
    found = policy.model(fit_arrays(batch)[0])
    words = frozen["logits"][..., EOS:].astype("float64")
    expected = words - np.log(np.exp(words).sum(-1, keepdims=True))
    np.testing.assert_allclose(
        to_numpy(found)[..., EOS:], expected, rtol=1e-5, atol=1e-5
    )


def test_greedy_texts_are_those_of_the_other(policy, batch, frozen):
    check_greedy(policy, batch, frozen)


def test_beam_texts_and_scores_are_those_of_the_other(policy, batch, frozen):
    check_beams(policy, batch, frozen, 1e-5)
