"""What a report is made from: the JSON files of a run's folder, read once, every one but `metrics.json` optional."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.report.formatting import settings, two

Record = dict[str, Any]
LISTS = ("metrics", "differences", "per_type", "reliability", "confusion", "law", "gradients", "geometry")


@dataclass(frozen=True)
class Run:
    """A run as its files tell it.

    Args:
        name: the name of its folder.
        metrics: one record per stage, split, unit and scaling; stages are shown in the order of their first record.
        differences: paired differences between stages.
        per_type: precision, recall and F1 per entity type.
        reliability: bins of confidence.
        confusion: counts of gold × predicted label.
        law: what the law of confidence predicts of every teacher.
        gradients: how much of the gradient came from wrong tags, per teacher and epoch.
        geometry: the measured representations of every model for which they were asked.
        data: the data report, empty where there is none.
        manifests: the `stage.json` of the data and of every stage that has one.
        logs: the training log of every stage that has one.
        config: the text of `config.toml`, empty where there is none.
    """

    name: str
    metrics: list[Record]
    differences: list[Record]
    per_type: list[Record]
    reliability: list[Record]
    confusion: list[Record]
    law: list[Record]
    gradients: list[Record]
    geometry: list[Record]
    data: Record
    manifests: dict[str, Record]
    logs: dict[str, list[Record]]
    config: str

    @cached_property
    def stages(self) -> list[str]:
        """The names of the model stages, in the order in which they were scored."""
        return list(dict.fromkeys(record["stage"] for record in self.metrics))

    @cached_property
    def split(self) -> str:
        """The split whose numbers are the headline: test where it was scored."""
        splits = [record["split"] for record in self.metrics]
        return "test" if "test" in splits or not splits else splits[0]

    @cached_property
    def _index(self) -> dict[tuple[str, str, str, bool], Record]:
        return {(r["stage"], r["split"], r["unit"], bool(r["scaled"])): r for r in self.metrics}

    def score(self, stage: str, unit: str = "word", *, split: str | None = None, scaled: bool = False) -> Record:
        """The metrics of one stage, by default on the headline split, words, raw logits; empty where not computed."""
        return self._index.get((stage, split or self.split, unit, scaled), {})

    def role(self, stage: str) -> str:
        """Teacher, student or control."""
        return next(r["role"] for r in self.metrics if r["stage"] == stage)

    def settings(self, stage: str) -> Record:
        """The resolved config of a stage, empty where its manifest is gone."""
        return self.manifests.get(stage, {}).get("made_from", {}).get("config") or {}

    def by_law(self, stage: str) -> bool:
        """Whether this is a model's second row, at the temperature that the law of confidence calls for."""
        return self.score(stage).get("temperature") not in (None, 1.0)

    def describe(self, stage: str) -> str:
        """What distinguishes a stage, in a few words: its settings, or the temperature of a second row of a model."""
        if self.by_law(stage):
            return f"T = 1 − q = {two(self.score(stage)['temperature'])}, from the estimated noise"
        return settings(self.settings(stage))

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read a run's folder.

        Raises:
            PipelineError: there is no `metrics.json`, or a file is not the JSON it should be.
        """
        if not (folder / "metrics.json").is_file():
            raise PipelineError(f"expected {folder / 'metrics.json'}, found no such file; run `pipeline eval` first")
        lists = {name: _read(folder / f"{name}.json", list) for name in LISTS}
        stages = dict.fromkeys(record["stage"] for record in lists["metrics"])
        manifests = {stage: _manifest(folder / stage / "stage.json") for stage in ("data", *stages)}
        logs = {stage: _read_lines(folder / stage / "log.jsonl") for stage in stages}
        config = folder / "config.toml"
        return cls(
            name=folder.resolve().name,
            **lists,
            data=_read(folder / "data" / "report.json", dict),
            manifests={stage: manifest for stage, manifest in manifests.items() if manifest},
            logs={stage: log for stage, log in logs.items() if log},
            config=config.read_text(encoding="utf-8") if config.is_file() else "",
        )


def _read(path: Path, kind: type) -> Any:
    if not path.is_file():
        return kind()
    try:
        content = _parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PipelineError(f"{path}: expected JSON, found {error}; run `pipeline eval` again") from error
    if not isinstance(content, kind):
        raise PipelineError(
            f"{path}: expected a JSON {kind.__name__}, found {type(content).__name__}; run `pipeline eval` again"
        )
    return content


def _manifest(path: Path) -> Record:
    """A manifest whose `made_with`, which nothing pins, holds numbers and texts where the page wants them."""
    manifest: Record = _read(path, dict)
    made_with = manifest.get("made_with")
    if made_with is not None:
        kinds = {"seconds": int | float, "versions": dict}
        manifest["made_with"] = {
            key: value for key, value in dict(made_with).items() if isinstance(value, kinds.get(key, str | list))
        }
    return manifest


def _read_lines(path: Path) -> list[Record]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        return [_parse(line) for line in lines if line.strip()]
    except ValueError as error:
        raise PipelineError(f"{path}: expected one JSON object a line, found {error}; make the stage again") from error


def _parse(text: str) -> Any:
    """JSON with NaN and infinities read as null, so that the page shows a dash."""
    return json.loads(text, parse_constant=lambda _: None)
