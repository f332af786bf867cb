"""The pipeline of WordPiece: trained, read and written as Hugging Face has it.

A text is cleaned (lower case and accents as the vocabulary wants it), split at spaces,
punctuation and Chinese characters, and each word is cut into the longest pieces of the
vocabulary, from its start; `##` marks a piece that goes on with a word.

Reference: Schuster and Nakajima 2012, "Japanese and Korean voice search"; Devlin et al.
2019, arXiv 1810.04805.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.files import write_json
from nutgraf.text.tokenizer import FILE_NAME, check_text

if TYPE_CHECKING:
    import tokenizers

__all__ = ["GOES_ON", "SPECIAL_TOKENS", "read_pipeline", "trained_pipeline"]
__all__ += ["write_pipeline"]

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
GOES_ON = "##"
"""Prefix of a piece that does not begin a word."""
_VOCABULARY, _SETTINGS = "vocab.txt", "tokenizer_config.json"


def trained_pipeline(
    texts: Iterable[str], vocabulary_size: int, lower: bool
) -> tokenizers.Tokenizer:
    """Learn a vocabulary; see `nutgraf.text.bert_tokenizer.BertTokenizer.train`.

    Args:
        texts: training texts, at least one; read once.
        vocabulary_size: upper limit of entries, the special tokens included.
        lower: lower case, and no accents.

    Returns:
        The pipeline.

    Raises:
        ConfigError: `vocabulary_size` is too small.
        DataError: there is no text, or one has a lone surrogate.
    """
    least = len(SPECIAL_TOKENS) + 1
    if vocabulary_size < least:
        raise ConfigError(
            f"vocabulary_size must be at least {least} (five special tokens and a "
            f"piece). Received: {vocabulary_size}. 30000 is the default."
        )
    from tokenizers import trainers

    pieces = _pipeline({name: n for n, name in enumerate(SPECIAL_TOKENS)}, lower)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:
        counts = _characters(texts, kept)
        letters, later = _alphabet(counts, pieces, vocabulary_size)
        # What the trainer finds by itself it numbers as its hash table has it, anew in
        # each run, and equally frequent pairs are merged by number. So it is told all.
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocabulary_size,
            min_frequency=2,
            initial_alphabet=letters,
            limit_alphabet=len(letters),
            special_tokens=[*SPECIAL_TOKENS, *later],
            continuing_subword_prefix=GOES_ON,
            show_progress=False,
        )
        kept.seek(0)
        pieces.train_from_iterator(kept, trainer=trainer)
    return _pipeline(json.loads(pieces.to_str())["model"]["vocab"], lower)


def _characters(texts: Iterable[str], kept: IO[str]) -> Counter[str]:
    """Write the texts to a file and count their characters."""
    counts: Counter[str] = Counter()
    seen = False
    for text in texts:
        seen = True
        counts.update(check_text(text))
        kept.write(text + "\n")
    if not seen:
        raise DataError(
            "A tokenizer is trained on one or more texts. Received: none. Check that "
            "the data source yields rows."
        )
    return counts


def _alphabet(
    counts: Counter[str], pieces: tokenizers.Tokenizer, vocabulary_size: int
) -> tuple[list[str], list[str]]:
    """The most frequent letters, and those of them that go on with a word, as pieces.

    They take three quarters of the vocabulary at most.
    """
    found: Counter[str] = Counter()
    for letter, count in counts.items():
        for one in "".join(pieces.normalizer.normalize_str(letter).split()):
            found[one] += count
    room = max(1, (vocabulary_size - len(SPECIAL_TOKENS)) * 3 // 4)
    letters: list[str] = []
    later: list[str] = []
    for letter, _ in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        text = pieces.normalizer.normalize_str(f"a{letter}")
        goes_on = len(pieces.pre_tokenizer.pre_tokenize_str(text)) == 1
        if len(letters) + len(later) + 1 + goes_on > room:
            break
        letters.append(letter)
        later += [GOES_ON + letter] * goes_on
    return letters, sorted(later)


def read_pipeline(folder: Path) -> tokenizers.Tokenizer:
    """Read the pipeline of a model folder.

    Args:
        folder: has `tokenizer.json`, or else `vocab.txt` with or without
            `tokenizer_config.json`.

    Returns:
        The pipeline; special tokens are plain entries, and nothing is cut or padded.

    Raises:
        ModelError: the files are missing, torn, or of another kind of tokenizer.
    """
    whole, words = folder / FILE_NAME, folder / _VOCABULARY
    path = whole if whole.is_file() else words
    if not path.is_file():
        raise ModelError(
            f"The folder of a BERT must hold {FILE_NAME} or {_VOCABULARY}. Received: "
            f"{folder}, which has neither. Copy the whole model folder."
        )
    try:
        text = path.read_text(encoding="utf-8")
        pieces = _plain(text, path) if path == whole else _of_words(text, folder)
    except ModelError:
        raise
    except Exception as error:  # the Rust side raises plain Exception
        raise ModelError(
            f"{path.name} must be a WordPiece tokenizer. Received: {path}: {error}. "
            "Copy the file again from the trained model."
        ) from error
    ids = [pieces.token_to_id(name) for name in SPECIAL_TOKENS]
    if None in ids or ids[0] != 0:
        raise ModelError(
            f"A BERT's vocabulary must hold {', '.join(SPECIAL_TOKENS)}, the first of "
            f"them as 0. Received: {path} with the ids {ids}. Use the tokenizer of a "
            "BERT."
        )
    return pieces


def write_pipeline(pieces: tokenizers.Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, as Hugging Face has them.

    There the special tokens are found in texts, and `[CLS]` and `[SEP]` are put around
    them; `read_pipeline` takes both off again.

    Args:
        pieces: a pipeline.
        folder: made if it is missing.
    """
    from tokenizers import Tokenizer, processors

    whole = Tokenizer.from_str(pieces.to_str())
    whole.add_special_tokens(list(SPECIAL_TOKENS))
    ids = whole.get_vocab()
    ends = [(name, ids[name]) for name in ("[SEP]", "[CLS]")]
    whole.post_processor = processors.BertProcessing(*ends)
    state = json.loads(whole.to_str())
    write_json(folder / FILE_NAME, state)
    names = ("pad", "unk", "cls", "sep", "mask")
    settings = {
        f"{name}_token": token
        for name, token in zip(names, SPECIAL_TOKENS, strict=True)
    }
    settings["tokenizer_class"] = "BertTokenizer"
    lower = {"do_lower_case": bool(state["normalizer"]["lowercase"])}
    write_json(folder / _SETTINGS, {**settings, **lower})


