"""What a config says becomes the same reward as in Python; every mistake is told."""

import dataclasses
import json
import pickle

import pytest

from nutgraf.cli.config import load_settings
from nutgraf.cli.values import to_toml
from nutgraf.errors import ConfigError, RunError
from nutgraf.recipes.run_card import plain
from nutgraf.recipes.settings import ImproveSettings
from nutgraf.rewards.adjusted import Clipped, Normalized, Threshold
from nutgraf.rewards.annealed import Annealed
from nutgraf.rewards.base import score_completions
from nutgraf.rewards.copying import CopiedSharePenalty
from nutgraf.rewards.ending import MissingEndPenalty
from nutgraf.rewards.function import function_reward
from nutgraf.rewards.language import LanguageReward
from nutgraf.rewards.length import LengthBandPenalty, LengthRatioPenalty
from nutgraf.rewards.nesting import whole_call
from nutgraf.rewards.parse import COMPOSED, parse_parts, parts_used
from nutgraf.rewards.product import Product
from nutgraf.rewards.registry import PARTS, class_of
from nutgraf.rewards.repetition import RepetitionPenalty
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rewards.translation import ChrfReward
from nutgraf.rewards.weighted import WeightedSum

ROUGE1 = RougeReward(1, 0, 0)
NESTED = (
    "product(rouge1, threshold(chrf, at=0.3), clipped(length(low=0.9, high=2), "
    "low=-0.5, high=0))=1",
    "annealed(sum(repetition=0.5, ending), start=1, end=0.2, updates=50)=0.5",
    "normalized(rouge1)=0",
    "copied(n=4)=0.1",
)


@pytest.fixture
def own(tmp_path):
    """Return how a function of a file is named, in a folder of an awkward name."""
    path = tmp_path / "my=reward, (1).py"
    path.write_text(
        "def score(completions): return [len(t) for t in completions]\n"
        "def minus(completions): return [-len(t) / 10 for t in completions]\n"
    )
    return path


def test_parts_with_weights_and_options():
    found = parse_parts(
        [
            "rouge1=1.0",
            " length ( low=0.9, high = 2 ) = 0.2",
            "copied(by=longest,free=0.5)=1e-1",
            "repetition(sizes=(2, 3))",
            "band(low=2, high=9)=0",
        ]
    )
    assert found == WeightedSum(
        {
            "rouge1": (ROUGE1, 1.0),
            "length": (LengthRatioPenalty(0.9, 2), 0.2),
            "copied": (CopiedSharePenalty(by="longest", free=0.5), 0.1),
            "repetition": (RepetitionPenalty((2, 3)), 1.0),
            "band": (LengthBandPenalty(2, 9), 0.0),
        }
    )


def test_a_recall_can_be_asked_for():
    reward = parse_parts(["rouge1(measure=recall)=2"])
    assert reward([""], ["a b c d"], [["a b"]]) == [2.0]


@pytest.mark.parametrize(
    ("text", "reward"),
    [
        (
            "sum(rouge1=1, ending=0.5)",
            WeightedSum({"rouge1": (ROUGE1, 1), "ending": (MissingEndPenalty(), 0.5)}),
        ),
        (
            "product(rouge1, ending, chrf)",
            Product(
                {"rouge1": ROUGE1, "chrf": ChrfReward()},
                {"ending": MissingEndPenalty()},
            ),
        ),
        ("threshold(rouge1, at=0.3)", Threshold(ROUGE1, 0.3)),
        ("threshold(rouge1)", Threshold(ROUGE1)),
        ("threshold(at=0.3, rouge1)", Threshold(ROUGE1, 0.3)),
        ("clipped(rouge1, low=0, high=0.5)", Clipped(ROUGE1, 0, 0.5)),
        ("clipped(ending, low=-0.5)", Clipped(MissingEndPenalty(), -0.5)),
        ("normalized(rouge1, least=0.1)", Normalized(ROUGE1, 0.1)),
        (
            "annealed(rouge1, start=2, end=1, updates=7)",
            Annealed(ROUGE1, 2, 1, updates=7),
        ),
        ("clipped(threshold(rouge1), high=0.2)", Clipped(Threshold(ROUGE1), high=0.2)),
    ],
)
def test_a_composition_is_the_python_object(text, reward):
    ((found, weight),) = parse_parts([f"{text}=0.5"]).parts.values()
    assert (found, weight) == (reward, 0.5)


