"""Compare the stages of a run: F1, calibration, intervals, differences; one table, JSON files and a page.

    pipeline eval [STAGE ...] [--geometry]

Reads `data/`, word logits, training records and what `--geometry` measured, never a model. Writes, beside the stages,
`metrics.json`, `differences.json`, `per_type.json`, `reliability.json`, `confusion.json`, `law.json`, `gradients.json`,
`geometry.json`, `report.html` and `figures/`: all derived, none an input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import run
from pipeline.bootstrap import resample_weights
from pipeline.calibration import equal_width_edges, fit_temperature
from pipeline.corpus import Corpus
from pipeline.errors import PipelineError
from pipeline.files import canonical_json, has_hashes, hashes, write_json
from pipeline.metrics import Scores, as_record, confusion, difference, per_type, score
from pipeline.report.comparison import COLUMNS, comparison
from pipeline.word_logits import WordLogits
from stages import manifests
from stages.diagnostics import geometry, gradients, measured_geometry
from stages.experiment import DATA, MODEL_KINDS, PROBE, Experiment, load_corpora, load_estimate
from stages.forecast import calibrated_q, forecasts, is_cross_entropy

BY_LAW = "+law"  # after a teacher's name: the same model at the temperature that the law of confidence calls for


@dataclass(frozen=True)
class Row:
    """One stage on one split at one temperature: its identity as it stands in every derived file, and its scores."""

    identity: dict[str, Any]
    scores: list[Scores]

    @property
    def where(self) -> tuple[str, bool]:
        """What two rows must share to be compared: split and scaling."""
        return self.identity["split"], self.identity["scaled"]


def evaluate(experiment: Experiment, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Write the comparison of some stages, of all by default, or find it up to date.

    Returns:
        The records of `metrics.json`.
    """
    data = experiment.sealed(DATA, "prepare")
    stages = _stages(experiment, names)
    measured = measured_geometry(experiment, stages)
    probe = _probe(experiment, data)
    made_from = {
        "config": experiment.config.eval.model_dump(),
        "stages": [stage.as_input() for stage in (data, *stages)],
        "probe": probe.as_input() if probe else None,
        "geometry": {model: stage.as_input() for model, stage in measured.items()},
    }
    if not experiment.force and _up_to_date(experiment, made_from):
        experiment.reporter.up_to_date("eval")
        records: list[dict[str, Any]] = json.loads((experiment.folder / "metrics.json").read_text(encoding="utf-8"))
        print_table(experiment, records)
        return records

    data.path("report.json")  # the page shows it, and the logs, and reads whatever stands there
    for stage in stages:
        stage.path("log.jsonl")
    corpora = load_corpora(data)
    estimate = load_estimate(probe) if probe else None
    splits: list[str] = list(experiment.config.eval.splits)
    rows: list[Row] = []
    details: dict[str, list[dict[str, Any]]] = {"per_type": [], "confusion": []}
    weights = {
        split: resample_weights(len(corpora[split].lengths), experiment.config.eval.resamples) for split in splits
    }
    with experiment.reporter.progress("eval") as meter:
        for done, stage in enumerate(stages):
            meter.update(done, len(stages), stage.name)
            logits = {
                split: WordLogits.load(stage.path(f"logits/{split}.safetensors")).check(
                    corpora[split], f"{stage.folder}/{split}"
                )
                for split in {*splits, "dev"}
            }
            # Each stage raw and at the temperature fitted on clean dev tags; cross-entropy also at T = 1 - q, which
            # the noisy tags alone give.
            fitted = fit_temperature(logits["dev"].logits, corpora["dev"].reference)
            versions = [(stage.name, False, 1.0), (stage.name, True, fitted)]
            if estimate and is_cross_entropy(stage) and (q := calibrated_q(estimate)):
                versions.append((stage.name + BY_LAW, False, 1 - q))
            about = _about(stage)
            for split in splits:
                rows += _score(experiment, about, logits[split].logits, corpora[split], split, versions, weights[split])
                identity = {"stage": stage.name, "split": split}
                arguments = logits[split].logits, corpora[split].reference
                labels, lengths = corpora[split].labels, corpora[split].lengths
                details["per_type"] += [identity | row for row in per_type(*arguments, labels, lengths)]
                counts = confusion(*arguments, len(labels)).tolist()
                details["confusion"].append({**identity, "labels": labels, "counts": counts})

    records = [row.identity | as_record(scores) for row in rows for scores in row.scores]
    derived = {
        "metrics": records,
        "differences": list(_differences(stages, rows)),
        "reliability": [row.identity | _bins(scores) for row in rows for scores in row.scores],
        **details,
        "law": list(forecasts(stages, _accuracies(rows), corpora["train"], estimate)),
        "gradients": [row for stage in stages for row in gradients(stage, data, corpora["train"])],
        "geometry": [geometry(model, stage) for model, stage in measured.items()],
    }
    (experiment.folder / manifests.INDEX).unlink(missing_ok=True)
    for name in manifests.DERIVED:
        write_json(experiment.folder / f"{name}.json", derived[name])
    from pipeline.report.page import write_report  # matplotlib takes a second, and most runs have a report already

    write_report(experiment.folder)
    files = [f"{name}.json" for name in manifests.DERIVED] + ["report.html"]
    outputs = hashes(experiment.folder, (experiment.folder / file for file in files))
    write_json(experiment.folder / manifests.INDEX, {"made_from": made_from, "outputs": outputs})
    print_table(experiment, records)
    experiment.reporter.say(f"report: {experiment.folder / 'report.html'}")
    return records


