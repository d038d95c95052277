"""The embedded corpus: what it promises about sizes, tags, names and how hard it is."""

import os
import re
import string
import subprocess
import sys
from collections import Counter, defaultdict

import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2, Entities

from pipeline.corpus import SPLITS, label_set
from pipeline.embedded import NUMBERS, generate
from pipeline.embedded_templates import COMMON, DATELINES, HEADLINES, TOPICS
from pipeline.embedded_words import FORMS, PHRASES, TYPES

SIZES = {"train": 4000, "dev": 800, "test": 1200}
TEMPLATES = [line for text in (COMMON, DATELINES, *TOPICS.values(), *HEADLINES.values()) for line in text.split("\n")]


@pytest.fixture(scope="module")
def corpus():
    return generate(seed=0)


def pooled(corpus):
    return [sentence for name in SPLITS for sentence in corpus[name]]


def entities(sentences):
    """(type, words) of every entity."""
    read = Entities([list(s.gold) for s in sentences], IOB2).entities
    return [
        (e.tag, " ".join(s.words[e.start : e.end])) for s, found in zip(sentences, read, strict=True) for e in found
    ]


def words_by_tag(sentences):
    counts = defaultdict(Counter)
    for s in sentences:
        for word, tag in zip(s.words, s.gold, strict=True):
            counts[word][tag] += 1
    return counts


# --- what every caller relies on ------------------------------------------------------------------------------------


def test_sizes_are_exact(corpus):
    assert {name: len(sentences) for name, sentences in corpus.items()} == SIZES
    assert list(corpus) == list(SPLITS)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 4, 16), (37, 0, 5)])
def test_small_sizes_are_exact_too(sizes):
    assert tuple(len(sentences) for sentences in generate(0, *sizes).values()) == sizes


def test_the_seed_decides_everything(corpus):
    assert generate(seed=0) == corpus
    other = generate(seed=1)
    assert all(other[name] != corpus[name] for name in SPLITS)


def test_a_split_does_not_depend_on_the_size_of_the_others(corpus):
    assert generate(seed=0, train=10, dev=20)["test"] == corpus["test"]


def test_tags_are_gold_and_well_formed(corpus):
    sentences = pooled(corpus)
    assert label_set(sentences) == (("O", "B-LOC", "I-LOC", "B-MISC", "I-MISC", "B-ORG", "I-ORG", "B-PER", "I-PER"))
    for s in sentences:
        assert s.tags == s.gold
        assert len(s.words) == len(s.tags) > 0
        for before, tag in zip(("O", *s.tags), s.tags, strict=False):
            assert tag[0] != "I" or before[2:] == tag[2:]


def test_words_are_finished(corpus):
    """No slot, bracket or mark of the templates is left, nor white space, nor an accent."""
    for s in pooled(corpus):
        for word in s.words:
            assert word
            assert word.isascii()
            assert not set(word) & set("[]{}|*^~\\" + string.whitespace)


def test_punctuation_is_a_word_of_its_own(corpus):
    words = {word for s in pooled(corpus) for word in s.words}
    numbered = re.compile(r"\d+\.")  # the ranks of a table
    assert not [w for w in words if len(w) > 1 and w[-1] in ',.;:?!)"' and not numbered.fullmatch(w)]


def test_documents_are_numbered_and_of_natural_length(corpus):
    for sentences in corpus.values():
        documents = [s.document for s in sentences]
        assert documents == sorted(documents)
        counts = Counter(documents)
        assert sorted(counts) == list(range(len(counts)))
        assert 5 <= min(counts.values()) <= max(counts.values()) <= 15


# --- what makes it newswire -----------------------------------------------------------------------------------------


