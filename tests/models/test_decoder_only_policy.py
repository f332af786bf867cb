"""Plain text in rows of several documents: each is as it would be alone."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy, value_and_grad, with_values
from nutgraf.data.packed import build_packed
from nutgraf.data.rows import Row
from nutgraf.models.build import with_separator
from nutgraf.testing.toys import toy_policy, toy_rows

pytestmark = pytest.mark.backend

VARIANTS = {
    "llama": {"key_value_heads": 1},
    "gpt2": {"block": "gpt2"},
}
ROW = 32


@pytest.fixture(scope="module", params=VARIANTS)
def policy(request, tokenizer):
    return toy_policy(
        tokenizer,
        architecture="decoder-only",
        separator=False,
        **VARIANTS[request.param],
    )


@pytest.fixture(scope="module")
def documents():
    return [toy_rows(1, length, seed=length)[0] for length in (3, 5, 2, 7, 4)]


@pytest.fixture(scope="module")
def packed(documents, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    return build_packed(documents, tokenizer, folder, ROW, "toy")


def of_rows(policy, batch):
    return to_numpy(policy.log_probs_of_text(*batch[:4]))


def test_a_packed_document_is_the_document_alone(policy, documents, packed, tokenizer):
    batch = packed.batch(np.arange(len(packed)), len(packed))
    assert (batch.segments.max(axis=1) > 1).any() and len(packed) < len(documents)
    found = of_rows(policy, batch)
    rows = {}
    for row, segments in enumerate(batch.segments):
        for number in range(1, segments.max() + 1):
            place = segments == number
            rows[tuple(batch.ids[row][place])] = found[row][place & batch.mask[row]]
    for document in documents:
        ids = [1, *tokenizer.encode(document.document), 2]
        alone = policy.codec.batch([Row("a", "", (document.document,))])
        memory = policy.encode(alone)
        actions = alone.target_ids[:, None]
        assert actions.shape[-1] < ROW and actions[0, 0][alone.target_mask[0]][-1] == 2
        scored = policy.score(memory, policy.hidden(memory, actions), actions)
        expected = to_numpy(scored.log_probs)[0, 0][alone.target_mask[0]]
        np.testing.assert_allclose(rows[tuple(ids)], expected, rtol=1e-4, atol=1e-5)


def test_no_document_learns_from_another(policy, packed):
    """The gradient of a row's last document is the same, whatever stands before it."""
    batch = packed.batch(np.arange(1), 1)
    last = batch.segments == batch.segments.max()
    other = batch._replace(ids=np.where(last, batch.ids, 9))
    assert batch.segments.max() > 1 and (other.ids != batch.ids).any()

    def loss(values, *arrays):
        with with_values(policy.variables, values):
            log_probs = policy.log_probs_of_text(*arrays)
        counted = ops.convert_to_tensor(last & batch.mask)
        return ops.sum(ops.where(counted, log_probs, 0.0)), log_probs

    values = [variable.value for variable in policy.variables]
    one, two = (
        to_numpy(value_and_grad(loss)(values, *map(ops.convert_to_tensor, some[:4]))[1])
        for some in (batch, other)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_prompt_and_its_text_are_one_document(policy, tokenizer):
    """Source and target of a language model stand side by side, without a separator."""
    before, after = tokenizer.encode("the red house"), tokenizer.encode(" reads old")
    whole = np.array([[1, *before, *after]], "int32")
    steps = np.arange(whole.shape[1], dtype="int32")[None]
    found = policy.log_probs_of_text(
        whole[:, :-1], steps[:, :-1], np.ones_like(steps[:, :-1]), whole[:, 1:]
    )
    batch = policy.codec.batch([Row("a", "the red house", (" reads old",))])
    actions = np.array([[after]], "int32")
    memory = policy.encode(batch)
    scored = policy.score(memory, policy.hidden(memory, actions), actions)
    np.testing.assert_allclose(
        to_numpy(scored.log_probs)[0, 0],
        to_numpy(found)[0, len(before) :],
        rtol=1e-4,
        atol=1e-5,
    )


def test_with_a_separator_the_weights_stay(policy):
    other = with_separator(policy, True)
    assert other.model.config.separator and not policy.model.config.separator
    assert with_separator(other, True) is other
    for one, two in zip(policy.variables, other.variables, strict=True):
        assert np.array_equal(to_numpy(one.value), to_numpy(two.value))
