from nutgraf.data.questions import ask
from nutgraf.data.rows import Row
from nutgraf.tasks.answer import ANSWER
from nutgraf.tasks.extract import EXTRACT


def test_rows_and_scores_are_those_of_answers():
    rows = [
        Row("1", ask("谁？", "老猫住在这里。"), ("老猫",)),
        Row("2", ask("什么？", "没有。"), ("",)),
    ]
    for texts, exact in ((["老猫", ""], [100, 100]), (["猫", "没有"], [0, 0])):
        mine, theirs = (task.score(rows, texts, "cjk") for task in (EXTRACT, ANSWER))
        assert mine.signature == theirs.signature
        found = mine.statistics["exact_match"].values
        assert found.tolist() == exact
    assert EXTRACT.fields == ANSWER.fields and EXTRACT.reward == ("token_f1=1",)
