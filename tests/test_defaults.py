import dataclasses

from nutgraf.defaults import changed


@dataclasses.dataclass
class Settings:
    rows: int = 3
    rate: float = 0.5
    name: str = "a"


def test_nothing_is_changed_by_default():
    assert changed(Settings()) == {}
    assert changed(Settings(rows=3, name="a")) == {}


def test_what_is_set_comes_in_the_order_of_declaration():
    found = changed(Settings(name="b", rows=0))
    assert list(found.items()) == [("rows", 0), ("name", "b")]


def test_other_fields_are_not_looked_at():
    assert changed(Settings(rows=4, rate=0.1), "rate", "name") == {"rate": 0.1}
