"""The recurrent model, against formulas written down once more in numpy."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of

pytestmark = pytest.mark.backend


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(kernel, recurrent, bias, x, state):
    i, f, g, o = np.split(x @ kernel + state[0] @ recurrent + bias, 4, axis=-1)
    cell = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(cell), cell]


def by_hand(w, source, inputs):
    """Log-probs (T, V) of See et al. 2017, eq. 1-11, for one source without padding."""
    width = w["embedding/embeddings"].shape[1]
    embed = w["embedding/embeddings"] * width**0.5

    def cell(name):
        return [w[f"{name}/{part}"] for part in ("kernel", "recurrent_kernel", "bias")]

    def read(name, ids):
        state, found = [np.zeros(width // 2)] * 2, []
        for token in ids:
            state = lstm(*cell(name), embed[token], state)
            found.append(state[0])
        return np.array(found), state

    ahead, one = read("encoder_0/forward", source)
    back, two = read("encoder_0/backward", source[::-1])
    h = np.concatenate([ahead, back[::-1]], axis=-1)  # (S, D)
    ends = [np.concatenate(pair) for pair in zip(one, two, strict=True)]
    state = [
        end @ w[f"bridge_0_{part}/kernel"] + w[f"bridge_0_{part}/bias"]
        for part, end in enumerate(ends)
    ]
    state[0] = np.tanh(state[0])
    keys = h @ w["decoder/attention/key/kernel"] + w["decoder/attention/key/bias"]
    seen, coverage, found = np.zeros(width), np.zeros(len(source)), []
    for token in inputs:
        x = embed[token]
        state = lstm(*cell("decoder/layer_0"), np.concatenate([x, seen]), state)
        e = np.tanh(
            keys
            + state[0] @ w["decoder/attention/query_kernel"]
            + coverage[:, None] * w["decoder/attention/coverage_kernel"][:, 0]
        )
        e = e @ w["decoder/attention/score_kernel"][:, 0]
        a = np.exp(e - e.max())
        a /= a.sum()
        coverage = coverage + a
        seen = a @ h
        both = np.concatenate([state[0], seen])
        logits = (both @ w["readout/kernel"] + w["readout/bias"]) @ (
            w["embedding/embeddings"].T
        )
        logits[:2] = -np.inf
        words = np.exp(logits - logits.max())
        words /= words.sum()
        gate = np.concatenate([both, x]) @ w["gate/kernel"] + w["gate/bias"]
        share = sigmoid(gate[0])
        copied = np.zeros_like(words)
        np.add.at(copied, source, a)
        found.append(np.log(share * words + (1 - share) * copied + 1e-300))
    return np.array(found)


@pytest.fixture(scope="module")
def policy(tokenizer):
    policy = toy_policy(tokenizer, architecture="lstm", decoder_layers=1, coverage=True)
    random = np.random.default_rng(5)
    for weight in policy.variables:
        noise = random.normal(size=weight.shape).astype("float32")
        weight.assign(1.5 * to_numpy(weight.value) + 0.2 * noise)
    return policy


def test_the_model_is_the_pointer_generator(policy):
    """Forward from the formulas of the paper, in float64."""
    names = [v.path.split("/", 1)[-1] for v in policy.variables]
    weights = {
        name: value.astype("float64")
        for name, value in zip(names, weights_of(policy), strict=True)
    }
    batch = policy.codec.batch([toy_rows(1, 9)[0]])
    source = batch.source_ids[0][batch.source_mask[0]]
    inputs = np.int32([1, 7, 30, 12, int(source[0]), 5])
    found = to_numpy(
        policy.model({"source_ids": batch.source_ids, "target_ids": inputs[None]})
    )[0]
    expected = by_hand(weights, source, inputs)
    np.testing.assert_allclose(found[:, 2:], expected[:, 2:], rtol=1e-4, atol=1e-4)
    assert found[:, :2].max() < -1e8
    assert expected[:, 2:].std() > 1.0


def test_attention_maps_tell_where_it_looked(policy):
    batch = policy.codec.batch(toy_rows(2, 6))
    maps = policy.model.attention_maps(batch.source_ids, batch.target_ids)
    maps = {name: to_numpy(value) for name, value in maps.items()}
    rows, length = batch.target_ids.shape
    places = batch.source_ids.shape[1]
    assert maps["cross"].shape == (rows, 1, 1, length, places)
    np.testing.assert_array_equal(maps["copy"], maps["cross"][:, 0, 0])
    np.testing.assert_allclose(maps["copy"].sum(-1), 1.0, rtol=1e-5)
    assert maps["copy"][~np.repeat(batch.source_mask[:, None], length, 1)].max() == 0
    assert 0 < maps["copy_share"].min() < maps["copy_share"].max() < 1


def test_without_copy_head_there_is_the_attention_alone(tokenizer):
    policy = toy_policy(tokenizer, architecture="gru", copy=False)
    batch = policy.codec.batch(toy_rows(2, 6))
    maps = policy.model.attention_maps(batch.source_ids, batch.target_ids)
    assert set(maps) == {"cross"}
    memory = policy.encode(batch)
    hidden = policy.hidden(memory, batch.target_ids[:, None])
    assert hidden.shape[-1] == 32
    assert policy.model.pointers(memory, hidden[:, 0]) is None
