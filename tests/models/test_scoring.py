import numpy as np
from keras import ops

from nutgraf.arrays import EOS
from nutgraf.backend import to_numpy
from nutgraf.models.scoring import LARGEST_CHUNK, chunks, of_actions


def test_chunks_hold_all_steps_in_order_and_not_too_many_scores():
    size = LARGEST_CHUNK // 1000
    found = chunks(3 * size + 5, 1000)
    assert len(found) == 4
    steps = np.concatenate([np.arange(3 * size + 5)[part] for part in found])
    np.testing.assert_array_equal(steps, np.arange(3 * size + 5))
    assert [len(range(10)[part]) for part in chunks(10, LARGEST_CHUNK * 2)] == [1] * 10


def test_log_probs_of_actions_and_their_mean_equal_a_log_softmax():
    random = np.random.default_rng(0)
    logits = random.normal(size=(6, 9)).astype("float32") * 5
    actions = random.integers(EOS, 9, 6).astype("int32")
    log_probs = logits - np.log(np.exp(logits.astype("float64")).sum(-1))[:, None]
    found = to_numpy(of_actions(ops.convert_to_tensor(logits), actions, mean=True))
    np.testing.assert_allclose(found[:, 0], log_probs[np.arange(6), actions], rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], log_probs[:, EOS:].mean(-1), rtol=1e-5)
    alone = of_actions(ops.convert_to_tensor(logits), actions, mean=False)
    assert tuple(alone.shape) == (6, 1)
