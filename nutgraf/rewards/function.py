"""A reward that a user has written: a function in a Python file.

    # my_reward.py
    def short(completions):
        return [1.0 / (1 + len(text)) for text in completions]

`function_reward("my_reward.py:short")` is that reward. The parameters say by their
names what the function wants, any of `prompts`, `completions`, `references` and `rows`;
it gets lists of n and returns a list of n numbers, or None where it does not apply.

What is pickled is the path and the name, never code: another process reads the file
again. The file runs with all rights of the program, as any Python file does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.calls import described
from nutgraf.rewards.protocol import Values
from nutgraf.text.nearest import nearest

__all__ = ["FunctionReward", "function_reward"]

_PARAMETERS = ("prompts", "completions", "references", "rows")
_EXAMPLE = "my_reward.py:score"


@cache
def _module(path: str) -> ModuleType:
    """Run a file as a module, once per process."""
    if not Path(path).is_file():
        folder = Path(path).parent
        files = [file.name for file in folder.glob("*.py")]
        hint = nearest(Path(path).name, files) if files else "Check the path."
        raise ConfigError(
            f"A reward function must be in a Python file. Received: {path}, which does "
            f"not exist. {hint}"
        )
    stamp = hashlib.sha256(path.encode()).hexdigest()[:12]
    name = f"nutgraf_reward_{Path(path).stem}_{stamp}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(
            f"A reward function must be in a file that ends in .py. Received: {path}. "
            "Rename it."
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses in the file look themselves up there
    sys.path.append(str(Path(path).parent))  # the file may import its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(
            "The file of a reward function must run without an error. Received: "
            f"{described(error)} in {path}. Mend the file."
        ) from error
    finally:
        sys.path.remove(str(Path(path).parent))
    return module


@cache
def _function(path: str, name: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """Return a function and the names of the parameters that it is to get."""
    module = _module(path)
    function = getattr(module, name, None)
    if not callable(function):
        known = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        state = "is not there" if function is None else "is no function"
        hint = nearest(name, known) if known else "The file has no function."
        raise ConfigError(
            f"A reward function must be a function of its file. Received: {name!r} of "
            f"{path}, which {state}. {hint}"
        )
    return function, _wanted(function, f"{path}:{name}")


def _wanted(function: Callable[..., Any], spec: str) -> tuple[str, ...]:
    """Return the parameters to give; refuse a function that wants something else."""
    kinds = inspect.Parameter
    parameters = inspect.signature(function).parameters.values()
    named = [
        p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    wanted = tuple(p.name for p in named if p.name in _PARAMETERS)
    unknown = [
        str(p)
        for p in parameters
        if p.name not in _PARAMETERS
        and p.default is kinds.empty
        and p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
    ]
    if "completions" not in wanted or unknown:
        raise ConfigError(
            "A reward function must take `completions`, and may take `prompts`, "
            "`references` and `rows`; other parameters need a default. Received: "
            f"{spec}{inspect.signature(function)}. Rename its parameters: the names "
            "say what each one gets."
        )
    return wanted


@dataclass(frozen=True)
class FunctionReward:
    """A function of a Python file as a reward; made by `function_reward`.

    Range: that of the function. Keep it about 1 wide, larger is better.

    Attributes:
        path: absolute path of the file.
        function: name of the function.

    Raises:
        ConfigError: the file or the function is not there, or it takes something else.
    """

    path: str
    function: str

    def __post_init__(self) -> None:
        """Load the function, so that mistakes are told at once."""
        _function(self.path, self.function)

    @property
    def __name__(self) -> str:
        """The name of the function, for messages and logs."""
        return self.function

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        function, wanted = _function(self.path, self.function)
        given = (prompts, completions, references, rows)
        named = dict(zip(_PARAMETERS, given, strict=True))
        found: Values = function(**{name: named[name] for name in wanted})
        return found


def function_reward(spec: str) -> FunctionReward:
    """Return the reward that a user's function computes.

    Args:
        spec: `file.py:function`, the path as seen from the current folder.

    Returns:
        The reward; it can be pickled, and works in spawned processes.

    Raises:
        ConfigError: the text has another form, the file or the function is not there,
            or the function takes something else.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "my_reward.py")
        ...     text = "def short(completions): return [-len(t) for t in completions]"
        ...     _ = path.write_text(text)
        ...     function_reward(f"{path}:short")(["", ""], ["a", "abc"], [[], []])
        [-1, -3]
    """
    path, colon, name = spec.rpartition(":")
    if not colon or not path or not name.isidentifier():
        raise ConfigError(
            "A reward function must be given as file.py:function. Received: "
            f"{spec!r}. For example: {_EXAMPLE}."
        )
    return FunctionReward(str(Path(path).expanduser().resolve()), name)
