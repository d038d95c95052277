"""What a probe, a teacher or a student is made from: the half of its manifest that decides whether it is up to date.

Known from the config and the manifests of earlier stages alone, so that a run with nothing to do loads no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config_tables import Distill, Ramp, Teach, Training
from pipeline.encoder_files import encoder_identity
from stages.experiment import DATA, PROBE, Experiment, load_estimate
from stages.forecast import calibrated_q


def of_probe(experiment: Experiment) -> dict[str, Any]:
    """Kind, config, seed and inputs of the probe: its own settings over those of the `teach` table."""
    teach = experiment.config.teach
    loss = {"q", "smoothing", "neighbour", "logit_bias", "correction"}
    return {
        "kind": "probe",
        "config": {key: value for key, value in _record(teach).items() if key not in loss}
        | experiment.config.probe.model_dump(),
        "seed": experiment.config.seed,
        "inputs": {
            "data": experiment.sealed(DATA, "prepare").as_input(),
            "encoder": encoder_identity(teach.encoder),
        },
    }


def needs_probe(settings: Teach) -> bool:
    """Whether a teacher is made from the estimated noise."""
    return settings.q == "auto" or settings.correction == "estimated"


def of_teacher(experiment: Experiment, settings: Teach) -> dict[str, Any]:
    """Kind, config, seed and inputs of a teacher: the data, the encoder, and the probe where its loss asks for it.

    `q = "auto"` stands in the config as what it comes to: it rises to twice the calibrated q (1 at most), which makes
    the model drop the noise, and ends at the calibrated q, which decides how sure it is.
    """
    config, probe = _record(settings), {}
    if needs_probe(settings):
        stage = experiment.sealed(PROBE, "probe")
        probe = {"probe": stage.as_input()}
        if settings.q == "auto":
            q = round(calibrated_q(load_estimate(stage), settings.smoothing), 3)
            config["q"] = Ramp.model_validate({"to": q, "peak": min(1.0, 2 * q)}).model_dump() if q else q
    return {
        "kind": "teach",
        "config": config,
        "seed": experiment.config.seed,
        "inputs": {
            "data": experiment.sealed(DATA, "prepare").as_input(),
            "encoder": encoder_identity(settings.encoder),
            **probe,
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
    """A model's settings as its manifest records them: a local encoder by its folder's name alone.

    How often a checkpoint is written changes nothing, so it may be another when training goes on.
    """
    record = settings.model_dump(exclude={"checkpoint_minutes"})
    if record["encoder"] and Path(record["encoder"]).is_dir():
        record["encoder"] = Path(record["encoder"]).name
    return record
