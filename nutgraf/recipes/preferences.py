"""DPO and IPO on given pairs: a policy learns what people preferred, without sampling.

The loss of `dpo.py`, on a file of pairs in place of the policy's own samples: G = 2
texts per prompt, the preferred one first. The reference is the start. Rafailov et al.
2023, "Direct Preference Optimization", arXiv 2305.18290; `loss="ipo"` is Azar et al.
2024, arXiv 2310.12036.

Differences from the papers:
1. The KL to the start is measured on samples, at each validation: the given texts are
   not the policy's own.
2. IPO averages log-probs over a text, as TRL does.

Texts that the policy would never write teach it to order them, and little else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from keras import ops

from nutgraf.arrays import Processors
from nutgraf.backend import to_numpy, to_tensor
from nutgraf.data.pair_groups import single_groups
from nutgraf.data.rows import Row
from nutgraf.objectives.dpo import dpo_loss, implicit_rewards, ipo_loss
from nutgraf.objectives.kl import k3
from nutgraf.objectives.reward_model import pair_accuracy
from nutgraf.objectives.sequence_log_prob import sequence_log_prob
from nutgraf.recipes.dpo import preference_algorithm
from nutgraf.recipes.pair_run import run_pairs
from nutgraf.recipes.pair_settings import PreferSettings
from nutgraf.rl.algorithm import Experience
from nutgraf.rl.experience import experience_of
from nutgraf.rl.learner import Counts, gradient_of, scorer
from nutgraf.rl.numbers import averages
from nutgraf.rl.pair_arrays import PairArrays
from nutgraf.rl.pair_loop import PairLoop
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.sampling.sample import Sampler
from nutgraf.training.run_state import RunState

__all__ = ["PreferenceTraining", "prefer"]

Array = Any
_SIGNS = np.array([[[1.0], [-1.0]]], "float32")  # chosen, rejected


class PreferenceTraining(PairLoop):
    """Trains a policy on pairs; `fit_pairs` runs it.

    Args:
        policy: what to improve; its weights now are the reference.
        training: the settings.
        loss: "dpo", or "ipo" (a target for the margin; per-token log-probs).
        beta: > 0, how much the policy is held to its reference.
        label_smoothing: in [0, 0.5), share of pairs taken to be wrong; DPO only.
        folder: run folder, see `PairLoop`; None keeps nothing on disk.

    Reference: Rafailov et al. 2023, arXiv 2305.18290, eq. 7; Azar et al. 2024, arXiv
    2310.12036, eq. 17.
    """

    def __init__(
        self,
        policy: Any,
        training: PairSettings = PairSettings(),  # noqa: B008 - frozen
        *,
        loss: Literal["dpo", "ipo"] = "dpo",
        beta: float = 0.1,
        label_smoothing: float = 0.0,
        folder: str | Path | None = None,
    ) -> None:
        """Compile nothing yet."""
        path = None if folder is None else Path(folder)
        identity = {"loss": loss, "beta": beta, "label_smoothing": label_smoothing}
        super().__init__(policy, training, single_groups, path, identity)
        self._average = loss == "ipo"
        self._beta = beta
        self._smoothing = label_smoothing
        algorithm = preference_algorithm(loss, beta, label_smoothing)
        self._gradient = gradient_of(policy, algorithm, Processors())
        self._score = scorer(policy, Processors())
        self._sampler = Sampler(policy, 1, policy.codec.max_target)
        self._reference = [to_tensor(value) for value in self.start]

    def learn(
        self, state: RunState, given: PairArrays
    ) -> tuple[RunState, dict[str, float]]:
        """See `PairLoop.learn`."""
        experience = self._experience(state, given)
        pairs, tokens = np.float32(len(given.wins)), np.float32(given.mask.sum())
        counts, one = Counts(pairs, tokens, np.float32(0)), np.float32(1)
        grads, found = self._gradient(state.values, experience, counts, one)
        state, norm = self.descend(state, grads)
        record = {
            f"pairs/{name}": float(values.mean())
            for name, values in self._rewards(experience).items()
        }
        record["loss/pairs"] = averages([to_numpy(found)])["loss/rl"]
        return state, {**record, "train/gradient_norm": norm}

    def judged(self, state: RunState, given: PairArrays) -> dict[str, Any]:
        """See `PairLoop.judged`."""
        experience = self._experience(state, given)
        weights = given.wins[:, 0, 1]
        named = {**self._rewards(experience), "loss": self._losses(experience)}
        return {
            f"valid/{name}": (float((weights * values).sum()), float(weights.sum()))
            for name, values in named.items()
        }

    def validate(self, state: RunState) -> dict[str, float]:
        """See `PairLoop.validate`; adds the KL to the start, on samples."""
        return {**super().validate(state), "valid/kl_to_start": self._kl(state)}

    def _experience(self, state: RunState, given: PairArrays) -> Experience:
        """The pairs as samples, scored under the policy now and the reference."""
        plain = np.zeros(given.mask.shape, "float32")
        experience = Experience(
            given.batch, given.actions, given.mask, plain, plain, plain + _SIGNS
        )
        old, ref = (
            to_numpy(self._score(values, experience))
            for values in (state.values, self._reference)
        )
        return experience._replace(old_log_probs=old, ref_log_probs=ref)

    def _texts(self, given: Experience) -> list[np.ndarray]:
        """(P, 2) log-probs of the texts under policy and reference."""
        return [
            to_numpy(sequence_log_prob(some, given.mask, average=self._average))
            for some in (given.old_log_probs, given.ref_log_probs)
        ]

    def _rewards(self, given: Experience) -> dict[str, np.ndarray]:
        """Implicit rewards (P,) of both texts, their difference, its sign right."""
        chosen, rejected = (
            to_numpy(implicit_rewards(now, ref, beta=self._beta))
            for now, ref in zip(*(some.T for some in self._texts(given)), strict=True)
        )
        return {
            "accuracy": to_numpy(pair_accuracy(chosen, rejected)),
            "margin": chosen - rejected,
            "chosen": chosen,
            "rejected": rejected,
        }

    def _losses(self, given: Experience) -> Array:
        """(P,) losses of the pairs."""
        four = [column for texts in self._texts(given) for column in texts.T]
        if self._average:
            return to_numpy(ipo_loss(*four, beta=self._beta))
        options = {"beta": self._beta, "label_smoothing": self._smoothing}
        return to_numpy(dpo_loss(*four, **options))

    def _kl(self, state: RunState) -> float:
        """KL(policy ‖ start), nats per token, k3 on a sample for P prompts."""
        codec = self.policy.codec
        prompts = list(dict.fromkeys(row.document for row in self._tables[1].rows))
        kept = [(str(n), prompts[n % len(prompts)]) for n in range(self.prompts)]
        batch = codec.batch([Row(*one) for one in kept], codec.max_source)
        seed, step = self.training.seed, state.position["step"]
        given, _ = experience_of(self._sampler(state.values, batch, seed, step))
        ref = self._score(self._reference, given)
        each = to_numpy(k3(ops.convert_to_tensor(given.old_log_probs), ref))
        return float(each[given.mask].mean())


def prefer(
    settings: PreferSettings,
    report: Callable[[str], None] = lambda line: None,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Train a policy on preference pairs; the function behind `nutgraf prefer`.

    Args:
        settings: the settings.
        report: called with each line a user should see.
        callbacks: Keras callbacks; an update is an epoch of one batch.

    Returns:
        See `run_pairs`.

    Raises:
        ConfigError: the folder holds a run of other settings or pairs.
        ModelError: the start is no model folder.
        DataError: the pairs cannot be read, or are too few.
    """

    def build(policy: Any, folder: Path) -> PairLoop:
        return PreferenceTraining(
            policy,
            settings.training,
            loss=settings.loss,
            beta=settings.beta,
            label_smoothing=settings.label_smoothing,
            folder=folder,
        )

    return run_pairs(settings, build, report, callbacks)
