"""Count the lengths of real rows, once: benchmarks/lengths.json, which is committed.

    python benchmarks/lengths.py ../shared/data/cnndm_tok

Rows of CNN/DailyMail (a copy in the form that `nutgraf.data.cnn_dailymail` reads) and
as many docstrings of this interpreter, in pieces of a tokenizer trained on both.
Sources are cut at 512 pieces, targets at 96. "pairs" counts (source, target);
"completions" is the distribution of the targets, stretched so that its mean is 0.4 of
the length limit.
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from nutgraf.data.cnn_dailymail import load_cnn_dailymail
from nutgraf.data.docstrings import harvest_docstrings
from nutgraf.files import write_json
from nutgraf.text.tokenizer import Tokenizer

ROWS = 8000
SOURCE, TARGET, SOURCE_STEP, TARGET_STEP = 512, 96, 32, 8
BINS, MEAN = 24, 0.4


def stretched(lengths: np.ndarray, mean: float) -> np.ndarray:
    """Scale lengths and cut them at 1, so that their mean is as wanted.

    Args:
        lengths: (N,) > 0.
        mean: in (0, 1).

    Returns:
        (N,) in (0, 1].
    """
    low, high = 0.0, 1.0
    for _ in range(60):  # the mean rises with the scale: halve the interval
        scale = (low + high) / 2
        if np.minimum(lengths * scale, 1.0).mean() < mean:
            low = scale
        else:
            high = scale
    return np.minimum(lengths * high, 1.0)


def main() -> None:
    """Write the file."""
    articles = list(itertools.islice(load_cnn_dailymail("train", sys.argv[1]), ROWS))
    docstrings = harvest_docstrings()
    step = max(1, len(docstrings) // len(articles))
    rows = articles + docstrings[::step][: len(articles)]
    texts = [text for row in rows for text in (row.document, row.references[0])]
    tokenizer = Tokenizer.train(texts, 16_000)
    source = [len(ids) for ids in tokenizer.encode_batch([r.document for r in rows])]
    target = [
        1 + len(ids) for ids in tokenizer.encode_batch([r.references[0] for r in rows])
    ]
    pairs = Counter(
        ((min(s, SOURCE) - 1) // SOURCE_STEP, (min(t, TARGET) - 1) // TARGET_STEP)
        for s, t in zip(source, target, strict=True)
        if s
    )
    places = stretched(np.array(target, float), MEAN)
    counts = np.bincount(np.ceil(places * BINS).astype(int) - 1, minlength=BINS)
    result = {
        "rows": {
            "cnn_dailymail": len(articles),
            "docstrings": len(rows) - len(articles),
        },
        "pairs": {
            "source_step": SOURCE_STEP,
            "target_step": TARGET_STEP,
            "bins": [[*place, count] for place, count in sorted(pairs.items())],
        },
        "completions": {"mean": MEAN, "counts": counts.tolist()},
    }
    write_json(Path(__file__).with_name("lengths.json"), result)
    print(f"{len(rows)} rows, {len(pairs)} pairs of lengths")


if __name__ == "__main__":
    main()
