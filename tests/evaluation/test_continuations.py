import pytest

from nutgraf.arrays import Processors
from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError, ModelError
from nutgraf.evaluation.continuations import continuations
from nutgraf.evaluation.surprise import text_surprise
from nutgraf.testing.toys import WORDS, toy_policy


def made(tokenizer, **changes):
    return toy_policy(
        tokenizer,
        architecture="decoder-only",
        separator=False,
        max_source=12,
        max_target=8,
        **changes,
    )


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def language(request, tokenizer):
    return made(tokenizer, block=request.param)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def words(request, tokenizer):
    """A model that writes whole words, which are cut into the same tokens again."""
    policy = made(tokenizer, block=request.param, tied=False)
    table = policy.model.output_embedding.embeddings
    values = to_numpy(table.value).copy()
    pieces = [tokenizer.encode(f" {word}") for word in WORDS]
    values[[ids[0] for ids in pieces if len(ids) == 1]] *= 12
    table.assign(values)
    return policy


def test_the_same_seed_gives_the_same_texts(language):
    one, two, other = (
        continuations(language, "the red", 3, seed=seed)[0] for seed in (1, 1, 2)
    )
    assert one == two != other
    assert len({each.text for each in one}) > 1


def test_texts_have_the_nats_that_the_scores_say(words):
    for seed in range(3):
        (found,), _ = continuations(words, "the red", length=4, seed=seed)
        scored = text_surprise(words, found.text, "the red", found.ended)
        assert len(scored.tokens) == 4
        assert found.nats == pytest.approx(scored.nats, rel=1e-4, abs=1e-4)


def test_the_likeliest_is_what_the_scores_say(words):
    (found,), _ = continuations(words, "the red house", length=4, greedy=True)
    scored = text_surprise(words, found.text, "the red house", found.ended, top=1)
    for token in scored.tokens:
        assert token.token == token.likeliest[0][0]
    cold = Processors(temperature=1e-4)
    (drawn,), _ = continuations(words, "the red house", 1, 4, cold)
    assert drawn.text == found.text


def test_a_prompt_longer_than_the_context_keeps_its_end(language):
    prompt = "the red house " * 12 + "reads old"
    found, unread = continuations(language, prompt, length=8, greedy=True)
    ids = language.codec.tokenizer.encode(prompt)
    assert unread == len(ids) - 12
    kept = language.codec.tokenizer.decode(ids[-12:])
    assert continuations(language, kept, length=8, greedy=True) == (found, 0)


def test_an_empty_prompt_begins_a_text(language):
    assert len(continuations(language, "", 2, 3)[0]) == 2


def test_what_cannot_go_on_is_told(policy, language):
    with pytest.raises(ModelError, match="takes a language model"):
        continuations(policy, "the red")
    with pytest.raises(ConfigError, match="length must be below 20.*length=20"):
        continuations(language, "the red", length=20)
