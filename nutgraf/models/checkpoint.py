"""Model folders: all that is needed to load and use a model, nothing unpickled.

config.json          settings of the model, format version, reading of the dtype
model.safetensors    weights by name
tokenizer.json       the tokenizer
card.json            optional: data, seed, steps, scores of the run that made it

Of a model that no `ModelConfig` describes, such as a Keras model of your own, the
folder has the weights alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterator
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


def _numbered_anew(paths: list[str]) -> list[str]:
    """Number layers without a name of their own within their model, from the first.

    Keras numbers them through the whole process: `dense`, `dense_1`, ... Ours, which
    are named `block_0`, `block_1`, ..., stay as they are.
    """
    layers: dict[tuple[str, ...], list[str]] = {}
    found = []
    for path in paths:
        parts: list[str] = []
        for part in path.split("/"):
            stem = re.sub(r"_\d+$", "", part)
            alike = layers.setdefault((*parts, stem), [])
            if part not in alike:
                alike.append(part)
            number = alike.index(part)
            if alike[0] != f"{stem}_0":
                part = f"{stem}_{number}" if number else stem
            parts.append(part)
        found.append("/".join(parts))
    return found


def weight_names(variables: list[Any]) -> list[str]:
    """Return the name of each variable inside its model, as saved.

    A model that is made twice has the same names twice, whatever else was made before.

    Args:
        variables: Keras variables of one model.

    Returns:
        Paths without the model's own name, in the order given, no two alike.

    Example:
        >>> import keras
        >>> two = [keras.layers.Dense(1), keras.layers.Dense(1)]
        >>> for layer in two:
        ...     layer.build((None, 3))
        >>> weight_names([variable for layer in two for variable in layer.variables])
        ['dense/kernel', 'dense/bias', 'dense_1/kernel', 'dense_1/bias']
    """
    paths = [variable.path for variable in variables]
    for names in ([path.split("/", 1)[-1] for path in paths], paths):
        names = _numbered_anew(names)
        if len(set(names)) == len(names):
            return names
    return [f"{number}/{name}" for number, name in enumerate(names)]


def _own_config(policy: Any) -> ModelConfig | None:
    """The config that the policy is made again by; None for a model of another kind."""
    from nutgraf.models.build import classes_of

    body = getattr(policy, "policy", policy)  # of a reward model
    model = getattr(body, "model", None)
    config = getattr(model, "config", None)
    if not isinstance(config, ModelConfig):
        return None
    kinds = classes_of(config)
    own = type(model) is kinds.model and isinstance(body, kinds.policy)
    return config if own else None


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
        policy: a policy of one of our models with a `TextCodec`, or a `RewardModel` of
            one. Of any other policy the weights alone are written: give their file and
            the policy's variables to `load_weights` to read them again.
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
        config = _own_config(policy)
        if config is not None:
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


def _arrays(path: str | Path) -> dict[str, np.ndarray]:
    """All weights of a file by name."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found: dict[str, np.ndarray] = load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} must be a whole safetensors file. Received: {error}. Copy the "
            "model folder again, or take an earlier checkpoint."
        ) from error
    return found


def load_weights(path: str | Path, variables: list[Any]) -> list[np.ndarray]:
    """Read weights in the order of the variables.

    Args:
        path: a safetensors file.
        variables: Keras variables of the model.

    Returns:
        float32 arrays, for `nutgraf.backend.assign`.

    Raises:
        ModelError: the file is absent, torn, or of another model.
    """
    named = _arrays(path)
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


def _variables(folder: Path, kind: str, config: ModelConfig) -> list[Any]:
    """The variables of what a folder says that it holds."""
    from nutgraf.models.reward_model import RewardModel

    policy = bare_policy(folder, config)
    found: list[Any] = (
        RewardModel(policy) if kind == REWARD_MODEL else policy
    ).variables
    return found


@contextlib.contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    """Add what is raised to a list."""
    try:
        yield
    except NutgrafError as error:
        problems.append(str(error))


def check_folder(folder: Path) -> list[str]:
    """Look for what is wrong with a model folder.

    Args:
        folder: the model folder.

    Returns:
        The problems found, worst first; empty when it can be loaded.
    """
    from nutgraf.models.bert_folder import check_bert, is_bert
    from nutgraf.text.tokenizer import Tokenizer

    folder = Path(folder)
    if is_bert(folder):
        return check_bert(folder)
    path, problems = folder / WEIGHTS, list[str]()
    with _noted(problems):
        kind, config = read_config(folder)
    with _noted(problems):
        Tokenizer.load(folder)
    with _noted(problems):
        if problems:
            _arrays(path)
        else:
            load_weights(path, _variables(folder, kind, config))
    return problems
