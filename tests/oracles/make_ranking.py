"""Write tests/objectives/frozen/ranking.json: losses and log-probs of rankings.

    python3 -m venv /tmp/oracle-ranking
    /tmp/oracle-ranking/bin/pip install torch==2.13.0 info-nce-pytorch==0.1.4
    /tmp/oracle-ranking/bin/pip install choix==0.4.1 numpy==2.4.6 scipy==1.17.1
    /tmp/oracle-ranking/bin/python tests/oracles/make_ranking.py

It needs its own environment and imports nothing of nutgraf. InfoNCE is that of
`info-nce-pytorch`, the log-likelihood of rankings that of `choix`, listwise and
pointwise losses are PyTorch's cross-entropies; gradients are autograd's.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import choix
import numpy as np
import torch
from info_nce import info_nce
from torch.nn import functional

COMMAND = "python tests/oracles/make_ranking.py"
FILE = Path(__file__).parents[1] / "objectives" / "frozen" / "ranking.json"
PACKAGES = ("torch", "info-nce-pytorch", "choix")


def plain(array: torch.Tensor | np.ndarray) -> list:
    """Return nested lists, rounded to what float32 holds."""
    return np.asarray(array, np.float64).round(8).tolist()


def contrastive(rng: np.random.Generator, batch: int, more: int) -> dict:
    """InfoNCE with the documents of the batch, and hard negatives behind them."""
    queries, documents = (
        torch.tensor(rng.normal(size=(count, 6)).round(4), requires_grad=True)
        for count in (batch, batch + more)
    )
    temperature = 0.05 if more else 0.7
    losses = []
    for number in range(batch):  # each query: its own document, all others negatives
        others = [n for n in range(batch + more) if n != number]
        losses.append(
            info_nce(
                queries[number : number + 1],
                documents[number : number + 1],
                documents[others],
                temperature=temperature,
                negative_mode="unpaired",
            )
        )
    torch.stack(losses).sum().backward()
    return {
        "kind": "contrastive",
        "queries": plain(queries.detach()),
        "documents": plain(documents.detach()),
        "temperature": temperature,
        "loss": plain(torch.stack(losses).detach()),
        "queries_gradient": plain(queries.grad),
        "documents_gradient": plain(documents.grad),
    }


def lists(rng: np.random.Generator, count: int) -> dict:
    """Cross-entropy of grades and scores, and of each candidate alone."""
    scores = torch.tensor(rng.normal(0, 2, (4, count)).round(4), requires_grad=True)
    grades = torch.tensor(rng.integers(0, 3, (4, count)).astype(float))
    grades[:, 0] = 1.0
    shares = grades / grades.sum(-1, keepdim=True)
    listwise = functional.cross_entropy(scores, shares, reduction="none")
    listwise.sum().backward()
    relevant = (grades > 0).double()
    pointwise = functional.binary_cross_entropy_with_logits(
        scores.detach(), relevant, reduction="none"
    ).mean(-1)
    return {
        "kind": "lists",
        "scores": plain(scores.detach()),
        "grades": plain(grades),
        "listwise": plain(listwise.detach()),
        "listwise_gradient": plain(scores.grad),
        "pointwise": plain(pointwise),
    }


def rankings(rng: np.random.Generator, count: int) -> dict:
    """Plackett-Luce log-likelihood of rankings of all candidates."""
    scores = rng.normal(0, 1.5, count).round(4)
    orders = [rng.permutation(count).tolist() for _ in range(3)]
    found = [choix.log_likelihood_rankings([order], scores) for order in orders]
    return {
        "kind": "rankings",
        "scores": plain(scores),
        "rankings": orders,
        "log_probs": plain(np.array(found)),
    }


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(3)
    cases = [contrastive(rng, 4, more) for more in (0, 3)]
    cases += [lists(rng, count) for count in (2, 7)]
    cases += [rankings(rng, count) for count in (2, 4, 9)]
    versions = {name: version(name).partition("+")[0] for name in PACKAGES}
    text = json.dumps({"command": COMMAND, "versions": versions, "cases": cases})
    FILE.write_text(text.replace('{"kind"', '\n{"kind"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
