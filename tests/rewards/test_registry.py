"""Every name makes a reward that keeps to its range; every mistake is told."""

import dataclasses
import importlib
import pickle
import subprocess
import sys

import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.bert_folder import save_bert
from nutgraf.rewards.base import score_completions
from nutgraf.rewards.registry import PARTS, make_part, ready_parts
from tests.models.bert_toys import toy_bert, toy_bert_tokenizer

NEEDED = {
    "band": {"low": 2, "high": 9},
    "overlong": {"limit": 9, "buffer": 3},
    "language": {"language": "en"},
    "embedding_match": {"model": "bert"},
}
SOURCE = "Rome, 1 May: the shop of Anna sold 1,000 cakes. The cakes were good."
TEXTS = [
    "",
    "It sold cakes.",
    SOURCE,
    "In Paris Anna sold 2 and 2 and 2",
    "word " * 80,
    "今天天气很好。",
    "\n\n  ?!",
    "Anna sold 1,000 good cakes.",
]


@pytest.fixture
def bert_beside(name, monkeypatch, tmp_path_factory):
    """Put a BERT into the current folder for the one part that needs it."""
    if name == "embedding_match":
        folder = tmp_path_factory.mktemp("part")
        tokenizer = toy_bert_tokenizer()
        save_bert(folder / "bert", toy_bert(tokenizer), tokenizer)
        monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (name, words)
        for name, part in PARTS.items()
        for words in ("english", "cjk")
        if words == "english" or not part.english
    ],
)
def test_every_part_keeps_to_its_range(name, words, bert_beside):
    part = PARTS[name]
    reward = make_part(name, words, NEEDED.get(name))
    assert pickle.loads(pickle.dumps(reward)) == reward
    references = [["Anna sold 1,000 good cakes."]] * len(TEXTS)
    values, parts = score_completions(reward, [SOURCE] * len(TEXTS), TEXTS, references)
    low, high = part.limits
    assert parts == {}
    assert all(low <= value <= high for value in values)
    assert len(set(values)) > 1
    found = reward([SOURCE], ["It sold cakes."], [[]])
    assert (found == [None]) is part.references
    if " or " in part.range:
        assert set(values) == {low, high}


@pytest.mark.parametrize("name", PARTS)
def test_the_entry_says_what_the_class_needs(name):
    part = PARTS[name]
    module, _, kind = part.where.partition(":")
    fields = dataclasses.fields(
        getattr(importlib.import_module(f"nutgraf.rewards.{module}"), kind)
    )
    needed = tuple(
        field.name for field in fields if field.default is dataclasses.MISSING
    )
    assert part.needed == needed
    assert part.description and len(part.description) <= 60


def test_ready_parts_can_be_made_by_name_alone():
    for words in ("english", "cjk"):
        names = ready_parts(words)
        assert all(make_part(name, words) for name in names)
    assert set(PARTS) - set(ready_parts()) == set(NEEDED)


def test_words_reach_a_part_that_has_its_own():
    assert make_part("rouge2", "cjk", {"words": "english"}).words == "english"
    assert make_part("rouge2", "cjk").words == "cjk"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rogue1", {}, "Received: 'rogue1'. Did you mean `rouge1`"),
        ("clipped", {}, "Received: 'clipped'. Did you mean `copied`"),
        (
            "length",
            {"hgih": 2},
            "option of LengthRatioPenalty.*'hgih'. Did you mean `h",
        ),
        ("length", {"low": 2}, "0 < low <= high.*low=2"),
        (
            "length",
            {"low": "much"},
            r"types of its fields. Received: {'low': 'much'} \(",
        ),
        ("band", {}, r"told low, high. Received: no low and no high.*low=\.\.\., high"),
        ("band", {"low": 1}, "Received: no high"),
        ("language", {"language": "xx"}, "Received: 'xx'"),
        ("none.py:score", {}, "none.py, which does not exist"),
        ("none.py:score", {"n": 1}, "without options. Received: 'none.py:score' with"),
        ("none.py", {}, "file.py:function. Received: 'none.py'"),
    ],
)
def test_mistakes_are_named(name, options, message):
    with pytest.raises(ConfigError, match=message):
        make_part(name, options=options)


def test_parts_for_english_alone_are_refused_for_others():
    with pytest.raises(ConfigError, match="'readability' must have English texts"):
        make_part("readability", "cjk")


def test_names_are_listed_without_loading_the_rewards():
    program = (
        "import sys\n"
        "from nutgraf.rewards.registry import PARTS\n"
        "heavy = {'sacrebleu', 'nltk', 'keras', 'rapidfuzz'} & set(sys.modules)\n"
        "heavy |= {'nutgraf.rewards.translation'} & set(sys.modules)\n"
        "print(len(PARTS), *heavy)"
    )
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.split() == [str(len(PARTS))]
