"""The page of an audit: how many labels are probably wrong, how good the list is, and the list in its sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from pipeline.files import write_text
from pipeline.report import formatting as f
from pipeline.report import panels
from pipeline.report.panels import BLUE, LINE, MUTED, RED, Canvas, Frame, Panel
from pipeline.report.reading import Record
from pipeline.report.tables import Cell, Row, Table
from pipeline.report.templates import render

AROUND = 6  # words shown on either side of an entity
SIZE = (3.6, 2.75)  # of a figure, in inches
NO_ENTITY = "no entity"


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Args:
        name: the run's.
        summary: as in `summary.json`.
        words: as in `words.jsonl`.
        entities: as in `entities.jsonl`.
        sentences: the words of every training sentence.
        curve: as in `curve.json`; None where gold is not known.
    """

    name: str
    summary: Record
    words: Sequence[Record]
    entities: Sequence[Record]
    sentences: Sequence[Sequence[str]]
    curve: Record | None


@dataclass(frozen=True)
class Mark:
    """What stands under a word: tag, suggestion, probability, and what gold says if it says otherwise."""

    tag: str
    suggestion: str
    probability: str
    gold: str
    alarm: bool  # a false one: the tag is gold


@dataclass(frozen=True)
class Doubt:
    """A claim about an entity in its surroundings."""

    sentence: int
    before: str
    text: str
    after: str
    given: str
    suggested: str
    probability: str
    confirmed: bool | None


def write_audit_page(path: Path, found: Audit, show: int) -> None:
    """Write the page; it needs nothing but itself, and the same findings give the same bytes.

    Args:
        path: the file to write.
        found: what to show.
        show: how many sentences, and how many claims about entities.
    """
    with panels.style():
        figures = [
            (panel.title, panel.note, Markup(panels.svg(panel, f"curve-{i}"))) for i, panel in enumerate(_curves(found))
        ]
    sentences = _sentences(found, show)
    doubts = [_doubt(record, found.sentences) for record in found.entities[:show]]
    page = render(
        "audit.html.j2",
        "audit.css",
        name=found.name,
        lead=_lead(found),
        figures=figures,
        cleanlab="cleanlab" in (found.curve or {}).get("words", {}),
        sentences=sentences,
        doubts=doubts,
        totals={"words": f.count(len(found.words)), "entities": f.count(len(found.entities))},
        shares={"words": _shown(sentences, found), "entities": len(doubts)},
        by_tag=_by_tag(found.summary),
        gold="gold" in found.summary,
    )
    write_text(path, page)


def probability(value: float) -> str:
    """A probability with three decimals that is never rounded to certainty.

    >>> probability(0.9421), probability(0.99996), probability(1.0)
    ('.942', '>.999', '>.999')
    """
    return ">.999" if value > 0.9994 else f.three(value)


def _lead(found: Audit) -> list[tuple[str, list[Markup]]]:
    s = found.summary
    asked = [
        Markup("The word logits of <b>{}</b> on {} training words with {} entities.").format(
            s["stage"], f.count(s["words"]), f.count(s["entities"])
        ),
        Markup(
            "By its account {}\u00a0% of the tags are wrong, and it is itself right about {}\u00a0% of the words. "
            "Both are estimates that no gold label went into."
        ).format(f.percent(s["noise_rate"]), f.percent(s["accuracy"])),
    ]
    listed = [
        Markup("<b>{} tags</b> are wrong with a probability above {}, {}\u00a0% of all.").format(
            f.count(s["listed_words"]), f.short(s["threshold"]), f.percent(s["listed_words"] / max(s["words"], 1))
        ),
        Markup("{} are expected to be wrong in all.").format(f.count(s["expected_wrong_words"])),
        Markup("<b>{} claims about entities</b>: a given one is wrong, or one is missing.").format(
            f.count(s["listed_entities"])
        ),
    ]
    return [("Asked", asked), ("Listed", listed), ("Checked against gold", _checked(s.get("gold")))]


def _checked(gold: Record | None) -> list[Markup]:
    if gold is None:
        return [Markup("Gold of the training words is not known: nobody has checked this list yet.")]
    told = [
        Markup(
            "{} tags differ from gold. Of the listed, <b>{}\u00a0%</b> do; of those that do, {}\u00a0% are listed."
        ).format(f.count(gold["wrong_words"]), f.percent(gold["precision"]), f.percent(gold["recall"]))
    ]
    names = {"pipeline": "This ranking", "cleanlab": "cleanlab’s on the same logits"}
    for name, scores in gold["ranking"]["words"].items():
        told.append(
            Markup("{}: AUROC {}; precision {} at recall .9.").format(
                names.get(name, name), _four(scores["auroc"]), _four(scores["precision_at_recall_90"])
            )
        )
    told.append(
        Markup(
            "Corrected by <code>--apply</code>, {}\u00a0% of the tags are right instead of {}; entity F1 {}, not {}."
        ).format(*(f.percent(gold[key]) for key in ("right_after", "right_before", "f1_after", "f1_before")))
    )
    return told


def _four(value: float | None) -> str:
    return f.MISSING if value is None else f"{value:.4f}".removeprefix("0")


