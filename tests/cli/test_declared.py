from __future__ import annotations

from dataclasses import dataclass, field

from nutgraf.cli.declared import REQUIRED, is_section, sections, settings_of


@dataclass(frozen=True)
class Inner:
    """What is inside. More text."""

    rate: float = 0.5
    """A rate
    over two lines."""


@dataclass(frozen=True)
class Outer:
    """Outside.

    Attributes:
        name: told in the class docstring.
    """

    name: str
    items: tuple[int, ...] = field(default_factory=tuple)
    """Items."""
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class More(Inner):
    """More than inside."""

    steps: int = 3
    """Steps."""


def test_settings_keep_the_order_and_are_dotted():
    assert list(settings_of(Outer)) == ["name", "items", "inner.rate"]


def test_help_comes_from_below_the_field_or_from_the_class():
    found = settings_of(Outer)
    assert found["name"].help == "told in the class docstring."
    assert found["inner.rate"].help == "A rate over two lines."


def test_a_class_that_inherits_has_the_settings_and_the_help_of_both():
    found = settings_of(More)
    assert {key: setting.help for key, setting in found.items()} == {
        "rate": "A rate over two lines.",
        "steps": "Steps.",
    }


def test_defaults():
    found = settings_of(Outer)
    assert found["name"].default is REQUIRED
    assert found["items"].default == ()
    assert found["inner.rate"].default == 0.5


def test_sections():
    assert sections(Outer) == {"inner": "What is inside. More text."}
    assert is_section(Inner)
    assert not is_section(int)
    assert not is_section(tuple[int, ...])
