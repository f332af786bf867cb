"""Names and weights of a config become a sum; every mistake is told."""

import dataclasses
import importlib
import pickle
import re
import subprocess
import sys

import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.bert_folder import save_bert
from nutgraf.rewards.base import score_completions
from nutgraf.rewards.copying import CopiedSharePenalty
from nutgraf.rewards.language import LanguageReward
from nutgraf.rewards.length import LengthBandPenalty, LengthRatioPenalty
from nutgraf.rewards.registry import PARTS, make_part, parse_parts, ready_parts
from nutgraf.rewards.repetition import RepetitionPenalty
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rewards.weighted import WeightedSum
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
    low, high = map(float, re.findall(r"-?\d+", part.range))
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
        assert list(parse_parts(names, words).parts) == list(names)
    assert set(PARTS) - set(ready_parts()) == set(NEEDED)


def test_parts_with_weights_and_options():
    found = parse_parts(
        [
            "rouge1=1.0",
            " length ( low=0.9, high = 2 ) = 0.2",
            "copied(by=longest,free=0.5)=1e-1",
            "repetition(sizes=(2, 3))",
            "band(low=2, high=9)=0",
        ]
    )
    assert found == WeightedSum(
        {
            "rouge1": (RougeReward(1, 0, 0), 1.0),
            "length": (LengthRatioPenalty(0.9, 2), 0.2),
            "copied": (CopiedSharePenalty(by="longest", free=0.5), 0.1),
            "repetition": (RepetitionPenalty((2, 3)), 1.0),
            "band": (LengthBandPenalty(2, 9), 0.0),
        }
    )


def test_a_recall_can_be_asked_for():
    reward = parse_parts(["rouge1(measure=recall)=2"])
    assert reward([""], ["a b c d"], [["a b"]]) == [2.0]


def test_words_reach_the_parts_that_count_them():
    parts = parse_parts(["rougeLsum", "chrf", "language(language=zh)"], "cjk").parts
    assert parts["rougeLsum"][0] == RougeReward(0, 0, 0, "cjk", rougeLsum=1)
    assert parts["language"][0] == LanguageReward("zh")
    assert make_part("rouge2", "cjk", {"words": "english"}).words == "english"


def test_a_function_of_a_file_is_a_part(tmp_path):
    path = tmp_path / "my=reward(1).py"
    path.write_text("def score(completions): return [len(t) for t in completions]\n")
    reward = parse_parts(["ending=1", f"{path}:score=0.5"])
    assert reward([""], ["a."], [[]]) == [1.0]
    assert reward.components([""], ["a."], [[]]) == {"ending": [0.0], "score": [2.0]}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["rogue1=1"], "Received: 'rogue1'. Did you mean `rouge1`"),
        (["x=1"], "Received: 'x'. Known are: rouge1, rouge2"),
        (
            ["rouge1=x"],
            "weight of a reward must be a number >= 0. Received: 'rouge1=x'",
        ),
        (["length=-0.5"], "'length=-0.5'. Penalties are negative already"),
        (["length=inf"], "Received: 'length=inf'"),
        (["length="], "Received: 'length='"),
        (["rouge1=1", "rouge1=2"], "named once. Received: 'rouge1' twice"),
        (["rouge1=0"], "one of them > 0"),
        ([], "one of them > 0. Received: {}"),
        (["length(hgih=2)=1"], "'hgih'. Did you mean `high`"),
        (["length(0.9)=1"], r"name=value, with commas between.*length\(0.9\)=1"),
        (["length(low=)=1"], "name=value, with commas"),
        (["length(low=f(1))=1"], "number, true or false, a word, or several"),
        (["length(low=2)=1"], "0 < low <= high.*low=2"),
        (["length(low=much)=1"], r"types of its fields. Received: {'low': 'much'} \("),
        (["band=1"], r"told low, high. Received: no low and no high.*low=\.\.\., high"),
        (["band(low=1)=1"], "Received: no high"),
        (["language(language=xx)=1"], "Received: 'xx'"),
        (["none.py:score=1"], "none.py, which does not exist"),
        (["none.py:score(n=1)=1"], "without options. Received: 'none.py:score' with"),
        (["none.py=1"], "file.py:function. Received: 'none.py'"),
    ],
)
def test_mistakes_are_named(parts, message):
    with pytest.raises(ConfigError, match=message):
        parse_parts(parts)


def test_parts_for_english_alone_are_refused_for_others():
    with pytest.raises(ConfigError, match="'readability' must have English texts"):
        parse_parts(["readability=1"], "cjk")


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
