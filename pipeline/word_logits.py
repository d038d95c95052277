"""The file between stages: one row of raw scores per word, with its identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import tensor_file
from pipeline.corpus import Corpus
from pipeline.errors import PipelineError

METADATA = "word_logits"


@dataclass(frozen=True)
class WordLogits:
    """The scores that a model gives to every word of a split, before any softmax or temperature.

    Args:
        labels: the label names in the order of the columns, K of them.
        words_sha256: hash of the words and sentence boundaries the rows belong to (`Corpus.words_sha256`).
        logits: shape (n_words, K), float32.
    """

    labels: tuple[str, ...]
    words_sha256: str
    logits: np.ndarray

    def save(self, path: Path) -> None:
        """Write a safetensors file: the tensor `logits`, and its identity."""
        identity = {"labels": self.labels, "words_sha256": self.words_sha256}
        tensor_file.save(path, {"logits": self.logits.astype(np.float32, copy=False)}, METADATA, identity)

    @classmethod
    def load(cls, path: Path) -> WordLogits:
        """Read what `save` wrote.

        Raises:
            PipelineError: the file is missing, or is no such file.
        """
        expected = "word logits (safetensors with `logits` and labels)"
        with tensor_file.opened(path, METADATA, expected) as (identity, file):
            logits, labels = file.get_tensor("logits"), tuple(identity["labels"])
            if logits.dtype != np.float32 or logits.shape[1:] != (len(labels),):
                raise ValueError(f"{logits.dtype} of shape {logits.shape} for {len(labels)} labels")
            return cls(labels, identity["words_sha256"], logits)

    def check(self, corpus: Corpus, name: str) -> WordLogits:
        """Make sure that row i belongs to word i of a corpus.

        Args:
            corpus: the split.
            name: what to call these logits in the error.

        Returns:
            These logits.

        Raises:
            PipelineError: other words, sentence boundaries or labels.
        """
        if self.words_sha256 != corpus.words_sha256 or len(self.logits) != len(corpus.tags):
            raise PipelineError(
                f"{name}: {len(self.logits)} rows for the words {self.words_sha256[:12]}, but the corpus has "
                f"{len(corpus.tags)} words {corpus.words_sha256[:12]}; make the stage again from this corpus"
            )
        if self.labels != corpus.labels:
            raise PipelineError(
                f"{name}: labels {', '.join(self.labels)}, but the corpus has {', '.join(corpus.labels)}; "
                "make the stage again from this corpus"
            )
        return self
