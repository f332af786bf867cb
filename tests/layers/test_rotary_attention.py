import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.attention import causal_mask
from nutgraf.layers.rotary import rotation
from nutgraf.layers.rotary_attention import RotaryAttention

WIDTH, HEADS = 8, 2


@pytest.fixture(scope="module", params=[2, 1])
def layer(request):
    made = RotaryAttention(WIDTH, HEADS, request.param)
    made.build()
    return made


def states(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def at(positions):
    """Rotations (P, 1, 1, L, size) of (P, L) positions."""
    return rotation(np.asarray(positions)[:, None, None, :], WIDTH // HEADS)


def plain_attention(x, layer):
    """Causal attention of one text (L, D), written out head by head in numpy."""
    weights = {v.path.split("/", 1)[-1]: to_numpy(v.value) for v in layer.weights}
    size, length = WIDTH // HEADS, len(x)
    angle = np.arange(length)[:, None] * 10000.0 ** (-2 * np.arange(size // 2) / size)
    turn = np.exp(1j * angle)  # a pair of numbers is one complex number
    heads = []
    shared = HEADS // layer.key_value_heads
    for head in range(HEADS):
        query, key, value = (
            x @ weights[f"{name}/kernel"][:, place * size : (place + 1) * size]
            for name, place in (
                ("query", head),
                ("key", head // shared),
                ("value", head // shared),
            )
        )
        query, key = (
            (part[:, : size // 2] + 1j * part[:, size // 2 :]) * turn
            for part in (query, key)
        )
        scores = (query @ key.conj().T).real / np.sqrt(size)
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(scores / scores.sum(-1, keepdims=True) @ value)
    return np.concatenate(heads, -1) @ weights["output/kernel"]


def test_equals_the_formula(layer):
    x = states(2, 1, 5, WIDTH)
    where = at([range(5)] * 2)
    own = layer.keys_values(ops.convert_to_tensor(x), where)
    found = layer.attend(ops.convert_to_tensor(x), where, [(own, causal_mask(5))])
    expected = np.stack([plain_attention(text[0], layer) for text in x])[:, None]
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-4, atol=1e-5)
    assert len(layer.weights) == 4  # no biases


def test_a_prompt_shared_by_its_samples_is_the_text_in_one_piece(layer):
    """Prompts of true lengths 4 and 2, three samples each; one softmax over both."""
    prompt, own, lengths = (
        states(2, 1, 4, WIDTH),
        states(2, 3, 5, WIDTH, seed=1),
        [4, 2],
    )
    seen = (np.arange(4) < np.array(lengths)[:, None])[:, None, None, None, :]
    before = layer.keys_values(ops.convert_to_tensor(prompt), at([range(4)] * 2))
    where = at([np.arange(5) + length for length in lengths])
    x = ops.convert_to_tensor(own)
    parts = [(before, seen), (layer.keys_values(x, where), causal_mask(5))]
    found = to_numpy(layer.attend(x, where, parts))
    for row, length in enumerate(lengths):
        for sample in range(3):
            whole = np.concatenate([prompt[row, 0, :length], own[row, sample]])
            expected = plain_attention(whole, layer)[length:]
            np.testing.assert_allclose(
                found[row, sample], expected, rtol=1e-4, atol=1e-5
            )


def test_heads_must_divide():
    with pytest.raises(ValueError, match="multiple of heads.*width=6, heads=4"):
        RotaryAttention(6, 4)
    with pytest.raises(ValueError, match="heads=4, key_value_heads=3"):
        RotaryAttention(8, 4, 3)
