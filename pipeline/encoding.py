"""Words to pieces: every word gets exactly one position in exactly one window, whatever the tokenizer does to it.

This module, the trainer's collator and prediction are the only places that know of pieces and padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from pipeline.corpus import Sentence
from pipeline.on_demand import OnDemand

BATCH = 1000  # sentences tokenized at once


@dataclass(frozen=True, slots=True)
class Window:
    """A run of whole words of one sentence, as a model reads it.

    Args:
        pieces: piece ids with the tokenizer's special pieces around them.
        positions: index into `pieces` of each word's first piece; one per word.
        first_word: row of the first word among all words of the split; the others follow.
    """

    pieces: list[int]
    positions: list[int]
    first_word: int


@dataclass(frozen=True, eq=False)
class Windows(OnDemand[Window]):
    """The windows of a split, in the order of its words, held as four flat arrays: some ten bytes a word.

    Args:
        pieces: piece ids of all windows, one window after the other, shape (n_pieces,), int32.
        piece_starts: where each window's pieces start, and the last one's end, shape (n_windows + 1,), int64.
        positions: index of each word's first piece within its window, shape (n_words,), int32.
        word_starts: the row of each window's first word, and n_words, shape (n_windows + 1,), int64.
    """

    pieces: np.ndarray
    piece_starts: np.ndarray
    positions: np.ndarray
    word_starts: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Pieces per window, special ones included, shape (n_windows,), int64."""
        return np.diff(self.piece_starts)

    @property
    def n_words(self) -> int:
        """Words of the split."""
        return len(self.positions)

    def __len__(self) -> int:
        return len(self.piece_starts) - 1

    def at(self, index: int) -> Window:
        """The window of that number."""
        (first, last), (start, end) = (ends[index : index + 2] for ends in (self.word_starts, self.piece_starts))
        return Window(self.pieces[start:end].tolist(), self.positions[first:last].tolist(), int(first))


def encode(sentences: Sequence[Sentence], tokenizer: PreTrainedTokenizerFast, largest: int) -> Windows:
    """Split sentences into windows of whole words.

    A word without pieces (a zero-width space, say) becomes the unknown piece, or the padding piece of a tokenizer that
    knows everything; a word longer than a window is cut.
    So word i of the split is row i of the word logits, always.

    Args:
        sentences: the split, in order.
        tokenizer: a fast tokenizer that accepts words.
        largest: most pieces in a window, special ones included; at least the special ones and one more.

    Returns:
        Windows in the order of the words.
    """
    prefix, suffix = _special_pieces(tokenizer)
    room = largest - len(prefix) - len(suffix)
    if room < 1:
        raise ValueError(f"a window of {largest} pieces leaves no room beside {len(prefix) + len(suffix)} special ones")
    unknown = tokenizer.pad_token_id if tokenizer.unk_token_id is None else tokenizer.unk_token_id
    parts = []
    for chunk in _chunks(sentences):
        lengths = np.array([len(words) for words in chunk])
        body, per_word = _one_place_per_word(*_tokenize(tokenizer, chunk, lengths), unknown, room)
        parts.append(_windows(body, per_word, lengths, room, prefix, suffix))
    pieces, piece_counts, positions, word_counts = (
        np.concatenate(arrays) if arrays else np.zeros(0, np.int32)
        for arrays in (list(zip(*parts, strict=True)) or [()] * 4)
    )
    return Windows(pieces, _starts(piece_counts), positions, _starts(word_counts))


def _chunks(sentences: Sequence[Sentence]) -> Iterator[list[list[str]]]:
    """The words of the sentences, `BATCH` sentences at a time."""
    chunk: list[list[str]] = []
    for sentence in sentences:
        chunk.append(list(sentence.words))
        if len(chunk) == BATCH:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def window_size(tokenizer: PreTrainedTokenizerFast, model_config: object, wanted: int) -> int:
    """The most pieces in a window: what is wanted, within what the tokenizer and the model can read."""
    # BERT numbers positions from 0, RoBERTa from the padding id on; a tokenizer that knows its limit says 512 for both.
    positions = getattr(model_config, "max_position_embeddings", None) or wanted
    return int(min(wanted, tokenizer.model_max_length, positions))


