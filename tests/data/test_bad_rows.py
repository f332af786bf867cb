import pytest

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.errors import ConfigError, DataError


def test_skipped_rows_are_counted_and_the_first_ten_named():
    log = BadRowLog("skip")
    for line in range(1, 1201):
        log.add("a.csv", line, "is bad")
    log.good = 800
    log.check()
    lines = log.report().splitlines()
    assert lines[0] == "1,200 bad rows among the first 2,000 rows:"
    assert lines[1] == "  a.csv:1: is bad"
    assert lines[10:] == ["  a.csv:10: is bad", "  and 1,190 more"]


def test_the_tenth_bad_row_fails():
    log = BadRowLog("fail")
    for line in range(1, 10):
        log.add("a.csv", line, f"reason {line}")
    with pytest.raises(DataError) as error:
        log.add("a.csv", 99, "reason ten")
    for part in ("10 bad rows", "a.csv:1: reason 1", "a.csv:99: reason ten"):
        assert part in str(error.value)


def test_one_bad_row_fails_in_the_end():
    log = BadRowLog("fail")
    log.check()
    log.add("a.csv", 7, "is bad")
    with pytest.raises(DataError, match=r"1 bad row among.*\n  a\.csv:7: is bad"):
        log.check()


def test_other_policies_are_refused():
    with pytest.raises(ConfigError, match='"fail" or "skip". Received: \'ignore\''):
        BadRowLog("ignore")
    with pytest.raises(ConfigError, match=r"^data\.bad_rows must be"):
        BadRowLog("ignore", "data.")


@pytest.mark.parametrize("section", ["", "data."])
def test_the_setting_that_skips_is_named_as_it_is_typed(section):
    log = BadRowLog("fail", section)
    log.good = 1
    log.add("a.csv", 7, "is bad")
    with pytest.raises(DataError, match=f'or set {section}bad_rows to "skip" to leave'):
        log.check()


@pytest.mark.parametrize("section", ["", "data."])
def test_where_no_row_is_usable_skipping_them_is_no_advice(section):
    log = BadRowLog("fail", section)
    log.add("a.csv", 7, "is bad")
    with pytest.raises(DataError, match="None of them is usable") as caught:
        log.check()
    assert f"such as --{section}source_field" in str(caught.value)
    assert "skip" not in str(caught.value)


def test_what_was_left_out_is_told():
    log, lines = BadRowLog("skip"), []
    log.tell(lines.append)
    assert lines == []
    log.add("a.csv", 7, "is bad")
    log.tell(lines.append)
    assert lines == [f"left out {log.report()}"]
    with pytest.warns(UserWarning, match="left out 1 bad row") as told:
        log.tell()
    assert len(told) == 1
