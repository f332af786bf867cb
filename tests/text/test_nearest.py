from nutgraf.text.nearest import nearest


def test_a_near_name_is_suggested():
    assert nearest("rogue1", ("length", "rouge1")) == "Did you mean `rouge1`?"


def test_else_all_names_are_listed():
    assert nearest("zzz", iter(["b", "a"])) == "Known are: b, a."
