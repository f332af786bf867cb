"""Make the starter model of the package from its training run.

    python tools/make_starter.py RUN CPU_HOURS

Takes RUN/best, stores it in half precision in nutgraf/starter with the fingerprints of
its training rows, scores it and the Lead baselines on the held-out docstrings of this
environment, and writes the run card. CPU_HOURS is what `time` said of the training.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path
from typing import Any

from nutgraf.data.near_duplicates import fingerprint
from nutgraf.data.sources import STARTER_FINGERPRINTS, DataSettings, load_split
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import best_lead, score_texts
from nutgraf.files import write_json
from nutgraf.models.checkpoint import load_policy, save_policy, starter_folder
from nutgraf.training.log import read_metrics
from nutgraf.training.run_state import latest_checkpoint

ROUNDED = 3


def rounded(scores: dict[str, float]) -> dict[str, float]:
    """Round scores for the card."""
    return {name: round(value, ROUNDED) for name, value in scores.items()}


def data_card(settings: dict[str, Any]) -> dict[str, Any]:
    """Say what the training data are; write their fingerprints."""
    source = DataSettings(**{**settings, "roots": tuple(settings["roots"])})
    rows = list(load_split(source, "train"))
    fingerprint(rows).save(STARTER_FINGERPRINTS)
    stamp = hashlib.sha256()
    for row in rows:
        stamp.update(f"{row.document}\0{row.references[0]}\0".encode())
    return {
        "source": "docstrings of the modules in the training split",
        "packages": "requirements/tensorflow.lock and requirements/starter-data.txt",
        "licences": "of starter-data.txt: MIT, BSD, Apache-2.0, ISC, ZPL, PSF; no text "
        "ships",
        "rows": len(rows),
        "sha256": stamp.hexdigest(),
    }


def held_out_scores() -> dict[str, Any]:
    """Score the stored model on the test rows, greedy and with beam 4."""
    policy = load_policy("starter")
    rows = list(load_split(DataSettings(), "test"))
    found: dict[str, Any] = {"n": len(rows), "lead": rounded(best_lead(rows).scores)}
    for name, beams in (("greedy", 1), ("beam 4", 4)):
        texts = Generator(policy, beams=beams, rows=128 // beams)(rows)
        evaluation = score_texts(rows, texts)
        found[name] = rounded(evaluation.means())
        found["signature"] = evaluation.signature
    return found


def main() -> None:
    """Store model, fingerprints and card."""
    if len(sys.argv) != 3:
        raise SystemExit("Usage: python tools/make_starter.py RUN CPU_HOURS")
    run, hours_cpu = Path(sys.argv[1]), float(sys.argv[2])
    started = json.loads((run / "run.json").read_text(encoding="utf-8"))
    checkpoint = latest_checkpoint(run / "checkpoints")
    if checkpoint is None:
        raise SystemExit(
            f"{run} must be a run of `nutgraf train`. It has no checkpoint."
        )
    position = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    card: dict[str, Any] = {
        "what": "encoder-decoder, copy head: body of a docstring -> first paragraph",
        "command": "nutgraf train nutgraf/recipes/configs/starter.toml",
        "licence": "Apache-2.0",
        "weights": started["weights"],
        "updates": position["step"],
        "epochs": position["epoch"],
        "best_update": position["best_step"],
        "validation_loss": position["best_loss"],
        "validation": [
            {name: record[name] for name in ("step", "valid/loss")}
            for record in read_metrics(run)
            if "valid/loss" in record
        ],
        "flops": started["estimate"]["flops"],
        "hours_wall": round(position["seconds"] / 3600, 2),
        "hours_cpu": hours_cpu,
        "machine": f"2 cores, {platform.machine()}, no GPU; other work ran beside",
        "seed": started["settings"]["training"]["seed"],
        "settings": started["settings"],
        "versions": started["versions"],
    }
    save_policy(starter_folder(), load_policy(run / "best"), half=True)
    card["data"] = data_card(started["settings"]["data"])
    card["held_out"] = held_out_scores()
    write_json(starter_folder() / "card.json", card)
    print(json.dumps(card["held_out"], indent=1))


if __name__ == "__main__":
    main()
