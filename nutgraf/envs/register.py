"""The names for `gymnasium.make`; importing this registers them.

Gymnasium 1.0 and later look for no plug-ins by themselves, so the module is named with
the environment: `gymnasium.make("nutgraf.envs.register:nutgraf/Summarize-v0")`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium

from nutgraf.data.rows import Row
from nutgraf.rewards.base import Reward

__all__ = ["NAME", "make_summarize", "make_summarize_vector"]

LENGTH = 32
"""Most actions of a summary, unless told."""


def _given(rows: Sequence[Row] | None, codec: Any, reward: Reward | None) -> Any:
    """Fill in what was left out: installed docstrings, starter's codec, ROUGE."""
    from nutgraf.data.sources import DataSettings, load_split
    from nutgraf.models.checkpoint import starter_folder
    from nutgraf.models.codec import TextCodec
    from nutgraf.rewards.rouge import RougeReward
    from nutgraf.text.tokenizer import Tokenizer

    if rows is None:
        rows = list(load_split(DataSettings(source="docstrings"), "train"))
    codec = codec or TextCodec(Tokenizer.load(starter_folder()), 128, LENGTH)
    return rows, codec, reward or RougeReward()


def make_summarize(
    rows: Sequence[Row] | None = None,
    codec: Any = None,
    reward: Reward | None = None,
    **settings: Any,
) -> Any:
    """Make `nutgraf/Summarize-v0`.

    Args:
        rows: documents with references; by default the docstrings of the installed
            packages (which takes a minute the first time).
        codec: a `TextCodec`; by default that of the starter model.
        reward: by default the mean of ROUGE-1, 2 and L, in [0, 1].
        **settings: `length`, `chunk`, `shaped` of `TextGenerationEnv`.

    Returns:
        A `TextGenerationEnv`.
    """
    from nutgraf.envs.text_generation import TextGenerationEnv

    return TextGenerationEnv(*_given(rows, codec, reward), **settings)


def make_summarize_vector(
    num_envs: int = 1,
    rows: Sequence[Row] | None = None,
    codec: Any = None,
    reward: Reward | None = None,
    **settings: Any,
) -> Any:
    """Make the vector version of `nutgraf/Summarize-v0`.

    Args:
        num_envs: texts that are written side by side.
        rows: as of `make_summarize`.
        codec: as of `make_summarize`.
        reward: as of `make_summarize`.
        **settings: as of `make_summarize`.

    Returns:
        A `TextGenerationVectorEnv`.
    """
    from nutgraf.envs.vector import TextGenerationVectorEnv

    return TextGenerationVectorEnv(num_envs, *_given(rows, codec, reward), **settings)


NAME = "nutgraf/Summarize-v0"

if NAME not in gymnasium.registry:
    gymnasium.register(
        NAME,
        entry_point=f"{__name__}:make_summarize",
        vector_entry_point=f"{__name__}:make_summarize_vector",
    )
