"""CNN/DailyMail from the Hugging Face hub, `.story` files, or a parquet or jsonl copy.

Reference: Hermann et al. 2015, "Teaching Machines to Read and Comprehend", arXiv
1506.03340; See et al. 2017, "Get To The Point", arXiv 1704.04368 (the non-anonymised
version used here).
"""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import field_names, kind_of, read_rows
from nutgraf.data.rows import Row
from nutgraf.data.stories import SPLIT_NAMES, hash_split, read_stories, story_files
from nutgraf.errors import ConfigError, DataError, DependencyError

__all__ = ["copy_files", "load_cnn_dailymail"]

HUB_NAME, HUB_VERSION = "abisee/cnn_dailymail", "3.0.0"
HUB_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
PATIENCE = 5.0
"""Seconds to wait for the hub before it counts as out of reach."""
FIELDS = (("article", "highlights"), ("document", "summary"))
WAYS = (
    "Ways to get it: (1) with a network, `pip install nutgraf[hub]` and give no path; "
    f"(2) download the parquet files of huggingface.co/datasets/{HUB_NAME} (folder "
    f"{HUB_VERSION}) elsewhere and give their folder as `--data.path`; (3) give a "
    "folder of .story files (cs.nyu.edu/~kcho/DMQA), or jsonl files named train, "
    "valid and test with the fields document and summary."
)


def load_cnn_dailymail(
    split: str,
    path: str | Path | None = None,
    log: BadRowLog | None = None,
) -> Iterator[Row]:
    """Read a split of CNN/DailyMail, row by row.

    Args:
        split: "train", "valid" or "test".
        path: where a copy lies; None reads the hub. One of
            - a folder of `.story` files (see `read_stories`);
            - a folder of parquet or jsonl(.gz) files, csv or tsv, whose names say the
              split, such as `train-00000-of-00003.parquet` or `valid.jsonl.gz`;
            - the beginning of such names: `data/cnndm_tok` for
              `data/cnndm_tok.train.jsonl.gz`;
            - one file: its name says the split, or `hash_split` of the id does.

            Fields are article and highlights, or document and summary.
        log: takes the bad rows: fails, or leaves them out; None leaves them out and
            warns of them.

    Returns:
        Iterator of rows; the summary's sentences are separated by line breaks.

    Raises:
        ConfigError: the split is unknown.
        DataError: there is no such copy, or the hub cannot be reached; the ways to get
            the data are named; or bad rows may not be skipped.
        DependencyError: the hub can be reached and `datasets` is not installed.
    """
    if split not in SPLIT_NAMES:
        raise ConfigError(
            f"split must be one of {', '.join(SPLIT_NAMES)}. Received: {split!r}. "
            "Choose one of them."
        )
    own = log or BadRowLog("skip")
    if path is None:
        rows = _from_hub(split, own)
    elif Path(path).is_dir() and next(Path(path).rglob("*.story"), None) is not None:
        rows = read_stories(Path(path), split, own)
    else:
        rows = _from_copy(Path(path), split, own)
    return rows if log else _warning(rows, own)


def _warning(rows: Iterator[Row], log: BadRowLog) -> Iterator[Row]:
    """The rows, and a warning at their end of what was left out."""
    yield from rows
    log.tell()


def copy_files(path: Path) -> list[Path]:
    """Return the files that a copy is made of, those of other splits among them.

    Args:
        path: as in `load_cnn_dailymail`.

    Returns:
        Paths in an order that repeats.
    """
    return (path.is_dir() and story_files(path)) or _copies(path)


def _split_of_name(name: str) -> str | None:
    """The split that a file name tells."""
    words = re.split(r"[^a-z]+", name.lower())
    for split, names in SPLIT_NAMES.items():
        if any(word in names for word in words):
            return split
    return None


def _stem(name: str) -> str:
    """A file name without the split and the number of the shard."""
    names = "|".join(name for names in SPLIT_NAMES.values() for name in names)
    return re.sub(rf"(^|[-._ ])({names})(?![a-z]).*", "", name.lower())


def _copies(path: Path) -> list[Path]:
    """Data files that a path means."""
    if path.is_file():
        return [path]
    pattern = "*" if path.is_dir() else f"{path.name}[-._]*"
    folder = path if path.is_dir() else path.parent
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    return [
        p for p in found if re.search(r"\.(jsonl|csv|tsv)(\.gz)?$|\.parquet$", p.name)
    ]


def _from_copy(path: Path, split: str, log: BadRowLog) -> Iterator[Row]:
    copies = _copies(path)
    named = [copy for copy in copies if _split_of_name(copy.name) == split]
    stems = sorted({_stem(copy.name) for copy in named})
    if len(stems) > 1:
        likely = next((stem for stem in stems if "cnn" in stem), stems[0])
        raise DataError(
            f"A folder must hold one copy of CNN/DailyMail. Received: {path} with "
            f"{', '.join(stems)}. Give one of them, such as {path / likely}."
        )
    if path.is_file() and _split_of_name(path.name) is None:
        return (row for row in _read([path], log) if hash_split(row.id) == split)
    if not named:
        found = ", ".join(copy.name for copy in copies[:5]) or "no data file"
        raise DataError(
            f"A copy of CNN/DailyMail must have the split {split!r}. Received: {path}: "
            f"{found}. {WAYS}"
        )
    return _read(named, log)


def _read(paths: Sequence[Path], log: BadRowLog) -> Iterator[Row]:
    """Rows of files with either pair of field names."""
    for path in paths:
        names = field_names(path)
        pair = max(FIELDS, key=lambda pair: len({*pair} & {*names}))
        if not {*pair} <= {*names} and kind_of(path) != "jsonl":
            raise DataError(
                "A copy of CNN/DailyMail must have the columns article and highlights, "
                f"or document and summary. Received: {path} with "
                f"{', '.join(names) or 'none'}. Rename its columns."
            )
        yield from read_rows(path, *pair, log=log)


def _in_reach(url: str) -> str | None:
    """None when the address answers, else why not."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return "HF_HUB_OFFLINE is set"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code < 500 else str(error)
    except (OSError, ValueError) as error:
        return str(error)


def _from_hub(split: str, log: BadRowLog) -> Iterator[Row]:
    host = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    trouble = _in_reach(f"{host}/api/datasets/{HUB_NAME}")
    if trouble:
        raise DataError(
            "CNN/DailyMail without a path is read from the Hugging Face hub. Received: "
            f"{host} cannot be reached: {trouble}. {WAYS}"
        )
    try:
        import datasets
    except ImportError as error:
        raise DependencyError(
            "CNN/DailyMail from the hub", "datasets", "pip install nutgraf[hub]"
        ) from error
    return _hub_rows(
        datasets.load_dataset(
            HUB_NAME, HUB_VERSION, split=HUB_SPLITS[split], streaming=True
        ),
        log,
    )


def _hub_rows(records: Iterable[dict[str, str]], log: BadRowLog) -> Iterator[Row]:
    for number, record in enumerate(records, 1):
        empty = [name for name in FIELDS[0] if not record[name].strip()]
        if empty:
            log.add(HUB_NAME, number, f"`{empty[0]}` is empty")
            continue
        log.good += 1
        article, summary = (record[name] for name in FIELDS[0])
        yield Row(record["id"], article, (summary,), f"{HUB_NAME}:{number}")
    log.check()
