"""Train text models in Keras 3 and improve them with reinforcement learning.

The names below can be imported from here; each loads its module, and with it a
framework if it needs one, when it is first used.
"""

from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "A2C": "recipes.a2c",
    "Algorithm": "rl.algorithm",
    "Bert": "models.bert",
    "BertTokenizer": "text.bert_tokenizer",
    "BestOf": "evaluation.best_of",
    "ContinuedSupervised": "recipes.continued",
    "DPO": "recipes.dpo",
    "DecoderOnly": "models.decoder_only",
    "EncoderDecoder": "models.encoder_decoder",
    "Extractor": "evaluation.extract",
    "GRPO": "recipes.grpo",
    "Generator": "evaluation.generate",
    "GuardSettings": "rl.guard",
    "LanguageTrainer": "training.language",
    "LogitsPolicy": "models.logits_policy",
    "MinimumRisk": "recipes.minimum_risk",
    "ModelConfig": "models.config",
    "NLPO": "recipes.nlpo",
    "PPO": "recipes.ppo",
    "Processors": "arrays",
    "RLOO": "recipes.rloo",
    "RLSettings": "rl.settings",
    "Recipe": "recipes.recipe",
    "RecurrentEncoderDecoder": "models.recurrent",
    "Reinforce": "recipes.reinforce",
    "Rejection": "recipes.rejection",
    "RewardSettings": "recipes.settings",
    "Rollout": "arrays",
    "Row": "data.rows",
    "Sampler": "sampling.sample",
    "Searcher": "search.searcher",
    "SelfCritical": "recipes.self_critical",
    "SentenceEmbedder": "models.embedding",
    "SpanPolicy": "models.span_policy",
    "SupervisedSettings": "training.settings",
    "SupervisedTrainer": "training.supervised",
    "Task": "tasks.task",
    "Tokenizer": "text.tokenizer",
    "TrainingSettings": "training.settings",
    "Watch": "rl.watch",
    "audit_rewards": "evaluation.audit",
    "best_lead": "evaluation.score",
    "build_index": "search.index_folder",
    "check_policy": "testing.policies",
    "compare": "evaluation.score",
    "continuations": "evaluation.continuations",
    "fit_arrays": "data.batches",
    "load_bert": "models.bert_folder",
    "load_cnn_dailymail": "data.cnn_dailymail",
    "load_docstrings": "data.docstrings",
    "load_embedder": "models.embedding",
    "load_policy": "models.checkpoint",
    "load_span_policy": "models.span_folder",
    "make_recipe": "recipes.algorithms",
    "make_reward": "recipes.improve",
    "new_policy": "models.build",
    "open_index": "search.index_folder",
    "parse_parts": "rewards.parse",
    "read_pairs": "data.pairs",
    "read_rows": "data.files",
    "save_policy": "models.checkpoint",
    "score_texts": "evaluation.score",
    "task_of": "tasks.names",
    "text_surprise": "evaluation.surprise",
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
