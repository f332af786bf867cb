"""The three arms on docstrings, from the starter, with the demo's settings.

    python benchmarks/three_arms.py --out runs/arms --seeds 0 1 2

See arms.py. Writes benchmarks/results/three_arms.json.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from arms import Experiment, options, run_arms

from nutgraf.recipes.demo import DEMO

EXPERIMENT = Experiment(
    base=DEMO,
    metrics=("rouge_mean",),
    columns=(
        *("rouge1", "rouge2", "rougeL", "rouge_mean", "length_ratio"),
        *("repetition", "novel_bigrams", "copied_share"),
    ),
    length_penalty=2.0,  # with 1 the texts were too short on validation rows
    results=Path(__file__).parent / "results" / "three_arms.json",
)


def main() -> None:
    """Run the arms."""
    given = options(__doc__, "runs/arms").parse_args()
    rl = replace(DEMO.rl, updates=given.updates or DEMO.rl.updates)
    experiment = EXPERIMENT._replace(base=replace(DEMO, rl=rl))
    run_arms(experiment, given.seeds, given.split, given.out)


if __name__ == "__main__":
    main()
