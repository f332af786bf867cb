"""Write tests/metrics/frozen/answers.json: exact match and F1 of short answers.

    python3 -m venv /tmp/oracle-answers
    /tmp/oracle-answers/bin/pip install transformers==4.57.3 lm-eval==0.4.13
    /tmp/oracle-answers/bin/pip install numpy==2.4.6
    /tmp/oracle-answers/bin/python tests/oracles/make_answers.py

It needs its own environment and imports nothing of nutgraf. English: `compute_exact`
and `compute_f1` of SQuAD's evaluate-v2.0.py, in `transformers.data.metrics` (version 5
has them no more). Chinese: `exact_match_score` and `f1_score` of MLQA's
mlqa_evaluation_v1.py with lang="zh", in `lm_eval.tasks.mlqa`. The best reference of a
row counts, for each score by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from lm_eval.tasks.mlqa import utils as mlqa
from transformers.data.metrics import squad_metrics as squad

COMMAND = "python tests/oracles/make_answers.py"
FILE = Path(__file__).parents[1] / "metrics" / "frozen" / "answers.json"
PACKAGES = ("transformers", "lm-eval")

ENGLISH = [
    ("Denver Broncos", ["Denver Broncos", "The Denver Broncos"]),
    ("the broncos!", ["Denver Broncos"]),
    ("$1,000.50", ["1000.50", "1,000"]),
    ("a an the", ["The"]),
    ("the", ["cat"]),
    ("", ["x"]),
    ("  Saint   Bernadette Soubirous ", ["saint bernadette"]),
    ("U.S.A.", ["USA"]),
    ("it's a dog–cat", ["its dog–cat"]),
    ("theatre", ["the atre"]),
    ("to be or not to be", ["be not be"]),
    ("“quoted”", ["quoted"]),  # only ASCII punctuation goes
    ("A-Team", ["ATeam", "team"]),
    ("naïve café", ["Naïve CAFÉ"]),
]
CHINESE = [
    ("《红楼梦》", ["红楼梦"]),
    ("曹雪芹和高鹗", ["曹雪芹", "高鹗"]),
    ("1998年5月", ["1998 年 5 月"]),
    ("GPT-4 模型", ["gpt4模型"]),
    ("北京", ["上海"]),
    ("北京 北京", ["北京"]),
    ("the 北京", ["北京"]),  # no articles in Chinese
    ("$5^北=京~", ["5北京"]),
    ("年年年", ["年年"]),
]
WORDS = "the a An cat Cat's U.S. red-hot 1,000 1000 (dog) of, “so” é – is is.".split()
PIECES = [*"红楼梦的北京，。《》、年", "GPT-4", " ", " the ", "1998", "5", "!"]


def drawn(rng: np.random.Generator, pieces: list[str], between: str) -> str:
    """Return a text of one to six pieces."""
    return between.join(rng.choice(pieces, rng.integers(1, 7)))


def rows(table: list, pieces: list[str], between: str, keep: Callable) -> list:
    """Rows of the table, then 40 random ones."""
    rng = np.random.default_rng(11)
    found = list(table)
    while len(found) < len(table) + 40:
        text, *references = (
            drawn(rng, pieces, between) for _ in range(rng.integers(2, 5))
        )
        if keep(text):
            found.append((text, references))
    return found


def scored(table: list, exact: Callable, f1: Callable) -> list[dict]:
    """Cases with the scores of the best references, in 0-100."""
    return [
        {
            "text": text,
            "references": references,
            "exact": 100 * max(int(exact(text, other)) for other in references),
            "f1": round(100 * max(f1(text, other) for other in references), 10),
        }
        for text, references in table
    ]


def main() -> None:
    """Write the file."""
    english = scored(
        rows(ENGLISH, WORDS, " ", keep=lambda text: True),
        lambda text, other: squad.compute_exact(other, text),
        lambda text, other: squad.compute_f1(other, text),
    )
    # two answers without a token: MLQA says F1 0 as version 1.1 does, nutgraf 100
    chinese = scored(
        rows(CHINESE, PIECES, "", keep=lambda text: mlqa.normalize_answer(text, "zh")),
        lambda text, other: mlqa.exact_match_score(text, other, "zh"),
        lambda text, other: mlqa.f1_score(text, other, "zh"),
    )
    versions = {name: version(name) for name in PACKAGES}
    cases = {"english": english, "cjk": chinese}
    head = {"command": COMMAND, "versions": versions}
    text = json.dumps({**head, "cases": cases}, ensure_ascii=False)
    text = text.replace('{"text"', '\n{"text"').replace('"cjk"', '\n"cjk"')
    FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
