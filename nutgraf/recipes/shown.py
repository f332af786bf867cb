"""What a run shows of its texts: those of a few fixed rows, for `nutgraf report`.

They are texts that the run has written anyway, for its validation or for its guard.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.arrays import EOS
from nutgraf.backend import to_numpy
from nutgraf.data.rows import Row
from nutgraf.report.parts import Attention, Sample
from nutgraf.report.samples import (
    ATTENTION,
    SAMPLES,
    read_samples,
    spread,
    write_attention,
    write_samples,
)
from nutgraf.rl.watch import Watch

__all__ = ["attention_picture", "show_attention", "show_end", "show_look", "show_texts"]

_START = "start"


def attention_picture(policy: Any, row: Row, text: str) -> Attention | None:
    """Return where the copy head looked while it wrote a text.

    Args:
        policy: the policy.
        row: the source.
        text: what was written.

    Returns:
        The picture; None for a model without copy head or an empty text.
    """
    codec = policy.codec
    ids = codec.tokenizer.encode(text)[: codec.max_target - 1]
    if not (ids and getattr(policy.model.config, "copy", False)):
        return None
    batch = codec.batch([row])
    maps = policy.model.attention_maps(
        batch.source_ids, np.asarray([[*ids, EOS]], np.int32)
    )
    weights, share = (to_numpy(maps[name])[0] for name in ("copy", "copy_share"))
    source = batch.source_ids[0][batch.source_mask[0]].tolist()

    def pieces(tokens: Sequence[int]) -> list[str]:
        return [codec.tokenizer.token(token) for token in tokens]

    return Attention(
        f"Where the copy head looked: {row.id}",
        pieces(source),
        [*pieces(ids), "<eos>"],
        weights[:, : len(source)],
        share,
    )


def show_texts(
    folder: Path, rows: Sequence[Row], texts: Sequence[str], name: str
) -> None:
    """Write texts into `samples.json`, beside those of the start when they are there.

    Args:
        folder: run folder.
        rows: the rows, of which a few are shown, always the same.
        texts: one per row.
        name: of the texts; "start" for those of the start.
    """
    path = Path(folder) / SAMPLES
    before: dict[str, Sample] = {}
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        before = {sample.title: sample for sample in read_samples(path)}
    samples = []
    for number in spread(len(rows)):
        row, shown = rows[number], {name: texts[number]}
        if name != _START and row.id in before:
            kept = before[row.id].texts
            shown = {_START: kept[_START], **shown} if _START in kept else shown
        reference = next(iter(row.references), "")
        samples.append(Sample(row.document, shown, reference, row.id))
    write_samples(path, samples)


def show_attention(folder: Path, policy: Any, row: Row, text: str) -> None:
    """Write `attention.json`, where the model has a copy head and there is a text.

    Args:
        folder: run folder.
        policy: the policy.
        row: the source.
        text: what it wrote.
    """
    picture = attention_picture(policy, row, text)
    write_attention(Path(folder) / ATTENTION, picture)


def show_look(
    folder: Path, rows: Sequence[Row], texts: Sequence[str], update: int
) -> None:
    """Write the texts of a look of the guard.

    Args:
        folder: run folder.
        rows: the rows that the guard watches.
        texts: one per row.
        update: updates done; 0 at the start.
    """
    name = f"after update {update:,}" if update else _START
    show_texts(folder, rows, texts, name)


def show_end(folder: Path, watch: Watch, policy: Any, update: int) -> None:
    """Write the texts and the attention of the weights that a run ends with.

    Args:
        folder: run folder.
        watch: the guard, for its rows and for what writes their texts.
        policy: the policy, its weights those of the end.
        update: whose weights they are.
    """
    texts = watch.write(watch.rows, [one.value for one in policy.variables])
    show_look(folder, watch.rows, texts, update)
    show_attention(folder, policy, watch.rows[0], texts[0])
