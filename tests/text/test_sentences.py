"""Sentence splitting, as a table of cases."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nutgraf.text.sentences import join_sentences, split_sentences

# Each case: the sentences, joined by "|"; the text is the case without the bars.
SPACED = [
    "One. |Two! |Three? |Four",
    "Mr. Smith met Dr. J. R. Jones. |They talked.",
    "Gov. Mike Pence lives in the U.S. |He said so.",
    "The U.S. Senate met at 5 p.m. Friday. |It voted.",
    "Use a list, e.g. [1, 2], i.e. Python lists. |Then stop.",
    "It grew 3.5 percent. |Then 4.",
    "See No. 5 and Fig. 3. |No. |That is wrong.",
    "Apple Inc. bought it. |It paid Foo Ltd. |The end.",
    "Sort tuples, lists, etc. |The order is kept.",
    "Smith et al. 2018 did it. |Others did not.",
    'He said "Stop." |Then he left.',
    'He said "Stop!" and left. |(It was late.) |She stayed.',
    '"Why?" she asked. |"Because."',
    "“Yes.” |‘No.’ |[Maybe.] |So",
    "Well... |That is it... |Or is it... not so sure.",
    "It ended… |Nobody came.",
    "What?! |Really.",
    "Visit example.com today. |Call foo.bar(x) now.",
    "1. First do this. |Then that.",
    "Take vitamin C. |It helps.",
    "John F. Kennedy spoke. |Plan B. |We like it.",
    "Born on Jan. 5 in St. Louis. |2 more came.",
    "He has a Ph.D. |She has none.",
    "it works. |the next one does, e.g. here. |all lower! |ok",
    "yahoo! |inc. said no",
    "The value x is set. |In case y. |Z follows.",
    # tokenised: a lone stop ends, an attached one never does
    "it rained , he said . |the game went on . |gov. mike pence won",
    "in the u.s. the law , no. 5 , passed ! |was it good ? |yes .",
    'he said " we beg you . " |by then it was over .',
    'he left . |" we won , " she said . |" again . " |it was late .',
    "he ( she said . ) |then -lrb- no . -rrb- |so it is .",
    "well . . . |they left .",
    "he said `` no . '' |she left .",
    "I think the Saudis ... feel it. |One ended . |Another. |And more. |Yes.",
    "Zully gave a kidney . |A new program helped .",
]
CJK_CASES = [
    "今天下雨。|我们在家！|你呢？|好",
    "他说：“你好。”|我笑了。",
    "（他来了。）|她走了……",
    "仿真结果.|方法有效",
    "速度是3.5米。|用GPT-4.0模型。|好",
    "「行くよ。」と言った。|「うん！」|彼は笑った。",
    "真的吗？！|是的。",
    "“真的？”，他问。|好。",
    "中文。|English here. |It works. |好。",
]


@pytest.mark.parametrize("case", SPACED + CJK_CASES)
def test_table(case):
    expected = [part.strip() for part in case.split("|")]
    assert split_sentences(case.replace("|", "")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\n \t", []),
        ("no stop", ["no stop"]),
        ("Wrapped over\n    two lines. And\nthree.", 2),
        ("Ends here.\nNew one.", ["Ends here.", "New one."]),
        ("A title\n\nThe body\ngoes on.", ["A title", "The body goes on."]),
        ("A title\n  \t\nThe body", ["A title", "The body"]),
        ("Items:\n- one\n- two\n  more\n* three", 4),
        ("See e.g.\nthis one", ["See e.g. this one"]),
        ("a - b\nc -d", ["a - b c -d"]),
        (". . .", [". . ."]),
        ("...", ["..."]),
    ],
)
def test_lines_and_empty_texts(text, expected):
    found = split_sentences(text)
    assert found == expected if isinstance(expected, list) else len(found) == expected
    assert not any("\n" in sentence for sentence in found)


ALPHABET = "aB .!?\"')(\n\t。！”」と，1-…e.g"


@given(st.text(st.one_of(st.sampled_from(ALPHABET), st.characters())))
@settings(max_examples=300, deadline=None)
def test_nothing_but_white_space_is_lost(text):
    found = split_sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence and sentence == sentence.strip() for sentence in found)


@pytest.mark.parametrize(
    "unit", ["Word here. ", "e.g. ", "?", " .", ". . .x ", " ", "\n ", "。”", 'a "']
)
def test_long_texts_take_linear_time(unit):
    start = time.perf_counter()
    split_sentences(unit * 30_000 + "x")
    assert time.perf_counter() - start < 3  # a quadratic rule takes minutes


def test_sentences_are_joined_as_their_language_has_it():
    for sentences, text in (
        ([], ""),
        (["One.", "Two."], "One. Two."),
        (["今天。", "GPT。", "Yes."], "今天。GPT。Yes."),
        (["It rains.", "好。", "很好。"], "It rains. 好。很好。"),
        (["他说：“好！”", "很好!", "走"], "他说：“好！”很好!走"),
        (["He said 好.", "She left."], "He said 好. She left."),
        (["비가 온다.", "춥다."], "비가 온다. 춥다."),
        (["雨だ。", "寒い。"], "雨だ。寒い。"),
    ):
        assert join_sentences(sentences) == text