def print_table(experiment: Experiment, records: Sequence[dict[str, Any]]) -> None:
    """The comparison on the last split, raw and temperature-scaled rows."""
    split = experiment.config.eval.splits[-1]
    experiment.reporter.result(f"{split} split", COLUMNS, comparison(records, split))


def _stages(experiment: Experiment, names: Sequence[str]) -> list[run.Stage]:
    """The stages to compare: those named, or all models of the run, in the order of the config, then of sealing."""
    found = {stage.name: stage for stage in manifests.stages(experiment.folder) if stage.kind in MODEL_KINDS}
    order = list(dict.fromkeys(names)) or [n for n in experiment.config.stages if n in found] + [
        n for n in found if n not in experiment.config.stages
    ]
    if missing := [name for name in order if name not in found]:
        raise PipelineError(
            f"{experiment.folder}: expected the stages {', '.join(order):.200}, found no {', '.join(missing):.200}; "
            f"there is {', '.join(found) or 'none'}"
        )
    return [experiment.sealed(name, *MODEL_KINDS) for name in order]


def _about(stage: run.Stage) -> dict[str, Any]:
    """What every row of a stage says of it."""
    config = stage.made_from["config"]
    return {
        "kind": stage.kind,
        "role": "teacher" if stage.kind == "teach" else "control" if config["control"] else "student",
        "parameters": _number(stage.made_with.get("parameters")),
        "megabytes": round(stage.path("model/model.safetensors").stat().st_size / 1e6, 3),
        "words_per_second": _number(stage.made_with.get("words_per_second")),
    }


def _score(
    experiment: Experiment,
    about: Mapping[str, Any],
    logits: np.ndarray,
    corpus: Corpus,
    split: str,
    versions: Sequence[tuple[str, bool, float]],
    weights: np.ndarray,
) -> list[Row]:
    """A stage's rows on one split: its logits under each name, scaling and temperature."""
    gold = corpus.gold is not None
    return [
        Row(
            {"stage": name, "split": split, "scaled": scaled, "temperature": temperature, "gold": gold, **about},
            score(
                logits,
                corpus.reference,
                corpus.labels,
                corpus.lengths,
                weights=weights,
                temperature=temperature,
                n_bins=experiment.config.eval.bins,
            ),
        )
        for name, scaled, temperature in versions
    ]


def _number(value: Any) -> float | None:
    """What a manifest says beside what it pins: nothing vouches for it, so it may be anything."""
    return value if isinstance(value, int | float) else None


def _accuracies(rows: Sequence[Row]) -> dict[tuple[str, str], float]:
    """The accuracy on words of every stage and split."""
    return {
        (row.identity["stage"], row.identity["split"]): scores.values["accuracy"]
        for row in rows
        for scores in row.scores
        if scores.unit == "word"
    }


def _differences(stages: Sequence[run.Stage], rows: Sequence[Row]) -> Iterable[dict[str, Any]]:
    """Each student minus its teacher and minus the control, paired over the same resamples."""
    by_stage = {stage.name: [row for row in rows if row.identity["stage"] == stage.name] for stage in stages}
    controls = [s.name for s in stages if s.kind == "distill" and s.made_from["config"]["control"]]
    for student in stages:
        if student.kind != "distill" or student.name in controls:
            continue
        teacher = student.made_from["inputs"]["teacher"]["folder"]
        for other in [teacher, *controls]:
            for a in by_stage[student.name]:
                for b in by_stage.get(other, []):
                    if a.where != b.where:
                        continue
                    for ours, theirs in zip(a.scores, b.scores, strict=True):
                        split, scaled = a.where
                        yield {"stage": student.name, "minus": other, "split": split, "scaled": scaled} | difference(
                            ours, theirs
                        )


def _bins(scores: Scores) -> dict[str, Any]:
    """The bins of a reliability diagram: edges, count, mean confidence and accuracy."""
    edges = equal_width_edges(len(scores.bins))
    rows = [
        {
            "low": float(low),
            "high": float(high),
            "n": int(n),
            "confidence": float(confidence / n) if n else None,
            "accuracy": float(correct / n) if n else None,
        }
        for low, high, (n, confidence, correct) in zip(edges[:-1], edges[1:], scores.bins, strict=True)
    ]
    return {"unit": scores.unit, "bins": rows}


def _probe(experiment: Experiment, data: run.Stage) -> run.Stage | None:
    """The probe of this data, if there is one."""
    probe = manifests.find(experiment.folder, PROBE)
    return probe if probe and probe.made_from["inputs"]["data"] == data.as_input() else None


def _up_to_date(experiment: Experiment, made_from: dict[str, Any]) -> bool:
    try:
        index = json.loads((experiment.folder / manifests.INDEX).read_text(encoding="utf-8"))
        same = canonical_json(index["made_from"]) == canonical_json(made_from)
        return same and has_hashes(experiment.folder, index["outputs"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # whatever an index that is none raises
        return False
