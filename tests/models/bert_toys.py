"""A tiny BERT with its tokenizer, for the tests of what is built on it."""

import keras
import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.models.bert import Bert
from nutgraf.models.bert_config import BertConfig
from nutgraf.text.bert_tokenizer import BertTokenizer

TEXTS = ["the red house reads", "a blue river", "old data takes the new file", "houses"]


def toy_bert_tokenizer():
    return BertTokenizer.train(TEXTS * 3, 90)


def toy_bert(tokenizer, seed=0, **changes):
    """Random weights, large enough that every part matters."""
    keras.utils.set_random_seed(seed)
    sizes = {"width": 16, "heads": 2, "feed_forward": 24, "layers": 2, "max_length": 24}
    size = tokenizer.vocabulary_size
    model = Bert(BertConfig(**{"vocabulary_size": size, **sizes, **changes}))
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        value = to_numpy(variable.value)
        variable.assign(value + 0.3 * random.normal(size=value.shape))
    return model
