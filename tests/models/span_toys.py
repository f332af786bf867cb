"""A tiny model that finds answers, and rows for it, English and Chinese."""

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
