import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, RunError
from nutgraf.rewards.adjusted import Clipped
from nutgraf.rewards.annealed import Annealed
from nutgraf.rewards.length import LengthBandPenalty
from nutgraf.rewards.parse import parse_parts
from nutgraf.rewards.pool import PooledReward
from nutgraf.rewards.product import Product
from nutgraf.rewards.repetition import RepetitionPenalty
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rewards.translation import ChrfReward
from nutgraf.rl.guard import METRICS, GuardSettings, judged
from nutgraf.rl.watch import Watch, optimised, unoptimised, watched_rows

ROWS = [
    Row("1", "the cat sat on the mat today", ("the cat sat",)),
    Row("2", "rain fell all night long", ("rain fell",)),
]


def recall(prompts, completions, references, rows=None):
    return [float(len(text.split())) for text in completions]


def watch_of(texts, rows=ROWS, **options):
    return Watch(rows, lambda rows, weights: list(texts), **options)


def test_the_numbers_of_texts():
    texts = ["the cat sat on the mat", "snow snow snow snow"]
    found = watch_of(texts, reward=recall).numbers([])
    assert found.pop("time/guard") >= 0
    assert found == pytest.approx(
        {
            "guard/rouge1": 100 * (6 / 9 + 0) / 2,  # 3 of 6 and of 3 words
            "guard/rouge1_precision": 100 * (3 / 6) / 2,
            "guard/rouge1_recall": 100 * (3 / 3) / 2,
            "guard/rouge2": 100 * (4 / 7) / 2,  # 2 of 5 and of 2 pairs
            "guard/rougeL": 100 * (6 / 9) / 2,
            "guard/chrf": found["guard/chrf"],
            "guard/length_ratio": (6 + 4) / (3 + 2),
            "guard/repetition": 100 * (0 + 2 / 3) / 2,
            "guard/copied_share": 100 * (1 + 0) / 2,
            "guard/reward": 5.0,
        }
    )
    assert 0 < found["guard/chrf"] < 100


def test_rows_without_references_have_words_and_what_needs_none():
    rows = [row._replace(references=()) for row in ROWS]
    settings = GuardSettings(metrics=("rouge1", "coverage"))
    found = watch_of(["a b c", ""], rows, settings=settings).numbers([])
    assert set(judged(found)) == {"words", "coverage", "repetition", "copied_share"}
    assert found["guard/words"] == 1.5
    mixed = [ROWS[0], rows[1]]
    found = watch_of(["the cat", "a b c d e f"], mixed, reward=RougeReward()).numbers(
        []
    )
    assert found["guard/length_ratio"] == pytest.approx(2 / 3)
    # of the first row alone: R-1 2 of 2 and 3, R-2 1 of 1 and 2, R-L as R-1
    assert found["guard/reward"] == pytest.approx((4 / 5 + 2 / 3 + 4 / 5) / 3)


def test_chinese_is_counted_by_characters():
    rows = [Row("1", "今天天气很好", ("天气好",))]
    settings = GuardSettings(metrics=("rouge1",))
    found = watch_of(["天气好好"], rows, settings=settings, words="cjk").numbers([])
    assert found["guard/length_ratio"] == pytest.approx(4 / 3)
    assert found["guard/rouge1"] == pytest.approx(100 * 6 / 7)


def test_a_reward_that_changes_is_taken_in_one_form():
    reward = Annealed(LengthBandPenalty(4, 9), start=0.0, end=1.0, updates=10)
    for update, value in ((0, 0.0), (5, -0.5), (10, -1.0)):
        found = watch_of(["", ""], reward=reward, at_update=update).numbers([])
        assert found["guard/reward"] == value


def test_a_reward_that_raises_stops_or_is_left_out():
    def strict(prompts, completions, references, rows=None):
        return [1 / len(text) for text in completions]

    texts = ["", "ab"]
    with pytest.raises(RunError, match="row '1'"):
        watch_of(texts, reward=strict).numbers([])
    found = watch_of(texts, reward=strict, on_error="skip").numbers([])
    assert found["guard/reward"] == 0.5


PAYS = [
    (RougeReward(), {"rouge1", "rouge2", "rougeL"}),
    (RougeReward(1, 0, 0, measure="precision"), {"rouge1_precision"}),
    (parse_parts(["rouge1", "chrf=0", "repetition=0.5"]), {"rouge1", "repetition"}),
    (Product({"a": ChrfReward()}, {"b": RepetitionPenalty()}), {"chrf", "repetition"}),
    (Clipped(Annealed(ChrfReward())), {"chrf"}),
    (PooledReward(RougeReward(0, 1, 0), 1), {"rouge2"}),
    (recall, set()),
]


@pytest.mark.parametrize(("reward", "names"), PAYS)
def test_what_a_reward_pays_for(reward, names):
    assert optimised(reward) == names


def test_metrics_in_the_reward_are_left_out():
    chosen = METRICS
    left = unoptimised(chosen, reward=RougeReward())
    assert list(left) == ["rouge1_precision", "rouge1_recall", "chrf"]
    left = unoptimised(chosen, reward=RougeReward(1, 0, 0, measure="recall"))
    assert list(left) == ["rouge1", "rouge1_precision", "rouge2", "rougeL", "chrf"]
    assert left["rouge1_precision"].measure == "precision"
    assert list(unoptimised(chosen)) == list(chosen)
    assert list(unoptimised(["faithfulness", "bleu"])) == ["faithfulness", "bleu"]
    with pytest.raises(ConfigError, match="'rouge9'"):
        unoptimised(["rouge9"])


def test_a_verdict_is_told_once():
    told = []
    watch = watch_of(["a", "b"], settings=GuardSettings(on="stop"), tell=told.append)
    for update in range(0, 50, 10):
        numbers = {"reward": float(update), "kl": update / 10}
        verdict = watch.judge(update, numbers)
    assert [one.update for one in told] == [30]  # averages 0.5, 1.25, 2.1
    assert verdict.reasons and not verdict.new
    assert watch.memory["ended"] == 40
    assert watch.memory["stamp"] == watch.stamp


def test_the_stamp_knows_rows_and_metrics():
    stamp = watch_of(["a", "b"]).stamp
    assert stamp == watch_of(["c", "d"], reward=recall).stamp
    assert stamp != watch_of(["a"], ROWS[:1]).stamp
    assert stamp != watch_of(["a", "b"], reward=RougeReward()).stamp


def test_rows_are_chosen_at_equal_distances():
    assert watched_rows(ROWS, 9) == ROWS
    many = [Row(str(number), "") for number in range(1000)]
    assert [row.id for row in watched_rows(many, 4)] == ["0", "250", "500", "750"]
    with pytest.raises(ConfigError, match="must have rows to watch"):
        Watch([], lambda rows, weights: [])