def _curves(found: Audit) -> list[Panel]:
    """Precision against recall, of words and of entities."""
    if found.curve is None:
        return []
    drawn = []
    for unit in ("words", "entities"):
        lines = {n: values for n, values in found.curve[unit].items() if values[-1] is not None}
        if lines:
            scores = found.summary["gold"]["ranking"][unit]["pipeline"]
            note = f"AUROC {_four(scores['auroc'])}, average precision {_four(scores['average_precision'])}"
            at = f"precision {_four(scores['precision_at_recall_90'])} at recall .9"
            alt = f"Precision against recall of the listed {unit}: {note}, {at}."
            drawn.append(Panel(unit.capitalize(), note, alt, _curve(found.curve["recall"], lines), SIZE))
    return drawn


def _curve(recall: Sequence[float], lines: Mapping[str, Sequence[float]]) -> panels.Draw:
    """Lines of precision over recall, both from 0 to 1; the ranking of the pipeline on top."""

    def draw(figure: Canvas) -> None:
        frame = Frame(figure, (0.12, 0.14, 0.86, 0.84), (0, 1), (0, 1))
        for value, label in ((0.0, "0"), (0.5, ".5"), (1.0, "1")):
            frame.line([0, 1], [value, value], color=LINE, linewidth=0.7)
            frame.text(-0.025, value, label, ha="right", va="top" if value == 1 else "center")
            frame.text(value, -0.04, "recall" if value == 0.5 else label, va="top")
        frame.line([0.9, 0.9], [0, 1], color=LINE, linewidth=0.7, linestyle="--")
        frame.text(0.02, 0.97, "precision", ha="left", va="top", fontsize=8)
        frame.line(recall, lines["pipeline"], color=BLUE, linewidth=1.8)
        for name, precision in lines.items():
            if name != "pipeline":
                frame.line(recall, precision, color=RED, linewidth=1.2, linestyle=":")
        last = lines["pipeline"][-1]  # at recall 1 nearly everything is listed
        frame.text(0.98, max(last - 0.05, 0.05), f.two(last), ha="right", va="top", fontsize=8, color=MUTED)

    return draw


def _sentences(found: Audit, show: int) -> list[tuple[int, str, list[tuple[str, Mark | None]]]]:
    """The sentences with the most suspicious words: index, largest probability, and words with their marks."""
    marks: dict[int, dict[int, Record]] = {}
    for record in found.words:
        if record["sentence"] in marks or len(marks) < show:
            marks.setdefault(record["sentence"], {})[record["word"]] = record
    return [
        (
            index,
            probability(max(r["probability"] for r in records.values())),
            [(word, _mark(records[i]) if i in records else None) for i, word in enumerate(found.sentences[index])],
        )
        for index, records in marks.items()
    ]


def _shown(sentences: Sequence[tuple[int, str, list[tuple[str, Mark | None]]]], found: Audit) -> str:
    marked = sum(mark is not None for *_, words in sentences for _, mark in words)
    return f.count(marked) if marked < len(found.words) else "all"


def _mark(record: Record) -> Mark:
    tag, suggestion, gold = record["tag"], record["suggestion"], record.get("gold")
    return Mark(
        tag=tag,
        suggestion=suggestion if suggestion != tag else "?",
        probability=probability(record["probability"]),
        gold=gold if gold is not None and gold != suggestion else "",
        alarm=gold == tag,
    )


def _doubt(record: Record, sentences: Sequence[Sequence[str]]) -> Doubt:
    words, start, end = sentences[record["sentence"]], record["start"], record["end"]
    before, after = words[max(0, start - AROUND) : start], words[end : end + AROUND]
    return Doubt(
        sentence=record["sentence"],
        before=("… " if start > AROUND else "") + " ".join(before),
        text=record["text"],
        after=" ".join(after) + (" …" if end + AROUND < len(words) else ""),
        given=_side(record, "given", words),
        suggested="?" if record["suggested"] == record["given"] else _side(record, "suggested", words),
        probability=probability(record["probability"]),
        confirmed=record.get("confirmed"),
    )


def _side(record: Record, side: str, words: Sequence[str]) -> str:
    """The entities on a claim's words, each by its type, and by its own words where they are others."""
    place = (record["start"], record["end"])
    names = [
        entity["type"]
        if (entity["start"], entity["end"]) == place
        else f"{entity['type']} “{' '.join(words[entity['start'] : entity['end']])}”"
        for entity in record[side]
    ]
    return ", ".join(names) or NO_ENTITY


def _by_tag(summary: Record) -> Table:
    """A row for every label: how many words carry it, how many wrongly, and what they should carry."""
    rows = []
    for row in summary["by_tag"]:
        if row["words"]:
            others = [f"{label} {f.count(n)}" for label, n in list(row["suggestions"].items())[:4]]
            share = row["expected_wrong"] / row["words"]
            cells = [f.count(row["words"]), f.count(row["expected_wrong"]), f.percent(share), f.count(row["listed"])]
            rows.append(Row(row["tag"], [*(Cell(text) for text in cells), Cell(", ".join(others))]))
    columns = ["Words", "Expected wrong", "Percent", "Listed", "Most frequent suggestions"]
    return Table("Every tag as it is given, and what the listed words should carry instead.", "Tag", columns, rows)
