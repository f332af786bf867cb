"""Group relative policy optimisation, and its kin as combinations of parts.

Each of G samples of a prompt is compared with its group: advantage = (reward - mean) /
standard deviation; the clipped policy loss of PPO makes several epochs per rollout
safe. Shao et al. 2024, "DeepSeekMath", arXiv 2402.03300, section 4.1.

Differences from the paper:
1. The prompt is encoded once for its group, in sampling and in the update.
2. Tokens are averaged over the whole batch, not per sample first (Yu et al. 2025,
   "DAPO", arXiv 2503.14476, section 3.3): short texts do not weigh more. The paper's
   is `average="sequence"`.
3. The cross-entropy of the references can be mixed in (`supervised_weight`).
4. After the first epoch of a rollout, and for stale ones, the KL has importance
   weights: its samples are no longer the policy's own.

The kin differ in one or two parts each; `VARIANTS` names them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from nutgraf.objectives.advantages import group_advantages
from nutgraf.objectives.reduce import (
    fixed_length_sum_count,
    sequence_sum_count,
    token_sum_count,
)
from nutgraf.ranges import check_options
from nutgraf.recipes.recipe import Recipe, refuse_idle
from nutgraf.rewards.base import Reward
from nutgraf.rl.algorithm import Algorithm, group
from nutgraf.rl.ratios import Ratio, limited
from nutgraf.rl.settings import RLSettings

__all__ = ["GRPO", "VARIANTS"]

Average = Literal["token", "sequence", "length"]

VARIANTS: dict[str, dict[str, Any]] = {
    "grpo": {},
    "dr-grpo": {"scale": False, "average": "length"},
    "dapo": {"clip_range_high": 0.28, "resample": 2},
    "gspo": {
        "ratio": "sequence",
        "average": "sequence",
        "clip_range": 3e-4,
        "clip_range_high": 4e-4,
    },
    "cispo": {"ratio": "weight", "clip_range_high": 4.0},
}
"""Options that make GRPO one of its kin.

- dr-grpo: Liu et al. 2025, arXiv 2503.20783: no division by the standard deviation, nor
  by each text's own length.
- dapo: Yu et al. 2025, arXiv 2503.14476: clip higher, prompts that teach nothing are
  replaced; its overlong shaping is `RLSettings.overlong_buffer`.
- gspo: Zheng et al. 2025, arXiv 2507.18071: one ratio for the whole text.
- cispo: MiniMax 2025, arXiv 2506.13585: the ratio is a weight, cut above and kept
  without gradient; no token is left out.
"""


def _check(options: dict[str, Any], high: float) -> None:
    """Refuse options out of range, and limits that a weight does not read."""
    check_options(
        options,
        clip_range="(0, 1)",
        clip_range_high="> 0 or None",
        dual_clip="> 1 or None",
        ratio_limit=f"> {1 + high} or None",
        ratio=get_args(Ratio),
        average=get_args(Average),
        resample="integer >= 0",
        stale="integer >= 0",
    )
    if options["ratio"] == "weight":
        idle = ["dual_clip", "ratio_limit"]
        idle += [] if options["clip_range_high"] is None else ["clip_range"]
        refuse_idle(GRPO, "the ratio 'weight' (CISPO)", *idle, **options)


class GRPO(Recipe):
    """Group relative policy optimisation.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`.
        clip_range: largest fall of a ratio that is rewarded, in (0, 1); with the ratio
            "weight" only what takes the place of `clip_range_high`.
        clip_range_high: largest rise that is rewarded, > 0; None = `clip_range`.
        dual_clip: > 1, limits the loss of tokens of negative advantage; None = none.
            Not with the ratio "weight".
        ratio_limit: > 1 + the upper clip, the same as a two-sided clip; None = none.
            Not with the ratio "weight".
        scale: divide advantages by the group's standard deviation.
        ratio: "token", "sequence" (GSPO), or "weight" (CISPO: no token is left out).
        average: over all "token"s, per "sequence" first, or by the "length" limit.
        resample: at most so many times, further prompts replace those whose samples
            were all rewarded alike (DAPO's dynamic sampling).
        stale: > 0: samples are drawn from weights that are renewed every so many
            updates, and corrected by truncated importance weights.
        folder: run folder; None keeps nothing on disk.

    Raises:
        ConfigError: an option is out of range, or nothing reads it.

    Reference: Shao et al. 2024, arXiv 2402.03300; see `VARIANTS`.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        clip_range: float = 0.2,
        clip_range_high: float | None = None,
        dual_clip: float | None = None,
        ratio_limit: float | None = None,
        scale: bool = True,
        ratio: Ratio = "token",
        average: Average = "token",
        resample: int = 0,
        stale: int = 0,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        high = clip_range if clip_range_high is None else clip_range_high
        options = {
            "clip_range": clip_range,
            "clip_range_high": clip_range_high,
            "dual_clip": dual_clip,
            "ratio_limit": ratio_limit,
            "scale": scale,
            "ratio": ratio,
            "average": average,
            "resample": resample,
            "stale": stale,
        }
        _check(options, high)
        averages: dict[str, Callable[..., Any]] = {
            "token": token_sum_count,
            "sequence": sequence_sum_count,
            "length": partial(fixed_length_sum_count, length=settings.length),
        }
        loss, share = limited(
            ratio,
            clip_range=clip_range,
            clip_range_high=high,
            dual_clip=dual_clip,
            ratio_limit=ratio_limit,
        )
        algorithm = Algorithm(
            estimate=group(partial(group_advantages, scale=scale)),
            token_loss=loss,
            reduce=averages[average],
            clip_share=share,
            resample=resample,
            lag=stale,
            stale=stale > 0,
        )
        super().__init__(policy, reward, algorithm, settings, folder, options=options)
