from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import processors

from pipeline import encoding
from pipeline.corpus import Sentence
from pipeline.encoding import encode, pad, window_size

KINDS = ("WordPiece", "byte-level BPE", "Unigram")
SPECIAL = {
    "WordPiece": (["[CLS]"], ["[SEP]"]),
    "byte-level BPE": (["<s>"], ["</s>"]),
    "Unigram": ([], ["<sep>", "<cls>"]),
}
ORDINARY = [
    "Ann Lee flew from Rome to Oslo on Monday .",
    "Reuters",
    "( Reuters ' U.S. news , said in 1996-08-22 : Zürich's 3-2 )",
]


def sentences(*texts):
    return [
        Sentence(tuple(words), ("O",) * len(words)) for words in (t.split() if isinstance(t, str) else t for t in texts)
    ]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def tokenizer(tiny_tokenizers, kind):
    return tiny_tokenizers[kind]


@pytest.fixture
def special(tokenizer, kind):
    return tuple(tokenizer.convert_tokens_to_ids(pieces) for pieces in SPECIAL[kind])


def pieces_of(tokenizer, word):
    """A word's pieces, from the tokenizers library, given the word alone."""
    found = tokenizer.backend_tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).ids
    return found or [tokenizer.unk_token_id]


def check(split, windows, tokenizer, largest, special):
    """Every word of the split has its pieces, cut to a window, in exactly one window, in order."""
    prefix, suffix = special
    room = largest - len(prefix) - len(suffix)
    words = [(number, word) for number, sentence in enumerate(split) for word in sentence.words]
    assert [w.first_word + k for w in windows for k in range(len(w.positions))] == list(range(len(words)))
    for window in windows:
        inside = words[window.first_word : window.first_word + len(window.positions)]
        assert len(window.positions) > 0
        assert len(window.pieces) <= largest
        assert len({number for number, _ in inside}) == 1, "a window spans sentences"
        expected = [pieces_of(tokenizer, word)[:room] for _, word in inside]
        assert window.pieces == prefix + [piece for pieces in expected for piece in pieces] + suffix
        ends = [*window.positions, len(window.pieces) - len(suffix)]
        assert [window.pieces[start:end] for start, end in pairwise(ends)] == expected


# --- every word has a place -------------------------------------------------------------------------------------------


def test_same_pieces_as_the_tokenizer_itself(tokenizer):
    split = sentences(*ORDINARY)
    for sentence, window in zip(split, encode(split, tokenizer, 512), strict=True):
        whole = tokenizer(list(sentence.words), is_split_into_words=True)
        words = whole.word_ids()
        assert window.pieces == whole["input_ids"]
        assert window.positions == [words.index(k) for k in range(len(sentence.words))]


def test_words_keep_their_rows(tokenizer, special):
    split = sentences(*ORDINARY)
    for largest in (4, 8, 16, 512):
        check(split, encode(split, tokenizer, largest), tokenizer, largest, special)


def test_words_of_zero_width_become_unknown(tiny_tokenizers):
    tokenizer = tiny_tokenizers["WordPiece"]
    (window,) = encode(sentences(["Rome", "\u200b", "", "Oslo", "\u200b"]), tokenizer, 64)
    assert len(window.positions) == 5
    assert [window.pieces[window.positions[k]] for k in (1, 2, 4)] == [tokenizer.unk_token_id] * 3
    assert window.pieces[window.positions[3]] == pieces_of(tokenizer, "Oslo")[0]


def test_a_tokenizer_without_an_unknown_piece(tiny_tokenizers):
    tokenizer = tiny_tokenizers["byte-level BPE"]
    knows_all = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, pad_token="<pad>")
    (window,) = encode(sentences(["Rome", "", "Oslo"]), knows_all, 64)
    assert window.pieces[window.positions[1]] == knows_all.pad_token_id


def test_a_long_sentence_splits_between_words(tokenizer, special):
    split = sentences("Rome", ["Reuters", "Oslo", "\u200b", "1996-08-22"] * 2500, "Oslo")
    windows = encode(split, tokenizer, 64)
    assert len(windows) > 300
    check(split, windows, tokenizer, 64, special)


def test_no_window_has_room_for_one_more_word(tokenizer):
    split = sentences(["Reuters", "Oslo", "on"] * 100)
    for window, following in pairwise(encode(split, tokenizer, 20)):
        word = split[0].words[following.first_word]
        assert len(window.pieces) + len(pieces_of(tokenizer, word)) > 20


