"""Two programs on one machine that take turns, so that what else runs hurts both.

Each side is a process of its own that answers requests: one line of JSON in, one line
out. A process whose turn it is not is stopped (SIGSTOP), so it takes no core. The first
request of a task prepares and warms up: models are loaded, functions compiled. This
file needs nothing but the standard library: both sides of every duel import it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
LONG_STEP = 10.0
"""Seconds; from such steps on, three rounds are enough."""

Step = Callable[[int], dict]
"""Takes the round's number, does the work, and returns facts about it."""


class Side:
    """One process, asleep while it has nothing to do.

    Args:
        module: of the package `peers`, such as "hf".
        python: its interpreter.
        settings: "wait" (OMP_WAIT_POLICY), "threads", and what the module reads.
        verbose: show what it prints.
    """

    def __init__(
        self, module: str, python: str, settings: dict, verbose: bool = False
    ) -> None:
        threads = str(settings["threads"])
        self.name = " ".join([module, *map(str, _told(settings).values())])
        self.process = subprocess.Popen(
            [python, "-m", f"peers.{module}", json.dumps(settings)],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "OMP_WAIT_POLICY": settings.get("wait", "passive"),
                "OMP_NUM_THREADS": threads,
                "TF_NUM_INTRAOP_THREADS": threads,
                "TF_NUM_INTEROP_THREADS": threads,
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "TOKENIZERS_PARALLELISM": "false",
                "HF_HUB_OFFLINE": "1",
            },
        )
        self._answer()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process {self.name} ended early; try --verbose.")
        self.process.send_signal(signal.SIGSTOP)
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    def take(self, task: dict, number: int = 0) -> dict:
        """Do a task once.

        Args:
            task: what to do; the same task again finds everything ready.
            number: of the round; other numbers draw other samples.

        Returns:
            "seconds", and what the module adds.
        """
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps({**task, "round": number}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _told(settings: dict) -> dict:
    """The settings that tell one side of a grid from another."""
    return {name: value for name, value in settings.items() if name != "threads"}


def probe(side: Side, task: dict) -> float:
    """Return the seconds of a task after a warm-up, to choose between settings."""
    side.take(task)
    return side.take(task, 1)["seconds"]


def speed(answer: dict, seconds: float) -> float:
    """Return tokens a second, or rounds a second where nothing counts tokens."""
    return answer.get("tokens", 1) / seconds


def take_turns(turns: Sequence[tuple[Side, dict]], rounds: int) -> dict[str, Any]:
    """Let two sides work in turn.

    Args:
        turns: ours and its task, the other side and its task.
        rounds: of each; at most three where a step takes more than `LONG_STEP` seconds.

    Returns:
        "ours" and "peer": seconds of each round, their median, tokens a second, and
        other facts of the last round; "ratio" of the speeds, above 1 when ours is
        faster, and "ratio_of_rounds".
    """
    for side, task in turns:
        side.take(task)  # prepares, compiles
    seconds: list[list[float]] = [[], []]
    facts: list[dict] = [{}, {}]
    number = 0
    while number < rounds:
        number += 1
        for place in (0, 1) if number % 2 else (1, 0):
            side, task = turns[place]
            facts[place] = side.take(task, number)
            seconds[place].append(round(facts[place].pop("seconds"), 5))
        if max(seconds[0][0], seconds[1][0]) > LONG_STEP:
            rounds = min(rounds, 3)
    found = {
        name: {
            "side": side.name,
            "seconds": times,
            "median": statistics.median(times),
            "speed": round(speed(fact, statistics.median(times)), 2),
            **fact,
        }
        for name, (side, _), times, fact in zip(
            ("ours", "peer"), turns, seconds, facts, strict=True
        )
    }
    each = [
        [speed(fact, time) for time in times]
        for fact, times in zip(facts, seconds, strict=True)
    ]
    return {
        **found,
        "ratio": round(found["ours"]["speed"] / found["peer"]["speed"], 3),
        "ratio_of_rounds": [
            round(one / other, 3) for one, other in zip(*each, strict=True)
        ],
    }


def own_settings() -> dict:
    """Return the settings that this process was started with."""
    return json.loads(sys.argv[1])


def channel() -> tuple[Iterator[dict], Callable[[dict], None]]:
    """Open the two directions of a worker.

    Returns:
        The requests, and a function that answers one. What libraries print goes to
        the standard error from here on.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(facts: dict) -> None:
        out.write(json.dumps(facts) + "\n")
        out.flush()

    answer({"ready": True})
    return map(json.loads, sys.stdin), answer


def _resident(field: str) -> float:
    """Return a field of /proc/self/status in MB: VmRSS now, VmHWM at most."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status must have {field}.")


def _with_memory(make: Callable[[], Step], number: int) -> dict:
    """Return the peak of a warm step over the memory of the loaded model, in MB.

    What the first step left free on the heap, of a compiler say, goes back to the
    system before the second.
    """
    step = make()
    loaded = _resident("VmRSS")
    step(number)
    first = _resident("VmHWM") - loaded
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    kept = _resident("VmRSS") - loaded
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    step(number + 1)
    peak = _resident("VmHWM") - loaded
    return {"peak": peak, "first_peak": first, "kept": kept, "loaded": loaded}


def serve(prepare: Callable[[dict], Step]) -> None:
    """Answer requests until the other end closes.

    Args:
        prepare: makes the step of a task; only the newest task's is kept.
    """
    requests, answer = channel()
    ready: dict[str, Step] = {}
    for task in requests:
        number = task.pop("round")
        key = json.dumps(task, sort_keys=True)
        try:
            if task.get("memory"):
                answer(_with_memory(lambda task=task: prepare(task), number))
                continue
            if key not in ready:
                ready.clear()
                ready[key] = prepare(task)
            start = time.perf_counter()
            facts = ready[key](number)
            answer({"seconds": time.perf_counter() - start, **facts})
        except Exception as error:  # told to the other end
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"})
