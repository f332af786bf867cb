import pytest

from nutgraf.report.guard import findings
from nutgraf.report.parts import Mark
from nutgraf.rl.guard import Guard, GuardSettings, judged

# The reward rises; from update 30 on, texts say everything twice.
LOG = [
    {
        "step": step,
        "reward/mean": 0.1,
        "policy/kl_to_start": step / 1000,
        **(
            {
                "guard/reward": 0.2 + step / 1000,
                "guard/length_ratio": 0.9,
                "guard/repetition": 50.0 if step > 20 else 7.0,
                "guard/broken": 0.0,
            }
            if step == 1 or step % 10 == 0
            else {}
        ),
    }
    for step in range(1, 61)
]
WORDS = (
    "The guard warned at update 40: the reward rises (0.201 -> 0.231) while repetition "
    "is 39.2 (7 at the start, limit 17)."
)


def test_a_first_verdict_is_a_mark_and_a_sentence():
    assert findings(LOG, {"on": "warn", "every": 10, "of another version": 1}) == (
        [Mark(40, "guard: repetition")],
        [WORDS],
    )


def test_a_mark_names_the_first_of_several_reasons():
    both = [
        one | ({"guard/copied_share": one["guard/repetition"]} if judged(one) else {})
        for one in LOG
    ]
    (mark,) = findings(both, {"copied_share": 10}).marks
    assert mark == Mark(40, "guard: repetition and 1 more")


@pytest.mark.parametrize(
    ("on", "ending"),
    [("stop", "there."), ("return", "there, with the weights of update 20.")],
)
def test_how_the_run_ended(on, ending):
    found = findings(LOG[:40], {"on": on})
    assert found.sentences == [WORDS, f"The guard ended the run {ending}"]
    start = [{**one, "guard/reward": 0.2} for one in LOG[:20]] + LOG[20:40]
    if on == "return":
        assert (
            "with the weights of the start" in findings(start, {"on": on}).sentences[1]
        )


def test_nothing_found_is_said():
    calm = findings(LOG[:20], {})
    assert calm == ([], ["The guard looked 3 times and found nothing broken."])
    no_reward = [
        {"step": 1, "guard/repetition": 1.0},
        {"step": 9, "guard/repetition": 2},
    ]
    assert findings(no_reward, {}) == ([], [])
    assert findings([{"step": 1, "reward/mean": 0.1}], {}) == ([], [])


@pytest.mark.parametrize("settings", [None, 3, "warn", {"on": "no"}, {"kl": "high"}])
def test_odd_settings_find_nothing(settings):
    assert findings(LOG, settings) == ([], [])


def test_odd_records_are_passed_over():
    odd = [{"step": None, "guard/reward": 1}, {"guard/reward": 1}, 3]
    odd += [{"step": 2, "guard/reward": "text"}]
    assert findings([*odd, *LOG], {}).sentences == [WORDS]


def test_the_report_finds_what_the_run_found():
    guard, memory, told = Guard(GuardSettings()), {}, []
    for record in LOG:
        numbers = judged(record)
        if numbers:
            memory, verdict = guard.look(memory, record["step"], numbers)
            told += [verdict.words] if verdict.new else []
    assert [f"The guard warned at {words}." for words in told] == [WORDS]