def test_a_word_longer_than_a_window_is_cut(tiny_tokenizers):
    tokenizer = tiny_tokenizers["byte-level BPE"]
    split = sentences(["Rome", "x" * 1000, "Oslo"])
    windows = encode(split, tokenizer, 16)
    assert [len(w.positions) for w in windows] == [1, 1, 1]
    check(split, windows, tokenizer, 16, ([0], [2]))


def test_reading_in_batches_changes_nothing(tokenizer, monkeypatch):
    split = sentences(*ORDINARY * 3)
    whole = encode(split, tokenizer, 16)
    monkeypatch.setattr(encoding, "BATCH", 2)
    assert list(encode(split, tokenizer, 16)) == list(whole)


@given(data=st.data(), words=st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=6), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_word_is_ever_lost(tokenizer, special, data, words):
    largest = data.draw(st.integers(3, 20))
    split = sentences(*words)
    check(split, encode(split, tokenizer, largest), tokenizer, largest, special)


# --- special pieces ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "prefix", "suffix"),
    [("$A", [], []), ("[CLS] $A", ["[CLS]"], []), ("[CLS] [MASK] $A [SEP] [SEP]", ["[CLS]", "[MASK]"], ["[SEP]"] * 2)],
)
def test_special_pieces_are_those_of_the_template(tiny_tokenizers, template, prefix, suffix):
    from pipeline.encoders import train_wordpiece

    tokenizer = train_wordpiece(["Rome", "Oslo"], 40)
    names = ("[CLS]", "[SEP]", "[MASK]")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(name, tokenizer.convert_tokens_to_ids(name)) for name in names]
    )
    (window,) = encode(sentences("Rome Oslo"), tokenizer, 32)
    pieces = tokenizer.convert_ids_to_tokens(window.pieces)
    assert pieces[: len(prefix)] == prefix
    assert pieces[len(pieces) - len(suffix) :] == suffix
    assert not set(pieces[len(prefix) : len(pieces) - len(suffix)]) & set(names)


def test_a_window_without_room_for_a_word(tokenizer):
    with pytest.raises(ValueError, match="a window of 2 pieces leaves no room beside 2 special ones"):
        encode(sentences("Rome"), tokenizer, 2)


def test_a_tokenizer_that_changes_words_is_refused():
    def changing(words, is_split_into_words, add_special_tokens=True):
        return {"input_ids": [1, 2] if add_special_tokens else [3]}

    with pytest.raises(ValueError, match="changes a word's pieces"):
        encode(sentences("Rome"), changing, 8)


@pytest.mark.parametrize(
    ("wanted", "tokenizer_says", "positions", "expected"),
    [
        (256, 512, 512, 256),
        (512, 384, 512, 384),
        (512, int(1e30), 128, 128),
        (999, 512, 514, 512),
        (64, int(1e30), None, 64),
    ],
)
def test_window_size_is_what_all_can_read(wanted, tokenizer_says, positions, expected):
    config = SimpleNamespace(max_position_embeddings=positions)
    assert window_size(SimpleNamespace(model_max_length=tokenizer_says), config, wanted) == expected


def test_window_size_of_a_model_without_positions():
    assert window_size(SimpleNamespace(model_max_length=512), SimpleNamespace(), 256) == 256


# --- batches ----------------------------------------------------------------------------------------------------------


def test_padding_keeps_every_first_piece_in_reach(tokenizer):
    windows = encode(sentences(*ORDINARY), tokenizer, 12)
    windows = windows[::-1]  # a batch may hold windows in any order
    batch = pad(windows, tokenizer.pad_token_id)
    length = max(len(w.pieces) for w in windows)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (len(windows), length)
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}
    first = [w.pieces[p] for w in windows for p in w.positions]
    assert batch["input_ids"].flatten()[batch["positions"]].tolist() == first
    assert batch["rows"].tolist() == [w.first_word + k for w in windows for k in range(len(w.positions))]
    assert sorted(batch["rows"].tolist()) == list(range(sum(len(t.split()) for t in ORDINARY)))
    for window, pieces, mask in zip(windows, batch["input_ids"], batch["attention_mask"], strict=True):
        n = len(window.pieces)
        assert pieces.tolist() == window.pieces + [tokenizer.pad_token_id] * (length - n)
        assert mask.tolist() == [1] * n + [0] * (length - n)
