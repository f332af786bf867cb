"""Train text models in Keras 3 and improve them with reinforcement learning.

The names below can be imported from here; each loads its module, and with it a
framework if it needs one, when it is first used.
"""

from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "ContinuedSupervised": "recipes.continued",
    "EncoderDecoder": "models.encoder_decoder",
    "GRPO": "recipes.grpo",
    "Generator": "evaluation.generate",
    "LogitsPolicy": "models.logits_policy",
    "ModelConfig": "models.config",
    "Processors": "arrays",
    "RLSettings": "rl.settings",
    "RewardSettings": "recipes.settings",
    "Rollout": "arrays",
    "Row": "data.rows",
    "Sampler": "sampling.sample",
    "SelfCritical": "recipes.self_critical",
    "SupervisedSettings": "training.settings",
    "SupervisedTrainer": "training.supervised",
    "Tokenizer": "text.tokenizer",
    "best_lead": "evaluation.score",
    "compare": "evaluation.score",
    "fit_arrays": "data.batches",
    "load_cnn_dailymail": "data.cnn_dailymail",
    "load_docstrings": "data.docstrings",
    "load_policy": "models.checkpoint",
    "make_reward": "recipes.improve",
    "new_policy": "models.build",
    "read_rows": "data.files",
    "save_policy": "models.checkpoint",
    "score_texts": "evaluation.score",
}
"""Public name -> module that has it."""

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'nutgraf' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"nutgraf.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
