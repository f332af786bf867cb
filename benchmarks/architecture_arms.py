"""The three arms from a Transformer, GPT, LSTM, GRU and RNN, on docstrings.

    python benchmarks/architecture_arms.py --out runs/architecture-arms --models lstm

Each start is trained by `choose` for three epochs, with as many weights as the
Transformer of size mini; the arms take the demo's settings but for 150 updates, nothing
is tuned for a model. Greedy texts. See arms.py. Writes
benchmarks/results/architecture_arms_<model>.json, one file for each model asked for.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from architectures import summaries
from arms import options, run_arms
from docstrings import docstrings
from three_arms import EXPERIMENT

from nutgraf.recipes.choose import choose
from nutgraf.recipes.choose_settings import MODELS, ChooseSettings
from nutgraf.recipes.demo import DEMO
from nutgraf.training.settings import SupervisedSettings

UPDATES = 150


def starts_of(kept: Path | None, models: list[str], out: Path) -> ChooseSettings:
    """Return the choice whose models are the starts."""
    training = SupervisedSettings(epochs=3, learning_rate=2e-3, warmup=300)
    return replace(
        summaries(docstrings(kept)),
        models=("transformer", *(name for name in models if name != "transformer")),
        out=str(out / "starts"),
        training=training,
    )


def main() -> None:
    """Train the starts, run the arms of each model."""
    parser = options(__doc__, "runs/architecture-arms")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--docstrings", type=Path, help="see docstrings.py")
    given = parser.parse_args()
    starts = starts_of(given.docstrings, given.models, given.out)
    choose(starts, print)
    rl = replace(DEMO.rl, updates=given.updates or UPDATES)
    for name in given.models:
        start = f"{starts.out}/{name}/best"
        results = EXPERIMENT.results.with_name(f"architecture_arms_{name}.json")
        experiment = EXPERIMENT._replace(
            base=replace(DEMO, start=start, data=starts.data, rl=rl),
            results=results,
            beams=(1,),
        )
        print(f"{name}, from {start}", flush=True)
        run_arms(experiment, given.seeds, given.split, given.out / name)


if __name__ == "__main__":
    main()
