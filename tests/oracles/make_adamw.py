"""Write tests/training/frozen/adamw.json: what PyTorch's AdamW and clipping compute.

    python3 -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0
    /tmp/oracle/bin/python tests/oracles/make_adamw.py

It needs its own environment and imports nothing of nutgraf. Computed in float64; the
epsilon is large, so that its place in the formula shows.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

COMMAND = "python tests/oracles/make_adamw.py"
FROZEN = Path(__file__).parents[1] / "training" / "frozen" / "adamw.json"
SETTINGS = {"beta1": 0.9, "beta2": 0.98, "epsilon": 0.05, "weight_decay": 0.1}
RATES = [0.1, 0.2, 0.05, 0.05]
LIMIT = 1.9


def plain(tensors: list[torch.Tensor]) -> list:
    """Turn tensors into nested lists of short numbers."""
    return [tensor.detach().numpy().round(9).tolist() for tensor in tensors]


def draw(generator: torch.Generator, scale: float) -> list[torch.Tensor]:
    """Draw a matrix and a vector."""
    return [
        (torch.randn(shape, generator=generator) * scale).double().round(decimals=4)
        for shape in ((3, 2), (4,))
    ]


def main() -> None:
    """Take a few updates and write what they did."""
    generator = torch.Generator().manual_seed(0)
    values = [value.requires_grad_(True) for value in draw(generator, 1.0)]
    start = plain(values)
    optimizer = torch.optim.AdamW(
        [
            {"params": values[:1], "weight_decay": SETTINGS["weight_decay"]},
            {"params": values[1:], "weight_decay": 0.0},
        ],
        betas=(SETTINGS["beta1"], SETTINGS["beta2"]),
        eps=SETTINGS["epsilon"],
    )
    updates = []
    for rate in RATES:
        for value, grad in zip(values, draw(generator, 0.7), strict=True):
            value.grad = grad
        given = plain([value.grad for value in values])
        norm = torch.nn.utils.clip_grad_norm_(values, LIMIT)
        clipped = plain([value.grad for value in values])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        updates.append(
            {
                "learning_rate": rate,
                "grads": given,
                "norm": norm.item(),
                "clipped": clipped,
                "values": plain(values),
            }
        )
    made = {
        "command": COMMAND,
        "package": "torch",
        "version": torch.__version__,
        "settings": SETTINGS,
        "limit": LIMIT,
        "start": start,
        "updates": updates,
    }
    FROZEN.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(made).replace('{"learning_rate"', '\n{"learning_rate"')
    FROZEN.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
