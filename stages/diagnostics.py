"""What evaluation shows of the inside of models: gradients that training recorded, and measured representations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from pipeline import run, training_record
from pipeline.corpus import Corpus
from pipeline.gradient_weights import summarise
from pipeline.training_record import TrainingRecord
from stages import manifests
from stages.experiment import Experiment

POINTS = 400  # per class, of those that a projection keeps, that the report draws


def gradients(stage: run.Stage, data: run.Stage, train: Corpus) -> Iterable[dict[str, Any]]:
    """How much of the gradient of each epoch came from wrong tags, for a stage whose training was recorded."""
    on_these_tags = stage.made_from["inputs"]["data"]["sha256"] == data.sha256
    if train.gold is None or not on_these_tags or training_record.FILE not in stage.made_from["outputs"]:
        return
    path = stage.path(training_record.FILE)
    record = TrainingRecord.load(path).check(train, str(path))
    for epoch, seen in enumerate(zip(record.tag_probabilities, record.gradient_weights, strict=True), start=1):
        if found := summarise(*seen, train.tags != train.gold):
            yield {"stage": stage.name, "epoch": epoch, **found}


def measured_geometry(experiment: Experiment, stages: Sequence[run.Stage]) -> dict[str, run.Stage]:
    """What `--geometry` sealed of these stages, as they are now, by the stage's name."""
    current = {stage.name: stage.as_input() for stage in stages}
    found = {}
    for stage in manifests.stages(experiment.folder):
        model = stage.made_from["inputs"].get("teacher", {})
        if stage.kind == "geometry" and model["folder"] in current:
            if model == current[model["folder"]]:
                found[model["folder"]] = stage
            else:
                experiment.reporter.say(
                    f"{stage.name}: left out, {model['folder']} was made again since; measure it with "
                    f"`pipeline eval --run {experiment.folder} --geometry`"
                )
    return {name: found[name] for name in current if name in found}


def geometry(model: str, stage: run.Stage) -> dict[str, Any]:
    """The measured numbers of a model, and as many points of each class as the report draws."""
    numbers: dict[str, Any] = json.loads(stage.path("geometry.json").read_text(encoding="utf-8"))
    tensors = load_file(stage.path("geometry.safetensors"))
    rounded, classes = tensors["points"].astype(np.float64).round(4), tensors["labels"]
    points = [rounded[classes == k][:POINTS].tolist() for k in dict.fromkeys(classes.tolist())]
    return {"stage": model, **numbers, "points": points, "templates": tensors["templates"].tolist()}
