"""No CoNLL file can hurt: it is read word for word, or refused in one line that names its line."""

import codecs

import pytest
from fuzzing import cases, check, judge, outcome
from hypothesis import strategies as st

from pipeline.conll import read_conll
from pipeline.sources import load_files

ODD = "\x01\x0b\x0c\x1c\x7f\x85\xa0\xad\u0301\u200b\u200d\u2028\u2029\u3000\ufeff\U0001f600\U000e0001"
CHARACTERS = st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n\r ")
WORDS = st.text(CHARACTERS, min_size=1, max_size=6).filter(lambda word: word.strip() and word != "-DOCSTART-")
TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "S-ORG", "E-ORG", "I-ÖRT"])
SENTENCES = st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=5), min_size=1, max_size=5)
COLUMNS = ["EU B-ORG", "wins O", "EU\tB-ORG", "EU\t\tO", "EU O ", "\tO", " EU O", "EU", "EU NNP O", "", " ", "# text"]
MARKERS = ["-DOCSTART-", "-DOCSTART- -X- O O", "-DOCSTART- O", "EU -DOCSTART- O", "-docstart- O", "-DOCSTART-O O"]
NO_TAGS = ["EU B-", "EU PER", "EU U-X", "EU o", "EU B-X\u2028Y"]
ODD_LINES = [
    "a\u2028b O",
    "a\x85b O",
    "a\x0cb O",
    "\0 O",
    "e\u0301 O",
    "\U0001f600 O",
    "\r",
    "EU O\rwins O",
    "\ufeffEU O",
]
LINES = st.sampled_from([*COLUMNS, *MARKERS, *NO_TAGS, *ODD_LINES, "\u200b O", "\xa0 O", "x\xa0y I-LOC"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift-jis"])


def read_in_ten_lines(data, column=0):
    """The words of each sentence, as any ten-line script reads them."""
    sentences = [[]]
    for line in data.removeprefix(codecs.BOM_UTF8).decode().split("\n"):
        columns = line.rstrip("\r").replace("\t", " ").split(" ")
        columns = [c for i, c in enumerate(columns) if c or i == 0]
        if columns == [""] or "-DOCSTART-" in (columns[0], dict(enumerate(columns)).get(column % len(columns))):
            sentences.append([])
        else:
            sentences[-1].append(columns[column])
    return [tuple(words) for words in sentences if words]


@st.composite
def spelled(draw, sentences):
    """A file that holds these sentences, and where it may spell them one way or another."""
    end, between = draw(st.sampled_from(["\n", "\r\n"])), draw(st.sampled_from([" ", "\t", "  ", " \t"]))
    middle = draw(st.sampled_from([[], ["NNP"], ["-DOCSTART-"], ["B-X", "\u200b"]]))
    break_ = st.sampled_from(["", " ", "\t", f"{end}-DOCSTART- -X- O O{end}", f"-DOCSTART-{end}"])
    text = draw(st.sampled_from(["", "\ufeff", "\ufeff-DOCSTART- O" + end]))
    for rows in sentences:
        text += "".join(
            between.join([word, *middle, tag]) + draw(st.sampled_from(["", " "])) + end for word, tag in rows
        )
        text += draw(break_) + end
    if draw(st.booleans()):
        text = text.rstrip("\n\r\t ")
    return text.encode()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train.txt"


@cases(60, 4000)
def test_every_word_of_a_valid_file_is_read_in_order(path, n):
    @check(n, SENTENCES.flatmap(lambda s: st.tuples(st.just(s), spelled(s))))
    def _(case):
        sentences, data = case
        path.write_bytes(data)
        blocks, message = outcome(read_conll, path)
        assert message is None, message
        expected = [tuple(word for word, _ in rows) for rows in sentences]
        assert [block.sentence.words for block in blocks] == expected == read_in_ten_lines(data)
        assert [block.sentence.tags for block in blocks] == [tuple(tag for _, tag in rows) for rows in sentences]
        lines = data.split(b"\n")
        for block in blocks:
            assert block.sentence.words[0].encode() in lines[block.line - 1]


@cases(60, 3000)
def test_bytes_are_read_word_for_word_or_refused(path, n):
    @check(
        n,
        st.binary(max_size=60)
        | st.lists(LINES, max_size=8).map(lambda lines: "\n".join(lines).encode())
        | st.tuples(st.lists(LINES | st.text(max_size=8), max_size=6), ENCODINGS).map(
            lambda case: "\n".join(case[0]).encode(case[1], errors="ignore")
        ),
        st.sampled_from([0, 1, -2, 5]),
    )
    def _(data, column):
        path.write_bytes(data)
        blocks, message = outcome(read_conll, path, word_column=column)
        if message:
            judge(message, str(path))
        else:
            assert [block.sentence.words for block in blocks] == read_in_ten_lines(data, column)


@cases(30, 1000)
def test_three_files_of_any_schemes_keep_words_and_get_iob2(tmp_path, n):
    names = ("train.txt", "dev.txt", "test.txt")

    @check(n, st.tuples(SENTENCES, SENTENCES, SENTENCES), st.sampled_from(["auto", "iob1", "iob2", "bioes"]))
    def _(splits, scheme):
        for name, rows in zip(names, splits, strict=True):
            text = "\n\n".join("\n".join(f"{word}\t{tag}" for word, tag in sentence) for sentence in rows)
            (tmp_path / name).write_text(text, encoding="utf-8", newline="\n")
        loaded, message = outcome(load_files, *(tmp_path / name for name in names), scheme=scheme)
        if message:
            assert scheme in ("iob1", "iob2")  # which have no E- and S-
            judge(message, str(tmp_path))
            return
        for rows, sentences in zip(splits, loaded.values(), strict=True):
            assert [s.words for s in sentences] == [tuple(word for word, _ in row) for row in rows]
            for row, sentence in zip(rows, sentences, strict=True):
                assert [tag[2:] for tag in sentence.tags] == [tag[2:] for _, tag in row]
                assert {tag[0] for tag in sentence.tags} <= set("OBI")


@pytest.mark.parametrize("words", [10_000, 100_000])
def test_a_sentence_without_end(path, words):
    path.write_text("".join(f"w{i} O\n" for i in range(words)))
    (blocks, message) = outcome(read_conll, path)
    assert message is None
    assert blocks[0].sentence.words == tuple(f"w{i}" for i in range(words))


def test_the_document_marker_in_another_column_is_a_value(path):
    path.write_text("EU -DOCSTART- B-ORG\nwins VBZ O\n")
    assert [block.sentence.words for block in read_conll(path)] == [("EU", "wins")]
