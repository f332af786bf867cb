from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nutgraf.cli.values import allowed, convert, from_text, to_toml

Size = Literal["tiny", "small"]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (True, bool, True),
        ("a", str, "a"),
        ("a/b", Path, Path("a/b")),
        ("tiny", Size, "tiny"),
        ([1, 2], tuple[int, ...], (1, 2)),
        (None, int | None, None),
        (2, str | int, 2),
    ],
)
def test_convert_gives_the_declared_type(value, kind, expected):
    result = convert(value, kind)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, int),  # bool is an int in Python, not here
        (1, bool),
        (1.0, int),
        ("1", int),
        (True, float),
        (1, str),
        ("", Path),
        ("huge", Size),
        ([1, "a"], tuple[int, ...]),
        (1, tuple[int, ...]),
        (None, int),
    ],
)
def test_convert_bends_nothing(value, kind):
    with pytest.raises(ValueError, match=r".*"):
        convert(value, kind)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("7", int, 7),
        ("1e-3", float, 1e-3),
        ("-2", int, -2),
        ("True", bool, True),
        ("false", bool, False),
        ("none", int | None, None),
        ("none", Path | None, None),
        ("none", str, "none"),
        ("1,2", tuple[float, ...], (1.0, 2.0)),
        ("", tuple[float, ...], ()),
        ("a, b", tuple[str, ...], ("a", "b")),
        ("a(b=(1, 2), c=[3, 4]), d", tuple[str, ...], ("a(b=(1, 2), c=[3, 4])", "d")),
        ("a(b='(', c=1), d", tuple[str, ...], ("a(b='(', c=1)", "d")),
        ("'a, b', \"c, d\"", tuple[str, ...], ("'a, b'", '"c, d"')),
        ("it's, that's", tuple[str, ...], ("it's", "that's")),
        ("a), b(, c", tuple[str, ...], ("a)", "b(, c")),
        ("small", Size, "small"),
    ],
)
def test_from_text(text, kind, expected):
    assert from_text(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "kind"), [("1.5", int), ("yes", bool), ("x", float), ("big", Size)]
)
def test_from_text_refuses(text, kind):
    with pytest.raises(ValueError, match=r".*"):
        from_text(text, kind)


def test_allowed_names_the_choices():
    assert allowed(Size | None) == 'one of "tiny", "small" or none'


def test_allowed_refuses_types_that_no_file_can_hold():
    with pytest.raises(TypeError, match="The type of a setting must be"):
        allowed(dict)


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.booleans(),
        st.lists(st.text("ab\"\\\n\t#'é", max_size=5)),
    )
)
def test_to_toml_is_read_back_unchanged(value):
    assert tomllib.loads(f"key = {to_toml(value)}")["key"] == value
