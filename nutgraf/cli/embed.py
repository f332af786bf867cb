"""`nutgraf embed`: a vector for each text, so that near vectors mean alike."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import KINDS, Fields, check_file, kind_of, read_records
from nutgraf.data.texts import decode
from nutgraf.errors import ConfigError, DataError
from nutgraf.files import write_json, write_text

__all__ = ["EmbedSettings", "run"]

_LINES = ("txt", "text")


@dataclass(frozen=True)
class EmbedSettings:
    """Settings of `nutgraf embed`."""

    files: tuple[Path, ...] = ()
    """Rows (jsonl, csv, tsv, parquet) or .txt files, each line a text; - or nothing
    reads lines from standard input. Needs no flag."""
    model: str = "minilm"
    """Folder of a BERT, or "minilm" for all-MiniLM-L6-v2 as a package has it."""
    out: Path | None = None
    """File for the vectors: .npy, with the ids beside it in .ids.json, or .jsonl;
    nothing writes jsonl to standard output."""
    source_field: str = "text"
    """For rows: field or column with the text."""
    pooling: Literal["", "mean", "cls"] = ""
    """Mean of all tokens, or the state of [CLS]; "" = as the model was trained."""
    normalize: bool = True
    """Whether each vector gets length 1, so that dot products are cosines."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """For rows: what to do with those that cannot be used: stop, or leave them out."""

    def __post_init__(self) -> None:
        """Check the name of the output."""
        if self.out is not None and self.out.suffix not in (".npy", ".jsonl"):
            raise ConfigError(
                f"out must end in .npy or .jsonl. Received: {self.out}. Give it one of "
                "these ends."
            )


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Ids and texts of the lines that hold a word."""
    if str(path) == "-":
        content = sys.stdin.buffer.read()
    else:
        check_file(path)
        content = path.read_bytes()
    for number, line in enumerate(decode(content, str(path)).split("\n"), 1):
        if line.strip():
            yield f"{path.name}:{number}", line


def _texts(settings: EmbedSettings, log: BadRowLog) -> Iterator[tuple[str, str]]:
    """Ids and texts of all files."""
    for path in settings.files or (Path("-"),):
        kind = path.name.lower().rpartition(".")[2]
        if str(path) == "-" or kind in _LINES:
            yield from _lines(path)
            continue
        if kind.removesuffix("gz") not in ("", *KINDS):
            raise DataError(
                "Files of texts must end in .jsonl, .csv, .tsv (each also with .gz "
                f"behind), .parquet or .txt. Received: {path}. Rename or convert it."
            )
        rows = read_records(path, Fields(settings.source_field), log, kind_of(path))
        yield from ((row.id, row.document) for row, _ in rows)


def _save(out: Path, ids: list[str], vectors: Any) -> None:
    """Write vectors and ids; the vectors last, so what is there is whole."""
    import numpy as np

    if out.suffix == ".jsonl":
        write_text(out, "".join(f"{line}\n" for line in _records(ids, vectors)))
        return
    write_json(out.with_suffix(".ids.json"), ids)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, vectors)
        file.flush()
        os.fsync(file.fileno())
    part.replace(out)


def _records(ids: list[str], vectors: Any) -> Iterator[str]:
    for name, vector in zip(ids, vectors, strict=True):
        numbers = [round(number, 7) for number in vector.tolist()]
        yield json.dumps({"id": name, "vector": numbers}, ensure_ascii=False)


def _note(line: str) -> None:
    sys.stderr.write(line + "\n")


def run(argv: Sequence[str]) -> int:
    """Embed texts.

    Args:
        argv: arguments after `nutgraf embed`.

    Returns:
        0.
    """
    settings = load_settings(
        EmbedSettings,
        argv,
        prog="nutgraf embed",
        description=(
            "Write a vector for each text; near vectors mean alike. A BERT reads both "
            "directions and the mean of its states is the vector."
        ),
        examples=[
            "echo 'It rains.' | nutgraf embed",
            "nutgraf embed questions.jsonl --out questions.npy",
            "nutgraf embed notes.txt --model runs/bert/best --out notes.jsonl",
        ],
        positional=["files"],
    )
    from nutgraf.models.bert_folder import bert_path

    log = BadRowLog(settings.bad_rows)
    bert_path(settings.model)  # tells at once when the package is not there
    found = list(_texts(settings, log))
    if not found:
        raise DataError(
            "There must be a text to embed. Received: empty input. Give a file with "
            "one text a line."
        )
    ids, texts = [list(column) for column in zip(*found, strict=True)]
    load_backend()
    from nutgraf.models.embedding import load_embedder
    from nutgraf.training.log import progress_bar

    embedder = load_embedder(settings.model, settings.pooling, settings.normalize)
    with progress_bar("embedding", len(texts)) as advance:
        vectors = embedder(texts, advance)
    if settings.out is None:
        for line in _records(ids, vectors):
            say(line)
    else:
        _save(settings.out, ids, vectors)
        say(f"{len(ids):,} vectors of {embedder.width} numbers: {settings.out}")
    if embedder.cut:
        _note(
            f"{embedder.cut:,} of {len(ids):,} texts were cut: the model reads the "
            f"first {embedder.max_length:,} word pieces."
        )
    log.tell(_note)
    return 0