def test_proportions_are_those_of_newswire(corpus):
    for sentences in corpus.values():
        lengths = [len(s.words) for s in sentences]
        tags = [tag for s in sentences for tag in s.tags]
        assert 0.78 < tags.count("O") / len(tags) < 0.85
        assert 12 < sum(lengths) / len(lengths) < 17
        assert sum(n <= 5 for n in lengths) > 0.1 * len(lengths)
        assert sum(n >= 30 for n in lengths) > 0.05 * len(lengths)
        kinds = Counter(kind for kind, _ in entities(sentences))
        assert min(kinds[kind] for kind in ("LOC", "MISC", "ORG", "PER")) > 0.08 * sum(kinds.values())


def test_sentences_rarely_repeat(corpus):
    seen = {s.words for s in corpus["train"]}
    assert len(seen) > 0.95 * len(corpus["train"])
    for name in ("dev", "test"):
        assert sum(s.words in seen for s in corpus[name]) < 0.05 * len(corpus[name])


def test_names_mean_several_things(corpus):
    """Among the frequent words of names, many have two types, and the same sentence-opening word may be no name."""
    by_word = words_by_tag(corpus["train"])
    types = {w: {tag[2:] for tag, n in c.items() if n > 1 and tag != "O"} for w, c in by_word.items()}
    names = [w for w in types if types[w] and sum(by_word[w].values()) >= 10 and w[0].isupper()]
    assert sum(len(types[w]) > 1 for w in names) > 0.2 * len(names)
    for word in ("April", "May"):
        assert by_word[word]["O"] > 0
        assert by_word[word]["B-PER"] > 0


def test_people_come_back_by_surname(corpus):
    documents = defaultdict(list)
    for s in corpus["train"]:
        documents[s.document].append(s)
    again = 0
    for sentences in documents.values():
        people = [words for kind, words in entities(sentences) if kind == "PER"]
        again += any(full.endswith(" " + short) for full in people for short in people)
    assert again > 0.3 * len(documents)


def test_dev_and_test_have_names_that_train_has_not(corpus):
    known = words_by_tag(corpus["train"])
    for name in ("dev", "test"):
        words = [w for s in corpus[name] for w, tag in zip(s.words, s.tags, strict=True) if tag != "O"]
        assert 0.01 < sum(w not in known for w in words) / len(words) < 0.1


def test_looking_words_up_is_not_enough(corpus):
    """The most frequent tag of each word in train: CoNLL-2003's kind of baseline, far from solving it."""
    known = {word: counts.most_common(1)[0][0] for word, counts in words_by_tag(corpus["train"]).items()}
    guessed = [[known.get(word, "O") for word in s.words] for s in corpus["test"]]
    assert 0.55 < f1_score([list(s.gold) for s in corpus["test"]], guessed) < 0.8


# --- the templates --------------------------------------------------------------------------------------------------


def test_there_are_many_templates():
    assert len({line for line in TEMPLATES if line}) > 220


@pytest.mark.parametrize("text", [*filter(None, TEMPLATES), *PHRASES.values()])
def test_every_slot_and_bracket_is_known(text):
    for slot in re.findall(r"\{(.*?)\}", text):
        phrase = slot in PHRASES or slot in NUMBERS
        assert phrase or slot == "x" or re.fullmatch(rf"[{''.join(TYPES)}]\d?", slot.upper()), slot
    depth = 0
    for character in text:
        depth += (character == "[") - (character == "]")
        assert depth >= 0
    assert depth == 0
    assert text.count("{") == text.count("}")


def test_a_phrase_nests_no_brackets():
    assert not [name for name, text in PHRASES.items() if re.search(r"\[[^]]*\[", text)]


def test_forms_are_made_of_names_alone():
    assert set(FORMS) | set("PCNL") == set(TYPES)
    assert not [form for form in FORMS.values() if set(re.findall(r"\{(.*?)\}", form)) - set("BLCN")]


def test_every_process_generates_the_same_corpus():
    program = "from pipeline.embedded import generate; print(hash_of(repr(generate(train=120, dev=40, test=40))))"
    program = f"import hashlib; hash_of = lambda text: hashlib.sha256(text.encode()).hexdigest(); {program}"
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    ]
    assert runs[0] == runs[1]
