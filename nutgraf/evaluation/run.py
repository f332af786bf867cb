"""An evaluation from rows to files: texts, scores beside baselines, what is kept.

The function behind `nutgraf evaluate`. A framework is loaded only where a model writes
the texts; `read_texts` reads them again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from nutgraf import __version__
from nutgraf.arrays import Processors
from nutgraf.data.rows import Row
from nutgraf.data.sources import load_split
from nutgraf.errors import ConfigError, DataError
from nutgraf.evaluation.score import Evaluation, score_texts
from nutgraf.evaluation.settings import EvaluateSettings
from nutgraf.evaluation.texts import (
    EVALUATION,
    TEXTS,
    in_order,
    read_predictions,
    read_texts,
    words_of,
)
from nutgraf.files import write_json, write_text
from nutgraf.rewards.parse import parse_parts, parts_used
from nutgraf.rewards.registry import PARTS
from nutgraf.tasks.baselines import extractive_oracle, lead
from nutgraf.tasks.names import task_of
from nutgraf.text.words import WordKind
from nutgraf.training.log import progress_bar

__all__ = ["Evaluated", "evaluate", "read_texts", "write_evaluation"]


class Evaluated(NamedTuple):
    """What an evaluation found.

    Attributes:
        rows: the rows.
        texts: one per row.
        system: scores of the texts.
        baselines: scores of the task's baselines, and of those asked for.
        settings: what was asked for.
    """

    rows: list[Row]
    texts: list[str]
    system: Evaluation
    baselines: list[Evaluation]
    settings: EvaluateSettings


def _baselines(
    settings: EvaluateSettings, rows: list[Row], words: WordKind
) -> list[Evaluation]:
    task = task_of(settings.task)
    found = [
        score_texts(rows, texts, words, name, task)
        for name, texts in task.baselines(rows, words).items()
    ]
    if settings.lead:
        texts = [lead(row.document, settings.lead) for row in rows]
        found.append(score_texts(rows, texts, words, f"Lead-{settings.lead}"))
    if settings.oracle:
        texts = []
        with progress_bar("oracle", len(rows)) as advance:
            for row in rows:
                best = extractive_oracle(row.document, row.references, words=words)
                texts.append(best)
                advance(1, "")
        found.append(score_texts(rows, texts, words, "oracle"))
    return found


def _generator(settings: EvaluateSettings) -> Any:
    """What writes the texts: greedy, beam search, or the best of samples."""
    from nutgraf.evaluation.best_of import BestOf
    from nutgraf.evaluation.generate import Generator
    from nutgraf.models.checkpoint import load_policy

    if settings.task == "extract":
        from nutgraf.evaluation.extract import Extractor
        from nutgraf.models.span_folder import load_span_policy

        policy = load_span_policy(settings.model)
        return Extractor(policy, settings.no_answer, settings.threshold)
    processors = Processors(
        min_length=settings.min_length, no_repeat_ngram=settings.no_repeat_ngram
    )
    if not settings.best_of:
        return Generator(
            load_policy(settings.model),
            settings.beams,
            length_penalty=settings.length_penalty,
            processors=processors,
        )
    reward = parse_parts(settings.reward)
    used = parts_used(settings.reward)
    blind = [name for name in used if PARTS[name].references]
    if blind:
        raise ConfigError(
            "A reward that chooses among texts must not need a reference: at use there "
            f"is none. Received: {', '.join(blind)}. docs/rewards.md says "
            "which need none."
        )
    return BestOf(
        load_policy(settings.model), reward, settings.best_of, processors=processors
    )


def evaluate(
    settings: EvaluateSettings, report: Callable[[str], None] = lambda line: None
) -> Evaluated:
    """Write or read the texts of a split, score them and the baselines.

    Args:
        settings: what to evaluate, on which rows; with `out`, files are written.
        report: called with each line a user should see.

    Returns:
        Texts and scores.

    Raises:
        ModelError: the model folder is missing or broken.
        DataError: the data cannot be read, the split is empty, a row has no reference,
            or the predictions do not match the rows.
        ConfigError: a setting of the data is wrong.
    """
    generator, found = None, []
    if settings.predictions:  # what is wrong here is told before the data are read
        found = read_predictions(settings.predictions)
    else:
        from nutgraf.evaluation.generate import write_texts

        generator = _generator(settings)
    source = settings.data.source
    slow = ", which takes a minute" if source == "docstrings" else ""
    report(f"reading the {settings.split} rows of {source}{slow}")
    rows = list(load_split(settings.data, settings.split, report))
    if not rows:
        raise DataError(
            f"The split must have at least one row. Received: {settings.split} of "
            f"{source}, which is empty. Choose another --split."
        )
    words = words_of(rows)
    if settings.best_of and generator:
        generator.reward = parse_parts(settings.reward, words)
    texts = [] if generator else in_order(found, rows, settings.predictions)
    baselines = _baselines(settings, rows, words)
    if generator:
        texts = write_texts(generator, rows, "writing")
    system = score_texts(rows, texts, words, settings.name, task_of(settings.task))
    result = Evaluated(rows, texts, system, baselines, settings)
    if settings.out:
        write_evaluation(result)
    return result


def _numbers(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "name": evaluation.name,
        "n": evaluation.n,
        "signature": evaluation.signature,
        "metrics": {
            name: evaluation.interval(name)._asdict() for name in evaluation.metrics
        },
    }


def write_evaluation(result: Evaluated) -> None:
    """Write `texts.jsonl` and `evaluation.json` into the folder of the settings.

    Other files of the folder stay. An old `evaluation.json` goes first, so that scores
    never lie beside the texts of another evaluation.

    Args:
        result: of `evaluate`.
    """
    folder = Path(result.settings.out)
    (folder / EVALUATION).unlink(missing_ok=True)
    lines = [
        {
            "id": row.id,
            "document": row.document,
            "text": text,
            "references": list(row.references),
        }
        for row, text in zip(result.rows, result.texts, strict=True)
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_text(folder / TEXTS, text)
    versions: dict[str, Any] = {"nutgraf": __version__}
    if not result.settings.predictions:
        from nutgraf.backend import describe

        versions |= describe()
    write_json(
        folder / EVALUATION,
        {
            **_numbers(result.system),
            "baselines": {one.name: _numbers(one) for one in result.baselines},
            "settings": dataclasses.asdict(result.settings),
            "versions": versions,
        },
    )
