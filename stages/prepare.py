"""Freeze the words, the tags that training will see, and the gold that only evaluation will.

    pipeline prepare [--noise uniform --rate 0.4]

Reads the embedded corpus, CoNLL files, JSON Lines, or a data set; writes `data/`: one JSON Lines file per split, the
label set, and a report of counts and noise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import noise, run, sources
from pipeline.config_tables import Prepare
from pipeline.corpus import SPLITS, Corpus, Sentence, label_set
from pipeline.entities import entity_spans, entity_types, match_counts, precision_recall_f1
from pipeline.errors import PipelineError
from pipeline.files import write_json
from stages.experiment import DATA, Experiment


def prepare(experiment: Experiment) -> run.Stage:
    """Make `data/`, or find it up to date."""
    settings = experiment.config.prepare
    made_from: dict[str, Any] = {
        "kind": "prepare",
        "config": _settings_record(settings),
        "seed": experiment.config.seed,
        "inputs": _inputs(settings),
    }
    if sealed := experiment.up_to_date(DATA, made_from):
        return sealed

    # Read exactly the commit that the manifest names, even if the hub moves on in between.
    revision = made_from["inputs"].get("dataset", {}).get("revision", settings.hub.revision)
    with experiment.making(DATA, made_from) as (folder, _):
        splits = {split: sentences[: settings.limit] for split, sentences in _load(settings, revision).items()}
        labels = label_set(sentence for split in SPLITS for sentence in splits[split])
        if len(labels) == 1:
            raise PipelineError(
                f"prepare: expected an entity in some split, found {labels[0]} on every word; name other data or "
                "columns, or raise prepare.limit"
            )
        corpora = {split: Corpus(labels, splits[split]) for split in SPLITS}
        for split in ("train", "dev") if settings.dev == "noisy" else ("train",):
            corpora[split] = _with_noise(corpora[split], settings, experiment.config.seed)

        report = {
            "source": settings.source,
            "labels": labels,
            "noise": {"kind": settings.noise.kind, "rate": settings.noise.rate, "dev": settings.dev}
            | noise_report(corpora["train"]),
            "splits": {
                # The counts that a reader expects are those of gold, where it is known.
                split: counts | counts.get("gold", {})
                for split, counts in sources.describe({s: c.sentences for s, c in corpora.items()}).items()
            },
        }
        for split, corpus in corpora.items():
            corpus.save(folder / f"{split}.jsonl")
        (folder / "labels.json").write_text(json.dumps(labels) + "\n", encoding="utf-8")
        write_json(folder / "report.json", report)
    _print_report(experiment, report)
    return experiment.sealed(DATA, "prepare")


def noise_report(corpus: Corpus) -> dict[str, Any]:
    """How far tags are from gold, on both axes: words flipped, and entities lost; with the transition matrix.

    Returns:
        word_flip_rate: share of words whose tag differs from gold; entity_f1_loss: 1 - entity F1 of the tags against
        gold; matrix: K rows of P(tag | gold). All None where gold is not known.
    """
    gold = corpus.gold
    if gold is None:
        return {"word_flip_rate": None, "entity_f1_loss": None, "matrix": None}
    found, wanted = (entity_spans(tags, corpus.labels, corpus.lengths) for tags in (corpus.tags, gold))
    counts = match_counts(found, wanted, len(corpus.lengths), len(entity_types(corpus.labels)))
    f1 = float(precision_recall_f1(counts.sum(axis=(0, 1)))[2])
    return {
        "word_flip_rate": noise.word_flip_rate(gold, corpus.tags),
        "entity_f1_loss": 1.0 - f1 if counts.any() else 0.0,
        "matrix": np.round(noise.transition_matrix(gold, corpus.tags, len(corpus.labels)), 6).tolist(),
    }


def _load(settings: Prepare, revision: str | None) -> dict[str, list[Sentence]]:
    """The splits of the source: its tags are gold, unless they are noisy already (noise.kind = "file")."""
    if settings.source == "embedded":
        from pipeline import embedded

        sizes = settings.embedded
        return embedded.generate(seed=sizes.seed, train=sizes.train, dev=sizes.dev, test=sizes.test)
    if settings.source == "files":
        columns = settings.files.model_dump(include=COLUMNS)
        splits = sources.load_files(**_file_paths(settings), **columns)  # type: ignore[arg-type]
    elif settings.source == "jsonl":
        splits = sources.load_jsonl(Path(settings.jsonl.folder))
    else:
        splits = sources.load_hub(**settings.hub.model_dump(exclude={"revision"}), revision=revision)
    given = {split for split in SPLITS if settings.noise.kind == "file" and split != "test"}
    if settings.dev == "clean":
        given.discard("dev")
    for split in splits.keys() - given:
        splits[split] = [_tags_are_gold(s) for s in splits[split]]
    return splits


COLUMNS = {"word_column", "tag_column", "gold_column", "scheme"}


def _tags_are_gold(sentence: Sentence) -> Sentence:
    gold = sentence.gold or sentence.tags
    return Sentence(sentence.words, gold, gold, sentence.document)


def _with_noise(corpus: Corpus, settings: Prepare, seed: int) -> Corpus:
    if settings.noise.kind == "file":
        return corpus
    tags = noise.inject(
        settings.noise.kind,
        corpus.tags,
        corpus.labels,
        corpus.lengths,
        rate=settings.noise.rate,
        seed=seed,
        matrix=settings.noise.matrix,
    )
    return corpus.with_tags(tags)


def _file_paths(settings: Prepare) -> dict[str, Path | None]:
    names = settings.files.model_dump(exclude={"folder", *COLUMNS})
    return {key: None if name is None else Path(settings.files.folder) / name for key, name in names.items()}


def _inputs(settings: Prepare) -> dict[str, Any]:
    """What pins the source: nothing for the embedded corpus, contents of files, the revision of a data set."""
    if settings.source == "files":
        return {key: sources.file_identity(path) for key, path in _file_paths(settings).items() if path}
    if settings.source == "jsonl":
        paths = sources.jsonl_paths(Path(settings.jsonl.folder))
        return {split: sources.file_identity(path) for split, path in paths.items()}
    if settings.source == "hub":
        return {
            "dataset": sources.hub_identity(
                settings.hub.dataset, configuration=settings.hub.configuration, revision=settings.hub.revision
            )
        }
    return {}


def _settings_record(settings: Prepare) -> dict[str, Any]:
    """The settings that matter for this source, without folders: where files lie is not part of what they are."""
    record = settings.model_dump(exclude={"jsonl"} | {"embedded", "files", "hub"} - {settings.source})
    if settings.source == "files":
        record["files"] = settings.files.model_dump(include=COLUMNS)
    if settings.source == "hub":
        record["hub"]["dataset"] = Path(settings.hub.dataset).name
    return record


def _print_report(experiment: Experiment, report: dict[str, Any]) -> None:
    rows = [
        [split, f"{info['sentences']:,}", f"{info['words']:,}", f"{sum(info['entities'].values()):,}"]
        for split, info in report["splits"].items()
    ]
    experiment.reporter.result("data", ["split", "sentences", "words", "entities"], rows)
    if without := [split for split, info in report["splits"].items() if not info["entities"]]:
        experiment.reporter.warn(f"no entity in {', '.join(without)}: F1 there is 0 whatever a model says")
    about = report["noise"]
    if about["word_flip_rate"] is None:
        experiment.reporter.say("noise: in the source; gold of the training words is not known")
    else:
        experiment.reporter.say(
            f"noise: {about['kind']} · {about['word_flip_rate']:.1%} of training words flipped · "
            f"{about['entity_f1_loss']:.1%} entity F1 lost · dev tags {about['dev']}"
        )