def _pipeline(vocabulary: dict[str, int], lower: bool) -> tokenizers.Tokenizer:
    """Build the pipeline of BERT around a vocabulary."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    pieces = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=lower)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.decoder = decoders.WordPiece(prefix=GOES_ON)
    return pieces


def _plain(text: str, path: Path) -> tokenizers.Tokenizer:
    """The pipeline of a `tokenizer.json` without what it does around texts."""
    from tokenizers import Tokenizer

    state = json.loads(text)
    kinds = {key: (state.get(key) or {}).get("type") for key in ("model", "normalizer")}
    added = {item["content"] for item in state.get("added_tokens", ())}
    if kinds != {"model": "WordPiece", "normalizer": "BertNormalizer"}:
        found = str(kinds)
    elif not added <= state["model"]["vocab"].keys():
        found = "added tokens outside of the vocabulary"
    else:
        found = ""
    if found:
        raise ModelError(
            f"{path.name} must be a WordPiece tokenizer as BERT has it. Received: "
            f"{path} with {found}. Use the tokenizer of a BERT."
        )
    around = dict.fromkeys(("post_processor", "truncation", "padding"))
    return Tokenizer.from_str(json.dumps({**state, "added_tokens": [], **around}))


def _of_words(text: str, folder: Path) -> tokenizers.Tokenizer:
    """The pipeline of a `vocab.txt`, one piece a line."""
    settings = folder / _SETTINGS
    found = json.loads(settings.read_text("utf-8")) if settings.is_file() else {}
    words = text.split("\n")
    words = words[:-1] if words[-1] == "" else words
    vocabulary = {word.rstrip("\r"): number for number, word in enumerate(words)}
    return _pipeline(vocabulary, bool(found.get("do_lower_case", True)))
