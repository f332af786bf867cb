"""A tiny model that finds answers, and rows for it, English and Chinese."""

import numpy as np

from nutgraf.arrays import EOS
from nutgraf.data.questions import ask
from nutgraf.data.rows import Row
from nutgraf.models.span import SpanModel
from nutgraf.models.span_codec import SpanCodec
from nutgraf.models.span_policy import SpanPolicy
from nutgraf.models.span_settings import WindowSettings
from nutgraf.text.bert_tokenizer import BertTokenizer
from tests.models.bert_toys import toy_bert

TEXTS = [
    "the red house reads a blue river",
    "old data takes the new file and houses",
    "who reads what where is it",
    "红色的房子在河边。谁住在那里？老猫住在那里。",
]


def toy_tokenizer():
    return BertTokenizer.train(TEXTS * 3, 120)


def toy_codec(length=24, overlap=6, answer=6):
    return SpanCodec(toy_tokenizer(), WindowSettings(length, overlap, answer))


def toy_span_policy(codec=None, seed=0, **changes):
    codec = codec or toy_codec()
    sizes = {"max_length": codec.max_source, "dropout": 0.0}
    bert = toy_bert(codec.tokenizer, seed, **{**sizes, **changes})
    return SpanPolicy(SpanModel(bert), codec)


def question(name, asked, text, *answers, starts=()):
    return Row(name, ask(asked, text), answers, f"rows.jsonl:{name}", starts)


def toy_questions():
    return [
        question("1", "who reads", "the red house reads a river", "red house"),
        question("2", "what", "old data takes the new file", "file"),
        question("3", "谁住在那里？", "老猫住在那里。", "老猫"),
    ]


def all_spans(policy, row):
    """Every sequence of actions for the text of a row, no answer among them."""
    batch = policy.codec.batch([row])
    ids = batch.source_ids[0][batch.source_mask[0]]
    separators = np.flatnonzero(ids == policy.codec.tokenizer.sep_id)
    places = range(separators[0] + 1, separators[1])
    longest = policy.codec.max_answer
    spans = [
        [first + 1, last + 1, EOS] if last > first else [first + 1, EOS, 0]
        for first in places
        for last in range(first, min(first + longest, separators[1]))
    ]
    return batch, np.array([[EOS, 0, 0], *spans], "int32")
