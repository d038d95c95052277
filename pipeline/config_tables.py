"""The tables of an experiment: one per stage, every key a documented field with its default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from pipeline.schedule import Schedule, constant

LONGEST_NAME = 255  # bytes in the name of a file or folder; the usual file systems take no more


def _can_be_a_path(value: str) -> str:
    if not value or "\0" in value or any(len(part.encode()) > LONGEST_NAME for part in Path(value).parts):
        raise ValueError(
            f"expected a name or path without NUL and of 1 to {LONGEST_NAME} bytes between slashes, found {value!r:.60}"
        )
    return value


Place = Annotated[str, AfterValidator(_can_be_a_path)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0, lt=2**31)]
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
Name = Annotated[str, Field(pattern=f"^{NAME}$", max_length=80)]
Kl = Literal["forward", "reverse", "alternating", "jeffreys", "jensen-shannon", "adaptive"]
Split = Literal["train", "dev", "test"]


class Table(BaseModel):
    """A TOML table whose unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Embedded(Table):
    """The generated newswire corpus: sentences per split, and its own seed (independent of the experiment's)."""

    train: Count = 4000
    dev: Count = 800
    test: Count = 1200
    seed: int = 0


class Files(Table):
    """CoNLL column files. Paths are relative to `folder`, which is relative to the working directory."""

    folder: Place = "."
    train: Place = "train.txt"
    dev: Place = "valid.txt"
    test: Place = "test.txt"
    train_gold: Place | None = None
    dev_gold: Place | None = None
    test_gold: Place | None = None
    word_column: int = 0
    tag_column: int = -1
    gold_column: int | None = None
    scheme: Literal["auto", "iob1", "iob2", "bioes"] = "auto"


class Hub(Table):
    """A data set for the `datasets` library: a hub name, a `save_to_disk` folder, or a folder of .parquet/.jsonl."""

    dataset: Place = "lhoestq/conll2003"
    configuration: str | None = None
    revision: str | None = None
    words: str = "tokens"
    tags: str = "ner_tags"
    gold: str | None = None
    document: str | None = None
    splits: dict[Split, Place] = {"train": "train", "dev": "validation", "test": "test"}
    label_names: list[str] | None = None
    scheme: Literal["auto", "iob1", "iob2", "bioes"] = "auto"


class Jsonl(Table):
    """A folder of train.jsonl, dev.jsonl and test.jsonl, as `pipeline prepare` and `audit --apply` write them."""

    folder: Place = "."


class Noise(Table):
    """Label noise (see `pipeline.noise`). `file` means that the source's tags are noisy already."""

    kind: Literal["none", "uniform", "within-entities", "pair", "span", "file"] = "none"
    rate: Fraction = 0.0
    matrix: list[list[Fraction]] | None = None


class Prepare(Table):
    """What `pipeline prepare` freezes."""

    source: Literal["embedded", "files", "hub", "jsonl"] = "embedded"
    embedded: Embedded = Embedded()
    files: Files = Files()
    hub: Hub = Hub()
    jsonl: Jsonl = Jsonl()
    noise: Noise = Noise()
    dev: Literal["clean", "noisy"] = "clean"  # the tags that training may look at to choose a checkpoint
    limit: Count | None = None  # keep the first so many sentences of every split


class Scratch(Table):
    """The encoder that is built when `encoder = "scratch"`: BERT's architecture, WordPiece from the training words."""

    layers: Annotated[int, Field(gt=0, le=1000)] = 4
    hidden: Annotated[int, Field(gt=0, le=2**16)] = 128
    heads: Count = 4
    vocabulary: Count = 4000
    dropout: Fraction = 0.1


class Training(Table):
    """How a model is fitted; shared by `teach` and `distill`."""

    epochs: Count = 3
    batch_size: Count = 32  # windows per optimiser step and process, before accumulation
    gradient_accumulation: Count = 1
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    warmup: Fraction = 0.1  # share of the optimiser steps; linear decay to zero follows
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip: Annotated[float, Field(gt=0)] = 1.0  # largest gradient norm
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where the hardware multiplies it, else fp32
    prediction: Literal["fp32", "bf16"] = "fp32"  # the encoder's when it predicts; its head is float32 in either
    compile: bool = False  # torch.compile in training: slow to start, then faster; needs a C++ compiler
    keep: Literal["last", "best"] = "last"  # best: the epoch with the lowest loss on dev tags
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 10.0  # from one to the next; each epoch ends with one, too
    window: Annotated[int, Field(ge=8)] = 256  # most pieces a model reads at once; longer sentences are split by words