def test_nested_compositions_are_the_python_objects():
    length = LengthRatioPenalty(0.9, 2)
    product = Product(
        {"rouge1": ROUGE1, "threshold_chrf": Threshold(ChrfReward(), 0.3)},
        {"clipped_length": Clipped(length, -0.5, 0)},
    )
    both = WeightedSum(
        {"repetition": (RepetitionPenalty(), 0.5), "ending": (MissingEndPenalty(), 1.0)}
    )
    reward = parse_parts(NESTED)
    assert reward == WeightedSum(
        {
            "product_rouge1_threshold_chrf_clipped_length": (product, 1.0),
            "annealed_sum_repetition_ending": (Annealed(both, 1, 0.2, 50), 0.5),
            "normalized_rouge1": (Normalized(ROUGE1), 0.0),
            "copied": (CopiedSharePenalty(n=4), 0.1),
        }
    )
    assert pickle.loads(pickle.dumps(reward)) == reward and whole_call(reward)


def test_parts_inside_stay_visible_and_move_with_the_updates():
    reward = parse_parts(
        ["annealed(product(rouge1, ending), start=0, end=1, updates=10)"]
    )
    (value,), parts = score_completions(reward, [""], ["a b"], [["a b."]], update=5)
    assert value == 0.0 and {name: found[0] for name, found in parts.items()} == {
        "annealed_product_rouge1_ending": 0.0,
        "annealed_product_rouge1_ending/rouge1": 1.0,
        "annealed_product_rouge1_ending/ending": -1.0,
    }
    (value,), _ = score_completions(reward, [""], ["a b."], [["a b."]], update=5)
    assert value == 0.5


@pytest.mark.parametrize("name", COMPOSED)
def test_the_entry_says_what_the_class_has(name):
    one = COMPOSED[name]
    fields = [field.name for field in dataclasses.fields(class_of(one.where))]
    inner = ("reward", "update", "parts", "qualities", "penalties")
    assert one.options == tuple(field for field in fields if field not in inner)
    (reward,) = parse_parts([one.example]).parts.values()
    assert type(reward[0]) is class_of(one.where)


def test_words_reach_the_parts_that_count_them():
    parts = parse_parts(["rougeLsum", "chrf", "language(language=zh)"], "cjk").parts
    assert parts["rougeLsum"][0] == RougeReward(0, 0, 0, "cjk", rougeLsum=1)
    assert parts["language"][0] == LanguageReward("zh")
    ((clipped, _),) = parse_parts(["clipped(sum(rouge1))"], "cjk").parts.values()
    assert clipped.reward.parts["rouge1"][0].words == "cjk"


def test_a_function_of_a_file_is_a_part(own):
    reward = parse_parts(["ending=1", f"{own}:score=0.5"])
    assert reward([""], ["a."], [[]]) == [1.0]
    assert reward.components([""], ["a."], [[]]) == {"ending": [0.0], "score": [2.0]}


def test_a_function_of_a_file_can_be_inside(own):
    reward = parse_parts([f"clipped('{own}:score', high=3)=2"])
    assert reward.parts == {
        "clipped_score": (Clipped(function_reward(f"{own}:score"), high=3), 2.0)
    }
    assert reward([""] * 2, ["a.", "abcd"], [[]] * 2) == [4.0, 6.0]


def test_a_product_takes_a_function_by_the_range_that_it_is_clipped_to(own):
    text = f"product(rouge1, clipped('{own}:minus', low=-1, high=0))"
    reward = parse_parts([text])
    assert reward([""], ["a b c"], [["a b c"]]) == [0.5]
    with pytest.raises(ConfigError, match=r"score in .*\[-inf, inf\]\. Clip it"):
        parse_parts([f"product(rouge1, '{own}:score')"])


@pytest.mark.parametrize(
    ("text", "penalties"),
    [
        ("product(rouge1, length)", ["length"]),
        ("product(rouge1, threshold(length, at=-0.5))", []),
        ("product(rouge1, clipped(copied))", ["clipped_copied"]),
        ("product(clipped(rouge1), chrf)", []),
        ("product(rouge1, annealed(length, start=1, end=0))", ["annealed_length"]),
        ("product(rouge1, annealed(chrf, start=3, end=2))", []),
        ("product(rouge1, sum(length=0.5, ending=0.5))", ["sum_length_ending"]),
        ("product(rouge1, product(chrf, ending))", []),
        ("product(rouge1, clipped(normalized(chrf), low=0))", []),
        (
            "product(rouge1, sum(normalized(chrf)=0, length))",
            ["sum_normalized_chrf_length"],
        ),
    ],
)
def test_a_product_knows_penalties_by_their_range(text, penalties):
    ((reward, _),) = parse_parts([text]).parts.values()
    assert sorted(reward.penalties) == penalties


@pytest.mark.parametrize(
    ("inner", "limits"),
    [
        ("normalized(rouge1)", "[-inf, inf]"),
        ("sum(rouge1=1, length=0.2)", "[-0.2, 1]"),
        ("annealed(length, end=2)", "[-2, 0]"),
        ("sum(length, ending)", "[-2, 0]"),
        ("annealed(sum(rouge1, length=2), start=0, end=3)", "[-6, 3]"),
    ],
)
def test_a_product_refuses_what_may_have_either_sign(inner, limits):
    with pytest.raises(ConfigError) as error:
        parse_parts([f"product(chrf, {inner})"])
    assert f"whose values are in {limits}. Clip it" in str(error.value)
    (made,) = parse_parts([f"product(chrf, clipped({inner}, low=0, high=1))"]).parts
    assert made.startswith("product_chrf_clipped")


