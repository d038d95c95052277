import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus import Corpus, Sentence, label_set
from pipeline.errors import PipelineError

LABELS = ("O", "B-LOC", "I-LOC")
SENTENCES = [
    Sentence(("Rome", "fell"), ("B-LOC", "O"), ("O", "O")),
    Sentence(("New", "York", "rose"), ("B-LOC", "I-LOC", "O"), ("B-LOC", "I-LOC", "O"), 1),
    Sentence(("Yes",), ("O",), ("I-LOC",), 1),
]

names = st.sampled_from(LABELS)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@st.composite
def sentences(draw):
    length = draw(st.integers(1, 5))
    columns = [draw(st.lists(of, min_size=length, max_size=length).map(tuple)) for of in (words, names, names)]
    gold = draw(st.sampled_from([None, columns[2]]))
    return Sentence(columns[0], columns[1], gold, draw(st.integers(0, 9)))


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_arrays_are_flat_over_words():
    corpus = Corpus(LABELS, SENTENCES)
    assert corpus.lengths.tolist() == [2, 3, 1]
    assert corpus.tags.tolist() == [1, 0, 1, 2, 0, 0]
    assert corpus.gold.tolist() == [0, 0, 1, 2, 0, 2]
    assert corpus.lengths.dtype == corpus.tags.dtype == corpus.gold.dtype == np.int64


def test_gold_is_known_only_if_every_sentence_has_it():
    without = Sentence(("a",), ("O",))
    assert Corpus(LABELS, [*SENTENCES, without]).gold is None
    assert Corpus(LABELS, [without]).gold is None


def test_no_sentences():
    corpus = Corpus(LABELS, [])
    assert corpus.lengths.shape == corpus.tags.shape == (0,)
    assert list(corpus.with_tags(corpus.tags).sentences) == []


@given(st.lists(sentences(), min_size=1, max_size=4), st.data())
def test_with_tags_changes_nothing_but_tags(content, data):
    corpus = Corpus(LABELS, content)
    n_words = int(corpus.lengths.sum())
    tags = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n_words, max_size=n_words)), dtype=np.int64)
    changed = corpus.with_tags(tags)
    assert changed.tags.tolist() == tags.tolist()
    assert changed.words_sha256 == corpus.words_sha256
    assert [(s.words, s.gold, s.document) for s in changed.sentences] == [
        (s.words, s.gold, s.document) for s in content
    ]
    assert all(type(tag) is str for s in changed.sentences for tag in s.tags)
    assert list(corpus.with_tags(corpus.tags).sentences) == content


# --- the hash of the words --------------------------------------------------------------------------------------------


def digest(*sentences):
    return Corpus(LABELS, [Sentence(words, ("O",) * len(words)) for words in sentences]).words_sha256


def test_the_hash_reads_words_and_boundaries_alone():
    noisy = [Sentence(s.words, ("O",) * len(s.words), None, 7) for s in SENTENCES]
    assert Corpus(("O",), noisy).words_sha256 == Corpus(LABELS, SENTENCES).words_sha256


def test_the_hash_tells_texts_apart():
    texts = [
        [("a", "b")],
        [("a",), ("b",)],
        [("b", "a")],
        [("ab",)],
        [("a b",)],
        [("a", "b", "")],
        [('a", "b',)],
        [("a\n", "b")],
        [("á",)],
        [("a\u0301",)],
    ]
    assert len({digest(*text) for text in texts}) == len(texts)


def test_the_hash_never_changes_between_versions():
    """Sealed folders carry it: another way to hash would orphan every logits file."""
    assert digest(("EU", "rejects"), ("Zürich",)) == "888f2b50d25e74c3f2625082e384fd62c60216c4e349fa284ae20b5dd752d247"


# --- the file ---------------------------------------------------------------------------------------------------------


@given(st.lists(sentences(), max_size=4))
def test_what_is_saved_comes_back(scratch, content):
    Corpus(LABELS, content).save(scratch)
    assert list(Corpus.load(scratch, LABELS).sentences) == content


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("corpus") / "train.jsonl"


def test_one_readable_line_per_sentence(tmp_path):
    path = tmp_path / "train.jsonl"
    Corpus(LABELS, [Sentence(("Zürich",), ("B-LOC",)), SENTENCES[0]]).save(path)
    assert path.read_bytes().decode() == (
        '{"words": ["Zürich"], "tags": ["B-LOC"], "document": 0}\n'
        '{"words": ["Rome", "fell"], "tags": ["B-LOC", "O"], "gold": ["O", "O"], "document": 0}\n'
    )


@pytest.mark.parametrize("separator", ["\r", "\n", "\x85", "\u2028", "\x1c"])
def test_line_separators_inside_words(tmp_path, separator):
    corpus = Corpus(LABELS, [Sentence((f"a{separator}b",), ("O",))])
    corpus.save(tmp_path / "train.jsonl")
    assert Corpus.load(tmp_path / "train.jsonl", LABELS).sentences[:] == corpus.sentences


GOOD = {"words": ["a", "b"], "tags": ["O", "B-LOC"], "document": 0}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff",
        *(
            json.dumps(row).encode()
            for row in (
                {key: value for key, value in GOOD.items() if key != "words"},
                {key: value for key, value in GOOD.items() if key != "document"},
                GOOD | {"words": "ab"},
                GOOD | {"words": ["a", 3]},
                GOOD | {"words": ["a"]},
                GOOD | {"words": [], "tags": []},
                GOOD | {"tags": ["O", "B-PER"]},
                GOOD | {"tags": [0, 1]},
                GOOD | {"tags": 1},
                GOOD | {"tags": [["O"], "O"]},
                GOOD | {"gold": ["O"]},
                GOOD | {"gold": ["O", "X"]},
                GOOD | {"document": "one"},
            )
        ),
    ],
)
def test_lines_that_are_no_sentence(tmp_path, line):
    path = tmp_path / "train.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + line + b"\n")
    with pytest.raises(PipelineError) as caught:
        Corpus.load(path, LABELS)
    assert str(caught.value).startswith(f"{path}:2: expected a JSON object with words, tags and document, found ")
    assert "\n" not in str(caught.value)


# --- labels -----------------------------------------------------------------------------------------------------------


def test_label_set_is_sorted_and_complete():
    content = [Sentence(("a", "b"), ("I-PER", "O"), ("B-x-y", "B-LOC"))]
    assert label_set(content) == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER", "B-x-y", "I-x-y")


def test_label_set_always_has_o():
    assert label_set([]) == ("O",)
    assert label_set([Sentence(("a",), ("B-X",))]) == ("O", "B-X", "I-X")


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns", [((), ()), (("a",), ()), (("a",), ("O", "O")), (("a",), ("O",), ()), (("a", "b"), ("O", "O"), ("O",))]
)
def test_a_sentence_has_one_tag_per_word(columns):
    with pytest.raises(ValueError, match="a sentence needs words and one tag for each, got"):
        Sentence(*columns)


@pytest.mark.parametrize("tags", [[0] * 5, [0] * 7, [0] * 5 + [3], [0] * 5 + [-1], [[0] * 6]])
def test_tags_of_another_shape_or_range(tags):
    with pytest.raises(ValueError, match=r"tags must have shape \(6,\) and range \[0, 3\)"):
        Corpus(LABELS, SENTENCES).with_tags(np.array(tags))
