import pytest

from nutgraf.arrays import Processors
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.recipes import write
from nutgraf.recipes.write import Writer
from nutgraf.testing.toys import toy_rows


def test_counts_what_it_cuts_and_keeps_the_order(policy):
    writer = Writer(policy, beams=1, length=8, rows=2)
    long, short = toy_rows(2, length=60)[0], toy_rows(2, seed=1)[1]
    both = writer([long, short])
    assert (writer.cut, writer.longest) == (1, 48)
    pieces = len(policy.codec.tokenizer.encode(long.document))
    assert writer.unread == pieces - 48
    assert writer([short, long]) == both[::-1]
    assert writer.cut == 2
    read = policy.codec.tokenizer.encode(long.document)[:48]
    whole = Row("whole", policy.codec.tokenizer.decode(read))
    assert writer([whole, short]) == both  # what follows was not read
    assert writer.cut == 2


def test_the_settings_reach_the_search(policy, monkeypatch):
    calls = []
    monkeypatch.setattr(
        write, "Generator", lambda *given, **named: calls.append((given, named))
    )
    Writer(policy, 2, 8, min_length=6, no_repeat_ngram=1, rows=3, length_penalty=2.0)
    Writer(policy)
    assert calls == [
        (
            (policy, 2, 3, 8, 2.0),
            {"processors": Processors(min_length=6, no_repeat_ngram=1)},
        ),
        ((policy, 4, 16, None, 1.0), {"processors": Processors(no_repeat_ngram=3)}),
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beams": 0}, "beams must be >= 1"),
        ({"length_penalty": -0.5}, "length_penalty >= 0"),
        ({"length": 13}, "length must be at most 12.*Received: length=13"),
        ({"min_length": 12}, "min_length must be below the length limit of 12"),
        ({"length": 5, "min_length": 5}, "below the length limit of 5"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram must be an integer >= 0"),
    ],
)
def test_settings_out_of_range(policy, settings, message):
    with pytest.raises(ConfigError, match=message):
        Writer(policy, **settings)
