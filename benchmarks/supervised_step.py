"""Tokens a second of the supervised step beside plain PyTorch, in the same run.

    python benchmarks/supervised_step.py --torch-python .venv-torch/bin/python

One process for nutgraf (this interpreter, `KERAS_BACKEND` or TensorFlow), one for the
model of `torch_model.py`; both have the same number of weights and threads, get the
same batches, and take turns, round by round, so a busy machine hurts both. A step is
forward, backward, clipping and AdamW, with dropout 0.1 and label smoothing; tokens are
source and target tokens without padding. "fixed" is one full shape, "mixed" several
shapes with rows of random length, as batches by length are. Without `--torch-python`,
`make .venv-torch/.stamp-dev` makes that environment from its lock.

PyTorch runs twice: threads that spin while they wait (`OMP_WAIT_POLICY=active`) are
faster on a quiet machine and many times slower on a busy one. The ratio is to the
faster of the two. A process whose turn it is not is stopped, so it takes no core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "supervised_step.json"
TRAINING = {
    "smoothing": 0.1,
    "clip_norm": 1.0,
    "weight_decay": 0.01,
    "learning_rate": 3e-4,
}
FIRST_WORD = 3


def make_batches(settings: dict, case: str) -> list[dict]:
    """Draw the batches of a case; both processes draw the same.

    Args:
        settings: rows, source, target, mix, vocabulary.
        case: "fixed" or "mixed".

    Returns:
        dicts of source (B, S) and target (B, T) int32, padded with 0.
    """
    random = np.random.default_rng(0)
    fixed = (settings["source"], settings["target"])
    shapes = [fixed] if case == "fixed" else settings["mix"]
    room = settings["rows"] * sum(fixed)
    batches = []
    for shape in shapes:
        rows = max(1, room // sum(shape))
        batch = {}
        for name, length in zip(("source", "target"), shape, strict=True):
            size = (rows, length)
            ids = random.integers(FIRST_WORD, settings["vocabulary"], size, np.int32)
            if case == "mixed":
                lengths = random.integers(length // 2, length + 1, rows)
                ids[np.arange(length) >= lengths[:, None]] = 0
            batch[name] = ids
        # half of the target's words come from the source, as in summaries
        source, target = batch["source"], batch["target"]
        copied = source[:, np.arange(target.shape[1]) % source.shape[1]]
        chosen = (random.random(target.shape) < 0.5) & (target > 0) & (copied > 0)
        batch["target"] = np.where(chosen, copied, target)
        batches.append(batch)
    return batches


def nutgraf_step(config: dict):
    """Return our step, as `SupervisedTrainer` takes it, and the number of weights."""
    import keras

    from nutgraf.arrays import Batch
    from nutgraf.backend import to_numpy
    from nutgraf.models.config import ModelConfig
    from nutgraf.models.encoder_decoder import EncoderDecoder
    from nutgraf.models.policy import EncoderDecoderPolicy
    from nutgraf.training.optimizer import AdamW
    from nutgraf.training.step import apply_step, gradient_step

    keras.utils.set_random_seed(0)
    policy = EncoderDecoderPolicy(EncoderDecoder(ModelConfig(**config)), codec=None)
    optimizer = AdamW(weight_decay=TRAINING["weight_decay"])
    gradient = gradient_step(policy, TRAINING["smoothing"], config["dropout"])
    apply = apply_step(optimizer, TRAINING["clip_norm"])
    values = to_numpy([variable.value for variable in policy.variables])
    held = {"values": values, "state": optimizer.init(values), "count": 0}
    rate = np.float32(TRAINING["learning_rate"])

    def step(batch: dict) -> float:
        source, target = batch["source"], batch["target"]
        numbers = np.arange(len(source), dtype=np.int32)
        arrays = Batch(numbers, source, source != 0, target, target != 0)
        seed = np.int32(held["count"])
        grads, loss, count = gradient(held["values"], arrays, seed)
        total, tokens = float(to_numpy(loss)), np.float32(to_numpy(count))
        held["values"], held["state"], norm = apply(
            held["values"], held["state"], grads, tokens, rate
        )
        to_numpy(norm)  # wait for the update
        held["count"] += 1
        return total / float(tokens)

    return step, sum(value.size for value in values)


def work(side: str, settings: dict) -> None:
    """Serve one process: read the name of a case, time a round, answer in JSON."""
    config = settings["config"]
    if side == "torch":
        from torch_model import make_step

        step, weights = make_step(config, TRAINING, settings["threads"])
    else:
        step, weights = nutgraf_step(config)
    print(json.dumps({"weights": weights}), flush=True)
    for line in sys.stdin:
        case, _, repeats = line.strip().partition(" ")
        batches = make_batches(settings, case) * int(repeats)
        tokens = sum(
            int((ids > 0).sum()) for batch in batches for ids in batch.values()
        )
        start = time.perf_counter()
        losses = [step(batch) for batch in batches]
        seconds = time.perf_counter() - start
        answer = {"tokens_per_second": tokens / seconds, "loss": losses[-1]}
        print(json.dumps(answer), flush=True)


class Side:
    """One of the two processes.

    Args:
        name: "nutgraf", "torch active" or "torch passive".
        python: its interpreter.
        settings: of the benchmark.
    """

    def __init__(self, name: str, python: str, settings: dict) -> None:
        threads = str(settings["threads"])
        kind, _, wait = name.partition(" ")
        command = [python, __file__, "--worker", kind, json.dumps(settings)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if settings["verbose"] else subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "OMP_WAIT_POLICY": wait or "passive",
                "OMP_NUM_THREADS": threads,
                "TF_NUM_INTRAOP_THREADS": threads,
                "TF_NUM_INTEROP_THREADS": threads,
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        )
        self.name = name
        self.weights = self._answer()["weights"]

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The {self.name} process ended early; try --verbose.")
        self.process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def round(self, case: str, repeats: int) -> dict:
        """Take `repeats` passes over the batches of a case."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{case} {repeats}\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def measure(settings: dict, pythons: dict, cases: list[str], counts: dict) -> dict:
    """Let both sides take turns.

    Args:
        settings: of the benchmark, with the model's config.
        pythons: side -> interpreter.
        cases: of "fixed", "mixed".
        counts: rounds, repeats.

    Returns:
        case -> side -> tokens a second of each round, ratio of the medians.
    """
    sides = [Side(name, python, settings) for name, python in pythons.items()]
    found = {}
    try:
        if len({side.weights for side in sides}) > 1:
            both = {side.name: side.weights for side in sides}
            raise SystemExit(f"The models must be of one size. Received: {both}.")
        for case in cases:
            for side in sides:
                side.round(case, 2)  # compile, warm up
            speeds = {side.name: [] for side in sides}
            losses = {}
            for number in range(counts["rounds"]):
                for side in sides if number % 2 else sides[::-1]:
                    answer = side.round(case, counts["repeats"])
                    speeds[side.name].append(round(answer["tokens_per_second"], 1))
                    losses[side.name] = round(answer["loss"], 4)
            medians = {name: statistics.median(speeds[name]) for name in speeds}
            ours = medians["nutgraf"]
            best = max(medians.keys() - {"nutgraf"}, key=medians.get)
            pairs = zip(speeds["nutgraf"], speeds[best], strict=True)
            found[case] = {
                "tokens_per_second": speeds,
                "median": medians,
                "faster_torch": best,
                "ratio": round(ours / medians[best], 3),
                "ratio_of_rounds": [round(one / other, 3) for one, other in pairs],
                "last_loss": losses,
            }
    finally:
        for side in sides:
            side.close()
    return {"weights": sides[0].weights, "cases": found}


