"""The program `nutgraf`: finds the command, shows errors in one form.

Each command is a file of this folder with `run(argv) -> int`. The table below is all
that `nutgraf --help` needs, so that it imports nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from nutgraf import __version__
from nutgraf.errors import NutgrafError

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "evaluate the starter model, improve it by RL, evaluate again, report",
    "pretrain": "learn a language from plain documents",
    "train": "supervised training from a config",
    "choose": "train several kinds of models on your data and compare them",
    "rl": "improve a trained model with a reward",
    "prefer": "improve a trained model with pairs of which one text is preferred",
    "reward-model": "learn from such pairs to judge texts: a reward for rl",
    "back-translate": "rows to train on from texts that have no source",
    "evaluate": "scores with intervals, beside baselines that need no model",
    "compare": "which of two evaluations is better, and is it sure",
    "audit-reward": "does a reward rank texts as people do",
    "summarize": "summarize text from files or from standard input",
    "generate": "go on from a prompt with a language model",
    "score": "how surprised a model is by each token of a text",
    "translate": "translate text from files or from standard input",
    "answer": "answer questions about texts",
    "embed": "a vector for each text, so that near vectors mean alike",
    "index": "make texts searchable, by words and by meaning",
    "search": "the documents of an index that answer a query best",
    "evaluate-search": "nDCG, MRR and recall of the ways to search an index",
    "train-search": "train a bi-encoder or a ranker for search, also by RL on nDCG",
    "data": "lengths, cut share, duplicates and three rows of a data file",
    "report": "write the report of a run folder",
    "doctor": "versions, devices, memory; check a model folder",
    "init": "write a commented config",
}

_HELP = """\
usage: nutgraf COMMAND [--flags]

Train text models in Keras 3 and improve them with reinforcement learning.

commands:
{commands}

examples:
  nutgraf demo                                  everything once, offline, in minutes
  echo "some text" | nutgraf summarize          with the starter model
  nutgraf init train news.toml                  write a config, then edit it
  nutgraf train news.toml --out runs/b          flags override the file

`nutgraf COMMAND --help` lists the settings of a command. Everywhere: --version, and
--debug, which shows the traceback of an error.
"""

_INTERRUPTED = (
    "\nInterrupted. Kept: everything up to the last checkpoint and all finished files."
)


def _help() -> str:
    width = max(map(len, COMMANDS))
    rows = (f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    return _HELP.format(commands="\n".join(rows))


def _complain(message: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(message + "\n")


def _unknown(name: str) -> int:
    from nutgraf.cli.config import nearest

    _complain(
        "error: the first argument must be a command. "
        f"Received: {name!r}. {nearest(name, COMMANDS)}"
    )
    return 2


def _run(name: str, argv: list[str], debug: bool) -> int:
    """Run one command; turn what it raises into messages and exit codes."""
    try:
        module = importlib.import_module(f"nutgraf.cli.{name.replace('-', '_')}")
        code = int(module.run(argv))
        sys.stdout.flush()
        return code
    except NutgrafError as error:
        if debug:
            _complain(traceback.format_exc())
        _complain(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        if debug:
            _complain(traceback.format_exc())
        _complain(_INTERRUPTED)
        return 130
    except BrokenPipeError:
        # The reader has gone (`| head`). Python would complain again at exit, when
        # it flushes: give it a place to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except SystemExit as leaving:
        return (
            leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        argv: the arguments; those of the process when None.

    Returns:
        Exit code: 0; 1 when a check found problems; 2 for a mistake in the input;
        130 when interrupted; 141 when the reader of the output has gone.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        sys.stdout.write(_help())
        return 0
    if arguments[0] in ("--version", "-V"):
        sys.stdout.write(f"nutgraf {__version__}\n")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        return _unknown(name)
    return _run(name, rest, debug)


if __name__ == "__main__":
    sys.exit(main())
