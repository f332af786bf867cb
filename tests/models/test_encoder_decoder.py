import keras
import numpy as np
import pytest

from nutgraf.arrays import BOS, EOS, PAD
from nutgraf.backend import to_numpy, value_and_grad, with_values
from nutgraf.data.batches import fit_arrays
from nutgraf.models.config import ModelConfig
from nutgraf.models.encoder_decoder import EncoderDecoder
from nutgraf.testing.toys import toy_policy, weights_of


@pytest.fixture
def batch(policy, rows):
    return policy.codec.batch(rows[:4])


def inputs_of(batch):
    return fit_arrays(batch)[0]


@pytest.mark.parametrize("copy", [True, False])
def test_log_probs_are_normalised_and_special_tokens_never_come(tokenizer, rows, copy):
    policy = toy_policy(tokenizer, copy=copy)
    batch = policy.codec.batch(rows[:4])
    probs = np.exp(to_numpy(policy.model(inputs_of(batch))))
    np.testing.assert_allclose(probs.sum(-1), 1.0, rtol=1e-4)
    assert probs[..., [PAD, BOS]].max() == 0.0
    assert probs[..., EOS].min() > 0.0


def test_output_before_a_position_does_not_see_it(policy, batch):
    inputs = inputs_of(batch)
    changed = dict(inputs, target_ids=inputs["target_ids"].copy())
    changed["target_ids"][:, 5] = 7
    one, two = to_numpy(policy.model(inputs)), to_numpy(policy.model(changed))
    np.testing.assert_allclose(one[:, :5], two[:, :5], rtol=1e-4, atol=1e-5)
    assert abs(one[:, 5] - two[:, 5]).max() > 1e-3


def test_source_padding_changes_nothing(policy, rows):
    short = policy.codec.batch(rows[:3], source_length=32)
    long = policy.codec.batch(rows[:3], source_length=48)
    assert short.source_mask.sum() == long.source_mask.sum()
    one, two = (to_numpy(policy.model(inputs_of(b))) for b in (short, long))
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


def test_the_source_is_read(policy, batch):
    inputs = inputs_of(batch)
    other = dict(inputs, source_ids=np.roll(inputs["source_ids"], 1, axis=0))
    assert (
        abs(to_numpy(policy.model(inputs)) - to_numpy(policy.model(other))).max() > 0.1
    )


def test_only_words_of_the_source_gain_by_copying(tokenizer, rows):
    policy = toy_policy(tokenizer)
    head = policy.model.copy_head
    batch = policy.codec.batch(rows[:1])
    vocabulary = np.arange(policy.vocabulary_size)
    in_source = np.isin(vocabulary, batch.source_ids[batch.source_mask])
    head.gate.bias.assign([-20.0])  # copy only
    probs = np.exp(to_numpy(policy.model(inputs_of(batch))))[0, 0]
    assert probs[in_source].sum() == pytest.approx(1.0, rel=1e-4)
    head.gate.bias.assign([20.0])  # vocabulary only
    probs = np.exp(to_numpy(policy.model(inputs_of(batch))))[0, 0]
    assert probs[~in_source].sum() > 0.3


def test_compile_and_fit_learn_the_made_up_rows(tokenizer, rows):
    policy = toy_policy(tokenizer)
    model = policy.model
    batch = policy.codec.batch(rows)
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_accuracy"],
    )
    history = model.fit(
        inputs_of(batch),
        batch.target_ids,
        sample_weight=batch.target_mask.astype("float32"),
        batch_size=20,
        epochs=8,
        verbose=0,
        validation_data=(inputs_of(batch), batch.target_ids),
    ).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert "val_loss" in history


def test_mixed_bfloat16_keeps_float32_weights_and_log_probs(tokenizer, rows):
    policy = toy_policy(tokenizer)
    half = EncoderDecoder(policy.model.config, dtype="mixed_bfloat16")
    for variable, value in zip(
        half.trainable_variables, weights_of(policy), strict=True
    ):
        variable.assign(value)
    batch = policy.codec.batch(rows[:4])
    one, two = to_numpy(policy.model(inputs_of(batch))), half(inputs_of(batch))
    assert keras.backend.standardize_dtype(two.dtype) == "float32"
    assert {v.dtype for v in half.trainable_variables} == {"float32"}
    possible = one > -20  # forbidden tokens stay forbidden
    found = abs(one - to_numpy(two))[possible]
    assert found.max() < 0.3  # bfloat16 has three decimal digits
    assert found.max() > 0  # the policy really is at work


def test_attention_maps_are_distributions_over_the_source(policy, batch):
    maps = policy.model.attention_maps(batch.source_ids, batch.target_ids)
    rows, length = batch.target_ids.shape
    source = batch.source_ids.shape[1]
    cross, copied = to_numpy(maps["cross"]), to_numpy(maps["copy"])
    assert cross.shape == (rows, 2, 2, length, source)
    np.testing.assert_allclose(cross.sum(-1), 1.0, rtol=1e-4)
    np.testing.assert_allclose(copied.sum(-1), 1.0, rtol=1e-4)
    assert copied[~np.repeat(batch.source_mask[:, None], length, 1)].max() == 0.0
    share = to_numpy(maps["copy_share"])
    assert (share > 0).all() and (share < 1).all()


def test_a_row_without_tokens_gives_finite_numbers_and_gradients(policy, rows):
    batch = policy.codec.batch(rows[:2])
    batch = batch._replace(
        source_mask=batch.source_mask & np.array([[True], [False]]),
    )

    def loss(values, batch):
        from keras import ops

        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            actions = batch.target_ids[:, None]
            scored = policy.score(memory, policy.hidden(memory, actions), actions)
        return ops.mean(scored.log_probs), {}

    import keras.tree

    from nutgraf.backend import to_tensor

    (value, _), grads = value_and_grad(loss)(
        [v.value for v in policy.variables],
        keras.tree.map_structure(to_tensor, batch),
    )
    assert np.isfinite(to_numpy(value))
    assert all(np.isfinite(to_numpy(grad)).all() for grad in grads)


def test_article_size_has_the_articles_numbers():
    from nutgraf.models.config import named_config

    config = named_config("article")
    assert config == ModelConfig(
        vocabulary_size=30_000,
        width=512,
        heads=8,
        feed_forward=2048,
        encoder_layers=6,
        decoder_layers=6,
        dropout=0.1,
        copy=False,
    )
