"""BERT and what is built on it, in float64 to 1e-9, gradients included."""

import keras
import numpy as np
import pytest

from nutgraf import backend
from nutgraf.arrays import EOS
from nutgraf.backend import jit, to_numpy, value_and_grad, with_values
from nutgraf.models.bert_inputs import BertBatch, bert_batch, joined_texts
from nutgraf.models.embedding import SentenceEmbedder
from nutgraf.models.masked_language import MaskedLanguageModel
from tests.models.bert_toys import TEXTS, toy_bert, toy_bert_tokenizer
from tests.models.passes import chosen, float64, repeated, step_by_step
from tests.models.span_toys import all_spans, toy_codec, toy_questions, toy_span_policy

pytestmark = pytest.mark.backend

# Some of Keras' operations narrow float64 to float32 on JAX and PyTorch.
EXACT = 1e-9 if backend.name == "tensorflow" else 1e-4
CLOSE = {"rtol": EXACT, "atol": EXACT}
PLACES = np.array([[1, 3], [2, 1], [0, 1], [1, 1]], "int32")


@pytest.fixture(scope="module", autouse=True)
def exact():
    with float64():
        yield


@pytest.fixture(scope="module")
def tokenizer():
    return toy_bert_tokenizer()


@pytest.fixture(scope="module")
def bert(tokenizer):
    return toy_bert(tokenizer)


@pytest.fixture(scope="module")
def batch(tokenizer):
    """Four texts of different lengths, without more padding than that takes."""
    joined = joined_texts(tokenizer, TEXTS)
    return bert_batch(joined, max(len(one.ids) for one in joined))


@pytest.fixture(scope="module")
def spans():
    return toy_span_policy(toy_codec(answer=3))


def wider(batch, left, right):
    return BertBatch(*(np.pad(part, [(0, 0), (left, right)]) for part in batch))


def compare_gradients(variables, one, two, kept=slice(None)):
    """Numbers, and the gradient of the sum of their squares, are the same."""

    def loss_of(numbers):
        def loss(values):
            with with_values(variables, values):
                found = numbers()
            return keras.ops.sum(keras.ops.square(found[kept])), found

        return loss

    values = [variable.value for variable in variables]
    runs = [jit(value_and_grad(loss_of(numbers)))(values) for numbers in (one, two)]
    ((_, first), first_grads), ((_, second), second_grads) = to_numpy(runs)
    if backend.name == "tensorflow":
        assert first.dtype == np.float64
    np.testing.assert_allclose(first[kept], second[kept], **CLOSE)
    for a, b in zip(first_grads, second_grads, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    assert max(abs(grad).max() for grad in first_grads) > 0.1


@pytest.mark.parametrize(("left", "right"), [(0, 5), (4, 0)])
def test_padding_changes_no_logit_of_a_hidden_piece(bert, batch, left, right):
    model = MaskedLanguageModel(bert)
    compare_gradients(
        model.trainable_variables,
        lambda: model.logits(batch, PLACES),
        lambda: model.logits(wider(batch, left, right), PLACES + left),
    )


@pytest.mark.parametrize(("pooling", "left", "right"), [("mean", 0, 5), ("cls", 4, 0)])
def test_padding_changes_no_vector(bert, tokenizer, batch, pooling, left, right):
    embedder = SentenceEmbedder(bert, tokenizer, pooling, normalize=False)

    def embedded(batch):
        values = [variable.value for variable in embedder.variables]
        return embedder.embed(values, batch)

    compare_gradients(
        embedder.variables,
        lambda: embedded(batch),
        lambda: embedded(wider(batch, left, right)),
    )


def test_texts_in_a_row_are_texts_alone(bert, batch):
    """As masked-language pretraining lays them: all in one row, then a filler."""
    model = MaskedLanguageModel(bert)
    lengths = batch.mask.sum(axis=1)
    starts = np.cumsum(lengths) - lengths
    numbers = np.append(np.repeat(np.arange(1, 5), lengths), 0)[None].astype("int32")
    positions = np.concatenate([*(np.arange(n) for n in lengths), [0]])[None]
    ids = np.append(batch.ids[batch.mask], 0)[None].astype("int32")
    row = BertBatch(ids, numbers > 0, np.zeros_like(ids))
    asked = (PLACES + starts[:, None]).reshape(1, 8).astype("int32")
    packed = numbers, positions.astype("int32")
    compare_gradients(
        model.trainable_variables,
        lambda: model.logits(batch, PLACES),
        lambda: keras.ops.reshape(model.logits(row, asked, packed=packed), (4, 2, -1)),
    )


def span_log_probs(policy, batch, actions):
    memory = policy.encode(batch)
    return policy.score(memory, policy.hidden(memory, actions), actions).log_probs


def scored_spans(actions):
    """Up to the end of each text; what follows it is padding."""
    return np.cumsum(actions == EOS, axis=-1) - (actions == EOS) == 0


def test_all_spans_add_up_to_1_and_the_steps_are_the_full_pass(spans):
    batch, actions = all_spans(spans, toy_questions()[0])
    actions, mask = actions[None], scored_spans(actions[None])
    found = to_numpy(span_log_probs(spans, batch, actions))
    total = np.exp(np.where(mask, found, 0).sum(axis=-1)).sum()
    assert total == pytest.approx(1, abs=EXACT)
    steps = chosen(step_by_step(spans, batch, actions), actions)
    np.testing.assert_allclose(steps[mask], found[mask], **CLOSE)


@pytest.mark.parametrize("way", ["padded", "repeated"])
def test_spans_depend_on_their_text_alone(spans, way):
    rows = toy_questions()
    longest = max(spans.codec.source_lengths(rows))
    batch = spans.codec.batch(rows, longest)
    none = np.array([EOS, 0, 0], "int32")
    actions = np.stack([batch.target_ids, np.broadcast_to(none, (3, 3))], axis=1)
    mask = scored_spans(actions)
    other, given = spans.codec.batch(rows, longest + 5), actions
    if way == "repeated":
        other, given = repeated(batch, 2), actions.reshape(6, 1, 3)
    compare_gradients(
        spans.variables,
        lambda: span_log_probs(spans, batch, actions),
        lambda: keras.ops.reshape(span_log_probs(spans, other, given), (3, 2, 3)),
        kept=mask,
    )
