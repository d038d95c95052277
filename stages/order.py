"""Which stages a command needs, and in what order: sealed ones are taken as they are, missing ones are made.

Stages never import each other; this is the one place that knows them all, apart from the command line. Each is imported
when it has work to do, so that a run with nothing to do loads no torch.
"""

from __future__ import annotations

import dataclasses

from stages import manifests
from stages.experiment import DATA, PROBE, Experiment


def run_all(experiment: Experiment) -> None:
    """Every stage of the config, and their evaluation."""
    from stages.evaluate import evaluate

    run_models(experiment)
    evaluate(experiment)


def run_models(experiment: Experiment) -> None:
    """Every stage of the config up to evaluation."""
    from pipeline.config import TeachStage
    from stages.made_from import needs_probe
    from stages.prepare import prepare

    prepare(experiment)
    stages = experiment.config.stages
    teachers = [experiment.config.teach_stage(name) for name, stage in stages.items() if isinstance(stage, TeachStage)]
    if any(needs_probe(settings) for settings in teachers):
        make_probe(experiment)
    for name, stage in stages.items():
        make = teach_named if isinstance(stage, TeachStage) else distill_named
        make(experiment, name)


def make_probe(experiment: Experiment) -> None:
    """Make the probe, or find it up to date."""
    from stages.made_from import of_probe

    if experiment.up_to_date(PROBE, of_probe(experiment)) is None:
        from stages.probe import probe

        probe(experiment)


def teach_named(experiment: Experiment, name: str) -> None:
    """Make the teacher of that name, or find it up to date."""
    from stages.made_from import needs_probe, of_teacher

    settings = experiment.config.teach_stage(name)
    if needs_probe(settings):
        ensure_probe(experiment)
    if experiment.up_to_date(name, of_teacher(experiment, settings)) is None:
        from stages.teach import teach

        teach(experiment, name, settings)


def distill_named(experiment: Experiment, name: str) -> None:
    """Make the student of that name, or find it up to date."""
    from stages.made_from import of_student

    settings = experiment.config.distill_stage(name)
    if experiment.up_to_date(name, of_student(experiment, settings)) is None:
        from stages.distill import distill

        distill(experiment, name, settings)


def ensure_data(experiment: Experiment) -> None:
    """Make the data where there is none; `--force` is meant for what the command makes, not for this."""
    from stages.prepare import prepare

    if manifests.find(experiment.folder, DATA) is None:
        prepare(dataclasses.replace(experiment, force=False))


def ensure_probe(experiment: Experiment) -> None:
    """Make the probe where there is none; teachers share it."""
    if manifests.find(experiment.folder, PROBE) is None:
        make_probe(dataclasses.replace(experiment, force=False))


def ensure_teacher(experiment: Experiment, name: str) -> None:
    """Make the teacher of that name where there is no such stage."""
    if manifests.find(experiment.folder, name) is None:
        teach_named(dataclasses.replace(experiment, force=False), name)


def ensure_model(experiment: Experiment, name: str) -> None:
    """Make the teacher or student of that name where there is none, if the config says how."""
    if manifests.find(experiment.folder, name) is not None:
        return
    if name == PROBE:
        ensure_probe(experiment)
        return
    from pipeline.config import DistillStage

    entry = experiment.config.stages.get(name)
    if isinstance(entry, DistillStage):
        ensure_teacher(experiment, experiment.config.distill_stage(name).teacher)
        distill_named(dataclasses.replace(experiment, force=False), name)
    elif entry is not None or name == "teacher":
        ensure_teacher(experiment, name)
