"""The smallest policy: fast enough to run its operations one by one."""

import keras
import numpy as np
from keras import layers, ops

from nutgraf.arrays import EOS
from nutgraf.models.codec import TextCodec
from nutgraf.models.logits_policy import LogitsPolicy


def tiny_policy(tokenizer):
    """The next word depends on the last one and on the source's words; texts are short.

    A third of the drawn actions are the end.
    """
    keras.utils.set_random_seed(0)
    size = tokenizer.vocabulary_size
    source = keras.Input((None,), dtype="int32", name="source_ids")
    target = keras.Input((None,), dtype="int32", name="target_ids")
    wide = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    read, last = (
        layers.Embedding(size, 8, embeddings_initializer=wide, name=name)(ids)
        for name, ids in (("read", source), ("last", target))
    )
    choice = layers.Dense(size, name="choice")
    logits = choice(last + ops.mean(read, axis=1, keepdims=True))
    choice.bias.assign(np.where(np.arange(size) == EOS, 5.0, 0.0))
    model = keras.Model({"source_ids": source, "target_ids": target}, logits)
    return LogitsPolicy(model, TextCodec(tokenizer, 48, 12, 16), size)
