"""What is to be indexed: a folder of texts, a text, or a jsonl file of documents.

Texts (.txt, .md) are cut into passages, `name#1`, `name#2`, ...; a row of a jsonl file
is one document, cut only if asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.texts import decode
from nutgraf.errors import DataError
from nutgraf.search.passages import cut_passages
from nutgraf.tasks.search import Document, DocumentFields, read_documents

__all__ = ["read_collection"]

_TEXTS = (".txt", ".md")
_ENDS = (*_TEXTS, ".jsonl", ".jsonl.gz")


def _is_jsonl(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(".jsonl")


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(
            "What to index must be a folder or a file. Received: "
            f"{path}, which does not exist. Check the path."
        )
    if path.is_file():
        if not path.name.lower().endswith(_ENDS):
            raise DataError(
                f"A file to index must end in {', '.join(_ENDS)}. Received: {path}. "
                "Rename or convert it."
            )
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        if file.is_file()
        and file.name.lower().endswith(_ENDS)
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise DataError(
            f"A folder to index must hold files that end in {', '.join(_ENDS)}. "
            f"Received: {path}, which has none. Give another folder."
        )
    return found


def _text_file(path: Path, name: str, words: int) -> Iterator[Document]:
    try:
        text = decode(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(
            f"A text must be a file that can be read. Received: {path}: "
            f"{error.strerror}. Check its rights."
        ) from error
    for number, passage in enumerate(cut_passages(text, words), 1):
        yield Document(f"{name}#{number}" if words else name, passage)


def _row(document: Document, words: int) -> Iterator[Document]:
    if not words or not document.text.strip():
        yield document
        return
    for number, passage in enumerate(cut_passages(document.text, words), 1):
        yield Document(f"{document.id}#{number}", passage, document.title)


def read_collection(
    path: str | Path,
    fields: DocumentFields = DocumentFields(),  # noqa: B008 - a tuple
    words: int = 150,
    cut_rows: bool = False,
    log: BadRowLog | None = None,
) -> Iterator[Document]:
    """Read the documents of a folder or file, in the order of their names.

    Args:
        path: a folder, whose texts and jsonl files are read (hidden ones are not), or
            one such file.
        fields: of the jsonl rows.
        words: most words of a passage; 0 leaves texts whole.
        cut_rows: cut the texts of jsonl rows too.
        log: notes rows that cannot be used; None stops when there are any.

    Yields:
        Documents; their ids differ.

    Raises:
        DataError: there is nothing to read, a file cannot be read, or an id is there
            twice.
    """
    root = Path(path)
    seen: set[str] = set()
    for file in _files(root):
        name = str(file.relative_to(root)) if root.is_dir() else file.name
        found: Iterator[Document]
        if _is_jsonl(file):
            rows = read_documents(file, fields, log)
            found = (part for row in rows for part in _row(row, words * cut_rows))
        else:
            found = _text_file(file, name, words)
        for document in found:
            if document.id in seen:
                raise DataError(
                    "Documents must have different ids. Received: "
                    f"{document.id!r} twice, again in {file}. Rename one of them."
                )
            seen.add(document.id)
            yield document
    if not seen:
        raise DataError(
            "There must be at least one document with a text. Received: "
            f"{path}, whose files are empty. Give another folder or file."
        )
