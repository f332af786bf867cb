"""An index on disk: whole at any moment, also after kill -9 while it is built.

    INDEX/manifest.json      what it is, and the hash of each file
    INDEX/g-<hash>/          documents.jsonl, bm25/, vectors.usearch
    INDEX/building/          vectors of the batches so far, while it is built

A build writes a new generation `g-...`, renames it when it is whole, and only then the
manifest to it, which is one rename. So a reader finds the old index or the new one. The
generation of the manifest is never written to: the same documents again get the other
of two names. An interrupted build takes the vectors that it has from `building/`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.errors import ConfigError, DataError
from nutgraf.files import atomic_folder, hash_file, write_json
from nutgraf.search.bm25 import Bm25
from nutgraf.search.embedder import Embedder
from nutgraf.search.vectors import Vectors
from nutgraf.search.words import Stemming
from nutgraf.tasks.search import Document

__all__ = ["Index", "Manifest", "build_index", "fingerprint", "open_index"]

FORMAT = "nutgraf-index-1"
MANIFEST, BUILDING = "manifest.json", "building"
DOCUMENTS, BM25, VECTORS = "documents.jsonl", "bm25", "vectors.usearch"
BATCH = 256
"""Documents that are embedded between two saves of a build."""
_AGAIN = "Build it again with `nutgraf index`."


@dataclass(frozen=True)
class Manifest:
    """What an index is.

    Attributes:
        generation: folder with its files.
        documents: how many there are.
        stem: how words were stemmed for BM25.
        embedder: name of the model of the vectors; "" without vectors.
        model: folder or name by which that model is loaded again.
        files: path -> sha256 of each file.
    """

    generation: str
    documents: int
    stem: Stemming
    embedder: str
    model: str
    files: dict[str, str]


@dataclass(frozen=True)
class Index:
    """An index that was opened.

    Attributes:
        manifest: what it is.
        documents: all documents; their places are the numbers of `bm25` and `vectors`.
        bm25: the words.
        vectors: the vectors; None when it was built without a model.
    """

    manifest: Manifest
    documents: list[Document]
    bm25: Bm25
    vectors: Vectors | None


def fingerprint(documents: Sequence[Document], *settings: str) -> str:
    """Return a name that changes with what is indexed, and how.

    Args:
        documents: all documents, in order.
        *settings: what else matters.

    Returns:
        16 hexadecimal digits.

    Example:
        >>> fingerprint([Document("1", "A wing.")], "english")
        '33dcbd7ea786f485'
    """
    stamp = hashlib.sha256(repr(settings).encode())
    for document in documents:
        stamp.update(repr(tuple(document)).encode("utf-8", "backslashreplace"))
    return stamp.hexdigest()[:16]


def _write_documents(path: Path, documents: Iterable[Document]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps(document._asdict()) + "\n")


def _embedded(
    folder: Path,
    documents: Sequence[Document],
    embedder: Embedder,
    report: Callable[[int], None],
) -> np.ndarray:
    """Vectors of all documents; those of earlier batches are read from the folder.

    An empty document, which means nothing, gets zeros, so that no search finds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in range(0, len(documents), BATCH):
        texts = [document.content for document in documents[start : start + BATCH]]
        path = folder / f"{start:09d}.npy"
        if not path.is_file():
            said = np.array([[bool(text)] for text in texts])
            vectors = np.where(said, np.float32(embedder(texts)), np.float32(0))
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.save(file, vectors)
            part.replace(path)
        parts.append(np.load(path, allow_pickle=False))
        report(min(start + BATCH, len(documents)))
    return np.concatenate(parts)


def _write(
    part: Path,
    documents: Sequence[Document],
    stem: Stemming,
    vectors: np.ndarray | None,
) -> dict[str, str]:
    """Write the files of a generation; their hashes."""
    _write_documents(part / DOCUMENTS, documents)
    bm25 = Bm25.build((document.content for document in documents), stem)
    bm25.save(part / BM25)
    if vectors is not None:
        Vectors.build(vectors).save(part / VECTORS)
    return {
        file.relative_to(part).as_posix(): hash_file(file)
        for file in sorted(part.rglob("*"))
        if file.is_file()
    }


