"""CNN/DailyMail as `.story` files: an article, then `@highlight` and a sentence, often.

The layout is that of See et al. 2017 (github.com/abisee/cnn-dailymail): a file's name
is the SHA-1 of its article's web address; lists of addresses name the splits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.rows import Row
from nutgraf.data.texts import decode
from nutgraf.errors import DataError

__all__ = ["SPLIT_NAMES", "hash_split", "parse_story", "read_stories", "story_files"]

SPLIT_NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
}
"""Names that files and folders give to each split."""
MARK = "@highlight"
CLOSED = (".", "!", "?", "...", "'", "`", '"', "’", "”", ")")


def hash_split(name: str) -> str:
    """Return the split of a row when no list says it: 90 % train, 5 % valid, 5 % test.

    Args:
        name: id of the row.

    Returns:
        "train", "valid" or "test", the same on every machine.

    Example:
        >>> hash_split("0001d1afc246a7964130f43ae940af6bc6c57f01")
        'train'
    """
    place = int(hashlib.sha256(name.encode("utf-8")).hexdigest()[:8], 16) % 100
    return "train" if place < 90 else "valid" if place < 95 else "test"


def _closed(line: str) -> str:
    """End a line with a full stop when nothing ends it, as the copy on the hub does."""
    return line if line.endswith(CLOSED) else f"{line} ."


def parse_story(text: str) -> tuple[str, str]:
    r"""Return article and summary of a story.

    Args:
        text: content of a `.story` file.

    Returns:
        The article's lines joined by spaces; the highlights joined by line breaks.

    Example:
        >>> parse_story("It rained.\n\nAll day\n\n@highlight\n\nRain in May")
        ('It rained. All day .', 'Rain in May .')
    """
    article, highlights = [], []
    marked = False
    for line in filter(None, (" ".join(line.split()) for line in text.splitlines())):
        if line == MARK:
            marked = True
        elif marked:
            highlights.append(_closed(line))
            marked = False
        elif not highlights:
            article.append(_closed(line))
    return " ".join(article), "\n".join(highlights)


def _lists(folder: Path, split: str) -> list[Path]:
    """Lists of addresses; the first one counts."""
    return [
        path
        for place in (folder, folder / "url_lists")
        for name in SPLIT_NAMES[split]
        if (path := place / f"all_{name}.txt").is_file()
    ]


def _listed(folder: Path, split: str) -> list[str] | None:
    """File stems of a list of addresses, None when there is no list."""
    for path in _lists(folder, split):
        urls = decode(path.read_bytes(), str(path)).split()
        return [hashlib.sha1(url.encode("utf-8")).hexdigest() for url in urls]
    return None


def story_files(folder: Path) -> list[Path]:
    """Return the stories of a folder and the lists that split them.

    Args:
        folder: as in `read_stories`.

    Returns:
        Paths in an order that repeats; none for a folder without stories.
    """
    stories = sorted(folder.rglob("*.story"))
    lists = [path for split in SPLIT_NAMES for path in _lists(folder, split)]
    return stories + lists if stories else []


def _chosen(folder: Path, split: str) -> list[Path]:
    """The stories of a split, in an order that repeats."""
    for name in SPLIT_NAMES[split]:
        if (folder / name).is_dir():
            return sorted((folder / name).rglob("*.story"))
    stories = {path.stem: path for path in sorted(folder.rglob("*.story"))}
    listed = _listed(folder, split)
    if listed is not None:
        return [stories[stem] for stem in listed if stem in stories]
    return [stories[stem] for stem in sorted(stories) if hash_split(stem) == split]


def _story(path: Path) -> Row:
    """The row of a file, or ValueError with what is wrong with it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start + 1}") from error
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    article, summary = parse_story(text)
    if not (article and summary):
        raise ValueError(f"has no {'highlight' if article else 'article'}")
    return Row(path.stem, article, (summary,), str(path))


def read_stories(folder: Path, split: str, log: BadRowLog) -> Iterator[Row]:
    """Read the stories of a split.

    The split is told by, in this order: folders named train, val, test; lists of web
    addresses `all_train.txt`, `all_val.txt`, `all_test.txt` in the folder or its
    `url_lists`, where addresses without a story are passed over; `hash_split`.

    Args:
        folder: holds `.story` files, at any depth.
        split: "train", "valid" or "test".
        log: takes the stories without article or highlight, of which the corpus has
            about a hundred, and those that are no UTF-8.

    Yields:
        Rows; the id is the file's stem.

    Raises:
        DataError: no story is left, or bad ones may not be skipped.
    """
    found = False
    for path in _chosen(folder, split):
        try:
            row = _story(path)
        except ValueError as error:
            log.add(str(path), 1, str(error))
            continue
        log.good += 1
        found = True
        if not (log.count and log.policy == "fail"):
            yield row  # after a bad one only the others are looked for
    log.check()
    if not found:
        raise DataError(
            f"A folder of stories must hold some of the split {split!r}. Received: "
            f"{folder}, which holds none with article and highlight. Check the folder "
            "and its lists of addresses."
        )
