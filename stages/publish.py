"""How a fitted model becomes part of a run: its files, and its word logits on every split."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pipeline.console import Reporter
from pipeline.corpus import Corpus
from pipeline.encoding import Windows
from pipeline.models import Classifier
from pipeline.prediction import predict_word_logits
from pipeline.word_logits import WordLogits


def publish(
    folder: Path,
    name: str,
    classifier: Classifier,
    windows: Mapping[str, Windows],
    corpora: Mapping[str, Corpus],
    device: str,
    bf16: bool,
    reporter: Reporter,
) -> dict[str, Any]:
    """Save a model and predict every split; with bf16, see `predict_word_logits`.

    Returns:
        What the manifest records of it: device, parameters, and words per second on the last split.
    """
    classifier.save(folder / "model")
    torch.nn.Module.to(classifier.model, device)
    speed = 0.0
    for split, corpus in corpora.items():
        began = time.monotonic()
        with reporter.progress(f"{name}: word logits of {split}") as meter:
            logits = predict_word_logits(classifier.model, windows[split], classifier.padding, meter.update, bf16=bf16)
        speed = len(logits) / (time.monotonic() - began)
        WordLogits(corpus.labels, corpus.words_sha256, logits).save(folder / "logits" / f"{split}.safetensors")
    return {"device": device, "parameters": classifier.model.num_parameters(), "words_per_second": round(speed, 1)}
