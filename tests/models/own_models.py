"""A Keras model of one's own: functional, two Dense layers, nothing of nutgraf's."""

import keras
from keras import layers

from nutgraf.models.codec import TextCodec
from nutgraf.models.logits_policy import LogitsPolicy


def own_policy(tokenizer, states=False, seed=1):
    """Words of the source on average, and the last three words of the text."""
    keras.utils.set_random_seed(seed)
    size = tokenizer.vocabulary_size
    source = keras.Input((None,), dtype="int32", name="source_ids")
    target = keras.Input((None,), dtype="int32", name="target_ids")
    words = layers.Embedding(size, 16, embeddings_initializer="normal")
    read = keras.ops.mean(words(source), axis=1, keepdims=True)
    written = layers.Conv1D(16, 3, padding="causal")(words(target))
    hidden = layers.Dense(32, activation="tanh")(written + read)
    logits = layers.Dense(size)(hidden)
    model = keras.Model(
        {"source_ids": source, "target_ids": target},
        (logits, hidden) if states else logits,
    )
    return LogitsPolicy(model, TextCodec(tokenizer, 48, 12, 16), size)


def letters(prompts, completions, references, rows=None):
    """A reward in [0, 1]: the share of letters that are an "a" or an "e"."""
    return [sum(map(text.count, "ae")) / max(len(text), 1) for text in completions]
