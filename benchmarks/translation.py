"""The three arms on translation: Tatoeba, English to Chinese, RL on chrF.

    python benchmarks/translation.py ../shared/data --out runs/translation

First a small model is trained (resumed when interrupted), then see arms.py. chrF is the
reward, BLEU is not. Writes benchmarks/results/translation.json.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from arms import Experiment, options, run_arms

from nutgraf.data.sources import DataSettings
from nutgraf.recipes.settings import ImproveSettings, ModelSettings, TrainSettings
from nutgraf.recipes.supervised import train
from nutgraf.rl.settings import RLSettings
from nutgraf.training.settings import SupervisedSettings

RESULTS = Path(__file__).parent / "results" / "translation.json"


def data_of(folder: Path) -> DataSettings:
    """Return the three files of Tatoeba."""
    files = {
        split: str(folder / f"tatoeba_en_zh.{split}.jsonl.gz")
        for split in ("train", "valid", "test")
    }
    return DataSettings(source="files", **files)


def start_of(data: DataSettings, out: Path) -> TrainSettings:
    """Return the settings of the supervised model that all arms begin with."""
    return TrainSettings(
        out=str(out / "start"),
        task="translate",
        data=data,
        model=ModelSettings(
            size="small",
            vocabulary_size=8000,
            encoder_layers=3,
            decoder_layers=3,
            max_source=48,
            max_target=48,
        ),
        training=SupervisedSettings(
            epochs=12,
            learning_rate=1e-3,
            warmup=300,
            dropout=0.2,
            checkpoint_every=100,
        ),
        tokens_per_batch=4096,
        num_shapes=8,
    )


def main() -> None:
    """Train the start, run the arms."""
    parser = options(__doc__, "runs/translation")
    parser.add_argument("data", type=Path, help="folder of tatoeba_en_zh.*.jsonl.gz")
    given = parser.parse_args()
    data = data_of(given.data)
    begin = start_of(data, given.out)
    train(begin, print)
    rl = RLSettings(
        updates=given.updates or 150,
        prompts=16,
        samples=8,
        length=32,
        learning_rate=1e-4,
        kl_weight=0.02,
        source_bounds=(24,),
    )
    base = ImproveSettings(
        start=f"{begin.out}/best", task="translate", data=data, rl=rl
    )
    experiment = Experiment(
        base=replace(base, algorithm="grpo"),
        metrics=("chrf", "bleu"),
        columns=("chrf", "bleu", "length_ratio", "repetition", "copied_share"),
        length_penalty=1.0,
        results=RESULTS,
    )
    run_arms(experiment, given.seeds, given.split, given.out)


if __name__ == "__main__":
    main()
