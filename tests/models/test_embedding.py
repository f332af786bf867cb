import json

import numpy as np
import pytest
from keras import ops

from nutgraf import backend
from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError, ModelError
from nutgraf.models.bert_folder import save_bert
from nutgraf.models.bert_inputs import BertBatch, bert_batch, joined_texts
from nutgraf.models.embedding import (
    SentenceEmbedder,
    load_embedder,
    pool,
    save_embedder,
)
from tests.models.bert_toys import TEXTS, toy_bert, toy_bert_tokenizer

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def tokenizer():
    return toy_bert_tokenizer()


@pytest.fixture(scope="module")
def bert(tokenizer):
    return toy_bert(tokenizer)


def texts(count):
    random = np.random.default_rng(count)
    words = " ".join(TEXTS).split()
    return [" ".join(random.choice(words, random.integers(0, 20))) for _ in "x" * count]


def alone(embedder, text):
    """Without padding and without compiling."""
    (one,) = joined_texts(embedder.tokenizer, [text], max_length=embedder.max_length)
    states = embedder.model.encode(*bert_batch([one], len(one.ids)))
    states = to_numpy(states)[0].astype("float64")
    vector = states.mean(axis=0) if embedder.pooling == "mean" else states[0]
    return vector / np.linalg.norm(vector) if embedder.normalize else vector


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_vector_depends_on_its_text_alone(bert, tokenizer, pooling, normalize):
    embedder = SentenceEmbedder(bert, tokenizer, pooling, normalize, 20)
    given = texts(75)
    found = embedder(given)
    assert found.shape == (75, 16) and found.dtype == np.float32
    for text, vector in list(zip(given, found, strict=True))[:12]:
        np.testing.assert_allclose(vector, alone(embedder, text), rtol=1e-4, atol=1e-5)


def test_progress_and_cuts_are_told(bert, tokenizer):
    embedder = SentenceEmbedder(bert, tokenizer, max_length=8)
    steps = []
    embedder(["red " * 30, "red", "red " * 30, ""], lambda n, text: steps.append(n))
    assert sum(steps) == 4 and embedder.cut == 2
    assert embedder([]).shape == (0, 16) and embedder.cut == 0


def test_padding_on_the_left_changes_nothing(bert, tokenizer):
    embedder = SentenceEmbedder(bert, tokenizer, "cls")
    batch = bert_batch(joined_texts(tokenizer, ["red house"]), 12)
    size = batch.mask.sum()
    turned = BertBatch(*(np.roll(part, 12 - size, axis=1) for part in batch))
    values = [variable.value for variable in embedder.variables]
    for pooling in ("mean", "cls"):
        embedder.pooling = pooling
        right, left = (to_numpy(embedder.embed(values, b)) for b in (batch, turned))
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


def test_fillers_give_no_nan_in_the_gradient(bert, tokenizer):
    embedder = SentenceEmbedder(bert, tokenizer)
    batch = bert_batch(joined_texts(tokenizer, ["red house"]), 8, rows=3)

    def loss(values, batch):
        vectors = embedder.embed(values, batch)
        return ops.sum(vectors[:, :3]), vectors

    values = [variable.value for variable in embedder.variables]
    compiled = backend.jit(lambda v, b: backend.value_and_grad(loss)(v, b))
    (_, vectors), grads = compiled(values, batch)
    assert not to_numpy(vectors)[1:].any()
    assert all(np.isfinite(grad).all() for grad in to_numpy(grads))
    assert abs(to_numpy(grads)[0]).max() > 1e-3


@pytest.mark.xla
def test_few_shapes_are_compiled(bert, tokenizer):
    embedder = SentenceEmbedder(bert, tokenizer)
    embedder(texts(70))
    before = embedder._compiled.compilations
    for count in (65, 80, 90):
        embedder(texts(count))
    assert embedder._compiled.compilations <= before + 2


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("normalize", [True, False])
def test_saved_and_loaded(bert, tokenizer, tmp_path, pooling, normalize):
    embedder = SentenceEmbedder(bert, tokenizer, pooling, normalize, 20)
    save_embedder(tmp_path / "m", embedder, {"steps": 1})
    again = load_embedder(tmp_path / "m")
    assert (again.pooling, again.normalize, again.max_length) == (
        pooling,
        normalize,
        20,
    )
    np.testing.assert_allclose(again(TEXTS), embedder(TEXTS), rtol=1e-5, atol=1e-6)
    modules = json.loads((tmp_path / "m" / "modules.json").read_text())
    assert len(modules) == 2 + normalize
    other = load_embedder(tmp_path / "m", "mean", True)
    assert (other.pooling, other.normalize) == ("mean", True)


def test_a_plain_bert_pools_by_the_mean(bert, tokenizer, tmp_path):
    save_bert(tmp_path / "m", bert, tokenizer)
    again = load_embedder(tmp_path / "m")
    assert (again.pooling, again.normalize, again.max_length) == ("mean", True, 24)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("modules.json", "{", "must be JSON"),
        ("modules.json", '[{"type": "a.Dense"}]', "Received: Dense in"),
        ("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}', "by cls"),
    ],
)
def test_other_embedders_are_refused(bert, tokenizer, tmp_path, name, content, message):
    save_embedder(tmp_path / "m", SentenceEmbedder(bert, tokenizer))
    (tmp_path / "m" / name).write_text(content)
    with pytest.raises(ModelError, match=message):
        load_embedder(tmp_path / "m")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 25}, "max_length must be in .3, 24."),
        ({"max_length": 2}, "Received: max_length=2"),
        ({"pooling": "max"}, "pooling must be one of mean, cls"),
    ],
)
def test_bad_settings_are_named(bert, tokenizer, options, message):
    with pytest.raises(ConfigError, match=message):
        SentenceEmbedder(bert, tokenizer, **options)
    if "pooling" in options:
        with pytest.raises(ConfigError, match=message):
            pool(np.zeros((1, 2, 3), "float32"), np.ones((1, 2), bool), "max")
