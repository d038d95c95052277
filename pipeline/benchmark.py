"""How fast a piece of work is: repetitions, their interval, and the share of what the machine can multiply."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.bootstrap import interval, resample_weights
from pipeline.devices import use_bf16
from pipeline.encoding import Windows
from pipeline.models import Classifier
from pipeline.trainer import WordLoss, Words, fit

COLUMNS = ("work", "words/s [95 %]", "seconds", "padding", "GFLOP/s", "of GEMM peak", "ratio", "same tags")
GEMM = 2048  # rows and columns of the matrices whose product shows what the machine can reach
RESAMPLES = 1000


@dataclass
class Work:
    """Something to time: what one repetition does, and what is known of it.

    Args:
        name: what it is called in the table.
        run: one repetition; returns its seconds, measured by itself.
        words: words that a repetition goes through.
        flops: floating point operations of its linear layers on real pieces; 0 if there are none to speak of.
        bf16: whether they are done in bf16.
        padding: share of the pieces that were padding, where it is known.
        beside: of what people do instead, the name of our work that it takes turns with.
        same_tags: of a tagger, the share of words to which our work gives the same tag.
    """

    name: str
    run: Callable[[], float]
    words: int
    flops: float = 0.0
    bf16: bool = False
    padding: float | None = None
    beside: str | None = None
    same_tags: float | None = None
    seconds: list[float] = field(default_factory=list)


def gemm_peak(device: str, bf16: bool) -> float:
    """Floating point operations per second of a large square matrix product: what the machine can reach."""
    dtype = torch.bfloat16 if bf16 else torch.float32
    a, b = (torch.randn(GEMM, GEMM, device=device, dtype=dtype) for _ in range(2))
    seconds = []
    for _ in range(6):
        began = time.perf_counter()
        (a @ b)[0, 0].item()  # waits for a GPU
        seconds.append(time.perf_counter() - began)
    return 2 * GEMM**3 / min(seconds[1:])


def timed(work: Callable[[], object]) -> float:
    """The seconds that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def seconds_to_fit(
    start: Classifier, train: Words, few: Windows, loss: WordLoss, settings: Any, *, seed: int, device: str
) -> float:
    """Train a model and return the seconds until its last step: without dev, and without the last checkpoint.

    Args:
        start: the model to train, in place.
        train: the training split.
        few: windows of its first sentence, to stand for dev.
        loss: one value per word.
        settings: the fields of `config_tables.Training`.
        seed: order and dropout.
        device: cpu or cuda.
    """
    last = [0.0]

    def on_progress(done: float, total: float, _: str) -> None:
        if done == total and not last[0]:
            last[0] = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        fit(
            start.model,
            train,
            Words(few, train.signals),
            loss,
            dev_loss=lambda logits, *_: torch.zeros(len(logits)),
            settings=settings.model_copy(update={"keep": "last"}),
            padding=start.padding,
            seed=seed,
            device=device,
            bf16=use_bf16(settings.precision, device),
            checkpoints=Path(folder) / "checkpoints",
            on_progress=on_progress,
        )
    return last[0] - began


def record(work: Work, works: Sequence[Work], peaks: Mapping[bool, float]) -> dict[str, Any]:
    """What was measured of a work: its speed with a 95 % interval over repetitions, and the ratio to what it is beside.

    Args:
        work: timed.
        works: all of them, timed in turns, so that repetition i of one stands beside repetition i of the other.
        peaks: `gemm_peak` by whether it is in bf16.
    """
    speeds = work.words / np.array(work.seconds)
    low, high = interval(resample_weights(len(speeds), RESAMPLES) @ speeds / len(speeds))
    achieved = work.flops / statistics.median(work.seconds)
    found = {
        "work": work.name,
        "seconds": work.seconds,
        "words_per_second": float(speeds.mean()),
        "words_per_second_low": low,
        "words_per_second_high": high,
        "padding": work.padding,
        "flops_per_second": achieved or None,
        "share_of_gemm_peak": achieved / peaks[work.bf16] if achieved else None,
        "dtype": "bf16" if work.bf16 else "fp32",
    }
    if work.beside:
        (ours,) = (other for other in works if other.name == work.beside)
        ratios = np.array(work.seconds) / np.array(ours.seconds)
        found |= {"beside": work.beside, "times_as_long": statistics.median(ratios.tolist())}
    if work.same_tags is not None:
        found["same_tags"] = work.same_tags
    return found


def cells(record: Mapping[str, Any]) -> list[str]:
    """A record as a row of the table."""
    share = record["share_of_gemm_peak"]
    return [
        record["work"],
        f"{record['words_per_second']:,.0f} [{record['words_per_second_low']:,.0f}, "
        f"{record['words_per_second_high']:,.0f}]",
        f"{statistics.median(record['seconds']):.2f}",
        "" if record["padding"] is None else f"{record['padding']:.1%}",
        "" if share is None else f"{record['flops_per_second'] / 1e9:,.0f} {record['dtype']}",
        "" if share is None else f"{share:.0%}",
        f"{record['times_as_long']:.2f} x {record['beside']}" if "beside" in record else "",
        f"{record['same_tags']:.2%}" if "same_tags" in record else "",
    ]
