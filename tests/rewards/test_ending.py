import pickle

import pytest

from nutgraf.rewards.ending import MissingEndPenalty


@pytest.mark.parametrize(
    "text",
    [
        "It rained.",
        "Did it?",
        "No!",
        "it rained .",
        "Well...",
        "Well…",
        "(It rained.)",
        'He said: "No."',
        "He said: “No.”  \n",
        "下雨了。",
        "他说：“走吧！”",
        "そうですか？」",
        "هل أمطرت؟",
        "बारिश हुई।",
        ".",
    ],
)
def test_ended(text):
    assert MissingEndPenalty()([""], [text], [[]]) == [0.0]


@pytest.mark.parametrize(
    "text",
    ["", " ", "It rained", "It rained,", "It. rained", "A 3.5", "下雨了，", '"', ":)"],
)
def test_not_ended(text):
    assert MissingEndPenalty()([""], [text], [[]]) == [-1.0]


def test_a_long_text_is_quick():
    assert MissingEndPenalty()([""], ['."' * 50_000 + "a"], [[]]) == [-1.0]


def test_pickles():
    assert pickle.loads(pickle.dumps(MissingEndPenalty())) == MissingEndPenalty()