def pad(windows: Sequence[Window], padding: int) -> dict[str, torch.Tensor]:
    """A batch of windows as tensors.

    Args:
        windows: B of them; L is the length of the longest.
        padding: the padding piece's id.

    Returns:
        input_ids and attention_mask, shape (B, L), int64; positions, shape (n_words,): where each word's first piece
        stands in the batch flattened to (B*L,), in the order of windows and words; rows, shape (n_words,): which row
        of the split each word is.
    """
    length = max(len(w.pieces) for w in windows)
    return {
        "input_ids": torch.tensor([w.pieces + [padding] * (length - len(w.pieces)) for w in windows]),
        "attention_mask": torch.tensor([[1] * len(w.pieces) + [0] * (length - len(w.pieces)) for w in windows]),
        "positions": torch.tensor([i * length + p for i, w in enumerate(windows) for p in w.positions]),
        "rows": torch.tensor([w.first_word + k for w in windows for k in range(len(w.positions))]),
    }


def _tokenize(
    tokenizer: PreTrainedTokenizerFast, chunk: list[list[str]], lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Piece ids of all words of a chunk, one after the other, and how many each word has (some have none)."""
    encoded: Any = tokenizer(
        chunk,
        is_split_into_words=True,
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    ids = np.fromiter(chain.from_iterable(encoded["input_ids"]), np.int32)
    word_in_sentence = np.fromiter(chain.from_iterable(encoded.word_ids(i) for i in range(len(chunk))), np.int64)
    of_sentence = [len(sentence_ids) for sentence_ids in encoded["input_ids"]]
    word = word_in_sentence + np.repeat(_starts(lengths)[:-1], of_sentence)
    return ids, np.bincount(word, minlength=lengths.sum())


def _one_place_per_word(
    ids: np.ndarray, per_word: np.ndarray, unknown: int, room: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same pieces, but that a word without any has the unknown one, and none has more than `room`."""
    kept = per_word.clip(1, room)
    source = np.arange(kept.sum()) + np.repeat(_starts(per_word)[:-1] - _starts(kept)[:-1], kept)
    body = np.append(ids, unknown)[source]  # a last word without pieces looks one past the end
    body[_starts(kept)[:-1][per_word == 0]] = unknown
    return body.astype(np.int32), kept


def _windows(
    body: np.ndarray, per_word: np.ndarray, lengths: np.ndarray, room: int, prefix: list[int], suffix: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pieces with the special ones, how many a window has, words' places in their windows, how many a window has."""
    starts = _starts(per_word)
    first_words = np.array(
        [word for start, end in pairwise(_starts(lengths)) for word in _first_words(starts, start, end, room)], np.int64
    )
    word_counts = np.diff(first_words, append=len(per_word))
    body_starts = starts[first_words]
    body_counts = np.diff(body_starts, append=len(body))
    piece_counts = body_counts + len(prefix) + len(suffix)
    window_starts = _starts(piece_counts)[:-1]
    pieces = np.empty(piece_counts.sum(), np.int32)
    pieces[np.arange(len(body)) + np.repeat(window_starts + len(prefix) - body_starts, body_counts)] = body
    pieces[window_starts[:, None] + np.arange(len(prefix))] = prefix
    pieces[(window_starts + len(prefix) + body_counts)[:, None] + np.arange(len(suffix))] = suffix
    positions = starts[:-1] - np.repeat(body_starts, word_counts) + len(prefix)
    return pieces, piece_counts, positions.astype(np.int32), word_counts


def _first_words(starts: np.ndarray, word: int, end: int, room: int) -> Iterator[int]:
    """The first word of each window of the sentence [word, end): as many words as fit, then the next window."""
    while word < end:
        yield word
        word = (
            end
            if starts[end] - starts[word] <= room
            else int(np.searchsorted(starts, starts[word] + room, "right")) - 1
        )


def _starts(counts: np.ndarray) -> np.ndarray:
    """Where each of some consecutive runs starts, and the last one ends."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _special_pieces(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """The special pieces that the tokenizer puts before and after a sentence."""
    bare = tokenizer(["a"], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    full = tokenizer(["a"], is_split_into_words=True)["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    raise ValueError("the tokenizer changes a word's pieces when it adds special ones; this is not supported")
