import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.attention import Attention, causal_mask
from nutgraf.layers.rotary import rotation


def turned(x, positions):
    """Rotary positions as products of complex numbers (halves are real, imaginary)."""
    half = x.shape[-1] // 2
    angles = positions[:, None] * 10_000.0 ** (-np.arange(half) / half)
    found = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([found.real, found.imag], axis=-1)


def plain_attention(x, layer, visible, positions=None):
    """softmax(Q K' / sqrt(d)) V written out head by head in numpy."""
    weights = {v.path.split("/", 1)[-1]: to_numpy(v.value) for v in layer.weights}
    parts = {
        name: x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]
        for name in ("query", "key", "value")
    }
    size = layer.width // layer.heads
    heads = []
    for head in range(layer.heads):
        cut = slice(head * size, (head + 1) * size)
        query, key = parts["query"][..., cut], parts["key"][..., cut]
        if positions is not None:
            query, key = turned(query, positions), turned(key, positions)
        scores = query @ key.swapaxes(1, 2)
        scores = np.where(visible, scores / np.sqrt(size), -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(scores / scores.sum(-1, keepdims=True) @ parts["value"][..., cut])
    joined = np.concatenate(heads, -1)
    return joined @ weights["output/kernel"] + weights["output/bias"]


def test_equals_the_formula_with_a_causal_mask():
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    layer = Attention(8, 2)
    layer.build()
    found = to_numpy(layer(ops.convert_to_tensor(x), visible=causal_mask(5)))
    expected = plain_attention(x, layer, to_numpy(causal_mask(5)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_rotary_positions_turn_queries_and_keys_alone():
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    layer = Attention(8, 2)
    layer.build()
    places = np.arange(3, 8)
    found = layer(ops.convert_to_tensor(x), at=rotation(places, 4))
    expected = plain_attention(x, layer, True, places)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-4, atol=1e-5)
    assert abs(expected - plain_attention(x, layer, True)).max() > 0.01


def test_causal_mask_shows_self_and_past_only():
    mask = to_numpy(causal_mask(3))[0]
    assert mask.tolist() == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_grouped_queries_equal_repeated_keys():
    """G samples as one longer query == the source repeated G times."""
    random = np.random.default_rng(1)
    source = random.normal(size=(2, 4, 8)).astype("float32")
    asked = random.normal(size=(2, 3, 5, 8)).astype("float32")  # P, G, T, D
    visible = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)[:, None]
    layer = Attention(8, 2)
    layer.build()
    keys, values = layer.keys_values(ops.convert_to_tensor(source))
    grouped, _ = layer.attend(
        ops.convert_to_tensor(asked.reshape(2, 15, 8)), keys, values, visible
    )
    repeated = np.repeat(source, 3, axis=0)
    keys, values = layer.keys_values(ops.convert_to_tensor(repeated))
    alone, _ = layer.attend(
        ops.convert_to_tensor(asked.reshape(6, 5, 8)),
        keys,
        values,
        np.repeat(visible, 3, axis=0),
    )
    np.testing.assert_allclose(
        to_numpy(grouped).reshape(6, 5, 8), to_numpy(alone), rtol=1e-4, atol=1e-6
    )


def test_width_must_be_a_multiple_of_heads():
    with pytest.raises(ValueError, match="multiple of heads.*width=10, heads=4"):
        Attention(10, 4)
