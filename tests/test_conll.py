import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.conll import attach_gold, read_conll
from pipeline.errors import PipelineError

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def write(tmp_path):
    def write(content, name="train.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def sentences(path, **options):
    return [block.sentence for block in read_conll(path, **options)]


def words(path, **options):
    return [sentence.words for sentence in sentences(path, **options)]


def complaint(path, **options):
    """The one line of the error, without the folder."""
    with pytest.raises(PipelineError) as caught:
        read_conll(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{path.parent}/")


# --- what it reads ----------------------------------------------------------------------------------------------------


def test_words_tags_and_lines(write):
    blocks = read_conll(write("EU B-ORG\nrejects O\n\n\nBonn B-LOC\n"))
    assert [block.line for block in blocks] == [1, 5]
    assert blocks[0].sentence.words == ("EU", "rejects")
    assert blocks[0].sentence.tags == ("B-ORG", "O")
    assert blocks[1].sentence.words == ("Bonn",)
    assert blocks[0].sentence.gold is None


@pytest.mark.parametrize(
    "content",
    [
        "EU B-ORG\nwins O\n\nBonn B-LOC",  # no line feed at the end
        "EU B-ORG\r\nwins O\r\n\r\nBonn B-LOC\r\n",
        "EU\tB-ORG\nwins\tO\n\nBonn\tB-LOC\n",
        "EU  B-ORG \nwins \t O\t\n \t \nBonn B-LOC\n\n\n",  # runs, trailing and lone white space
        "\ufeffEU B-ORG\nwins O\n\nBonn B-LOC\n",
        "\n\nEU B-ORG\nwins O\n-DOCSTART- O\nBonn B-LOC\n",  # a new document ends the sentence
    ],
)
def test_spellings_of_the_same_file(write, content):
    assert words(write(content)) == [("EU", "wins"), ("Bonn",)]


@pytest.mark.parametrize("separator", ["\xa0", "\u3000", "\u200b", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c"])
def test_unicode_spaces_and_line_separators_are_part_of_a_word(write, separator):
    word = f"a{separator}b"
    assert words(write(f"{word} O\nc O\n")) == [(word, "c")]


def test_a_word_that_looks_like_a_comment_is_a_word(write):
    assert words(write("# O\n#1 O\n")) == [("#", "#1")]


def test_invisible_words_are_words(write):
    assert words(write("\u200b O\n")) == [("\u200b",)]


@pytest.mark.parametrize("marker", ["-DOCSTART-", "-DOCSTART- O", "-DOCSTART- -X- -X- O", "-DOCSTART-\tO"])
def test_documents(write, marker):
    text = f"a O\n\n{marker}\n\nb O\n\nc O\n\n{marker}\n\n{marker}\n\nd O\n"
    assert [(s.words, s.document) for s in sentences(write(text))] == [
        (("a",), 0),
        (("b",), 1),
        (("c",), 1),
        (("d",), 2),
    ]


def test_first_document_is_zero(write):
    assert [s.document for s in sentences(write("-DOCSTART- O\n\na O\n\n-DOCSTART- O\n\nb O\n"))] == [0, 1]


def test_columns(write):
    path = write("1 EU NNP B-ORG O\n2 wins VBZ O B-ORG\n")
    (sentence,) = sentences(path, word_column=1, tag_column=-2, gold_column=4)
    assert sentence.words == ("EU", "wins")
    assert sentence.tags == ("B-ORG", "O")
    assert sentence.gold == ("O", "B-ORG")


def test_document_marker_in_the_word_column(write):
    path = write("1 -DOCSTART- O\n\n1 EU B-ORG\n")
    assert words(path, word_column=1) == [("EU",)]


def test_tags_stay_as_written(write):
    assert sentences(write("a I-PER\nb E-LOC\n"))[0].tags == ("I-PER", "E-LOC")


# --- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "\n\n", " \t\n", "\ufeff", "-DOCSTART- O\n\n"])
def test_no_sentences(write, content):
    assert complaint(write(content)) == (
        "train.txt: expected lines of a word and its tag, found none; name another file"
    )


def test_missing_file(tmp_path):
    assert "train.txt: expected a file to read, found: No such file" in complaint(tmp_path / "train.txt")
    assert "expected a file to read, found: Is a directory" in complaint(tmp_path)


@pytest.mark.parametrize(("line", "count"), [("b", 1), ("b x O", 3)])
def test_another_number_of_columns(write, line, count):
    message = complaint(write(f"\na O\n{line}\n"))
    assert message.startswith(f"train.txt:3: expected 2 columns as in line 2, found {count};")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (
            {"word_column": 2},
            "expected a column 2 (set by word_column), found 2 columns; set word_column between -2 and 1",
        ),
        ({"tag_column": -3}, "expected a column -3 (set by tag_column), found 2 columns"),
        ({"gold_column": 2}, "expected a column 2 (set by gold_column), found 2 columns"),
        ({"tag_column": 0}, "found the same one twice among 2 (word_column = 0, tag_column = 0)"),
        ({"gold_column": 1}, "expected a column each for word and tag and gold, found the same one twice"),
    ],
)
def test_columns_that_are_not_there(write, options, found):
    message = complaint(write("\na O\n"), **options)
    assert message.startswith("train.txt:2: ")
    assert found in message


def test_a_file_of_words_alone(write):
    assert "train.txt:1: expected a column each for word and tag" in complaint(write("EU\nwins\n"))


@pytest.mark.parametrize("tag", ["X-PER", "B_PER", "B-", "per", "0"])
def test_unknown_tags(write, tag):
    message = complaint(write(f"a O\n\nb {tag}\n"))
    assert message.startswith("train.txt:3: expected a tag such as O or B-PER")
    assert f"found {tag!r}" in message


@pytest.mark.parametrize("space", ["\xa0", "\u3000", "\u2028", "\x0c"])
def test_unicode_spaces_neither_blank_a_line_nor_end_a_column(write, space):
    assert "train.txt:2: expected 2 columns as in line 1, found 1" in complaint(write(f"a O\n{space}\nb O\n"))
    assert f"train.txt:1: expected a tag such as O or B-PER (scheme = 'auto'), found {'O' + space!r}" in complaint(
        write(f"a O{space}\n")
    )


def test_unknown_gold(write):
    assert "train.txt:1: expected a gold such as O or B-PER" in complaint(write("a O ?\n"), tag_column=1, gold_column=2)


def test_tags_outside_the_named_scheme(write):
    path = write("a B-PER\nb E-PER\n")
    assert len(read_conll(path, scheme="bioes")) == 1
    message = complaint(path, scheme="iob2")
    assert message.startswith("train.txt:2: ")
    assert "(scheme = 'iob2'), found 'E-PER'; name another scheme" in message


@pytest.mark.parametrize("line", [" O", "\tO", " EU B-ORG", "\xa0 O", "\u3000 O"])
def test_empty_words(write, line):
    message = complaint(write(f"{line}\n"), tag_column=1)
    assert message.startswith("train.txt:1: expected a word, found ")


def test_bytes_that_are_not_utf8(write):
    path = write(b"a O\n\nCaf" + "é O\n".encode("latin-1"))
    assert complaint(path) == "train.txt:3: expected UTF-8, found byte 0xe9; save the file as UTF-8"
    assert "train.txt:1: expected UTF-8, found byte 0xff" in complaint(write("a O\n".encode("utf-16")))


def test_nul(write):
    assert complaint(write("a O\nb\0 O\n")).startswith("train.txt:2: expected lines of text, found a NUL character")


@pytest.mark.parametrize("content", ["x O\nEU B-ORG\rwins O\r", "x O\na O\r\r\n", "x O\nb\ra O\n"])
def test_lone_carriage_returns(write, content):
    """The first would read as the one word EU with the tag O."""
    assert complaint(write(content)).startswith("train.txt:2: expected lines of text, found a carriage return")


# --- gold from a second file ------------------------------------------------------------------------------------------


def attached(write, text, gold_text):
    path, gold_path = write(text), write(gold_text, "gold.txt")
    return attach_gold(read_conll(path), read_conll(gold_path), path, gold_path)


def test_gold_of_a_second_file(write):
    # Blank lines and documents of the gold file do not matter, only its words and sentences.
    blocks = attached(write, "-DOCSTART- O\n\na O\nb B-X\n\n-DOCSTART- O\n\nc O\n", "a B-Y\nb O\n\n\n\nc O\n")
    assert [block.sentence.tags for block in blocks] == [("O", "B-X"), ("O",)]
    assert [block.sentence.gold for block in blocks] == [("B-Y", "O"), ("O",)]
    assert [block.sentence.document for block in blocks] == [0, 1]
    assert [block.line for block in blocks] == [3, 8]


@pytest.mark.parametrize(
    ("gold", "found"),
    [
        ("a O\nB O\n\nc O\n", "gold.txt:2: expected 'b' as in train.txt:2, found 'B'"),
        ("a O\n\nc O\n", "gold.txt:2: expected 'b' as in train.txt:2, found the end of the sentence"),
        ("a O\nb O\nx O\n\nc O\n", "gold.txt:3: expected the end of the sentence as in train.txt:3, found 'x'"),
        ("a O\nb O\nc O\n", "gold.txt:3: expected the end of the sentence as in train.txt:3, found 'c'"),
        ("a O\nb O\n", "gold.txt:3: expected 'c' as in train.txt:4, found the end of the file"),
        ("a O\nb O\n\nc O\n\nd O\n", "gold.txt:6: expected the end of the file as in train.txt:5, found 'd'"),
    ],
)
def test_the_first_difference_is_named(write, gold, found):
    with pytest.raises(PipelineError) as caught:
        attached(write, "a O\nb O\n\nc O\n", gold)
    message = re.sub(r"\S*/", "", str(caught.value))
    assert message == f"{found}; both files must hold the same words and sentences in the same order"


# --- properties -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("conll") / "file"


lines = st.lists(
    st.sampled_from([b"EU B-ORG", b"wins O", b"", b" ", b"-DOCSTART- O", b"x\xc2\xa0y\tI-LOC", b"\xe2\x80\xa8 O"])
)
nearly = lines.map(b"\n".join)


@given(st.one_of(st.binary(max_size=60), nearly, st.text(alphabet="aO BI-\t\r\n\x85\u2028\xa0").map(str.encode)))
@example(b"\xef\xbb\xbf")
@example(b"a O\r\r\n")
def test_any_bytes_give_sentences_or_a_pipeline_error(scratch, data):
    scratch.write_bytes(data)
    try:
        blocks = read_conll(scratch)
    except PipelineError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    # Otherwise every line is a word, unless nothing but white space or a document marker stands on it.
    rows = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n")
    expected = [row.split(b" ")[0].split(b"\t")[0] for row in rows if row.strip(b" \t") and b"-DOCSTART-" not in row]
    found = [word.encode() for block in blocks for word in block.sentence.words]
    assert found == expected
    for block in blocks:
        assert len(block.sentence.words) == len(block.sentence.tags)
        assert rows[block.line - 1].startswith(block.sentence.words[0].encode())


word = st.text(st.characters(exclude_characters="\0 \t\n\r", exclude_categories=["Cs"]), min_size=1, max_size=6).filter(
    lambda text: text.strip() and text != "-DOCSTART-" and not text.startswith("\ufeff")
)
tag = st.sampled_from(["O", "B-PER", "I-PER", "S-a-b"])


@given(st.lists(st.lists(st.tuples(word, tag), min_size=1, max_size=4), min_size=1, max_size=4))
def test_what_is_written_comes_back(scratch, content):
    scratch.write_bytes("\n".join("".join(f"{w} {t}\n" for w, t in sentence) for sentence in content).encode())
    assert [list(zip(s.words, s.tags, strict=True)) for s in sentences(scratch)] == content


# --- real files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "n_sentences", "n_words", "n_documents"),
    [("train", 14041, 203621, 946), ("valid", 3250, 51362, 216), ("test", 3453, 46435, 231)],
)
@pytest.mark.real
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_conllpp(name, n_sentences, n_words, n_documents):
    found = sentences(SHARED / "conllpp" / f"{name}.txt")
    assert len(found) == n_sentences
    assert sum(len(sentence.words) for sentence in found) == n_words
    assert found[-1].document + 1 == n_documents


@pytest.mark.parametrize("name", ["train", "valid"])
@pytest.mark.real
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_noisebench_gold_attaches(name):
    path, gold_path = (SHARED / "noisebench" / f"{kind}.{name}.txt" for kind in ("weak", "clean"))
    blocks = attach_gold(read_conll(path), read_conll(gold_path), path, gold_path)
    assert len(blocks) == {"train": 4879, "valid": 1006}[name]
    assert 0.02 < sum(b.sentence.tags != b.sentence.gold for b in blocks) / len(blocks) < 0.9
