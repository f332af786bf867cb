"""The adaptive KL weight against verl, its direction and its limits."""

import pytest

from nutgraf.errors import ConfigError
from nutgraf.objectives.kl_controller import adaptive_kl_weight

GIVEN = {"target": 6.0, "horizon": 10_000, "steps": 500}


def test_literal():
    # error 10 %, 500 of 10,000: half a percent of it; beyond 20 % it is cut
    assert adaptive_kl_weight(0.2, 6.6, **GIVEN) == pytest.approx(0.2 * 1.005)
    assert adaptive_kl_weight(0.2, 60.0, **GIVEN) == pytest.approx(0.2 * 1.01)
    assert adaptive_kl_weight(0.2, 0.0, **GIVEN) == pytest.approx(0.2 * 0.99)
    assert adaptive_kl_weight(0.2, 6.0, **GIVEN) == 0.2


def test_equal_to_verl(frozen):
    for case in frozen("kl_controller"):
        given = case.inputs
        weight = given["weight"]
        for kl, expected in zip(
            given["kl"].tolist(), case.expected["weights"].tolist(), strict=True
        ):
            weight = adaptive_kl_weight(
                weight,
                kl,
                target=given["target"],
                horizon=given["horizon"],
                steps=given["steps"],
            )
            assert weight == pytest.approx(expected, rel=1e-5)


def test_it_reaches_the_target():
    # a policy whose KL is inversely proportional to the weight: 6 nats at 0.5
    weight = 0.1
    for _ in range(1000):
        weight = adaptive_kl_weight(weight, 3.0 / weight, **GIVEN)
    assert weight == pytest.approx(0.5, rel=1e-2)  # it creeps up to its target


@pytest.mark.parametrize(
    ("name", "value"),
    [("target", 0.0), ("horizon", 0.0), ("steps", -1), ("steps", 50_001)],
)
def test_numbers_are_in_range(name, value):
    with pytest.raises(ConfigError, match=rf"{name} must be .* Received: {name}="):
        adaptive_kl_weight(0.1, 6.0, **{**GIVEN, name: value})
    with pytest.raises(ConfigError, match="weight must be at least 0"):
        adaptive_kl_weight(-0.1, 6.0, **GIVEN)
