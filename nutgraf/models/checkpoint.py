"""Model folders: all that is needed to load and use a model, nothing unpickled.

config.json          settings of the model, format version, reading of the dtype
model.safetensors    weights by name
tokenizer.json       the tokenizer
card.json            optional: data, seed, steps, scores of the run that made it
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.errors import ModelError, NutgrafError
from nutgraf.files import atomic_folder, write_json
from nutgraf.models.config import ModelConfig

__all__ = ["bare_policy", "check_folder", "load_policy", "load_weights"]
__all__ += ["read_config", "save_policy", "starter_folder", "weight_names"]

FORMAT = "nutgraf-model-1"
REWARD_MODEL = "reward-model"
"""Kind of a folder that holds a policy with a scalar head, which judges texts."""
CONFIG, WEIGHTS, TOKENIZER, CARD = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "card.json",
)
_COPY = "Copy the whole model folder again."


def starter_folder() -> Path:
    """Return the folder of the starter model that ships with the package."""
    return Path(__file__).resolve().parent.parent / "starter"


def weight_names(variables: list[Any]) -> list[str]:
    """Return the name of each variable inside its model, as saved.

    Args:
        variables: Keras variables of one model.

    Returns:
        Paths without the model's own name, in the order given.

    Raises:
        ModelError: two variables share a name.
    """
    names = [variable.path.split("/", 1)[-1] for variable in variables]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ModelError(
            f"Each weight needs a name of its own. Received: {', '.join(twice[:3])} "
            "more than once. Give the layers different names."
        )
    return names


def save_policy(
    folder: Path,
    policy: Any,
    *,
    values: list[np.ndarray] | None = None,
    half: bool = False,
    card: dict[str, Any] | None = None,
) -> None:
    """Write a model folder in one piece.

    Args:
        folder: the folder; an older one is replaced when the new one is whole.
        policy: an `EncoderDecoderPolicy` or `DecoderOnlyPolicy` with a `TextCodec`, or
            a `RewardModel`.
        values: weights to save in place of the model's own.
        half: store the weights as float16 (half the size, 3 decimal digits).
        card: run card, stored beside the model.
    """
    from safetensors.numpy import save_file

    from nutgraf.backend import to_numpy

    if hasattr(policy, "save"):  # a folder of another form
        policy.save(folder, values=values, card=card)
        return
    variables = policy.variables
    if values is None:
        values = to_numpy([variable.value for variable in variables])
    dtype = np.float16 if half else np.float32
    named = {
        name: np.array(value, dtype=dtype, order="C")
        for name, value in zip(weight_names(variables), values, strict=True)
    }
    with atomic_folder(Path(folder)) as part:
        save_file(named, str(part / WEIGHTS))
        (part / WEIGHTS).chmod(0o644)  # safetensors makes it readable by its owner only
        config = policy.model.config
        kind = getattr(policy, "kind", config.architecture)
        settings: dict[str, Any] = {"format": FORMAT, "kind": kind}
        settings["model"] = dataclasses.asdict(config)
        write_json(part / CONFIG, settings)
        policy.codec.tokenizer.save(part)
        if card is not None:
            write_json(part / CARD, card)


def read_config(folder: Path) -> tuple[str, ModelConfig]:
    """Read what a model folder holds.

    Args:
        folder: the model folder.

    Returns:
        Its kind, an architecture or "reward-model", and the settings of the model.

    Raises:
        ModelError: it is no model folder, or one of another version.
    """
    path = folder / CONFIG
    if not folder.is_dir() or not path.is_file():
        state = "has no " + CONFIG if folder.is_dir() else "is no folder"
        raise ModelError(
            f"A model is a folder with {CONFIG}, {WEIGHTS} and {TOKENIZER}. Received: "
            f"{folder}, which {state}. Give what `nutgraf train` wrote as `best` "
            "or `nutgraf rl` as `last`."
        )
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if settings.get("model_type") == "bert":
            raise ModelError(
                f"A model that writes texts is needed. Received: {folder}, a BERT, "
                "which reads them. Use it with `nutgraf embed`, in a reward, or, with "
                "a span head, with --task extract."
            )
        if settings["format"] != FORMAT:
            raise ModelError(
                f"{path} must have the format {FORMAT}. Received: "
                f"{settings['format']!r}. Use the version of nutgraf that wrote it, or "
                "train again."
            )
        return settings["kind"], ModelConfig.from_dict(settings["model"])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, NutgrafError):
            raise
        raise ModelError(
            f"{path} must be the JSON of a nutgraf model. Received: {error!r}. {_COPY}"
        ) from error


def load_weights(path: Path, variables: list[Any]) -> list[np.ndarray]:
    """Read weights in the order of the variables.

    Args:
        path: a safetensors file.
        variables: Keras variables of the model.

    Returns:
        float32 arrays.

    Raises:
        ModelError: the file is absent, torn, or of another model.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        named = load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} must be a whole safetensors file. Received: {error}. Copy the "
            "model folder again, or take an earlier checkpoint."
        ) from error
    values = []
    for name, variable in zip(weight_names(variables), variables, strict=True):
        shape = tuple(variable.shape)
        found = named.pop(name, None)
        if found is None or found.shape != shape:
            raise ModelError(
                f"{path} must hold `{name}` with shape {shape}. Received: "
                f"{'nothing' if found is None else found.shape}. The config belongs to "
                f"another model. {_COPY}"
            )
        values.append(found.astype("float32"))
    if named:
        raise ModelError(
            f"{path} must hold the weights of its config only. Received: "
            f"{', '.join(sorted(named)[:3])} as well. The config belongs to another "
            f"model. {_COPY}"
        )
    return values


