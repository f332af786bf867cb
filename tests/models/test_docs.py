"""docs/models.md: its table of sizes is what the code makes."""

import gc
from pathlib import Path

import keras
import pytest

from nutgraf.models.build import model_of
from nutgraf.models.config import SIZES, named_config

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
TABLE = TEXT[TEXT.index("| size | width |") :].partition("\n\n")[0]
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in TABLE.splitlines()[2:]
    if (cells := [cell.strip() for cell in line.strip("|").split("|")])
}

LARGE = {"base", "article"}


def test_the_table_holds_every_size():
    assert list(ROWS) == list(SIZES)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(size, marks=pytest.mark.slow) if size in LARGE else size
        for size in SIZES
    ],
)
def test_a_row_says_what_the_model_is(size):
    config = named_config(size, vocabulary_size=30_000)
    weights = model_of(config).count_params()
    keras.backend.clear_session()
    gc.collect()  # the larger ones hold hundreds of megabytes
    assert ROWS[size] == [
        str(config.width),
        f"{config.encoder_layers} + {config.decoder_layers}",
        str(config.heads),
        f"{config.feed_forward:,}",
        "yes" if config.copy else "no",
        f"{weights / 1e6:.1f}",
    ]
