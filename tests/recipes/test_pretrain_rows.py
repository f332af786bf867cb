import json

import pytest

from nutgraf.data.documents import DocumentSettings
from nutgraf.recipes.pretrain_rows import pack_documents, texts_to_learn_from
from nutgraf.recipes.pretrain_settings import PretrainSettings

TEXTS = ["old data", "new file and old data", "the red house"]


@pytest.fixture
def settings(tmp_path):
    names = []
    for name, texts in (("train", TEXTS), ("valid", TEXTS[:1])):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
        names.append((str(path),))
    train, valid = names
    return PretrainSettings(
        out=str(tmp_path / "run"),
        data=DocumentSettings("files", train=train, valid=valid),
        tokens_per_batch=40,
    )


def test_the_word_pieces_are_those_of_the_training_documents(settings):
    lines = []
    texts = texts_to_learn_from(settings, lines.append)
    assert not lines  # nothing is read before it is asked for
    assert list(texts) == TEXTS and lines == ["learning the word pieces"]


def test_documents_are_packed_once(settings, tokenizer):
    lines = []
    packed = pack_documents(settings, tokenizer, 16, "toy", lines.append)
    assert (packed.train.documents, packed.valid.documents) == (3, 1)
    assert (packed.train.length, packed.batch) == (16, 2)
    assert len(lines) == 1 and lines[0].endswith("run/cache")
    again = pack_documents(settings, tokenizer, 16, "toy", lines.append)
    assert again.train.folder == packed.train.folder != packed.valid.folder
    other = pack_documents(
        settings, tokenizer, 16, "other", lines.append, lambda ids, length: [ids[:2]]
    )
    assert other.train.tokens == 3
    assert pack_documents(settings, tokenizer, 64, "toy", lines.append).batch == 1
