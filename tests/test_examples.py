"""The example programs run, and show what they say they show."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
WORDS = "one two three four five six seven eight nine ten".split()


def write_counting_rows(path: Path, count: int, seed: int) -> None:
    """The summary counts on from a word that no document names.

    So each word follows from the one before it, and from nothing else: only a model
    that reads the summary can know it.
    """
    random = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            document = " ".join(random.choice(WORDS, 12))
            start = int(random.integers(len(WORDS)))
            summary = " ".join(WORDS[(start + i) % len(WORDS)] for i in range(8))
            row = {"id": f"{seed}-{number}", "document": document, "summary": summary}
            file.write(json.dumps(row) + "\n")


def table_of(printed: str) -> dict[str, dict[str, float]]:
    """Model name -> column -> number, of a table in Markdown."""
    lines = [line.strip("| ") for line in printed.splitlines() if line[:1] == "|"]
    columns = [name.strip() for name in lines[0].split("|")][1:]
    found = {}
    for line in lines[2:]:
        name, *cells = [cell.strip() for cell in line.split("|")]
        numbers = [float("nan") if cell == "-" else float(cell) for cell in cells]
        found[name] = dict(zip(columns, numbers, strict=True))
    return found


@pytest.fixture(scope="module")
def article(tmp_path_factory):
    """What examples/article.py prints after a short training."""
    folder = tmp_path_factory.mktemp("article")
    write_counting_rows(folder / "train.jsonl", 400, seed=0)
    write_counting_rows(folder / "valid.jsonl", 32, seed=1)
    command = [sys.executable, str(ROOT / "examples" / "article.py")]
    command += ["--data", str(folder), "--size", "tiny", "--rows", "384"]
    command += ["--vocabulary", "300", "--max-source", "96", "--max-target", "32"]
    command += ["--epochs", "5", "--batch", "32", "--learning-rate", "0.003"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


def test_the_article_prints_three_systems_and_a_paired_test(article):
    assert len(table_of(article)) == 3
    assert "384 rows, 5 epochs" in article
    assert "(p = " in article
    assert "n = 32, ROUGE|" in article


def test_only_the_model_that_reads_the_summary_learns_to_count_on(article):
    found = table_of(article)
    right = found["decoder reads the summary"]
    pooled = found["pooled, as in the article"]
    # nine actions with the end; the first word is one of ten: ln 10 / 9 = 0.26 nats.
    # Without the words before, eight are one of ten: 8 · ln 10 / 9 = 2.05 nats.
    assert right["val loss"] < 0.6
    assert right["val accuracy"] > 0.7
    assert pooled["val loss"] > 1.9
    assert pooled["val accuracy"] < 0.4


def test_a_new_architecture_takes_sixty_lines_passes_the_checks_and_learns():
    path = ROOT / "examples" / "new_architecture.py"
    assert len(path.read_text("utf-8").splitlines()) <= 60
    run = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-3000:]
    first, last = map(float, re.findall(r"\d+\.\d+", run.stdout))
    # a model that does not look at its source can learn that one of 18 words follows,
    # and when to end: 4 of 5 actions, 0.8 · ln 18 = 2.3 nats at most
    assert first > 4 and last < 1


def test_the_page_on_models_shows_that_architecture():
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    code = (ROOT / "examples" / "new_architecture.py").read_text("utf-8")
    shown = code[code.index("class Glance") :]
    assert shown in page
