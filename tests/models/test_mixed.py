import keras
import pytest

from nutgraf.models.mixed import mixed_precision
from nutgraf.testing.toys import toy_policy


def test_models_made_in_the_block_compute_in_bfloat16_and_no_others(tokenizer):
    before = keras.config.dtype_policy().name
    for on, dtype in ((True, "bfloat16"), (False, "float32")):
        with mixed_precision(on):
            model = toy_policy(tokenizer, decoder_layers=1).model
        assert keras.config.dtype_policy().name == before
        layers = [model, *model.decoder, model.decoder[0].attention.query]
        assert {layer.compute_dtype for layer in layers} == {dtype}
        assert {v.dtype for v in model.trainable_variables} == {"float32"}


def test_an_error_leaves_no_trace():
    before = keras.config.dtype_policy().name
    with pytest.raises(RuntimeError), mixed_precision():
        raise RuntimeError
    assert keras.config.dtype_policy().name == before
