import pytest
from hypothesis import given
from hypothesis import strategies as st

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.recipes.long import Windows, windows
from nutgraf.recipes.write import Writer


def words(text):
    return len(text.split())


def test_windows_end_at_ends_of_sentences_and_repeat_the_last_one():
    text = "A b c. D e. F g. H i j. K."
    assert windows(text, 5, words) == [
        "A b c. D e.",
        "D e. F g.",
        "F g. H i j.",
        "H i j. K.",
    ]
    assert windows(text, 5, words, 0) == ["A b c. D e.", "F g. H i j.", "K."]
    assert windows(text, 99, words) == [text]
    assert windows("", 5, words) == [""]


def test_a_repeated_sentence_gives_way_to_a_new_one():
    assert windows("A b c d. E f g h.", 5, words) == ["A b c d.", "E f g h."]


def test_a_long_sentence_is_cut_and_chinese_has_no_spaces():
    assert windows("a b c d e f", 4, words) == ["a b c", "d e f"]
    text = "今天天气很好。我们出去玩。他回家了。"
    assert windows(text, 13, len) == [
        "今天天气很好。我们出去玩。",
        "我们出去玩。他回家了。",
    ]
    assert "".join(windows("天" * 50, 7, len, 0)) == "天" * 50


@given(
    st.lists(st.sampled_from("A b. C d e. f g h i. 今天。 xx".split()), max_size=40),
    st.integers(3, 12),
    st.integers(0, 3),
)
def test_nothing_is_lost_and_all_fits(pieces, limit, overlap):
    text = " ".join(pieces)
    found = windows(text, limit, words, overlap)
    assert all(words(window) <= limit for window in found)
    told = "".join(windows(text, limit, words, 0)).replace(" ", "")
    assert told == text.replace(" ", "")


class Letters:
    """A tokenizer of letters."""

    def encode(self, text):
        return list(text)


class Short:
    """Reads 12 letters; a summary is the first three of them and a full stop."""

    longest = 12
    tokenizer = Letters()

    def __init__(self, keep=3):
        self.keep = keep
        self.read = []
        self.cut = 0

    def __call__(self, rows):
        self.read.append([row.document for row in rows])
        self.cut += sum(len(row.document) > self.longest for row in rows)
        return [f"{row.document[: self.keep]}." for row in rows]


def test_the_summaries_of_windows_are_summarised_until_they_fit():
    short = Short()
    rows = [
        Row("1", "Abcdefg."),
        Row("2", "Abcdefg. Hijklmn. Opqrstu. Vwxyz. Last one."),
    ]
    assert Windows(short, 0)(rows) == ["Abc.", "Abc."]
    first, second, third, last = short.read
    assert first == ["Abcdefg.", "Hijklmn.", "Opqrstu.", "Vwxyz.", "Last one."]
    assert second == ["Abc. Hij.", "Opq. Vwx.", "Las."]
    assert third == ["Abc. Opq.", "Las."]
    assert last == ["Abcdefg.", "Abc. Las."]
    assert short.cut == 0


def test_a_text_that_fits_is_written_about_as_it_is():
    short = Short()
    assert Windows(short)([Row("1", "Abc. Def.")]) == ["Abc."]
    assert short.read == [["Abc. Def."]]


def test_summaries_that_do_not_get_shorter_are_cut_by_the_reader_who_counts_them():
    short = Short(keep=12)
    assert Windows(short)([Row("1", "Abcdefghi. " * 5)])
    assert len(short.read) == 2 and short.cut == 1


def test_a_negative_overlap_is_refused():
    with pytest.raises(ConfigError, match="overlap must be an integer >= 0"):
        Windows(Short(), overlap=-1)


def test_a_real_model_reads_all_of_it(policy):
    writer = Writer(policy, beams=1, length=8, rows=4)
    text = " ".join("The red house reads. Every river takes data." for _ in range(40))
    assert len(Windows(writer)([Row("1", text), Row("2", "The red house.")])) == 2
    assert writer.cut == 0
