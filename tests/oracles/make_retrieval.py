"""Write tests/metrics/frozen/retrieval.json: trec_eval's numbers of made-up runs.

    python3 -m venv /tmp/oracle-retrieval
    /tmp/oracle-retrieval/bin/pip install pytrec-eval-terrier==0.5.11 numpy==2.4.6
    /tmp/oracle-retrieval/bin/python tests/oracles/make_retrieval.py

It needs its own environment and imports nothing of nutgraf. Runs are drawn from a fixed
seed, with ties among the scores, unjudged documents, grades from 0 to 3 and queries
without relevant documents. `exponential` is nDCG of the grades 2**g - 1.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytrec_eval

COMMAND = "python tests/oracles/make_retrieval.py"
PACKAGE = "pytrec-eval-terrier"
FILE = Path(__file__).parents[1] / "metrics" / "frozen" / "retrieval.json"
MEASURES = {
    "ndcg@5": "ndcg_cut_5",
    "ndcg@10": "ndcg_cut_10",
    "recall@5": "recall_5",
    "recall@10": "recall_10",
    "reciprocal_rank": "recip_rank",
}


def cases() -> tuple[dict[str, dict[str, float]], dict[str, dict[str, int]]]:
    """Return scores and grades of documents, by query."""
    rng = np.random.default_rng(11)
    run: dict[str, dict[str, float]] = {}
    judged: dict[str, dict[str, int]] = {}
    for number in range(30):
        names = [f"d{n}" for n in rng.permutation(60)]
        found = names[: int(rng.integers(1, 25))]
        decimals = 1 if number % 3 == 0 else 6  # every third run has many ties
        scores = np.round(rng.random(len(found)) * 2, decimals)
        run[f"q{number}"] = dict(zip(found, scores.tolist(), strict=True))
        top = 2 if number % 2 else 4  # binary and graded
        grades = rng.integers(0, top, 20) if number % 7 else np.zeros(20, int)
        own = rng.permutation(names[:40])[:20].tolist()
        judged[f"q{number}"] = dict(zip(own, grades.tolist(), strict=True))
    return run, judged


def main() -> None:
    """Write the file."""
    run, judged = cases()
    raised = {q: {d: 2**g - 1 for d, g in own.items()} for q, own in judged.items()}
    measures = {"ndcg_cut.5,10", "recall.5,10", "recip_rank"}
    plain = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(run)
    powers = pytrec_eval.RelevanceEvaluator(raised, measures).evaluate(run)
    rows = []
    for query, scores in run.items():
        expected = {
            ours: round(100 * plain[query][theirs], 9)
            for ours, theirs in MEASURES.items()
        }
        expected["exponential"] = round(100 * powers[query]["ndcg_cut_10"], 9)
        rows.append({"scores": scores, "judged": judged[query], "expected": expected})
    head = {"command": COMMAND, "package": PACKAGE, "version": version(PACKAGE)}
    text = json.dumps({**head, "cases": rows}).replace('{"scores"', '\n{"scores"')
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
