"""`nutgraf back-translate`: rows to train on from texts that have no source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import Fields, check_file, read_records
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.ranges import check_ranges

__all__ = ["BackTranslateSettings", "run"]


@dataclass(frozen=True)
class BackTranslateSettings:
    """Settings of `nutgraf back-translate`."""

    file: Path
    """jsonl, csv, tsv or parquet with the texts. Needs no flag."""
    model: str
    """Folder of a model of the other direction: it reads such texts and writes
    sources."""
    text_field: str = "summary"
    """Field of the file with the text."""
    out: Path = Path("back-translated.jsonl")
    """The new file."""
    source_field: str = "document"
    """Field of the new rows for the source that is made up."""
    target_field: str = "summary"
    """Field of the new rows for the text."""
    decoding: Literal["sample", "greedy", "beam"] = "sample"
    """How sources are written."""
    beams: int = 4
    """Hypotheses of beam search."""
    temperature: float = 1.0
    """Of sampling: below 1 likelier sources, above 1 more varied ones."""
    top_k: int = 0
    """Of sampling: draw from so many likeliest word pieces; 0 = from all."""
    seed: int = 0
    """Of sampling; another seed, other sources."""
    tag: str = ""
    """Put before each source, so that the model learns which are made up."""
    max_rows: int = 0
    """Use the first rows only; 0 = all."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """What to do with rows that cannot be used: stop, or leave them out."""

    def __post_init__(self) -> None:
        """Check the ranges, and that the fields of a new row differ."""
        check_ranges(
            self, beams=">= 2", temperature="> 0", top_k=">= 0", max_rows=">= 0"
        )
        taken = {"id", "back_translated"}
        names = self.source_field, self.target_field
        if len({*names, *taken}) < 4:
            raise ConfigError(
                "source_field and target_field must be two names other than "
                f"{' and '.join(sorted(taken))}. Received: {' and '.join(names)}. "
                "Choose others."
            )


def _rows(settings: BackTranslateSettings, log: BadRowLog) -> Iterator[Row]:
    fields = Fields(settings.text_field)
    for number, (row, _) in enumerate(read_records(settings.file, fields, log)):
        if settings.max_rows and number >= settings.max_rows:
            return
        yield row


def run(argv: Sequence[str]) -> int:
    """Make rows of texts.

    Args:
        argv: arguments after `nutgraf back-translate`.

    Returns:
        0.
    """
    settings = load_settings(
        BackTranslateSettings,
        argv,
        prog="nutgraf back-translate",
        description=(
            "Write a source for each text with a model of the other direction. The new "
            "rows can be trained on beside real ones."
        ),
        examples=[
            "nutgraf back-translate german.jsonl --model runs/de-en/best "
            "--text_field de --source_field en --target_field de --out made.jsonl",
            "nutgraf back-translate news.jsonl --model runs/expand/best "
            "--decoding beam",
        ],
        positional=["file"],
    )
    check_file(settings.file)
    if settings.out.exists():
        raise ConfigError(
            f"out must be a new file. Received: {settings.out}, which exists. Delete "
            "it, or choose another."
        )
    load_backend()
    from nutgraf.models.checkpoint import load_policy
    from nutgraf.recipes.back_translation import Decoding, back_translate

    log = BadRowLog(settings.bad_rows)
    counts = back_translate(
        load_policy(settings.model),
        _rows(settings, log),
        settings.out,
        made_by=settings.model,
        decoding=Decoding(
            settings.decoding,
            settings.beams,
            settings.temperature,
            settings.top_k,
            settings.seed,
        ),
        source_field=settings.source_field,
        target_field=settings.target_field,
        tag=settings.tag,
        report=say,
    )
    log.tell(say)
    say(
        f"{counts['made']:,} rows in {settings.out}; {counts['empty']:,} left out, "
        f"their sources empty; {counts['cut']:,} texts longer than the model reads"
    )
    return 0
