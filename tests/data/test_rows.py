from hypothesis import given
from hypothesis import strategies as st

from nutgraf.data.rows import Row, row_number


@given(st.text())
def test_numbers_fit_into_int32(name):
    assert 0 <= row_number(name) < 2**31


def test_the_number_of_an_id_never_changes():
    # CRC-32 of "123456789" is 0xCBF43926, the check value of its definition.
    assert row_number("123456789") == 0xCBF43926 - 2**31


def test_a_row_needs_no_reference():
    assert Row("a", "text").references == ()
