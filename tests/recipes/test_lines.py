from nutgraf.data.rows import Row
from nutgraf.recipes.lines import LineByLine


class Loud:
    """Writes in capitals; remembers what it was given."""

    def __init__(self):
        self.read = []

    def __call__(self, rows):
        self.read += [row.document for row in rows]
        return [f" {row.document.upper()}\n" for row in rows]


ROWS = [Row("1", "one. two.\n\n  three\n"), Row("2", "我来了。他走了。\n")]


def test_lines_are_written_about_one_by_one_and_stay_lines():
    loud = Loud()
    assert LineByLine(loud)(ROWS) == ["ONE. TWO.\n\nTHREE\n", "我来了。他走了。\n"]
    assert loud.read == ["one. two.", "three", "我来了。他走了。"]


def test_sentences_are_joined_as_their_language_has_it():
    loud = Loud()
    assert LineByLine(loud, sentences=True)(ROWS) == [
        "ONE. TWO.\n\nTHREE\n",
        "我来了。他走了。\n",
    ]
    assert loud.read == ["one.", "two.", "three", "我来了。", "他走了。"]


def test_nothing_gives_nothing():
    assert LineByLine(Loud())([]) == []