def build_index(
    folder: str | Path,
    documents: Iterable[Document],
    embedder: Embedder | None = None,
    stem: Stemming = "english",
    model: str = "",
    report: Callable[[int], None] = lambda done: None,
) -> Manifest:
    """Build an index, or go on with an interrupted build of the same one.

    Args:
        folder: the index folder; an older index in it is replaced when the new one is
            whole.
        documents: N documents, at least one with a word.
        embedder: gives the vectors for dense search; None leaves them out.
        stem: how words are stemmed for BM25.
        model: by what name the embedder is loaded again.
        report: called with the number of documents embedded so far.

    Returns:
        The manifest.

    Raises:
        DataError: there is no document with a word in it.
        ConfigError: the folder holds something else.
        DependencyError: `bm25s` or `usearch` is not installed.
    """
    folder, rows = Path(folder), list(documents)
    if not any(document.content for document in rows):
        raise DataError(
            "An index must have at least one document with a text. Received: "
            f"{len(rows)} documents, all empty. Check the files and their fields."
        )
    _refuse_other(folder)
    name = "" if embedder is None else embedder.name
    generation = "g-" + fingerprint(rows, stem, name)
    vectors = None
    if embedder is not None:
        vectors = _embedded(folder / BUILDING / generation, rows, embedder, report)
    if _named(folder) == generation:
        generation += "-2"
    with atomic_folder(folder / generation) as part:
        files = _write(part, rows, stem, vectors)
    manifest = Manifest(generation, len(rows), stem, name, model, files)
    write_json(folder / MANIFEST, {"format": FORMAT, **asdict(manifest)})
    _remove_others(folder, generation)
    return manifest


def _named(folder: Path) -> str:
    """The generation of the manifest that is there, whole or not; "" without one."""
    try:
        return _read_manifest(folder).generation
    except DataError:
        return ""


def _remove_others(folder: Path, generation: str) -> None:
    """Remove old generations, and what interrupted builds have left."""
    for path in folder.iterdir():
        ours = path.name.startswith(("g-", ".g-", f".{MANIFEST}.", BUILDING))
        if ours and path.name != generation:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _refuse_other(folder: Path) -> None:
    """Refuse a folder whose content is nothing of ours."""
    if not folder.exists():
        return
    ours = folder.is_dir() and all(
        path.name in (MANIFEST, BUILDING) or path.name.startswith((".", "g-"))
        for path in folder.iterdir()
    )
    if not ours:
        raise ConfigError(
            "out must be a new folder or an index. Received: "
            f"{folder}, which holds other files. Give another --out."
        )


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        state = "does not exist"
        if folder.is_dir():
            unfinished = (folder / BUILDING).is_dir()
            state = "is not finished" if unfinished else f"has no {MANIFEST}"
        raise DataError(
            "An index is a folder that `nutgraf index --out` wrote. Received: "
            f"{folder}, which {state}. {_AGAIN}"
        )
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found.pop("format") != FORMAT:
            raise DataError(
                f"{path} must have the format {FORMAT}. Received: another one. {_AGAIN}"
            )
        return Manifest(**found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} must be the JSON of an index. Received: {error!r}. {_AGAIN}"
        ) from error


def _check_files(folder: Path, manifest: Manifest) -> None:
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file() or hash_file(path) != expected:
            state = "differs from what was written" if path.is_file() else "is missing"
            raise DataError(
                f"An index must have all its files as they were written. Received: "
                f"{path}, which {state}. {_AGAIN}"
            )


def open_index(folder: str | Path) -> Index:
    """Open an index; its files are checked against their hashes first.

    Args:
        folder: the index folder.

    Returns:
        The index.

    Raises:
        DataError: it is missing, unfinished, corrupt, or of another version.
        DependencyError: `bm25s` or `usearch` is not installed.
    """
    manifest = _read_manifest(Path(folder))
    own = Path(folder) / manifest.generation
    _check_files(own, manifest)
    with (own / DOCUMENTS).open(encoding="utf-8") as lines:
        documents = [Document(**json.loads(line)) for line in lines]
    vectors = Vectors.load(own / VECTORS) if manifest.embedder else None
    return Index(manifest, documents, Bm25.load(own / BM25, manifest.stem), vectors)
