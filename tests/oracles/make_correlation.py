"""Write tests/metrics/frozen/correlation.json: tau-b and rho of SciPy.

    python3 -m venv /tmp/oracle-correlation
    /tmp/oracle-correlation/bin/pip install scipy==1.17.1
    /tmp/oracle-correlation/bin/python tests/oracles/make_correlation.py

It needs its own environment and imports nothing of nutgraf. Lists are drawn from a
fixed seed; what SciPy leaves undefined (NaN) is written as null.
"""

from __future__ import annotations

import json
import math
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy import stats

COMMAND = "python tests/oracles/make_correlation.py"
FILE = Path(__file__).parents[1] / "metrics" / "frozen" / "correlation.json"


def lists() -> list[tuple[list[float], list[float]]]:
    """Pairs of lists: without ties, with few, with many, and corner cases."""
    rng = np.random.default_rng(7)
    found = []
    for count in (2, 3, 5, 16, 40):
        for levels in (0, 3, 9):
            x = rng.normal(size=count).round(4)
            y = (0.5 * x + rng.normal(size=count)).round(4)
            if levels:
                x, y = (rng.integers(1, levels, size=(2, count)) / 3).round(4)
            found.append((x.tolist(), y.tolist()))
    line = [0.0, 1.0, 2.0, 3.0]
    found += [(line, line), (line, line[::-1]), (line, [1.0] * 4), ([2.0] * 4, line)]
    found += [(line, [-1e300, -1e-300, 1e-300, 1e300]), ([1.0], [2.0])]
    found += [(line, [0.0, 1.0, 1.0, 1.0]), ([0.0, 0.0, 0.0, 1.0], line)]
    return found


def known(value: float) -> float | None:
    """Return the number, or None for NaN."""
    return None if math.isnan(value) else round(float(value), 12)


def main() -> None:
    """Write the file."""
    cases = []
    for x, y in lists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            single = len(x) < 2  # SciPy refuses: undefined
            tau = math.nan if single else stats.kendalltau(x, y).statistic
            rho = math.nan if single else stats.spearmanr(x, y).statistic
        cases.append({"x": x, "y": y, "kendall": known(tau), "spearman": known(rho)})
    head = {"command": COMMAND, "package": "scipy", "version": version("scipy")}
    text = json.dumps({**head, "cases": cases}).replace('{"x"', '\n{"x"') + "\n"
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
