import keras
import numpy as np
import pytest
from keras import ops

from nutgraf.layers.precision import at_least_float32


@pytest.mark.parametrize("narrow", ["float16", "bfloat16", "float32"])
def test_what_is_narrower_becomes_float32(narrow):
    wide = at_least_float32(ops.cast(np.ones(2, "float32"), narrow))
    assert keras.backend.standardize_dtype(wide.dtype) == "float32"
