from nutgraf.data.rows import Row
from nutgraf.data.splits import split_by_module, split_of


def test_splits_never_change():
    # Worked out once; another machine or Python must give the same.
    assert split_of("json.decoder") == "train"
    assert split_of("re") == "valid"
    assert split_of("keras.layers") == "test"


def test_shares_are_80_5_15():
    splits = [split_of(f"package.module{number}") for number in range(20_000)]
    shares = [splits.count(name) / len(splits) for name in ("train", "valid", "test")]
    for share, expected in zip(shares, (0.80, 0.05, 0.15), strict=True):
        assert abs(share - expected) < 0.01  # about four standard errors


def test_a_module_is_in_one_split_and_the_order_is_kept():
    rows = [Row(f"m{n // 3}:name{n}", "text") for n in range(300)]
    parts = split_by_module(rows)
    modules = [{row.id.partition(":")[0] for row in part} for part in parts.values()]
    assert not modules[0] & modules[1] | modules[0] & modules[2]
    assert not modules[1] & modules[2]
    assert sum(map(len, parts.values())) == 300
    for part in parts.values():
        numbers = [int(row.id.partition("name")[2]) for row in part]
        assert numbers == sorted(numbers)