class Ramp(Table):
    """A q that changes during training: `from` until `start`, then in a straight line to `peak`, reached at `end`.

    At `fall` it goes to `to`, where it ends; without a peak it goes straight to `to` and stays. `start`, `end` and
    `fall` are shares of the optimiser steps. The defaults are what `q = "auto"` uses.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    first: Fraction = Field(0.0, alias="from")
    last: Fraction = Field(alias="to")
    start: Fraction = 0.1
    end: Fraction = 0.3
    peak: Fraction | None = None
    fall: Fraction = 0.7

    @model_validator(mode="after")
    def _in_order(self) -> Ramp:
        self.schedule()
        return self

    def schedule(self) -> Schedule:
        """The same as a function of the step."""
        peak = self.last if self.peak is None else self.peak
        fall = max(self.fall, self.end) if self.peak is None else self.fall
        return Schedule(self.first, self.last, self.start, self.end, peak, fall)


def _kind_of_q(value: Any) -> str | None:
    if isinstance(value, (Mapping, Ramp)):
        return "ramp"
    return "auto" if value == "auto" else None if isinstance(value, str) else "fixed"


FixedOrRamp = Annotated[
    Annotated[Fraction, Tag("fixed")] | Annotated[Ramp, Tag("ramp")],
    Discriminator(
        _kind_of_q, custom_error_type="q", custom_error_message="expected a number or {from, to, start, end}"
    ),
]
Q = Annotated[
    Annotated[Fraction, Tag("fixed")] | Annotated[Ramp, Tag("ramp")] | Annotated[Literal["auto"], Tag("auto")],
    Discriminator(
        _kind_of_q, custom_error_type="q", custom_error_message="expected a number, auto, or {from, to, start, end}"
    ),
]


def schedule(q: float | Ramp | Mapping[str, Any]) -> Schedule:
    """How a resolved q, from a config or a manifest, goes through training."""
    if isinstance(q, Mapping):
        q = Ramp.model_validate(q)
    return q.schedule() if isinstance(q, Ramp) else constant(q)


class Probe(Table):
    """What `pipeline probe` fits to estimate the noise: short cross-entropy teachers, each on all folds but one.

    Encoder, learning rate and the rest are those of the `teach` table.
    """

    folds: Annotated[int, Field(ge=2, lt=2**31)] = 2
    epochs: Count = 1


class Teach(Training):
    """What `pipeline teach` fits: the encoder and the smooth generalized cross-entropy SGCE(q, smoothing)."""

    encoder: Place = "scratch"  # scratch, minilm-l6, a local folder, or a hub name
    scratch: Scratch = Scratch()
    q: Q = 0.0  # a number; {from, to, …}: see Ramp; auto: one that ends at the q which the estimated noise asks for
    smoothing: Fraction = 0.0
    neighbour: Fraction = 0.0  # the share of the smoothing that goes to the tags of the adjacent words
    logit_bias: float = 0.0  # added to the tag's logit in the loss, so that a large q learns from the start
    # Forward-corrected cross-entropy instead, by the noise's transition matrix as the probe estimates it, or as it is.
    correction: Literal["none", "estimated", "known"] = "none"

    @model_validator(mode="after")
    def _one_loss(self) -> Teach:
        others = ("smoothing", "neighbour", "logit_bias")
        if self.correction != "none" and (self.q != 0.0 or any(getattr(self, name) for name in others)):
            raise ValueError(
                f"correction = {self.correction!r} corrects plain cross-entropy: set q, {', '.join(others)} to 0"
            )
        return self


class Distill(Training):
    """What `pipeline distill` fits: (1 - alpha) * divergence from the teacher + alpha * SGCE on the noisy tags."""

    teacher: Name = "teacher"
    control: bool = False  # the same student without a teacher: alpha = 1, starting where the teacher started
    kl: Kl = "forward"
    temperature: Annotated[float, Field(ge=1e-3, le=1e3)] = 1.0
    alpha: Fraction = 0.0
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.5  # the teacher's share in jensen-shannon
    alternate: Literal["step", "epoch"] = "step"
    period: Count = 1  # optimiser steps (or epochs) before alternating KL turns
    layers: Count | list[int] = 2  # how many of the teacher's layers, evenly spaced, or which
    encoder: Place | None = None  # another encoder, with its own tokenizer, instead of the teacher's layers
    scratch: Scratch = Scratch()  # when that is "scratch"
    q: FixedOrRamp | None = None  # of the SGCE part; default: the teacher's
    smoothing: Fraction | None = None


class Eval(Table):
    """What `pipeline eval` computes."""

    splits: Annotated[list[Split], Field(min_length=1)] = ["dev", "test"]
    bins: Annotated[int, Field(gt=0, le=1000)] = 10
    resamples: Annotated[int, Field(gt=0, le=100_000)] = 1000

    @field_validator("splits")
    @classmethod
    def _each_once(cls, splits: list[Split]) -> list[Split]:
        if len(set(splits)) < len(splits):
            raise ValueError(f"expected every split at most once, found {', '.join(splits)}")
        return splits


class Audit(Table):
    """What `pipeline audit` looks for: training tags that a model finds improbable."""

    stage: Name = "probe"  # whose word logits are asked: the probe, out of fold, or a model of the run
    threshold: Fraction = 0.5  # a tag is listed, and corrected by --apply, if it is wrong with a higher probability
    show: Count = 200  # sentences on the page
