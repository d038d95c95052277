"""What people use instead, to be measured against: the stock Trainer, online distillation, the library's own tagger.

Only `pipeline bench --against trainer` imports this module.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
import transformers
from transformers import DataCollatorForTokenClassification, PreTrainedModel, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from pipeline.corpus import Sentence
from pipeline.encoding import Window, Windows
from pipeline.models import Classifier

IGNORED = -100


@dataclass(frozen=True)
class Fitted:
    """How long a peer trained, and how much of what it multiplied was padding."""

    seconds: float
    padding: float


def fit(
    classifier: Classifier,
    windows: Windows,
    tags: Sequence[int],
    settings: Any,
    *,
    seed: int,
    device: str,
    epochs: int = 1,
    teacher: PreTrainedModel | None = None,
) -> Fitted:
    """Some epochs of the stock Trainer: random batches padded to their longest, float32, the model's own loss.

    With a teacher, the straightforward online distillation: the teacher reads every batch too, and the loss is the
    forward KL between them at each word, by `F.kl_div`.

    Args:
        classifier: the model to train, in place, and its tokenizer.
        windows: the training split.
        tags: tag index per word of the split.
        settings: the fields of `config_tables.Training`.
        seed: order and dropout.
        device: cpu or cuda.
        epochs: passes over the split; the learning rate rises and falls over all of them as `settings` say.
        teacher: a model of the same labels and pieces.
    """
    rows = [_row(window, tags) for window in windows]
    collator = _Counting(classifier.tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            seed=seed,
            use_cpu=device == "cpu",
            num_train_epochs=epochs,
            per_device_train_batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=math.ceil(settings.warmup * epochs * math.ceil(len(rows) / settings.batch_size)),
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.clip,
            save_strategy="no",
            disable_tqdm=True,
            report_to=[],
            remove_unused_columns=False,
        )
        if teacher is not None:
            torch.nn.Module.to(teacher, arguments.device).eval()
        trainer = _Online(teacher, classifier.model, arguments, data_collator=collator, train_dataset=rows)
        trainer.remove_callback(PrinterCallback)
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    return Fitted(seconds, 1 - epochs * len(windows.pieces) / collator.pieces)


def tag(classifier: Classifier, sentences: Sequence[Sentence], device: str) -> list[str]:
    """The tag of every word by `transformers.pipeline("token-classification")`: a call per corpus, its defaults."""
    tagger = transformers.pipeline(
        "token-classification", model=classifier.model, tokenizer=classifier.tokenizer, device=device, ignore_labels=[]
    )
    found: list[str] = []
    answers: Any = tagger([" ".join(s.words) for s in sentences])
    for sentence, pieces in zip(sentences, answers, strict=True):
        by_start = {piece["start"]: piece["entity"] for piece in pieces}
        start = 0
        for word in sentence.words:
            found.append(by_start.get(start, ""))
            start += len(word) + 1
    return found


class _Counting(DataCollatorForTokenClassification):
    """The library's collator, counting the pieces of its batches, padding included."""

    pieces = 0

    def torch_call(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super().torch_call(features)
        self.pieces += batch["input_ids"].numel()
        return batch


class _Online(Trainer):
    """The stock Trainer; with a teacher, its loss is the forward KL from what the teacher says of the batch."""

    def __init__(self, teacher: PreTrainedModel | None, *arguments: Any, **kwargs: Any) -> None:
        super().__init__(*arguments, **kwargs)
        self._teacher = teacher

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        if self._teacher is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs.pop("labels")
        with torch.no_grad():
            wanted = self._teacher(**inputs).logits[labels != IGNORED]
        given = model(**inputs).logits[labels != IGNORED]
        return F.kl_div(given.log_softmax(-1), wanted.log_softmax(-1), log_target=True, reduction="batchmean")


def _row(window: Window, tags: Sequence[int]) -> dict[str, list[int]]:
    labels = [IGNORED] * len(window.pieces)
    for k, position in enumerate(window.positions):
        labels[position] = int(tags[window.first_word + k])
    return {"input_ids": window.pieces, "attention_mask": [1] * len(window.pieces), "labels": labels}
