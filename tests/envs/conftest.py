import numpy as np
import pytest

from nutgraf.models.codec import TextCodec
from nutgraf.testing.toys import toy_rows


class WordShare:
    """Share of the reference's words that the text has; None for a forbidden word."""

    def __call__(self, prompts, completions, references, rows=None):
        found = []
        for text, wanted in zip(completions, references, strict=True):
            words = set(wanted[0].split())
            found.append(len(words & set(text.split())) / len(words))
        return found


@pytest.fixture(scope="session")
def codec(tokenizer):
    return TextCodec(tokenizer, max_source=32, max_target=8)


@pytest.fixture(scope="session")
def rows():
    return toy_rows(6, length=6)


@pytest.fixture
def reward():
    return WordShare()


@pytest.fixture(scope="session")
def right(codec, rows):
    """For each row the actions that write its reference, and the end action."""
    batch = codec.batch(rows)
    return [
        ids[mask].astype(np.int64)
        for ids, mask in zip(batch.target_ids, batch.target_mask, strict=True)
    ]
