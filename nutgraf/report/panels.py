"""Which pictures the numbers of a run make, and how to read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from nutgraf.metrics.names import LABELS
from nutgraf.report.parts import Curves, Mark, Series
from nutgraf.rl.guard import label_of

__all__ = ["panels_of", "series_of"]

Record = Mapping[str, Any]


class _Panel(NamedTuple):
    """A picture of some numbers of `metrics.jsonl`.

    Attributes:
        title: of the picture.
        y_label: with the unit.
        lines: name in the file -> name in the legend.
        note: how to read it.
    """

    title: str
    y_label: str
    lines: dict[str, str]
    note: str = ""


_SCORES = "rouge1", "rouge2", "rougeL", "chrf", "bleu", "exact_match", "token_f1"
"""Of all tasks; each run has those of its own."""

_PANELS = (
    _Panel(
        "Reward",
        "mean reward of a sample",
        {
            "reward/mean": "samples",
            "reward/greedy": "greedy text",
            "guard/reward": "watched texts",
        },
        "What is trained for. It should rise, while the KL below stays moderate.",
    ),
    _Panel(
        "Loss",
        "cross-entropy (nats per token)",
        {"train/loss": "training", "valid/loss": "validation"},
        "Validation is measured without dropout and label smoothing.",
    ),
    _Panel(
        "Scores on validation rows",
        "score (0-100)",
        {f"valid/{name}": LABELS[name] for name in _SCORES},
        "Greedy texts of a fixed sample of rows.",
    ),
    _Panel(
        "Distance to the start",
        "KL(policy || start), k3 estimate (nats per token)",
        {"policy/kl_to_start": "KL"},
        "How far the policy has moved. A steep rise means that it exploits the reward.",
    ),
    _Panel(
        "Entropy",
        "of sampled tokens (nats per token)",
        {"policy/entropy": "entropy"},
        "How varied the samples are. Near zero nothing new is tried any more.",
    ),
    _Panel(
        "Length of samples",
        "tokens, the end among them",
        {"sample/length": "length"},
    ),
    _Panel(
        "Length of greedy texts",
        "words over words of the references (ratio)",
        {
            "valid/length_ratio": "length ratio",
            "guard/length_ratio": "length ratio, watched",
        },
        "1 is as long as the references.",
    ),
    _Panel("Words of watched texts", "words per text", {"guard/words": "words"}),
    _Panel(
        "Repetition and copying of watched texts",
        "per cent (0-100)",
        {
            "guard/repetition": "bigrams said twice",
            "guard/copied_share": "copied words",
        },
        "Words are copied when they are in a run of three from the source.",
    ),
    _Panel(
        "Truncated and rewarded samples",
        "share of samples (0-1)",
        {"sample/truncated": "truncated", "sample/valid": "with a reward"},
        "Truncated: the longest length came before the end.",
    ),
    _Panel(
        "Spread of rewards",
        "standard deviation within a group",
        {"reward/spread": "spread"},
        "Without spread within a group there is nothing to learn from it.",
    ),
    _Panel(
        "Probability ratio",
        "policy over sampler, mean of tokens (ratio)",
        {"policy/ratio": "ratio"},
        "1 in the first update after sampling; far from 1 the samples are stale.",
    ),
    _Panel(
        "Clipped tokens",
        "share of tokens (0-1)",
        {"policy/clip_share": "clipped"},
        "Tokens whose ratio has left the range that is rewarded.",
    ),
    _Panel(
        "Losses of RL",
        "loss per token",
        {"loss/rl": "RL", "loss/supervised": "supervised", "loss/critic": "critic"},
        "The RL loss itself says little: watch the reward.",
    ),
    _Panel("Gradient norm", "before clipping", {"train/gradient_norm": "norm"}),
    _Panel("Learning rate", "of AdamW", {"train/learning_rate": "learning rate"}),
    _Panel(
        "Time of an update",
        "seconds",
        {
            "time/sample": "sampling",
            "time/reward": "reward",
            "time/update": "update",
            "time/guard": "guard",
        },
    ),
    _Panel(
        "Speed",
        "tokens per second",
        {
            "time/tokens_per_second": "sampled and learned",
            "time/target_tokens_per_second": "target tokens",
        },
    ),
)

# Functions of other numbers that have their pictures.
_NOT_DRAWN = {"valid/perplexity", "guard/broken", "sample/failed"}
_MOST_OTHERS = 12


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def series_of(records: Iterable[Record], key: str, name: str = "") -> Series:
    """Return one number of a run along its updates.

    Args:
        records: lines of `metrics.jsonl`; those without the number are passed over.
        key: name of the number.
        name: for the legend; the key when "".

    Returns:
        The series, perhaps empty.

    Example:
        >>> series_of([{"step": 1, "a": 2.0}, {"step": 2}], "a").y
        [2.0]
    """
    points = [
        (record["step"], record[key])
        for record in records
        if _is_number(record.get("step")) and _is_number(record.get(key))
    ]
    return Series(name or key, [x for x, _ in points], [y for _, y in points])


def _parts_of_reward(keys: Iterable[str]) -> _Panel:
    """The components, whatever they are called."""
    known = {key for panel in _PANELS for key in panel.lines}
    lines = {
        key: key.removeprefix("reward/")
        for key in keys
        if key.startswith("reward/") and key not in known
    }
    return _Panel("Parts of the reward", "mean of a sample, unweighted", lines)


def _not_rewarded(keys: Iterable[str]) -> _Panel:
    """The metrics that the guard watches, whatever they are."""
    known = {key for panel in _PANELS for key in panel.lines} | _NOT_DRAWN
    lines = {
        key: label_of(key.removeprefix("guard/"))
        for key in keys
        if key.startswith("guard/") and key not in known
    }
    return _Panel(
        "What is not rewarded",
        "scores of watched texts (0-100)",
        lines,
        "Greedy texts of fixed rows. A fall while the reward rises is a warning.",
    )


def panels_of(records: Iterable[Record], marks: Sequence[Mark] = ()) -> list[Curves]:
    """Arrange the numbers of a run in pictures.

    Args:
        records: lines of `metrics.jsonl`, of a supervised or of an RL run.
        marks: vertical lines in each picture.

    Returns:
        The pictures that have a point; numbers that are not known come last, each
        with a picture of its own.
    """
    records = [record for record in records if isinstance(record, Mapping)]
    keys = dict.fromkeys(
        key for record in records for key, v in record.items() if _is_number(v)
    )
    keys.pop("step", None)
    first = [_PANELS[0], _parts_of_reward(keys), _not_rewarded(keys)]
    panels = [*first, *_PANELS[1:]]
    known = {key for panel in panels for key in panel.lines} | _NOT_DRAWN
    others = [key for key in keys if key not in known][:_MOST_OTHERS]
    panels += [_Panel(key, key, {key: key}) for key in others]
    found = []
    for panel in panels:
        lines = [
            series_of(records, key, name)
            for key, name in panel.lines.items()
            if key in keys
        ]
        if lines:
            title, y_label, _, note = panel
            found.append(Curves(title, y_label, lines, note=note, marks=marks))
    return found
