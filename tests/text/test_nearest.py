from nutgraf.text.nearest import nearest


def test_a_near_name_is_suggested():
    assert nearest("lenght", ("rouge1", "length")) == "Did you mean `length`?"


def test_else_all_names_are_listed():
    assert nearest("zzz", iter(["b", "a"])) == "Known are: b, a."
