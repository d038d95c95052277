import pytest

from pipeline.errors import PipelineError
from pipeline.rows import Table, read_sentences

COLUMNS = {"words": "tokens", "tags": "ner_tags"}
NAMES = ["O", "B-PER", "I-PER"]


def table(*rows, names=None):
    return Table(((f"set, row {i}", row) for i, row in enumerate(rows)), {"ner_tags": names} if names else {})


def row(words, tags, **more):
    return {"tokens": words, "ner_tags": tags} | more


def read(*rows, names=None, columns=COLUMNS, label_names=None, scheme="auto"):
    return read_sentences(table(*rows, names=names), columns, label_names, scheme)


def complaint(*rows, **options):
    with pytest.raises(PipelineError) as caught:
        read(*rows, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what it reads ----------------------------------------------------------------------------------------------------


def test_tags_by_name():
    (sentence,) = read(row(["Ann", "ran"], ["B-PER", "O"]))
    assert (sentence.words, sentence.tags, sentence.gold) == (("Ann", "ran"), ("B-PER", "O"), None)


def test_integers_get_the_names_that_the_data_gives_them():
    assert read(row(["a", "b"], [2, 0]), names=NAMES)[0].tags == ("I-PER", "O")
    assert read(row(["a", "b"], [2, 0]), names=["I-X", "O", "B-X"])[0].tags == ("B-X", "I-X")


def test_integers_without_names_get_those_of_label_names():
    assert read(row(["a"], [1]), label_names=NAMES)[0].tags == ("B-PER",)


def test_label_names_replace_names_that_are_no_tags():
    assert read(row(["a"], [1]), names=["0", "person", "place"], label_names=["O", "I-PER", "I-LOC"])[0].tags == (
        "I-PER",
    )


def test_gold():
    columns = COLUMNS | {"gold": "clean"}
    (sentence,) = read(row(["a"], [1], clean=["O"]), names=NAMES, columns=columns)
    assert (sentence.tags, sentence.gold) == (("B-PER",), ("O",))


def test_documents_begin_where_the_column_changes():
    columns = COLUMNS | {"document": "title"}
    rows = [row(["a"], ["O"], title=title) for title in ("x", "x", "y", None, "x")]
    assert [s.document for s in read(*rows, columns=columns)] == [0, 0, 1, 2, 3]
    assert [s.document for s in read(*rows)] == [0] * 5


def test_rows_without_words_are_left_out():
    assert [s.words for s in read(row([], []), row(["a"], ["O"]), row([], []))] == [("a",)]


# --- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [None, "Ann", 3, {"a": 1}])
def test_what_is_no_list_of_words(words):
    assert complaint(row(words, ["O"])).startswith(f"set, row 0, tokens: expected a list of words, found {words!r}")


@pytest.mark.parametrize("word", ["", " ", "\xa0", "\u3000\t", None, 7, ["a"]])
def test_what_is_no_word(word):
    message = complaint(row(["a"], ["O"]), row(["a", word], ["O", "O"]))
    assert message.startswith(f"set, row 1, tokens: expected words, found {word!r}")


@pytest.mark.parametrize(("tags", "found"), [(["O"], "1"), (["O"] * 3, "3"), (None, "None"), ("OO", "'OO'")])
def test_one_tag_per_word(tags, found):
    message = complaint(row(["a", "b"], tags))
    assert message.startswith(f"set, row 0, ner_tags: expected a list of 2 tags, one per word, found {found};")


@pytest.mark.parametrize("tag", ["PER", "B_PER", "", None, 1.0, ["O"]])
def test_what_is_no_tag(tag):
    assert f"expected tags such as O or B-PER (scheme = 'auto'), found {tag!r}" in complaint(row(["a"], [tag]))


def test_tags_outside_the_named_scheme():
    assert "(scheme = 'iob2'), found 'S-PER'" in complaint(row(["a"], ["S-PER"]), scheme="iob2")


@pytest.mark.parametrize("tag", [3, -1, -100])
def test_integers_without_a_name(tag):
    assert f"found {tag}" in complaint(row(["a"], [tag]), names=NAMES)


def test_integers_that_nobody_names():
    message = complaint(row(["a"], [0]))
    assert message.startswith(
        "set, row 0, ner_tags: expected tags that have names, found the integer 0; set label_names"
    )


def test_label_names_never_rename_labels():
    """Data sets order their labels differently: names from elsewhere would exchange PER and LOC without a word."""
    message = complaint(row(["a"], [1]), names=NAMES, label_names=["O", "B-LOC", "I-LOC"])
    assert message.startswith("ner_tags: expected no label_names, since the data set itself names its labels: O, B-PER")


def test_gold_is_read_as_strictly():
    columns = COLUMNS | {"gold": "clean"}
    assert "set, row 0, clean: expected a list of 1 tags" in complaint(row(["a"], ["O"]), columns=columns)
