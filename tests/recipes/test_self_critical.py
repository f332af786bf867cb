from nutgraf.recipes.self_critical import SelfCritical
from nutgraf.testing.toys import toy_policy
from tests.recipes.test_grpo import SETTINGS, echo, gain


def test_learns_to_echo_the_source(tokenizer, rows):
    assert gain(SelfCritical(toy_policy(tokenizer), echo, SETTINGS), rows) > 0.15
