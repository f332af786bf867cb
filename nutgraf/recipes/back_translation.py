"""Back-translation: more training rows from texts that have no source.

A model that was trained in the other direction (translation to source, summary to
document) writes a source for each text, and the pair is a row to train on: what is
learned to be written is always real. Sennrich et al. 2016, "Improving Neural Machine
Translation Models with Monolingual Data", arXiv 1511.06709. By default sources are
sampled, which teaches more than the likeliest ones do: Edunov et al. 2018,
"Understanding Back-Translation at Scale", section 4.1, arXiv 1808.09381.

The function behind `nutgraf back-translate`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nutgraf.arrays import Processors
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.evaluation.generate import Generator
from nutgraf.files import atomic_file

__all__ = ["Decoding", "back_translate"]

_CHUNK = 512
"""Rows that are held in memory."""


@dataclass(frozen=True)
class Decoding:
    """How sources are written.

    Attributes:
        kind: "sample", "greedy" or "beam".
        beams: hypotheses of beam search.
        temperature: of sampling, > 0.
        top_k: of sampling; 0 = all.
        seed: of sampling: with the same seed a row gets the same source.

    Raises:
        ConfigError: the kind is unknown.
    """

    kind: Literal["sample", "greedy", "beam"] = "sample"
    beams: int = 4
    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the kind."""
        if self.kind not in ("sample", "greedy", "beam"):
            raise ConfigError(
                f"decoding must be sample, greedy or beam. Received: {self.kind!r}. "
                "Leave it out for sample."
            )

    def generator(self, policy: Any, rows: int) -> Generator:
        """Return what writes the sources.

        Args:
            policy: the model of the other direction.
            rows: rows per batch.

        Returns:
            The generator.
        """
        if self.kind != "sample":
            return Generator(policy, self.beams if self.kind == "beam" else 1, rows)
        processors = Processors(temperature=self.temperature, top_k=self.top_k)
        return Generator(
            policy, rows=rows, processors=processors, seed=self.seed, sample=True
        )

    @property
    def described(self) -> dict[str, Any]:
        """What of it was at work, as plain values."""
        names = {
            "sample": ("temperature", "top_k", "seed"),
            "beam": ("beams",),
            "greedy": (),
        }[self.kind]
        return {"decoding": self.kind, **{name: getattr(self, name) for name in names}}


def back_translate(
    policy: Any,
    rows: Iterable[Row],
    out: Path,
    *,
    made_by: str,
    decoding: Decoding = Decoding(),  # noqa: B008 - frozen
    source_field: str = "document",
    target_field: str = "summary",
    tag: str = "",
    batch: int = 64,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """Write a jsonl file of rows whose sources a model has made up.

    A row holds `id`, the source, the text, and under `back_translated` where it comes
    from: the model, how it was decoded, and the place of the text.

    Args:
        policy: the model of the other direction.
        rows: their documents are the texts; read once, a few hundred at a time.
        out: the file; it appears when it is whole.
        made_by: name of the model, for the rows.
        decoding: how sources are written.
        source_field: name of the field with the source.
        target_field: name of the field with the text.
        tag: put before each source, so that the model learns which are made up
            (Caswell et al. 2019, "Tagged Back-Translation", arXiv 1906.06442).
        batch: rows that are written at once.
        report: called with each line a user should see.

    Returns:
        Numbers of rows: "made"; "empty", left out because the source was; "cut", whose
        text was longer than the model reads.
    """
    generator = decoding.generator(policy, batch)
    codec = policy.codec
    counts = {"made": 0, "empty": 0, "cut": 0}
    origin = {"model": made_by, **decoding.described}
    stream = iter(rows)
    with atomic_file(out) as file:
        while chunk := list(itertools.islice(stream, _CHUNK)):
            lengths = map(
                len, codec.tokenizer.encode_batch([row.document for row in chunk])
            )
            counts["cut"] += sum(length > codec.max_source for length in lengths)
            for row, source in zip(chunk, generator(chunk), strict=True):
                if not source.strip():
                    counts["empty"] += 1
                    continue
                counts["made"] += 1
                made = {
                    "id": f"{row.id}#back",
                    source_field: f"{tag} {source}" if tag else source,
                    target_field: row.document,
                    "back_translated": {**origin, "text": row.origin},
                }
                file.write(json.dumps(made, ensure_ascii=False) + "\n")
            report(f"{sum(counts.values()) - counts['cut']:,} texts read")
    return counts
