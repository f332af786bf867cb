"""What both sides of a duel are given: shapes, sources, lengths, words, references.

Everything is drawn with NumPy from fixed seeds, so each process makes the same arrays
for itself. Letters: P prompts, G samples, S source length, T actions, V vocabulary.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

PAD, BOS, EOS = 0, 1, 2
FIRST_WORD = 3
WORDS = 500
"""Different words; few, so that samples and references have some in common."""
LENGTHS = Path(__file__).with_name("lengths.json")

SMALL = {
    "vocabulary_size": 16_000,
    "width": 256,
    "heads": 4,
    "feed_forward": 1024,
    "encoder_layers": 4,
    "decoder_layers": 4,
}
BASE = {
    "vocabulary_size": 30_000,
    "width": 512,
    "heads": 8,
    "feed_forward": 2048,
    "encoder_layers": 6,
    "decoder_layers": 6,
}
LLAMA = {
    "vocabulary_size": 16_000,
    "width": 256,
    "heads": 4,
    "feed_forward": 896,
    "encoder_layers": 0,
    "decoder_layers": 8,
    "architecture": "decoder-only",
}
"""12 million weights."""

SHAPES = {
    "a": {"model": SMALL, "prompts": 16, "samples": 8, "source": 128, "length": 48},
    "b": {"model": SMALL, "prompts": 8, "samples": 8, "source": 384, "length": 96},
    "c": {"model": BASE, "prompts": 4, "samples": 8, "source": 512, "length": 96},
    "llama": {"model": LLAMA, "prompts": 16, "samples": 8, "source": 128, "length": 48},
}


def shape_of(task: dict) -> dict:
    """Return the shape of a task, with the sizes that it changes.

    Args:
        task: "shape" (a key of `SHAPES`), and optionally prompts, samples, source,
            length or vocabulary.

    Returns:
        model, prompts, samples, source, length.
    """
    shape = dict(SHAPES[task["shape"]])
    shape |= {name: task[name] for name in shape.keys() & task.keys() - {"model"}}
    if "vocabulary" in task:
        shape["model"] = {**shape["model"], "vocabulary_size": task["vocabulary"]}
    return shape


def model_config(task: dict) -> dict:
    """Return the fields of `nutgraf.models.config.ModelConfig` for a task."""
    shape = shape_of(task)
    return {
        **shape["model"],
        "dropout": task.get("dropout", 0.0),
        "copy": task.get("copy", False),
        "max_source": shape["source"],
        "max_target": shape["length"],
    }


def sources_of(shape: dict, number: int = 0) -> np.ndarray:
    """Return (P, S) source ids of full length; other numbers, other sources."""
    random = np.random.default_rng([number, 1])
    size = (shape["prompts"], shape["source"])
    top = shape["model"]["vocabulary_size"]
    return random.integers(FIRST_WORD, top, size, dtype=np.int32)


def quantiles(counts: list[float], shares: np.ndarray) -> np.ndarray:
    """Invert a histogram's cumulative distribution.

    Args:
        counts: of bins of equal width that cover (0, 1].
        shares: in (0, 1).

    Returns:
        Positions in (0, 1], inside a bin in proportion.
    """
    edges = np.linspace(0.0, 1.0, len(counts) + 1)
    cumulative = np.concatenate([[0.0], np.cumsum(counts)]) / np.sum(counts)
    return np.interp(shares, cumulative, edges)


def completion_lengths(shape: dict, number: int = 0) -> np.ndarray:
    """Return (P, G) lengths with the end action, from the committed histogram.

    They lie at equal shares of the histogram and are shuffled, so every round has the
    same number of tokens in another order.
    """
    counts = json.loads(LENGTHS.read_text("utf-8"))["completions"]["counts"]
    rows = shape["prompts"] * shape["samples"]
    places = quantiles(counts, (np.arange(rows) + 0.5) / rows)
    lengths = np.ceil(places * shape["length"]).clip(2, shape["length"])
    random = np.random.default_rng([number, 2])
    order = random.permutation(lengths.astype(np.int32))
    return order.reshape(shape["prompts"], shape["samples"])


def lengths_of(task: dict, number: int = 0) -> np.ndarray:
    """Return (P, G) lengths of a task: "real", or all of them full."""
    shape = shape_of(task)
    if task.get("lengths") == "real":
        return completion_lengths(shape, number)
    return np.full((shape["prompts"], shape["samples"]), shape["length"], np.int32)


def actions_of(task: dict, number: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return given samples: (P, G, T) actions, padded, and their mask."""
    shape = shape_of(task)
    lengths = lengths_of(task, number)
    size = (*lengths.shape, shape["length"])
    random = np.random.default_rng([number, 3])
    top = shape["model"]["vocabulary_size"]
    actions = random.integers(FIRST_WORD, top, size, dtype=np.int32)
    steps = np.arange(shape["length"])
    actions = np.where(steps == lengths[..., None] - 1, EOS, actions)
    mask = steps < lengths[..., None]
    return np.where(mask, actions, PAD), mask


def advantages_of(task: dict, number: int = 0) -> np.ndarray:
    """Return (P, G) advantages, each group's mean 0."""
    shape = shape_of(task)
    random = np.random.default_rng([number, 4])
    drawn = random.normal(size=(shape["prompts"], shape["samples"]))
    return (drawn - drawn.mean(1, keepdims=True)).astype(np.float32)


def words() -> list[str]:
    """Return the words that ids stand for, see `text_of`."""
    random = np.random.default_rng(5)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    sizes = random.integers(2, 11, WORDS)
    return ["".join(random.choice(letters, size)) for size in sizes]


