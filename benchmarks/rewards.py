"""What each reward costs: CPU seconds per 1,000 texts.

    python benchmarks/rewards.py ../shared/data/summeval.jsonl.gz

The texts are the summaries of SummEval: 16 systems for each of 100 news articles, one
reference, in calls of 128 texts, as a rollout of 8 prompts and 16 samples makes them.
CPU time of this process, not time on the clock, so other programs disturb it little;
the best of three rounds, after one that loads packages and fills the cache of stems.
Writes benchmarks/results/rewards.json.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from pathlib import Path

from nutgraf.data.judged import read_judged
from nutgraf.data.rows import Row
from nutgraf.files import write_json
from nutgraf.rewards.base import Reward, score_completions
from nutgraf.rewards.registry import PARTS, make_part

RESULTS = Path(__file__).parent / "results" / "rewards.json"
CALL = 128
ROUNDS = 3
OPTIONS: dict[str, dict[str, object]] = {
    "band": {"low": 20, "high": 80},
    "overlong": {"limit": 80, "buffer": 16},
    "language": {"language": "en"},
    "embedding_match": {"model": "minilm"},
}


def seconds(reward: Reward, rows: list[Row], texts: list[str]) -> float:
    """Judge all texts once.

    Args:
        reward: the reward.
        rows: one per text.
        texts: what to judge.

    Returns:
        CPU seconds.
    """
    start = time.process_time()
    for first in range(0, len(texts), CALL):
        part = slice(first, first + CALL)
        score_completions(
            reward,
            [row.document for row in rows[part]],
            texts[part],
            [row.references[:1] for row in rows[part]],
            rows[part],
        )
    return time.process_time() - start


def main() -> None:
    """Measure every part of the registry and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", help="summeval.jsonl.gz")
    parser.add_argument("--limit", type=int, default=0, help="articles; 0 = all")
    chosen = parser.parse_args()
    judged = read_judged(chosen.file, chosen.limit)
    rows = [one.row for one in judged for _ in one.texts]
    texts = [text.text for one in judged for text in one.texts]
    costs = {}
    for name in PARTS:
        reward = make_part(name, options=OPTIONS.get(name))
        rounds = [seconds(reward, rows, texts) for _ in range(1 + ROUNDS)]
        costs[name] = 1000 * min(rounds[1:]) / len(texts)
        print(f"{name:13} {costs[name]:7.3f} s per 1,000 texts", flush=True)
    words = statistics.fmean(len(text.split()) for text in texts)
    source = statistics.fmean(len(row.document.split()) for row in rows)
    result = {
        "texts": len(texts),
        "words_per_text": round(words, 1),
        "words_per_source": round(source, 1),
        "cpu": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "cpu_seconds_per_1000_texts": {n: round(c, 4) for n, c in costs.items()},
    }
    write_json(RESULTS, result)
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