def test_a_product_in_python_says_what_a_config_would_do():
    product = Product({"length": LengthBandPenalty(2, 3)})
    with pytest.raises(RunError, match="Clip it, or list it among the penalties"):
        product([""], ["a"], [[]])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["rogue1=1"], "Received: 'rogue1'. Did you mean `rouge1`"),
        (["x=1"], "Received: 'x'. Known are: rouge1, rouge2, .*, annealed"),
        (["clip(rouge1)=1"], "Received: 'clip'. Did you mean `clipped`"),
        (["normalised(rouge1)=1"], "Received: 'normalised'. Did you mean `normalized`"),
        (["clipped(rogue1)=1"], "Received: 'rogue1'. Did you mean `rouge1`"),
        (["length=-0.5"], "'length=-0.5'. Penalties are negative already"),
        (["rouge1=1", "rouge1=2"], "named once. Received: 'rouge1' twice"),
        (["clipped(rouge1)", "clipped(rouge1, low=0)"], "'clipped_rouge1' twice"),
        (["sum(rouge1, rouge1=2)"], "'rouge1' twice, in .'rouge1', 'rouge1=2'."),
        (["product(rouge1, rouge1)"], "'rouge1' twice"),
        (["rouge1=0"], "one of them > 0"),
        ([], "one of them > 0. Received: {}"),
        (["sum()"], "one of them > 0. Received: {}"),
        (["length(hgih=2)=1"], "'hgih'. Did you mean `high`"),
        (["length(0.9)=1"], r"name=value, with commas between.*length\(0.9\)"),
        (["clipped(rouge1, hgih=2)=1"], "of Clipped.*'hgih'. Did you mean `high`"),
        (["annealed(rouge1, update=2)=1"], "of Annealed.*'update'.*`updates`"),
        (["clipped(rouge1, low=much)=1"], "types of its fields. Received: {'low': 'mu"),
        (["clipped(rouge1, low=2)=1"], "low must not be above high"),
        (["threshold(rouge1, at=1e999)=1"], "at must be a finite number"),
        (["annealed(rouge1, updates=0)=1"], "updates at least 1. Received"),
        (["normalized(rouge1, least=0)=1"], "least must be > 0"),
        (["clipped=1"], "clipped must be given one reward, .*Received: none, in 'clip"),
        (["clipped(low=0)=1"], "Received: none, in 'clipped.low=0.'. For example"),
        (["clipped(rouge1, chrf)=1"], "Received: rouge1 and chrf, in 'clipped"),
        (["threshold(chrf, 0.3)=1"], "as name=value. Received: '0.3' in 'thr.*at=0.7"),
        (
            ["product(rouge1=2, chrf)"],
            "without options or weights. Received: rouge1, in",
        ),
        (
            ["product(length(low=1)=2)"],
            r"without weights.*Received: 'length\(low=1\)=2' in",
        ),
        (["product()"], "at least one quality"),
        (["product(length)"], "at least one quality.*penalties .'length'"),
        (["clipped((rouge1)=1"], "must be closed. Received"),
        (["sum(rouge1=x)"], "weight of a reward must be .*'rouge1=x'"),
    ],
)
def test_mistakes_are_named(parts, message):
    with pytest.raises(ConfigError, match=message):
        parse_parts(parts)


def test_parts_for_english_alone_are_refused_for_others():
    with pytest.raises(ConfigError, match="'readability' must have English texts"):
        parse_parts(["clipped(readability)=1"], "cjk")


def test_the_names_that_are_used_are_found_at_any_depth(own):
    assert parts_used([*NESTED, f"{own}:score=1", f"clipped('{own}:score')"]) == (
        *("rouge1", "chrf", "length", "repetition", "ending", "rouge1", "copied"),
    )
    assert parts_used(PARTS) == tuple(PARTS)


def test_a_config_file_and_a_run_card_keep_what_was_written(tmp_path):
    file = tmp_path / "rl.toml"
    file.write_text(f"[reward]\nparts = {to_toml(NESTED)}\n")
    named = {"prog": "nutgraf rl", "description": "..."}
    from_file = load_settings(ImproveSettings, [str(file)], **named)
    typed = load_settings(ImproveSettings, ["--reward.parts", *NESTED], **named)
    assert from_file.reward.parts == typed.reward.parts == NESTED
    joined = load_settings(
        ImproveSettings, [f"--reward.parts={','.join(NESTED)}"], **named
    )
    assert joined.reward.parts == NESTED
    card = json.loads(json.dumps(plain(from_file)))
    assert parse_parts(card["reward"]["parts"]) == parse_parts(NESTED)
