"""One split of a corpus: its sentences, the label set, and their JSON Lines file.

Everything downstream works on arrays that are flat over words: `Corpus.tags` and `Corpus.gold` have shape (n_words,),
`Corpus.lengths` says where sentences end. A tag is an index into `Corpus.labels`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.errors import PipelineError

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


@dataclass(frozen=True)
class Corpus:
    """The sentences of one split and the label set their tags index.

    Args:
        labels: the ordered label names, "O" first; K in shapes below.
        sentences: the sentences in their original order.
    """

    labels: tuple[str, ...]
    sentences: Sequence[Sentence]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Words per sentence, shape (n_sentences,), int64."""
        return np.array([len(s.words) for s in self.sentences], dtype=np.int64)

    @cached_property
    def tags(self) -> np.ndarray:
        """Tag index per word, shape (n_words,), int64 in [0, K)."""
        return self._indices(s.tags for s in self.sentences)

    @cached_property
    def gold(self) -> np.ndarray | None:
        """Gold index per word, shape (n_words,), int64 in [0, K); None unless every sentence has gold."""
        if any(s.gold is None for s in self.sentences):
            return None
        return self._indices(s.gold for s in self.sentences if s.gold is not None)

    @cached_property
    def words_sha256(self) -> str:
        """Hash of the words and sentence boundaries alone: noisy and gold corpora of the same text share it."""
        digest = hashlib.sha256()
        for sentence in self.sentences:
            digest.update(json.dumps(sentence.words, ensure_ascii=True).encode() + b"\n")
        return digest.hexdigest()

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
        names = iter(np.array(self.labels, dtype=object)[tags])
        return Corpus(
            self.labels,
            [Sentence(s.words, tuple(islice(names, len(s.words))), s.gold, s.document) for s in self.sentences],
        )

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

        Raises:
            PipelineError: a line is not such an object, or names a label outside `labels`.
        """
        sentences = []
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    sentences.append(_parse(line, labels))
                except (ValueError, KeyError, TypeError) as error:
                    raise PipelineError(
                        f"{path}:{number}: expected a JSON object with words, tags and document, found {error!r}; "
                        "make the data again with `pipeline prepare --force`"
                    ) from error
        return cls(tuple(labels), sentences)

    def _indices(self, columns: Iterable[Sequence[str]]) -> np.ndarray:
        index = {label: i for i, label in enumerate(self.labels)}
        return np.array([index[name] for column in columns for name in column], dtype=np.int64)


def _parse(line: bytes, labels: Sequence[str]) -> Sentence:
    row = json.loads(line.decode("utf-8"))
    words, tags, gold = row["words"], row["tags"], row.get("gold")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise TypeError("words that are no list of strings")
    if not set(tags).union(gold or ()) <= set(labels):
        raise ValueError(f"a label other than {', '.join(labels)}")
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
