"""Tables of scores: cells, the paired test's place, and what fits the screen."""

import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError
from nutgraf.evaluation.score import compare, score_texts
from nutgraf.evaluation.table import (
    ScoreTable,
    difference_table,
    print_table,
    score_table,
)
from nutgraf.metrics.names import LABELS

ROWS = [Row(str(n), f"Word{n} and more.", (f"word{n} and more",)) for n in range(12)]
GOOD = score_texts(ROWS, [f"word{n} and" for n in range(12)], name="good")
BAD = score_texts(ROWS, ["and"] * 6 + ["nothing here"] * 6, name="bad")


def test_cells_are_the_score_with_its_interval():
    table = score_table([BAD, GOOD], metrics=("rouge1", "length_ratio"))
    assert table.columns == ["system", "ROUGE-1", "length ratio"]
    mean, low, high = BAD.interval("rouge1")
    assert mean == pytest.approx(25)  # 2 x (1/1 x 1/3) / (4/3) in half of the rows
    assert table.rows[0][1] == f"25.0 [{low:.1f}, {high:.1f}]"
    assert table.rows[1] == ["good", "80.0 [80.0, 80.0]", "0.67 [0.67, 0.67]"]
    assert table.note == f"n = 12, 95 % bootstrap intervals\n{GOOD.signature}"


def test_p_is_that_of_the_mean_of_rouge_against_the_baseline():
    table = score_table([BAD, GOOD], baseline=1, metrics=("rouge1",))
    assert table.columns[-1] == "p"
    assert table.rows[0][-1] == f"{compare(BAD, GOOD).p_value:.4f}"
    assert float(table.rows[0][-1]) < 0.01
    assert table.rows[1][-1] == ""
    assert "p: paired test of the mean of ROUGE-1, 2, L against good" in table.note


def test_differences_are_second_minus_first():
    table = difference_table(BAD, GOOD, "novel_bigrams")
    assert table.columns == ["metric", "bad", "good", "second - first", "p"]
    assert [row[0] for row in table.rows] == [
        "novel bigrams",
        "ROUGE-1",
        "ROUGE-2",
        "ROUGE-L",
        "ROUGE-Lsum",
        "length ratio",
        "repetition",
    ]
    test = compare(GOOD, BAD, "rouge1")
    difference = f"+55.0 [{test.low:+.1f}, {test.high:+.1f}]"
    assert table.rows[1][2:] == ["80.0 [80.0, 80.0]", difference, f"{test.p_value:.4f}"]
    assert table.rows[6][3] == "+0.0 [+0.0, +0.0]"
    back = difference_table(GOOD, BAD, "rouge1")
    assert len(back.rows) == 6
    assert back.rows[0][3].startswith("-55.0 [-")


def test_the_note_says_which_is_higher_and_whether_it_is_sure():
    for pair in ((GOOD, BAD), (BAD, GOOD)):
        verdict = difference_table(*pair, "rouge1").note.splitlines()[-1]
        assert verdict.startswith("good is higher in ROUGE-1, p = 0.00")
    same = difference_table(GOOD, GOOD).note
    assert "No sure difference in mean 1/2/L, p = 1.0000" in same
    assert "n = 12, 95 % bootstrap intervals; p: paired test" in same


def test_only_what_can_be_compared_is_put_in_a_table():
    other = score_texts(ROWS[:3], ["a"] * 3)
    with pytest.raises(DataError, match="same rows"):
        score_table([GOOD, other], baseline=0)
    with pytest.raises(ConfigError, match="rouge7"):
        difference_table(GOOD, BAD, "rouge7")


TABLE = ScoreTable(
    ["system", *(f"metric {n}" for n in range(4))],
    [["a [b]", *["10.0 [9.0, 11.0]"] * 4], ["c", *["20.0 [9.0, 31.0]"] * 4]],
    "the note, which is [never] folded at the width of the screen",
)


def printed(table, width, monkeypatch, capsys) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(table)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_table_that_fits_is_printed_as_it_is(monkeypatch, capsys):
    lines = printed(TABLE, 100, monkeypatch, capsys)
    assert lines[0].split("  ")[0] == "system"
    assert lines[1].startswith("a [b]") and lines[1].count("10.0 [9.0, 11.0]") == 4
    assert lines[3] == TABLE.note


def test_a_wide_table_is_turned(monkeypatch, capsys):
    lines = printed(TABLE, 50, monkeypatch, capsys)
    assert lines[0].split() == ["system", "a", "[b]", "c"]
    assert lines[1].split("  ")[0] == "metric 0"
    assert "10.0 [9.0, 11.0]  20.0 [9.0, 31.0]" in lines[4]
    assert lines[5] == TABLE.note


def test_in_a_narrow_one_the_intervals_stand_below(monkeypatch, capsys):
    lines = printed(TABLE, 40, monkeypatch, capsys)
    assert lines[1].split() == ["metric", "0", "10.0", "20.0"]
    assert lines[2].split("  ")[-2:] == ["[9.0, 11.0]", "[9.0, 31.0]"]


def test_what_fits_in_no_form_is_cut_between_columns(monkeypatch, capsys):
    systems = [score_texts(ROWS, ["and"] * 12, name=f"system {n}") for n in range(6)]
    lines = printed(score_table(systems, baseline=5), 80, monkeypatch, capsys)
    *table, _, _ = lines  # the note may be longer
    assert max(map(len, table)) <= 80
    assert all(line.count("[") == line.count("]") for line in table)
    heads = [line for line in table if line.startswith("system  ")]
    shown = [word for head in heads for word in head.split()[1:]]
    names = [LABELS[metric] for metric in systems[0].metrics]
    assert shown == " ".join([*names, "p"]).split()
    assert table.count("") == len(heads) - 1 > 0
    assert table[-1].split()[:2] == ["system", "5"]


def test_a_table_that_would_be_wider_is_not_turned(monkeypatch, capsys):
    rows = [[f"row {n}", "10.0 [9.0, 11.0]"] for n in range(9)]
    lines = printed(ScoreTable(["m", "a"], rows, ""), 20, monkeypatch, capsys)
    assert lines[1].split() == ["row", "0", "10.0"]
