"""Experiments as data: tables of keys, and the stages that override them; `pipeline.config_file` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline.config_tables import Audit, Distill, Eval, Name, Prepare, Probe, Table, Teach, Training
from pipeline.errors import PipelineError

RESERVED = ("data", "figures", "probe", "audit", "corrected")
T = TypeVar("T", bound=Table)


class TeachStage(Teach):
    """A teacher of a run: the keys in which it differs from the `teach` table."""

    command: Literal["teach"]


class DistillStage(Distill):
    """A student (or control) of a run: the keys in which it differs from the `distill` table."""

    command: Literal["distill"]


ModelStage = Annotated[TeachStage | DistillStage, Field(discriminator="command")]


def _usual_stages() -> dict[str, TeachStage | DistillStage]:
    return {
        "teacher": TeachStage(command="teach"),
        "control": DistillStage(command="distill", control=True),
        "student-forward": DistillStage(command="distill", kl="forward"),
        "student-reverse": DistillStage(command="distill", kl="reverse"),
        "student-alternating": DistillStage(command="distill", kl="alternating"),
    }


class Config(Table):
    """One experiment: `stages` names the models that `pipeline run` makes, in order."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    prepare: Prepare = Prepare()
    probe: Probe = Probe()
    teach: Teach = Teach()
    distill: Distill = Distill()
    eval: Eval = Eval()
    audit: Audit = Audit()
    stages: dict[Name, ModelStage] = Field(default_factory=_usual_stages)

    @field_validator("stages")
    @classmethod
    def _names_are_free(cls, stages: dict[str, ModelStage]) -> dict[str, ModelStage]:
        if taken := [name for name in stages if name in RESERVED]:
            raise ValueError(f"the name is taken by the run's own folder: {', '.join(taken)}")
        return stages

    @model_validator(mode="after")
    def _keys_go_together(self) -> Config:
        for name, stage in self.stages.items():
            self.teach_stage(name) if isinstance(stage, TeachStage) else self.distill_stage(name)
        return self

    def teach_stage(self, name: str) -> Teach:
        """The settings of a teacher: the `teach` table under the keys of `stages.<name>`."""
        return _build(Teach, self._overlay(self.teach, name, TeachStage), name)

    def distill_stage(self, name: str) -> Distill:
        """The settings of a student: the `distill` table under the keys of `stages.<name>`."""
        return _build(Distill, self._overlay(self.distill, name, DistillStage), name)

    def _overlay(self, table: Training, name: str, kind: type[Training]) -> dict[str, Any]:
        entry = self.stages.get(name)
        if entry is None:
            return table.model_dump()
        if not isinstance(entry, kind):
            raise PipelineError(
                f"stage {name!r}: this config makes it with `pipeline {entry.command}`; choose another --name"
            )
        return merge(table.model_dump(), entry.model_dump(exclude_unset=True, exclude={"command"}))


def _build(kind: type[T], values: Mapping[str, Any], name: str) -> T:
    """A stage's table: its keys are valid one by one, but they may not go together with those of its command."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise PipelineError(f"stages.{name}: {error.errors()[0]['ctx']['error']}; correct either table") from None


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, table by table."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged
