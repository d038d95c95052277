"""What a teacher or a student is made from: the half of its manifest that decides whether it is up to date.

Known from the config and the manifests of earlier stages alone, so that a run with nothing to do loads no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config_tables import Distill, Teach, Training
from pipeline.encoder_files import encoder_identity
from stages.experiment import DATA, Experiment


def of_teacher(experiment: Experiment, settings: Teach) -> dict[str, Any]:
    """Kind, config, seed and inputs of a teacher: the data and the encoder."""
    return {
        "kind": "teach",
        "config": _record(settings),
        "seed": experiment.config.seed,
        "inputs": {
            "data": experiment.sealed(DATA, "prepare").as_input(),
            "encoder": encoder_identity(settings.encoder),
        },
    }


def of_student(experiment: Experiment, settings: Distill) -> dict[str, Any]:
    """Kind, config, seed and inputs of a student: the data, the teacher, and the encoder if it has its own."""
    return {
        "kind": "distill",
        "config": _record(settings),
        "seed": experiment.config.seed,
        "inputs": {
            "data": experiment.sealed(DATA, "prepare").as_input(),
            "teacher": experiment.sealed(settings.teacher, "teach", "distill").as_input(),
            "encoder": encoder_identity(settings.encoder) if settings.encoder else {},
        },
    }


def _record(settings: Training) -> dict[str, Any]:
    """A model's settings as its manifest records them: a local encoder by its folder's name alone."""
    record = settings.model_dump()
    if record["encoder"] and Path(record["encoder"]).is_dir():
        record["encoder"] = Path(record["encoder"]).name
    return record