def load_policy(folder: str | Path) -> Any:
    """Load a model folder as a policy.

    Args:
        folder: a model folder, or "starter" for the one in the package.

    Returns:
        The `EncoderDecoderPolicy` or `DecoderOnlyPolicy`, its weights float32.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
    """
    from nutgraf.backend import assign

    path = starter_folder() if str(folder) == "starter" else Path(folder)
    kind, config = read_config(path)
    if kind == REWARD_MODEL:
        raise ModelError(
            f"A model that writes texts is needed. Received: {path}, a reward model, "
            f"which judges them. Name it as a reward: learned:{path}."
        )
    policy = bare_policy(path, config)
    assign(policy.variables, load_weights(path / WEIGHTS, policy.variables))
    return policy


def bare_policy(folder: Path, config: ModelConfig) -> Any:
    """Make the policy of a model folder, without its weights.

    Args:
        folder: the model folder, for its tokenizer.
        config: the settings of the model.

    Returns:
        The policy, its weights random.

    Raises:
        ModelError: the tokenizer is missing, or has more pieces than the model.
    """
    from nutgraf.models.build import policy_of
    from nutgraf.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.load(folder)
    if tokenizer.vocabulary_size > config.vocabulary_size:
        raise ModelError(
            f"The tokenizer of {folder} must fit the model's vocabulary of "
            f"{config.vocabulary_size}. Received: {tokenizer.vocabulary_size} pieces. "
            f"It belongs to another model. {_COPY}"
        )
    return policy_of(config, tokenizer)


def check_folder(folder: Path) -> list[str]:
    """Look for what is wrong with a model folder, without loading a framework's model.

    Args:
        folder: the model folder.

    Returns:
        The problems found, worst first; empty when it can be used.
    """
    from safetensors import SafetensorError, safe_open

    from nutgraf.models.bert_folder import check_bert, is_bert
    from nutgraf.text.tokenizer import Tokenizer

    if is_bert(Path(folder)):
        return check_bert(Path(folder))
    problems = []
    config = None
    try:
        _, config = read_config(Path(folder))
    except NutgrafError as error:
        problems.append(str(error))
    try:
        tokenizer = Tokenizer.load(Path(folder))
        if config and tokenizer.vocabulary_size > config.vocabulary_size:
            problems.append(
                "The tokenizer must fit the model's vocabulary of "
                f"{config.vocabulary_size}. Received: {tokenizer.vocabulary_size} "
                f"pieces. {_COPY}"
            )
    except NutgrafError as error:
        problems.append(str(error))
    path = Path(folder) / WEIGHTS
    try:
        with safe_open(str(path), framework="numpy") as weights:
            shapes = {
                name: weights.get_slice(name).get_shape() for name in weights.keys()
            }
        table = shapes.get("embedding/embeddings")
        expected = [config.vocabulary_size, config.width] if config else table
        if table != expected:
            problems.append(
                f"{path}: `embedding/embeddings` must have shape {expected}. "
                f"Received: {table}. {_COPY}"
            )
    except (OSError, SafetensorError) as error:
        problems.append(
            f"{path} must be a whole safetensors file. Received: {error}. {_COPY}"
        )
    return problems
