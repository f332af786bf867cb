"""Where the answers of questions stand in their texts, in characters.

Extractive question answering learns places, not words: a row must say where its answer
begins, or its answer must be found by a search of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.questions import Asked, split_asked
from nutgraf.data.rows import Row

__all__ = ["asked_of", "located", "located_rows"]


def asked_of(document: str) -> Asked:
    r"""Take a question and its text apart; a single line is a text without a question.

    Args:
        document: of `nutgraf.data.questions.ask`, or a text of one line.

    Returns:
        Question and text.

    Example:
        >>> asked_of("Who sat?\nA cat sat."), asked_of("A cat.").question
        (Asked(question='Who sat?', context='A cat sat.'), '')
    """
    return split_asked(document) if "\n" in document else Asked("", document)


def located(row: Row) -> tuple[Row, bool] | None:
    r"""Put the answer first that is in the text, and say where.

    A start that is told counts when the text has the answer there. Otherwise the text
    is searched, and the first place counts.

    Args:
        row: a row whose document is a question and its text; a first reference "" says
            that the text has no answer.

    Returns:
        The row, its first reference in the text at its only start, or "" without one;
        and whether the text had to be searched. None when no reference is in the text.

    Example:
        >>> found, searched = located(Row("1", "Who?\nA cat sat.", ("dog", "cat")))
        >>> found.references, found.starts, searched
        (('cat', 'dog'), (2,), True)
    """
    if not any(row.references):
        return row._replace(references=("",), starts=()), False
    text = asked_of(row.document).context
    told = [*row.starts, *[-1] * len(row.references)]
    places = [
        start if start >= 0 and text.startswith(answer, start) else -1
        for answer, start in zip(row.references, told, strict=False)
    ]
    searched = max(places) < 0
    if searched:
        places = [text.find(answer) for answer in row.references]
    found = [number for number, place in enumerate(places) if place >= 0]
    if not found:
        return None
    first = found[0]
    others = (*row.references[:first], *row.references[first + 1 :])
    references = (row.references[first], *others)
    return row._replace(references=references, starts=(places[first],)), searched


def located_rows(
    rows: Iterable[Row],
    policy: str = "fail",
    report: Callable[[str], None] | None = None,
) -> Iterator[Row]:
    """Yield the rows whose answers are in their texts, and say what was amiss.

    Args:
        rows: the rows.
        policy: "fail" or "skip", what to do with a row whose answers are not in its
            text.
        report: called with a line for the rows that were left out, and with one for
            those whose text had to be searched; None says only what was left out, as a
            warning.

    Yields:
        Rows of `located`.

    Raises:
        DataError: the policy is "fail", and the answers of a row are not in its text.
    """
    log = BadRowLog(
        policy,
        "data.",
        "Every row must have an answer that is in its text, word by word",
    )
    searched = 0
    for row in rows:
        found = located(row)
        if found is None:
            file, _, line = row.origin.rpartition(":")
            shown = row.references[0][:60]
            reason = f"the answer {shown!r} is not in the text"
            log.add(file or row.id, int(line) if line.isdigit() else 0, reason)
            continue
        log.good += 1
        searched += found[1]
        if not (log.count and log.policy == "fail"):
            yield found[0]  # after a bad row only the others are looked for
    log.check()
    log.tell(report)
    if searched and report is not None:
        report(
            f"{searched:,} of {log.good:,} rows did not say, or said wrongly, where "
            "their answer begins; it is the first place in the text with these words"
        )
