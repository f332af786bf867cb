import pytest

from nutgraf.data.pair_groups import group_pairs
from nutgraf.data.pairs import Pair
from nutgraf.errors import ConfigError


def pairs_of(groups):
    return [
        (group.prompt, group.texts[win.better], group.texts[win.worse], win.margin)
        for group in groups
        for win in group.wins
    ]


def test_prompts_are_gathered_from_anywhere():
    pairs = [
        Pair("p", "a", "b", 1.0),
        Pair("q", "b", "a"),
        Pair("p", "c", "a", 0.5),
        Pair("p", "b", "c"),  # people need not agree with themselves
    ]
    groups = group_pairs(pairs)
    assert [(group.prompt, group.texts) for group in groups] == [
        ("p", ("a", "b", "c")),
        ("q", ("b", "a")),
    ]
    assert pairs_of(groups) == [
        ("p", "a", "b", 1.0),
        ("p", "c", "a", 0.5),
        ("p", "b", "c", 0.0),
        ("q", "b", "a", 0.0),
    ]


@pytest.mark.parametrize("most", [2, 3, 4, 8])
def test_no_group_is_too_large_and_no_pair_is_lost(most):
    pairs = [Pair("p", str(i), str(j)) for i in range(6) for j in range(i)]
    groups = group_pairs(pairs, most)
    assert all(2 <= len(group.texts) <= most for group in groups)
    assert pairs_of(groups) == [("p", p.chosen, p.rejected, 0.0) for p in pairs]
    assert (len(groups) == 1) == (most == 8)


def test_a_group_of_one_is_refused():
    with pytest.raises(ConfigError, match="texts=1"):
        group_pairs([Pair("p", "a", "b")], 1)
