"""List the training labels that are probably wrong, for a person to check or for `--apply` to correct.

    pipeline audit [--stage teacher --threshold 0.8]

Reads `data/` and a model's word logits; writes `audit/`: `words.jsonl` and `entities.jsonl`, the most suspicious first,
`tags.jsonl`, the tags that `--apply` would write, `summary.json` and the page `audit.html`; where gold is known,
`curve.json` too. Gold scores the list, it does not make it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline import run
from pipeline.audit import fit_channel_temperature, judge
from pipeline.cleanlab_ranking import cleanlab_scores
from pipeline.files import write_json
from pipeline.findings import Findings
from pipeline.noise_estimate import estimate
from pipeline.suspects import best_tags, judge_entities
from pipeline.word_logits import WordLogits
from stages.experiment import AUDIT, DATA, MODEL_KINDS, Experiment, load_corpora

ASKED = (*MODEL_KINDS, "probe")  # the kinds of stages that have word logits of the training words
COLUMNS = ("word", "tag", "suggestion", "P(wrong)", "sentence")
SHOWN = 10


def audit(experiment: Experiment) -> run.Stage:
    """Make `audit/`, or find it up to date."""
    settings = experiment.config.audit
    data = experiment.sealed(DATA, "prepare")
    asked = experiment.sealed(settings.stage, *ASKED)
    made_from: dict[str, Any] = {
        "kind": "audit",
        "config": settings.model_dump(),
        "seed": experiment.config.seed,
        "inputs": {"data": data.as_input(), "stage": asked.as_input()},
    }
    if sealed := experiment.up_to_date(AUDIT, made_from):
        _print(experiment, sealed)
        return sealed

    with experiment.making(AUDIT, made_from) as (folder, _):
        train = load_corpora(data)["train"]
        path = asked.path("logits/train.safetensors")
        logits = WordLogits.load(path).check(train, f"{asked.folder}/train").logits

        # How noisy the tags are, how sure the model may be, and what Bayes' rule makes of both for every word.
        noise = estimate(logits, train.tags)
        temperature = fit_channel_temperature(logits, train.tags, noise.transition)
        verdicts = judge(logits, train.tags, noise.transition, temperature)

        # What the words say about sentences: what the tags should be, and which entities that puts in doubt.
        posterior, labels, lengths = verdicts.log_posterior, train.labels, train.lengths
        suggestion = best_tags(posterior, labels, lengths)
        corrected = best_tags(posterior, labels, lengths, given=train.tags, threshold=settings.threshold)
        claims = judge_entities(posterior, train.tags, suggestion, labels, lengths)

        theirs = cleanlab_scores(logits, train.tags, train.lengths)
        others = {} if theirs is None else {"cleanlab": theirs}
        findings = Findings(train, verdicts, suggestion, claims, corrected, settings.threshold, others)
        about = {"stage": settings.stage, "threshold": settings.threshold, "temperature": temperature}
        estimates = {"noise_rate": noise.rate, "accuracy": noise.accuracy}
        summary = {**about, **estimates, **findings.summary()}
        _write_lines(folder / "words.jsonl", findings.words)
        _write_lines(folder / "entities.jsonl", findings.entities)
        _write_lines(folder / "tags.jsonl", [sentence.tags for sentence in train.with_tags(corrected).sentences])
        write_json(folder / "summary.json", summary)
        curve = findings.curve()
        if curve is not None:
            write_json(folder / "curve.json", curve)

        from pipeline.report.audit_page import Audit, write_audit_page  # matplotlib takes a second

        sentences = [sentence.words for sentence in train.sentences]
        found = Audit(experiment.folder.resolve().name, summary, findings.words, findings.entities, sentences, curve)
        write_audit_page(folder / "audit.html", found, settings.show)
    sealed = experiment.sealed(AUDIT, "audit")
    _print(experiment, sealed)
    return sealed


def _write_lines(path: Path, records: Iterable[Any]) -> None:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")


def _print(experiment: Experiment, sealed: run.Stage) -> None:
    """The most suspicious words, and the whole list in a line or two."""
    summary = json.loads(sealed.path("summary.json").read_text(encoding="utf-8"))
    with sealed.path("words.jsonl").open(encoding="utf-8") as file:
        words = [json.loads(line) for line in islice(file, SHOWN)]
    rows = [[w["text"], w["tag"], w["suggestion"], f"{w['probability']:.4f}", str(w["sentence"])] for w in words]
    if rows:
        experiment.reporter.result("most suspicious training tags", COLUMNS, rows)
    experiment.reporter.say(
        f"audit: {summary['listed_words']:,} of {summary['words']:,} training tags are wrong with a probability above "
        f"{summary['threshold']:g}, {summary['expected_wrong_words']:,.0f} expected in all · "
        f"{summary['listed_entities']:,} doubts about entities"
    )
    if "gold" in summary:
        for name, scores in summary["gold"]["ranking"]["words"].items():
            auroc, precision = scores["auroc"], scores["precision_at_recall_90"]
            if auroc is not None:
                experiment.reporter.say(
                    f"against gold, {name}: AUROC {auroc:.4f} · precision {precision:.4f} at recall .90"
                )
