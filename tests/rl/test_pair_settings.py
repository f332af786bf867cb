import pytest

from nutgraf.errors import ConfigError
from nutgraf.rl.pair_settings import PairSettings


@pytest.mark.parametrize(
    "name", ["epochs", "prompts", "checkpoint_every", "learning_rate"]
)
def test_what_must_be_positive_is(name):
    with pytest.raises(ConfigError, match=f"{name}=0"):
        PairSettings(**{name: 0})


@pytest.mark.parametrize(
    "name", ["warmup", "weight_decay", "clip_norm", "evaluate_every", "patience"]
)
def test_nothing_is_negative(name):
    PairSettings(**{name: 0})
    with pytest.raises(ConfigError, match=f"{name}=-1"):
        PairSettings(**{name: -1})


def test_the_loop_reads_the_same_settings():
    given = PairSettings(
        prompts=3,
        learning_rate=1e-3,
        warmup=7,
        weight_decay=0.1,
        clip_norm=2.0,
        source_bounds=(32, 64),
        checkpoint_every=9,
        seed=5,
    )
    found = given.for_loop(40)
    assert found.updates == 40
    shared = set(vars(given)) & set(vars(found)) - {"epochs"}
    assert len(shared) == 8
    assert all(getattr(given, name) == getattr(found, name) for name in shared)