def text_of(ids: np.ndarray, vocabulary: list[str]) -> str:
    """Write ids as words up to the end action."""
    kept = []
    for number in ids.tolist():
        if number <= EOS:
            break
        kept.append(vocabulary[number % len(vocabulary)])
    return " ".join(kept)


def references_of(shape: dict, number: int = 0) -> list[str]:
    """Return one reference per prompt, as long as a mean sample."""
    random = np.random.default_rng([number, 6])
    size = (shape["prompts"], max(2, round(0.4 * shape["length"])))
    ids = random.integers(FIRST_WORD, shape["model"]["vocabulary_size"], size)
    vocabulary = words()
    return [text_of(row, vocabulary) for row in ids]


def square(size: int = 2048) -> np.ndarray:
    """Return the matrix whose square measures the machine's GEMM rate."""
    random = np.random.default_rng(7)
    return random.normal(size=(size, size)).astype(np.float32)


def weights_of(task: dict) -> dict[str, np.ndarray]:
    """Draw the weights of an encoder-decoder; both sides of a duel compute with them.

    The decoder's last norm leans away from the end action, so no sample ever ends by
    itself: lengths are what the task says.

    Args:
        task: see `shape_of`.

    Returns:
        nutgraf's name of each weight -> float32 array, kernels as (inputs, outputs).
    """
    config = model_config(task)
    width, hidden = config["width"], config["feed_forward"]
    random = np.random.default_rng(8)
    made: dict[str, np.ndarray] = {}

    def dense(name: str, inputs: int, outputs: int) -> None:
        drawn = random.normal(size=(inputs, outputs)) * inputs**-0.5
        made[f"{name}/kernel"] = drawn.astype(np.float32)
        made[f"{name}/bias"] = np.zeros(outputs, np.float32)

    def norm(name: str) -> None:
        made[f"{name}/gamma"] = np.ones(width, np.float32)
        made[f"{name}/beta"] = np.zeros(width, np.float32)

    table = random.normal(size=(config["vocabulary_size"], width)) * width**-0.5
    made["embedding/embeddings"] = table.astype(np.float32)
    kinds = {"encoder": ["self_attention"]}
    kinds["decoder"] = ["self_attention", "cross_attention"]
    for side, attentions in kinds.items():
        for number in range(config[f"{side}_layers"]):
            block = f"{side}_{number}"
            for attention in attentions:
                norm(f"{block}/{attention}_norm")
                for part in ("query", "key", "value", "output"):
                    dense(f"{block}/{attention}/{part}", width, width)
            norm(f"{block}/feed_forward_norm")
            dense(f"{block}/feed_forward/expand", width, hidden)
            dense(f"{block}/feed_forward/reduce", hidden, width)
        norm(f"{side}_norm")
    made["decoder_norm/beta"] = -20.0 * made["embedding/embeddings"][EOS]
    if config["copy"]:
        dense("copy_head/query", width, width)
        dense("copy_head/key", width, width)
        dense("copy_head/gate", width, 1)
    return made


def pair_lengths(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return source and target lengths of supervised rows.

    They lie at equal shares of the committed histogram of CNN/DailyMail and docstrings.

    Args:
        rows: N.

    Returns:
        (N,) source tokens and (N,) target actions, shuffled.
    """
    kept = json.loads(LENGTHS.read_text("utf-8"))["pairs"]
    bins = np.array(kept["bins"])  # source bin, target bin, count
    cumulative = np.cumsum(bins[:, 2]) / bins[:, 2].sum()
    chosen = np.searchsorted(cumulative, (np.arange(rows) + 0.5) / rows)
    random = np.random.default_rng(9)
    chosen = random.permutation(chosen)
    found = []
    for column, step in enumerate((kept["source_step"], kept["target_step"])):
        inside = random.integers(1, step + 1, rows)
        found.append(bins[chosen, column] * step + inside)
    return found[0], found[1]


def supervised_row(source: int, target: int, top: int, row: int) -> tuple:
    """Return the ids of one supervised row of given lengths, its end among them."""
    random = np.random.default_rng([row, 10])
    ids = random.integers(FIRST_WORD, top, source, dtype=np.int32)
    actions = random.integers(FIRST_WORD, top, target, dtype=np.int32)
    same = ids[np.arange(target) % source]  # half the words are the source's
    actions = np.where(random.random(target) < 0.5, same, actions)
    actions[-1] = EOS
    return ids, actions


def supervised_batch(batch: dict, top: int, fit: bool) -> dict[str, np.ndarray]:
    """Lay the rows of a batch side by side.

    Args:
        batch: "rows" (number, source length, target length), "source" and "target" the
            sizes to pad to, "count" the number of rows to fill up to.
        top: V.
        fit: pad to the longest row instead, and fill up nothing.

    Returns:
        "source" (B, S) and "target" (B, T) int32, padded.
    """
    rows = [supervised_row(s, t, top, row) for row, s, t in batch["rows"]]
    count = len(rows) if fit else batch["count"]
    made = {}
    for place, name in enumerate(("source", "target")):
        size = max(len(row[place]) for row in rows) if fit else batch[name]
        made[name] = np.full((count, size), PAD, np.int32)
        for number, row in enumerate(rows):
            made[name][number, : len(row[place])] = row[place]
    return made


def tokens_of(batch: dict) -> int:
    """Return source and target tokens of a batch without padding."""
    return sum(source + target for _, source, target in batch["rows"])
