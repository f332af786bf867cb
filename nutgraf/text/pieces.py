"""Word pieces over bytes: how a vocabulary is learned, and the pipeline around it.

Every text is first written as UTF-8 bytes, each byte as one letter, so none is unknown,
and cut into words, numbers and signs. No piece holds a bracket and letters, so no text
can give the special tokens `<pad>`, `<bos>` and `<eos>`, which are plain entries.

BPE merges the commonest pair again and again: Sennrich et al. 2016, "Neural Machine
Translation of Rare Words with Subword Units", arXiv 1508.07909; Radford et al. 2019
(byte level). It is the trainer of Hugging Face tokenizers. Unigram begins with many
pieces and drops those that the likelihood of the texts misses least, then cuts a word
where it is likeliest: Kudo 2018, "Subword Regularization", section 3.2, arXiv
1804.10959. It is the trainer of Kudo's sentencepiece, which is given the words with
their counts and the pieces to begin with (docs/decisions/0008-sentencepiece.md).
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import tokenizers

__all__ = ["SPECIAL_TOKENS", "PieceKind", "learn_pieces", "model_of"]

PieceKind = Literal["bpe", "unigram"]
SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>")
LONGEST = 16
"""Letters of a unigram piece, at most."""
COMMONEST, SEEDS = 50_000, 500_000
"""Words whose parts unigram begins with, and how many of the parts."""


def _pipeline(model: Any) -> tokenizers.Tokenizer:
    """Build the byte-level pipeline around a model."""
    from tokenizers import Tokenizer as Pieces
    from tokenizers import decoders, pre_tokenizers

    pieces = Pieces(model)
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    return pieces


def model_of(pieces: tokenizers.Tokenizer) -> dict[str, Any]:
    """Return the model inside a pipeline: its type, vocabulary and merges or scores.

    Args:
        pieces: the pipeline.

    Returns:
        What its JSON holds.
    """
    found: dict[str, Any] = json.loads(pieces.to_str())["model"]
    return found


def learn_pieces(
    texts: Iterable[str], vocabulary_size: int, kind: PieceKind
) -> tokenizers.Tokenizer:
    """Learn a vocabulary, the special tokens its first entries.

    Args:
        texts: training texts, read once.
        vocabulary_size: most entries, the special tokens and all bytes among them.
        kind: "bpe" or "unigram".

    Returns:
        The pipeline; the special tokens are plain entries of its vocabulary. The same
        texts give the same vocabulary.
    """
    return (_bpe if kind == "bpe" else _unigram)(texts, vocabulary_size)


def _alphabet() -> list[str]:
    """The letters that stand for the 256 bytes."""
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _bpe(texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
    from tokenizers import models, trainers

    pieces = _pipeline(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=_alphabet(),
        show_progress=False,
    )
    pieces.train_from_iterator(texts, trainer=trainer)
    # The trainer marks the special tokens to be found in texts; a pipeline made anew
    # from vocabulary and merges knows them as plain entries only.
    model = model_of(pieces)
    merges = [(left, right) for left, right in model["merges"]]
    return _pipeline(models.BPE(vocab=model["vocab"], merges=merges))


def _unigram(texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
    from tokenizers import models

    cut = _pipeline(models.BPE()).pre_tokenizer.pre_tokenize_str
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in cut(text))
    alphabet = _alphabet()
    missing = sorted(set(alphabet).difference(*words))
    room = size - len(SPECIAL_TOKENS) - len(missing)
    learned = _likeliest(words, room) if words else []
    lowest = round(min((score for _, score in learned), default=0.0) - 10.0, 4)
    vocabulary = [(token, 0.0) for token in SPECIAL_TOKENS] + learned
    return _pipeline(models.Unigram(vocabulary + [(one, lowest) for one in missing]))


def _likeliest(words: Counter[str], size: int) -> list[tuple[str, float]]:
    """At most `size` pieces of words, every letter among them, with log-probs."""
    import sentencepiece

    with tempfile.TemporaryDirectory() as folder:
        begin, model = Path(folder, "begin.tsv"), Path(folder, "model")
        counts = Path(folder, "words.tsv")
        for path, table in ((counts, sorted(words.items())), (begin, _seeds(words))):
            lines = (f"{piece}\t{count}\n" for piece, count in table)
            path.write_text("".join(lines), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(counts),
            input_format="tsv",
            seed_sentencepieces_file=str(begin),
            model_prefix=str(model),
            model_type="unigram",
            vocab_size=size + 1,  # and <unk>, which no word needs
            hard_vocab_limit=False,
            max_sentence_length=2**30,
            max_sentencepiece_length=LONGEST,
            character_coverage=1.0,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_by_unicode_script=False,
            split_by_number=False,
            split_by_whitespace=False,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            num_threads=2,  # sums in the same order on every machine
            minloglevel=2,
        )
        rows = Path(f"{model}.vocab").read_text(encoding="utf-8").splitlines()
    pairs = (row.split("\t") for row in rows)
    return [(piece, float(score)) for piece, score in pairs if piece != "<unk>"]


def _seeds(words: Counter[str]) -> list[tuple[str, int]]:
    """Parts of words to begin with, by the letters that each covers."""
    parts: Counter[str] = Counter()
    for word, count in words.most_common(COMMONEST):
        for start in range(len(word)):
            for end in range(start + 2, min(len(word), start + LONGEST) + 1):
                parts[word[start:end]] += count
    covered = [(part, n * len(part)) for part, n in parts.items() if n > 1]
    covered.sort(key=lambda pair: (-pair[1], pair[0]))
    return covered[:SEEDS]
