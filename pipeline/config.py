"""Experiments as data: one table per stage, every key a documented field; `pipeline.config_file` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

from pipeline.errors import PipelineError

Fraction = Annotated[float, Field(ge=0, le=1)]
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
Name = Annotated[str, Field(pattern=f"^{NAME}$", max_length=80)]
Kl = Literal["forward", "reverse", "alternating", "jeffreys", "jensen-shannon", "adaptive"]
Split = Literal["train", "dev", "test"]
RESERVED = ("data", "figures")


class Table(BaseModel):
    """A TOML table whose unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Embedded(Table):
    """The generated newswire corpus: sentences per split, and its own seed (independent of the experiment's)."""

    train: PositiveInt = 4000
    dev: PositiveInt = 800
    test: PositiveInt = 1200
    seed: int = 0


class Files(Table):
    """CoNLL column files. Paths are relative to `folder`, which is relative to the working directory."""

    folder: str = "."
    train: str = "train.txt"
    dev: str = "valid.txt"
    test: str = "test.txt"
    train_gold: str | None = None
    dev_gold: str | None = None
    test_gold: str | None = None
    word_column: int = 0
    tag_column: int = -1
    gold_column: int | None = None
    scheme: Literal["auto", "iob1", "iob2", "bioes"] = "auto"


class Hub(Table):
    """A data set for the `datasets` library: a hub name, a `save_to_disk` folder, or a folder of .parquet/.jsonl."""

    dataset: str = "lhoestq/conll2003"
    configuration: str | None = None
    revision: str | None = None
    words: str = "tokens"
    tags: str = "ner_tags"
    gold: str | None = None
    document: str | None = None
    splits: dict[Split, str] = {"train": "train", "dev": "validation", "test": "test"}
    label_names: list[str] | None = None
    scheme: Literal["auto", "iob1", "iob2", "bioes"] = "auto"


class Noise(Table):
    """Label noise (see `pipeline.noise`). `file` means that the source's tags are noisy already."""

    kind: Literal["none", "uniform", "within-entities", "pair", "span", "file"] = "none"
    rate: Fraction = 0.0
    matrix: list[list[Fraction]] | None = None


class Prepare(Table):
    """What `pipeline prepare` freezes."""

    source: Literal["embedded", "files", "hub"] = "embedded"
    embedded: Embedded = Embedded()
    files: Files = Files()
    hub: Hub = Hub()
    noise: Noise = Noise()
    dev: Literal["clean", "noisy"] = "clean"  # the tags that training may look at to choose a checkpoint
    limit: PositiveInt | None = None  # keep the first so many sentences of every split


class Scratch(Table):
    """The encoder that is built when `encoder = "scratch"`: BERT's architecture, WordPiece from the training words."""

    layers: PositiveInt = 4
    hidden: PositiveInt = 128
    heads: PositiveInt = 4
    vocabulary: PositiveInt = 4000
    dropout: Fraction = 0.1


class Training(Table):
    """How a model is fitted; shared by `teach` and `distill`."""

    epochs: PositiveInt = 3
    batch_size: PositiveInt = 32  # windows per optimiser step and process, before accumulation
    gradient_accumulation: PositiveInt = 1
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    warmup: Fraction = 0.1  # share of the optimiser steps; linear decay to zero follows
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip: Annotated[float, Field(gt=0)] = 1.0  # largest gradient norm
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where the hardware multiplies it, else fp32
    keep: Literal["last", "best"] = "last"  # best: the epoch with the lowest loss on dev tags
    window: Annotated[int, Field(ge=8)] = 256  # most pieces a model reads at once; longer sentences are split by words


class Teach(Training):
    """What `pipeline teach` fits: the encoder and the smooth generalized cross-entropy SGCE(q, smoothing)."""

    encoder: str = "scratch"  # scratch, minilm-l6, a local folder, or a hub name
    scratch: Scratch = Scratch()
    q: Fraction = 0.0
    smoothing: Fraction = 0.0
    neighbour: Fraction = 0.0  # the share of the smoothing that goes to the tags of the adjacent words


class Distill(Training):
    """What `pipeline distill` fits: (1 - alpha) * divergence from the teacher + alpha * SGCE on the noisy tags."""

    teacher: Name = "teacher"
    control: bool = False  # the same student without a teacher: alpha = 1, starting where the teacher started
    kl: Kl = "forward"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    alpha: Fraction = 0.0
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.5  # the teacher's share in jensen-shannon
    alternate: Literal["step", "epoch"] = "step"
    period: PositiveInt = 1  # optimiser steps (or epochs) before alternating KL turns
    layers: PositiveInt | list[int] = 2  # how many of the teacher's layers, evenly spaced, or which
    encoder: str | None = None  # another encoder, with its own tokenizer, instead of the teacher's layers
    scratch: Scratch = Scratch()  # when that is "scratch"
    q: Fraction | None = None  # of the SGCE part; default: the teacher's
    smoothing: Fraction | None = None


class Eval(Table):
    """What `pipeline eval` computes."""

    splits: Annotated[list[Split], Field(min_length=1)] = ["dev", "test"]
    bins: PositiveInt = 10
    resamples: PositiveInt = 1000


class TeachStage(Teach):
    """A teacher of a run: the keys in which it differs from the `teach` table."""

    command: Literal["teach"]


class DistillStage(Distill):
    """A student (or control) of a run: the keys in which it differs from the `distill` table."""

    command: Literal["distill"]


ModelStage = Annotated[TeachStage | DistillStage, Field(discriminator="command")]


class Config(Table):
    """One experiment: `stages` names the models that `pipeline run` makes, in order."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    prepare: Prepare = Prepare()
    teach: Teach = Teach()
    distill: Distill = Distill()
    eval: Eval = Eval()
    stages: dict[Name, ModelStage] = {
        "teacher": TeachStage(command="teach"),
        "control": DistillStage(command="distill", control=True),
        "student-forward": DistillStage(command="distill", kl="forward"),
        "student-reverse": DistillStage(command="distill", kl="reverse"),
        "student-alternating": DistillStage(command="distill", kl="alternating"),
    }

    @field_validator("stages")
    @classmethod
    def _names_are_free(cls, stages: dict[str, ModelStage]) -> dict[str, ModelStage]:
        if taken := [name for name in stages if name in RESERVED]:
            raise ValueError(f"the name is taken by the run's own folder: {', '.join(taken)}")
        return stages

    def teach_stage(self, name: str) -> Teach:
        """The settings of a teacher: the `teach` table under the keys of `stages.<name>`."""
        return Teach.model_validate(self._overlay(self.teach, name, TeachStage))

    def distill_stage(self, name: str) -> Distill:
        """The settings of a student: the `distill` table under the keys of `stages.<name>`."""
        return Distill.model_validate(self._overlay(self.distill, name, DistillStage))

    def _overlay(self, table: Training, name: str, kind: type[Training]) -> dict[str, Any]:
        entry = self.stages.get(name)
        if entry is None:
            return table.model_dump()
        if not isinstance(entry, kind):
            raise PipelineError(
                f"stage {name!r}: this config makes it with `pipeline {entry.command}`; choose another --name"
            )
        return merge(table.model_dump(), entry.model_dump(exclude_unset=True, exclude={"command"}))


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, table by table."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged
