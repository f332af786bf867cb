"""InfoNCE: another implementation's numbers, invariances, masks, mistakes."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.contrastive import contrastive_loss, normalised
from tests.objectives.test_listwise import cases


def test_equals_info_nce(gradient):
    for case in cases("contrastive"):
        queries, documents = np.float32(case["queries"]), np.float32(case["documents"])
        temperature = case["temperature"]

        def loss(q, d, t=temperature):
            return contrastive_loss(q, d, temperature=t)

        found = to_numpy(loss(queries, documents))
        np.testing.assert_allclose(found, case["loss"], rtol=1e-5)
        for name, grads in (
            ("queries", gradient(lambda x, d=documents: ops.sum(loss(x, d)), queries)),
            (
                "documents",
                gradient(lambda x, q=queries: ops.sum(loss(q, x)), documents),
            ),
        ):
            np.testing.assert_allclose(
                grads, case[f"{name}_gradient"], rtol=1e-4, atol=1e-5, err_msg=name
            )


def vectors(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 4)).astype("float32")


def test_only_directions_count():
    queries, documents = vectors(3), vectors(5, 1)
    found = to_numpy(contrastive_loss(queries, documents))
    scaled = to_numpy(contrastive_loss(3 * queries, 0.2 * documents))
    np.testing.assert_allclose(scaled, found, rtol=1e-4)


def test_nearer_to_its_own_is_better():
    documents = vectors(4)
    good = to_numpy(contrastive_loss(documents[:2], documents))
    bad = to_numpy(contrastive_loss(documents[[1, 0]], documents))
    assert (good < bad).all()


def test_what_is_not_allowed_is_no_negative():
    queries, documents = vectors(2), vectors(4, 1)
    allowed = np.ones((2, 4), bool)
    allowed[:, 3] = False
    found = to_numpy(contrastive_loss(queries, documents, allowed))
    short = to_numpy(contrastive_loss(queries, documents[:3]))
    np.testing.assert_allclose(found, short, rtol=1e-5)
    # its own counts whatever `allowed` says
    own = np.zeros((2, 4), bool)
    assert (to_numpy(contrastive_loss(queries, documents, own)) == 0).all()


def test_a_vector_of_zeros_gives_no_nan(gradient):
    documents = vectors(3)
    found = gradient(
        lambda x: ops.sum(contrastive_loss(x, documents)), np.zeros((2, 4))
    )
    assert np.isfinite(found).all()
    assert (to_numpy(normalised(np.zeros((1, 4), "float32"))) == 0).all()


def test_mistakes_are_told():
    with pytest.raises(ConfigError, match="temperature must be > 0. Received: temp"):
        contrastive_loss(vectors(2), vectors(2), temperature=0.0)
    with pytest.raises(ValueError, match="Received: 2 documents, 3 queries"):
        contrastive_loss(vectors(3), vectors(2))
    with pytest.raises(ValueError, match="documents must have the shape"):
        contrastive_loss(vectors(2), vectors(2)[:, :3])
    with pytest.raises(ValueError, match="allowed must have the shape"):
        contrastive_loss(vectors(2), vectors(3), np.ones((2, 2), bool))
