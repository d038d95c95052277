"""Words to pieces: every word gets exactly one position in exactly one window, whatever the tokenizer does to it.

This module, the trainer's collator and prediction are the only places that know of pieces and padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast

from pipeline.corpus import Sentence

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


def encode(sentences: Sequence[Sentence], tokenizer: PreTrainedTokenizerFast, largest: int) -> list[Window]:
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
    windows: list[Window] = []
    first_word = 0
    for start in range(0, len(sentences), BATCH):
        chunk = [list(sentence.words) for sentence in sentences[start : start + BATCH]]
        encoded = tokenizer(chunk, is_split_into_words=True, add_special_tokens=False)
        for row, words in enumerate(chunk):
            pieces: list[list[int]] = [[] for _ in words]
            for piece, word in zip(encoded["input_ids"][row], encoded.word_ids(row), strict=True):
                pieces[word].append(piece)
            pieces = [(p or [unknown])[:room] for p in pieces]
            windows += _windows(pieces, room, prefix, suffix, first_word)
            first_word += len(words)
    return windows


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


def _windows(
    pieces: Sequence[list[int]], room: int, prefix: list[int], suffix: list[int], first_word: int
) -> list[Window]:
    windows: list[Window] = []
    start = 0
    while start < len(pieces):
        body: list[int] = []
        positions: list[int] = []
        for word in pieces[start:]:
            if len(body) + len(word) > room:
                break
            positions.append(len(prefix) + len(body))
            body += word
        windows.append(Window(prefix + body + suffix, positions, first_word + start))
        start += len(positions)
    return windows


def _special_pieces(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """The special pieces that the tokenizer puts before and after a sentence."""
    bare = tokenizer(["a"], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    full = tokenizer(["a"], is_split_into_words=True)["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    raise ValueError("the tokenizer changes a word's pieces when it adds special ones; this is not supported")
