"""What is written becomes a name, arguments, options and a weight."""

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.spec import Spec, is_option, read_options, read_part, read_spec


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("rouge1", "rouge1", ()),
        (" length ( low=0.9, high = 2 ) ", "length", ("low=0.9", "high = 2")),
        (
            "product(a, b(n=(1, 2)), c(d(e, f)))",
            "product",
            ("a", "b(n=(1, 2))", "c(d(e, f))"),
        ),
        ("x(model='a, (b)', y)", "x", ("model='a, (b)'", "y")),
        ('clipped("my, (1).py:f", low=0)', "clipped", ('"my, (1).py:f"', "low=0")),
        ("x()", "x", ()),
        ("x(a,)", "x", ("a",)),
        ("'my, (1).py:f'", "my, (1).py:f", ()),
        ("my (1).py:f", "my (1).py:f", ()),
    ],
)
def test_a_reward_is_taken_apart(text, name, arguments):
    assert read_spec(text) == Spec(name, arguments, text.strip())


@pytest.mark.parametrize(
    ("part", "name", "weight"),
    [
        ("rouge1", "rouge1", 1.0),
        (" rouge1 = 1e-1 ", "rouge1", 0.1),
        ("length(low=0.9)", "length", 1.0),
        ("length(low=0.9)=0", "length", 0.0),
        ("a=b.py:f=2", "a=b.py:f", 2.0),
        ("sum(a=1, b=2)=0.5", "sum", 0.5),
        ("sum(a=1, b=2) ", "sum", 1.0),
    ],
)
def test_the_last_equals_sign_belongs_to_the_weight(part, name, weight):
    spec, found = read_part(part)
    assert (spec.name, found) == (name, weight)


@pytest.mark.parametrize("part", ["a=x", "a=-1", "a=inf", "a=nan", "a=", "a(b)=x"])
def test_a_weight_is_a_number_of_at_least_zero(part):
    with pytest.raises(ConfigError, match="weight of a reward.*Received") as error:
        read_part(part)
    assert repr(part) in str(error.value)


@pytest.mark.parametrize("text", ["a((b)", "a(b))", "a('b)", "a([b)", "a(b)c)"])
def test_parentheses_and_quotes_are_closed(text):
    with pytest.raises(ConfigError, match="must be closed. Received"):
        read_spec(text)


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ("low=1", True),
        (" low = 1", True),
        ("rouge1", False),
        ("length(low=1)", False),
        ("my.py:f", False),
        ("'a=b.py:f'", False),
    ],
)
def test_an_option_is_known_by_its_equals_sign(argument, found):
    assert is_option(argument) is found


def test_options_have_the_values_that_were_written():
    arguments = ["a=1", "b=2.5", "c=-1", "d=word", "e=True", "f=false", "g='x, y'"]
    assert read_options([*arguments, "h=(2, 3)"], "") == {
        "a": 1,
        "b": 2.5,
        "c": -1,
        "d": "word",
        "e": True,
        "f": False,
        "g": "x, y",
        "h": (2, 3),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0.9"], "name=value, with commas between.*'all of it'"),
        (["low="], "name=value, with commas"),
        (["**low"], "name=value, with commas"),
        (["low=1", "low=2"], "name=value, with commas between.*each once"),
        (["low=f(1)"], "number, true or false, a word, or several.*'all of it'"),
    ],
)
def test_other_options_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        read_options(arguments, "all of it")
