"""Measure the representations of a run's teachers: scale, scatter within and between classes, and three classes drawn.

    pipeline eval --geometry [STAGE ...]

The one evaluation that loads models, so what it finds is sealed: `geometry-<teacher>/` holds `geometry.json`, the
numbers, and `geometry.safetensors`, the projection of three classes. Reads `data/` and a teacher's `model/`; `pipeline
eval` shows every one that belongs to the teacher as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from pipeline import devices, models, run
from pipeline.corpus import Corpus
from pipeline.encoding import encode, window_size
from pipeline.errors import PipelineError
from pipeline.files import write_json
from pipeline.geometry import plane, project, scatter, three_classes
from pipeline.prediction import predict_hidden_states
from stages import manifests
from stages.experiment import DATA, MODEL_KINDS, Experiment, load_corpora

PREFIX = manifests.GEOMETRY
SPLIT = "dev"
POINTS = 1500  # per class, at most, that the projection keeps


def measure(experiment: Experiment, names: Sequence[str] = ()) -> list[run.Stage]:
    """Measure some models, by default every teacher and what was measured before; or find them up to date."""
    found = {stage.name: stage.kind for stage in manifests.stages(experiment.folder)}
    usual = [name for name, kind in found.items() if kind == "teach" or f"{PREFIX}{name}" in found]
    return [_measure(experiment, experiment.sealed(name, *MODEL_KINDS)) for name in names or usual]


def _measure(experiment: Experiment, teacher: run.Stage) -> run.Stage:
    data = experiment.sealed(DATA, "prepare")
    name, seed = f"{PREFIX}{teacher.name}", teacher.made_from["seed"]
    made_from = {
        "kind": "geometry",
        "config": {"split": SPLIT, "points": POINTS},
        "seed": seed,
        "inputs": {"data": data.as_input(), "teacher": teacher.as_input()},
    }
    # The numbers of a model that is gone are replaced without --force: they can be had from nothing any more.
    if _is_of_other_model(experiment, name, teacher):
        experiment = replace(experiment, force=True)
    if sealed := experiment.up_to_date(name, made_from):
        return sealed

    devices.quiet_libraries()
    device = devices.choose_device(experiment.config.device)
    with experiment.making(name, made_from) as (folder, made_with):
        corpus = load_corpora(data)[SPLIT]
        hidden, templates = _hidden_states(experiment, teacher, corpus, device)
        numbers, tensors = _shape(hidden, templates, corpus, seed)
        write_json(folder / "geometry.json", numbers)
        save_file(tensors, folder / "geometry.safetensors")
        made_with |= {"device": device, "precision": "fp32"}
    return experiment.sealed(name, "geometry")


def _is_of_other_model(experiment: Experiment, name: str, teacher: run.Stage) -> bool:
    """Whether what is sealed under that name measured a model that was made again since."""
    sealed = manifests.find(experiment.folder, name)
    if sealed is None:
        return False
    if sealed.kind != "geometry":
        raise PipelineError(
            f"{sealed.folder}: expected a stage made by geometry, found {sealed.kind}; the measures of {teacher.name} "
            "need this name, so give that stage another --name"
        )
    return bool(sealed.made_from["inputs"]["teacher"] != teacher.as_input())


def _hidden_states(
    experiment: Experiment, teacher: run.Stage, corpus: Corpus, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """What the head reads of every word, (n_words, d), and its weight rows, (K, d)."""
    classifier = models.load(manifests.model_folder(teacher))
    torch.nn.Module.to(classifier.model, device)
    head = models.head(classifier.model)
    largest = window_size(classifier.tokenizer, classifier.model.config, teacher.made_from["config"]["window"])
    windows = encode(corpus.sentences, classifier.tokenizer, largest)
    with experiment.reporter.progress(f"{teacher.name}: hidden states of {SPLIT}") as meter:
        hidden = predict_hidden_states(classifier.model, head, windows, classifier.padding, meter.update)
    return hidden, head.weight.detach().cpu().numpy()


def _shape(
    hidden: np.ndarray, templates: np.ndarray, corpus: Corpus, seed: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The numbers of a model, and the projection of three classes: points, their label indices, templates."""
    classes, labels = corpus.reference, corpus.labels
    try:
        chosen = three_classes(labels, classes)
        origin, axes = plane(templates[list(chosen)])
    except ValueError as error:
        raise PipelineError(f"the {SPLIT} split cannot be drawn: {error}; leave --geometry out") from error
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(classes == k) for k in chosen]
    kept = np.concatenate([rng.permutation(r)[:POINTS] for r in rows])  # the first few are a sample too
    of_three = np.concatenate(rows)
    flat = project(hidden[of_three], origin, axes)
    numbers = {
        "split": SPLIT,
        "gold": corpus.gold is not None,
        "n": len(classes),
        "words": scatter(hidden, classes).as_record(),
        "balanced": scatter(hidden, classes, balanced=True).as_record(),
        "plane": scatter(flat, classes[of_three], balanced=True).as_record(),
        "template_spread": scatter(templates, np.zeros(len(templates))).spread,
        "classes": [labels[k] for k in chosen],
        "per_class": {
            label: {"n": int(there.sum()), "norm": own.norm, "spread": own.spread}
            for k, label in enumerate(labels)
            if (there := classes == k).any() and (own := scatter(hidden[there], classes[there]))
        },
    }
    tensors = {
        "points": project(hidden[kept], origin, axes),
        "labels": classes[kept],
        "templates": project(templates[list(chosen)], origin, axes),
    }
    return numbers, tensors