def machine() -> dict:
    """Describe the machine and how busy it is."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
    }


def versions(pythons: dict) -> dict:
    """Return the versions of the packages that compute, for each side."""
    code = (
        "import importlib.metadata as m, json, sys; "
        "have = {d.name.lower(): d.version for d in m.distributions()}; "
        "names = ('tensorflow', 'keras', 'jax', 'torch', 'numpy'); "
        "found = {n: have[n] for n in names if n in have}; "
        "print(json.dumps({'python': sys.version.split()[0], **found}))"
    )
    return {
        name: json.loads(subprocess.check_output([python, "-c", code], text=True))
        for name, python in pythons.items()
    }


def shape_list(text: str) -> list[tuple[int, int]]:
    """Read "64x24,128x40" as shapes (source, target)."""
    return [tuple(int(n) for n in part.split("x")) for part in text.split(",")]


def parse_arguments() -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small", help="named size of the model")
    parser.add_argument("--vocabulary", type=int, default=16_000)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--source", type=int, default=128)
    parser.add_argument("--target", type=int, default=40)
    parser.add_argument(
        "--mix", type=shape_list, default="64x24,64x40,128x24,128x40,256x40,256x64"
    )
    parser.add_argument("--cases", default="fixed,mixed")
    parser.add_argument("--copy", default="on,off", help="copy head: on, off or both")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=1, help="passes per round")
    parser.add_argument("--torch-python", help="interpreter that has PyTorch")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure all cases, print a table, write the result file."""
    args = parse_arguments()
    if args.worker:
        return work(args.worker[0], json.loads(args.worker[1]))
    from nutgraf.files import write_json
    from nutgraf.models.config import named_config

    if not args.torch_python:
        subprocess.run(["make", ".venv-torch/.stamp-dev"], cwd=ROOT, check=True)
        args.torch_python = str(ROOT / ".venv-torch/bin/python")
    pythons = {"nutgraf": sys.executable}
    pythons |= {f"torch {wait}": args.torch_python for wait in ("active", "passive")}
    names = ("rows", "source", "target", "mix", "vocabulary", "threads", "verbose")
    settings = {name: getattr(args, name) for name in names}
    result = {"machine": machine(), "versions": versions(pythons), "training": TRAINING}
    result["backend"] = os.environ.get("KERAS_BACKEND", "tensorflow")
    result["settings"] = {**settings, "rounds": args.rounds, "repeats": args.repeats}
    print("| copy head | batches | " + " | ".join([*pythons, "ratio"]) + " |")
    print("| --- | --- | --- | --- | --- | --- |")
    for copy in args.copy.split(","):
        longest = [max(pair) for pair in zip(*args.mix, strict=True)]
        config = named_config(
            args.size,
            vocabulary_size=args.vocabulary,
            dropout=args.dropout,
            copy=copy == "on",
            max_source=max(args.source, longest[0]),
            max_target=max(args.target, longest[1]),
        )
        counts = {"rounds": args.rounds, "repeats": args.repeats}
        made = {**settings, "config": vars(config)}
        found = measure(made, pythons, args.cases.split(","), counts)
        result[f"copy_{copy}"] = {"config": vars(config), **found}
        for case, numbers in found["cases"].items():
            cells = [f"{numbers['median'][name]:,.0f}" for name in pythons]
            cells += [f"{numbers['ratio']:.2f}"]
            print(f"| {copy} | {case} | " + " | ".join(cells) + " |", flush=True)
    result["machine"]["load_after"] = os.getloadavg()[0]
    write_json(args.out, result)


if __name__ == "__main__":
    main()
