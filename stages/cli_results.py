"""The commands that read what was trained: eval, audit, verify and bench. `stages.cli` gives them to the user."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import PipelineError
from stages.options import (
    ConfigOption,
    DeviceOption,
    ForceOption,
    Peer,
    QuietOption,
    RunOption,
    SeedOption,
    SetOption,
    one_line_errors,
)


@one_line_errors
def eval_command(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Stages to compare; default: every model of the run.")
    ] = None,
    config: ConfigOption = None,
    run: RunOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Print metrics.json, alone, on standard output.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table, alone, as Markdown.")] = False,
    geometry: Annotated[
        bool, typer.Option("--geometry", help="Also load the teachers and measure their representations.")
    ] = False,
    set_: SetOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare the stages: table, metrics.json, report.html."""
    from stages.opening import open_experiment

    experiment = open_experiment(config, run, set_, {}, force=force, quiet=quiet, to_stderr=json_ or markdown)
    from stages import manifests
    from stages.evaluate import evaluate
    from stages.experiment import MODEL_KINDS
    from stages.order import run_models

    if not any(stage.kind in MODEL_KINDS for stage in manifests.stages(experiment.folder)):
        run_models(experiment)
    if geometry:
        from stages.geometry import measure

        measure(experiment, stages or ())
    records = evaluate(experiment, stages or ())
    if json_:
        json.dump(records, sys.stdout, indent=1)
        sys.stdout.write("\n")
    if markdown:
        from pipeline.report import comparison

        sys.stdout.write(comparison.markdown(comparison.comparison(records, experiment.config.eval.splits[-1])))
    experiment.reporter.say(f"next: open {experiment.folder / 'report.html'}")


@one_line_errors
def audit_command(
    config: ConfigOption = None,
    run: RunOption = None,
    stage: Annotated[str | None, typer.Option(help="The stage whose word logits are asked.")] = None,
    threshold: Annotated[float | None, typer.Option(help="List tags that are wrong with a higher probability.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write the corpus with these tags corrected, too.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print summary.json, alone, on standard output.")] = False,
    set_: SetOption = None,
    force: ForceOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the training labels that are probably wrong: words.jsonl, entities.jsonl, audit.html."""
    flags = {"audit.stage": stage, "audit.threshold": threshold}
    from stages.opening import open_experiment, remember_table
    from stages.order import ensure_data, ensure_model

    experiment = open_experiment(config, run, set_, flags, force=force, quiet=quiet, to_stderr=json_)
    from stages.audit import audit

    ensure_data(experiment)
    ensure_model(experiment, experiment.config.audit.stage)
    sealed = audit(experiment)
    remember_table(experiment, "audit")
    if apply:
        from stages.correct import correct, training_command

        correct(experiment)
    if json_:
        sys.stdout.write(sealed.path("summary.json").read_text(encoding="utf-8"))
    if apply:
        experiment.reporter.next_command(training_command(experiment))
    else:
        experiment.reporter.say(
            f"next: open {sealed.folder / 'audit.html'}, or pipeline audit --run {experiment.folder} --apply"
        )


@one_line_errors
def verify_command(
    run: RunOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Print what was checked, alone, on standard output.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Check every file of a run against what was sealed; exit status 1 if anything is wrong."""
    from pipeline.config_file import DEFAULT
    from pipeline.console import Reporter
    from stages.verify import COLUMNS, as_json, verify

    folder = run or Path("runs") / DEFAULT
    reporter = Reporter(quiet=quiet, to_stderr=json_)
    checked = verify(folder)
    reporter.result(f"{folder}", COLUMNS, [one.row for one in checked])
    faults = [fault for one in checked for fault in one.faults]
    for fault in faults:
        reporter.warn(f"{folder / fault.path}: {fault.found}; {fault.command}")
    if json_:
        json.dump(as_json(folder, checked), sys.stdout, indent=1)
        sys.stdout.write("\n")
    if faults:
        raise typer.Exit(1)


@one_line_errors
def bench_command(
    config: ConfigOption = None,
    run: RunOption = None,
    against: Annotated[Peer | None, typer.Option(help="Also time what people use instead, in turns.")] = None,
    sentences: Annotated[int, typer.Option(min=64, help="Training sentences to work on.")] = 1500,
    repeats: Annotated[int, typer.Option(min=2, help="Counted repetitions of each work.")] = 5,
    seeds: Annotated[
        int, typer.Option(min=0, help="With --against, instead: train so many whole teachers, ours and theirs.")
    ] = 0,
    json_: Annotated[bool, typer.Option("--json", help="Print the records, alone, on standard output.")] = False,
    set_: SetOption = None,
    seed: SeedOption = None,
    device: DeviceOption = None,
    quiet: QuietOption = False,
) -> None:
    """Time teaching, distilling, predicting and evaluating on this machine."""
    from stages.opening import open_experiment
    from stages.order import ensure_data

    flags = {"seed": seed, "device": device}
    experiment = open_experiment(config, run, set_, flags, quiet=quiet, to_stderr=json_)
    ensure_data(experiment)
    if seeds and against is None:
        raise PipelineError("--seeds: expected a peer to compare with, found none; add --against trainer")
    if seeds:
        from stages.bench_seeds import bench_seeds

        records = bench_seeds(experiment, seeds)
    else:
        from stages.bench import bench

        records = bench(experiment, sentences=sentences, repeats=repeats, against=against is not None)
    if json_:
        json.dump(records, sys.stdout, indent=1)
        sys.stdout.write("\n")
