"""A slow reward in several processes.

    with PooledReward(function_reward("my_reward.py:score"), processes=4) as reward:
        ...

Processes are spawned, never forked: a forked copy of a program that has TensorFlow,
JAX or threads running can hang. They load the reward and what it needs, no framework.
Each takes a part of the texts of a call; values come back in the order of the texts.
It pays where a text takes a millisecond or more; ROUGE is quicker at home.

Starting takes about a second, in the first call. A spawned process imports the main
script again, so a script of your own needs `if __name__ == "__main__":` around what it
does. The processes end with `close`, at the end of `with`, or with the program,
also when that is killed.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, NamedTuple

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, NutgrafError, RunError
from nutgraf.rewards.calls import (
    RewardFailed,
    described,
    failed,
    name_of,
)
from nutgraf.rewards.nesting import moved, parts_of, total_of, whole_call
from nutgraf.rewards.protocol import Reward, Values

__all__ = ["PooledReward"]

# Parts of a call per process: texts differ in cost, so a few let quick ones go on.
_PARTS = 4

# What a spawned process knows: the pickled reward, later the reward itself.
_known: dict[str, Any] = {}


class _Failure(NamedTuple):
    """An exception of a reward on its way home; its own pickle may not load there."""

    number: int | None
    reason: str


def _start(pickled: bytes) -> None:
    """Make a spawned process ready."""
    _known["pickled"] = pickled
    # Ctrl-C is for the program, which finishes its update and closes the pool.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the program is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(
    update: int | None,
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None,
) -> dict[str, Values] | _Failure | NutgrafError:
    """Judge a part of the texts in a spawned process."""
    try:
        if "reward" not in _known:
            _known["reward"] = pickle.loads(_known["pickled"])
        reward = _known["reward"]
        if update is not None:
            reward = moved(reward, update)
        return parts_of(reward, prompts, completions, references, rows)
    except RewardFailed as error:
        cause = error.__cause__
        reason = described(cause) if isinstance(cause, Exception) else str(error)
        return _Failure(error.number, reason)
    except NutgrafError as error:
        return error
    except Exception as error:
        return _Failure(None, described(error))


def _pickled(reward: Reward) -> bytes:
    """Pickle a reward, or say why it cannot be."""
    try:
        return pickle.dumps(reward)
    except Exception as error:
        raise ConfigError(
            "A reward in a pool must be picklable: a function or class at the top of a "
            f"module, or function_reward(...). Received: {name_of(reward)} "
            f"({described(error)}). Move it there."
        ) from error


class _Pool:
    """The processes, started by the first call; copies of a reward share them."""

    def __init__(self, reward: Reward, processes: int) -> None:
        self.reward = reward
        self.processes = processes
        self._executor: ProcessPoolExecutor | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _Pool, (self.reward, self.processes)

    def executor(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self.processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(_pickled(self.reward),),
            )
        return self._executor

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


class PooledReward:
    """A reward whose texts are judged in several spawned processes.

    The values are those of the reward itself. An exception comes back with the number
    of its text, or its row. Refused are rewards that look at all texts of a call
    (`Normalized`, `RandomReward`): wrap the pool in them instead.

    Range: that of the reward.

    Args:
        reward: a picklable reward that judges each text by itself.
        processes: how many, at least 1.

    Raises:
        ConfigError: the reward cannot be pickled or cut, or `processes` is less than 1.

    Example:
        >>> from nutgraf.rewards.length import LengthBandPenalty
        >>> with PooledReward(LengthBandPenalty(2, 3), processes=1) as reward:
        ...     reward([""] * 2, ["a b", ""], [[], []])
        [0.0, -1.0]
    """

    def __init__(self, reward: Reward, processes: int) -> None:
        """See the class."""
        if processes < 1:
            raise ConfigError(
                f"processes must be at least 1. Received: processes={processes}. Leave "
                "the pool out to stay in one."
            )
        if whole_call(reward):
            raise ConfigError(
                "A pool cuts a call into parts, so its reward must judge each text by "
                f"itself. Received: {name_of(reward)}. Put the pool inside of it."
            )
        _pickled(reward)
        self.reward = reward
        self._pool = _Pool(reward, processes)
        self._update: int | None = None

    @property
    def __name__(self) -> str:
        """The name of the reward, for messages and logs."""
        return name_of(self.reward)

    def at_update(self, update: int) -> PooledReward:
        """Return the same reward for another update; it shares the processes.

        Args:
            update: its number, >= 0.

        Returns:
            A copy.
        """
        other = copy.copy(self)
        other._update = update
        other.reward = moved(self.reward, update)
        return other

    def components(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> dict[str, Values]:
        """See `nutgraf.rewards.base.ComposedReward`."""
        count = len(completions)
        if not count:
            return parts_of(self.reward, prompts, completions, references, rows)
        size = max(1, -(-count // (_PARTS * self._pool.processes)))
        starts = range(0, count, size)
        executor = self._pool.executor()
        try:
            futures = [
                executor.submit(
                    _work,
                    self._update,
                    prompts[start : start + size],
                    completions[start : start + size],
                    references[start : start + size],
                    None if rows is None else rows[start : start + size],
                )
                for start in starts
            ]
            results = [future.result() for future in futures]
        except BrokenProcessPool as error:
            self.close()
            raise RunError(
                f"The processes of the reward {self.__name__} must not end early. "
                "Received: one ended before it answered. A script needs "
                '`if __name__ == "__main__":` around what it does; otherwise memory '
                "may have run out: use fewer processes."
            ) from error
        found: dict[str, Values] = {}
        for start, result in zip(starts, results, strict=True):
            if isinstance(result, NutgrafError):
                raise result
            if isinstance(result, _Failure):
                raise self._failed(result, start, completions, rows)
            for name, values in result.items():
                found.setdefault(name, []).extend(values)
        return found

    def _failed(
        self,
        failure: _Failure,
        start: int,
        completions: Sequence[str],
        rows: Sequence[Row] | None,
    ) -> RewardFailed:
        """Return the error for an exception in a part that began at `start`."""
        name = f"the reward {self.__name__}"
        if failure.number is None:
            return RewardFailed(
                f"{name} must not raise in the processes of its pool. Received: "
                f"{failure.reason}. Try it without the pool."
            )
        number = start + failure.number
        return failed(name, failure.reason, number, completions, rows)

    def total(self, components: Mapping[str, Values]) -> Values:
        """See `nutgraf.rewards.base.ComposedReward`."""
        return total_of(self.reward, components)

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        return self.total(self.components(prompts, completions, references, rows))

    def close(self) -> None:
        """End the processes; the next call would start new ones."""
        self._pool.close()

    def __enter__(self) -> PooledReward:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """See `close`."""
        self.close()
