"""One split of a corpus: its sentences, the label set, and their JSON Lines file.

Everything downstream works on arrays that are flat over words: `Corpus.tags` and `Corpus.gold` have shape (n_words,),
`Corpus.lengths` says where sentences end. A tag is an index into `Corpus.labels`.
"""

from __future__ import annotations

import hashlib
import json
import os
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.errors import PipelineError
from pipeline.on_demand import OnDemand

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Args:
        words: the units of annotation, at least one.
        tags: one IOB2 label name per word, possibly wrong; what training sees.
        gold: the corrected label names, or None where they are not known.
        document: index of the document within its split.

    Raises:
        ValueError: there is no word, or not one tag (and gold tag) per word: flat arrays would fall out of step.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    gold: tuple[str, ...] | None = None
    document: int = 0

    def __post_init__(self) -> None:
        counts = {len(self.words), len(self.tags), len(self.words if self.gold is None else self.gold)}
        if counts != {len(self.words)} or not self.words:
            raise ValueError(
                f"a sentence needs words and one tag for each, got {len(self.words)} words, {len(self.tags)} tags"
                + ("" if self.gold is None else f", {len(self.gold)} gold tags")
            )


class _Columns(NamedTuple):
    """What a corpus is to everything that works on arrays; see the properties of `Corpus`."""

    lengths: np.ndarray
    tags: np.ndarray
    gold: np.ndarray | None
    words_sha256: str


@dataclass(frozen=True)
class Corpus:
    """The sentences of one split and the label set their tags index.

    Args:
        labels: the ordered label names, "O" first; K in shapes below.
        sentences: the sentences in their original order. They may lie in a file and be read one at a time (`load`).
    """

    labels: tuple[str, ...]
    sentences: Sequence[Sentence]

    @property
    def lengths(self) -> np.ndarray:
        """Words per sentence, shape (n_sentences,), int64."""
        return self._columns.lengths

    @property
    def tags(self) -> np.ndarray:
        """Tag index per word, shape (n_words,), int64 in [0, K)."""
        return self._columns.tags

    @property
    def gold(self) -> np.ndarray | None:
        """Gold index per word, shape (n_words,), int64 in [0, K); None unless every sentence has gold."""
        return self._columns.gold

    @property
    def reference(self) -> np.ndarray:
        """What predictions are held against: gold, or the given tags where there is no gold."""
        return self.tags if self.gold is None else self.gold

    @property
    def words(self) -> Iterator[str]:
        """Every word, sentence by sentence."""
        return (word for sentence in self.sentences for word in sentence.words)

    @property
    def words_sha256(self) -> str:
        """Hash of the words and sentence boundaries alone: noisy and gold corpora of the same text share it."""
        return self._columns.words_sha256

    @cached_property
    def _columns(self) -> _Columns:
        """Everything in one pass, for sentences may have to be read from a file."""
        index = {label: i for i, label in enumerate(self.labels)}
        lengths, tags, gold = array("q"), array("q"), array("q")
        all_gold, digest = True, hashlib.sha256()
        for sentence in self.sentences:
            lengths.append(len(sentence.words))
            tags.extend([index[name] for name in sentence.tags])
            gold.extend([index[name] for name in sentence.gold or ()])
            all_gold = all_gold and sentence.gold is not None
            digest.update(json.dumps(sentence.words, ensure_ascii=True).encode() + b"\n")
        arrays = [np.frombuffer(column, dtype=np.int64) for column in (lengths, tags, gold)]
        return _Columns(arrays[0], arrays[1], arrays[2] if all_gold else None, digest.hexdigest())

    def with_tags(self, tags: np.ndarray) -> Corpus:
        """The same words and gold under other tags.

        Args:
            tags: label index per word, shape (n_words,), integers in [0, K).

        Raises:
            ValueError: the tags have another shape or range.
        """
        n_words, n_labels = int(self.lengths.sum()), len(self.labels)
        if tags.shape != (n_words,) or np.any((tags < 0) | (tags >= n_labels)):
            raise ValueError(f"tags must have shape ({n_words},) and range [0, {n_labels}), got shape {tags.shape}")
        return Corpus(self.labels, _Retagged(self, tags))

    def save(self, path: Path) -> None:
        """Write one JSON object per sentence: words, tags, gold (where known) and document."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for s in self.sentences:
                row: dict[str, object] = {"words": s.words, "tags": s.tags}
                if s.gold is not None:
                    row["gold"] = s.gold
                row["document"] = s.document
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path, labels: Sequence[str]) -> Corpus:
        """Read what `save` wrote.

        Sentences stay in the file, and are parsed again whenever they are asked for.

        Raises:
            PipelineError: a line is not such an object, or names a label outside `labels`.
        """
        corpus = cls(tuple(labels), _InFile(path, labels))
        _ = corpus._columns  # reads every line
        return corpus


class _InFile(OnDemand[Sentence]):
    """The sentences of a file that `Corpus.save` wrote."""

    def __init__(self, path: Path, labels: Sequence[str]) -> None:
        self._path, self._labels = path, frozenset(labels)
        self._file = path.open("rb")  # not mapped: a mapped file that is cut short would kill the process
        weakref.finalize(self, self._file.close)
        self._ends = array("q", [0])
        for line in self._file:
            self._ends.append(self._ends[-1] + len(line))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def at(self, index: int) -> Sentence:
        start, end = self._ends[index : index + 2]
        try:
            return _parse(os.pread(self._file.fileno(), end - start, start), self._labels)
        except (ValueError, KeyError, TypeError) as error:
            raise PipelineError(
                f"{self._path}:{index + 1}: expected a JSON object with words, tags and document, found {error!r}; "
                "make the data again with `pipeline prepare --force`"
            ) from error


class _Retagged(OnDemand[Sentence]):
    """The sentences of a corpus under other tags."""

    def __init__(self, corpus: Corpus, tags: np.ndarray) -> None:
        self._corpus, self._tags = corpus, tags.copy()
        self._starts = np.cumsum(corpus.lengths) - corpus.lengths

    def __len__(self) -> int:
        return len(self._starts)

    def at(self, index: int) -> Sentence:
        sentence, start = self._corpus.sentences[index], self._starts[index]
        tags = tuple(self._corpus.labels[tag] for tag in self._tags[start : start + len(sentence.words)].tolist())
        return Sentence(sentence.words, tags, sentence.gold, sentence.document)


def _parse(line: bytes, labels: frozenset[str]) -> Sentence:
    row = json.loads(line.decode("utf-8"))
    words, tags, gold = row["words"], row["tags"], row.get("gold")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise TypeError("words that are no list of strings")
    if not set(tags).union(gold or ()) <= labels:
        raise ValueError(f"a label other than {', '.join(sorted(labels))}")
    if not isinstance(row["document"], int):
        raise TypeError("a document that is no integer")
    return Sentence(tuple(words), tuple(tags), None if gold is None else tuple(gold), row["document"])


def label_set(sentences: Iterable[Sentence]) -> tuple[str, ...]:
    """The labels of a corpus in their one order: O, then B-X and I-X for each type X, types sorted.

    Both B-X and I-X are there as soon as a type occurs at all, so that K does not depend on chance.

    >>> label_set([Sentence(("Rome", "fell"), ("B-LOC", "O"))])
    ('O', 'B-LOC', 'I-LOC')
    """
    names = {name for s in sentences for column in (s.tags, s.gold or ()) for name in column}
    types = sorted({name[2:] for name in names if name != "O"})
    return ("O", *(prefix + kind for kind in types for prefix in ("B-", "I-")))
