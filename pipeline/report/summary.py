"""The paragraph at the top of a report: what was run and what came out, every number taken from the records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from pipeline.report import formatting as f
from pipeline.report.reading import Record, Run

CLOSE = 0.02  # mean confidence this near to accuracy is called neither over- nor under-confident
MOST_NAMED = 4  # more models of one role than this are told as a range
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def summary(run: Run) -> Markup:
    """The run in one paragraph of HTML; names and labels are escaped."""
    sentences = [*_data(run), *_teachers(run), *_students(run), *_scaled(run)]
    return Markup(" ").join(sentences)


def caveats(run: Run) -> list[str]:
    """What a reader must know before trusting a number: splits scored without gold."""
    given = dict.fromkeys(r["split"] for r in run.metrics if r.get("gold") is False)
    return [
        f"The {split} split has no gold: its numbers are scored against the given tags, which may be wrong."
        for split in given
    ]


def confidence_verdict(record: Record) -> str:
    """Whether a model claims more or less than it delivers, from mean confidence and accuracy."""
    confidence, accuracy = record.get("confidence"), record.get("accuracy")
    if confidence is None or accuracy is None:
        return ""
    if abs(confidence - accuracy) < CLOSE:
        return "confidence matches accuracy"
    return "under-confident" if confidence < accuracy else "over-confident"


def _data(run: Run) -> Iterable[Markup]:
    train = run.data.get("splits", {}).get("train", {})
    if train.get("sentences") is not None:
        types = len(train.get("entities") or {})
        yield Markup("The models learned from {} sentences ({} words, {} entity types) of {}.").format(
            f.count(train["sentences"]), f.count(train.get("words")), types, run.data.get("source") or "an unnamed source"
        )
    noise = run.data.get("noise")
    if not noise:
        return
    rate, loss = noise.get("word_flip_rate"), noise.get("entity_f1_loss")
    if noise.get("kind") in (None, "none"):
        yield Markup("No noise was added to their tags.")
    elif rate is None:
        yield Markup("How many of their tags are wrong is unknown, for want of gold.")
    else:
        cause = "as they came" if noise["kind"] == "file" else f"{noise['kind']} noise"
        cost = "" if loss is None else Markup(", and held against gold the tags lose {} points of entity F1").format(
            f.percent(loss)
        )
        yield Markup("<strong>{} %</strong> of the training words carry a wrong tag ({}){}.").format(
            f.percent(rate), cause, cost
        )
    if noise.get("dev") and noise.get("kind") not in (None, "none"):
        yield Markup("The dev tags are {}.").format(noise["dev"])


def _teachers(run: Run) -> Iterable[Markup]:
    teachers = _of_role(run, "teacher")
    if len(teachers) > MOST_NAMED:
        yield _range(run, Markup("The {} teachers").format(_number(len(teachers))), teachers)
        return
    for stage in teachers:
        record = run.score(stage)
        loss = f.settings(run.settings(stage))
        verdict = confidence_verdict(record)
        meaning = ""
        if verdict:
            meaning = Markup(" ({}: mean confidence {}, accuracy {})").format(
                verdict, f.three(record["confidence"]), f.three(record["accuracy"])
            )
        yield Markup("The teacher {}{} reaches F1 {} with ECE <strong>{}</strong>{}.").format(
            _name(stage), f" ({loss})" if loss else "", _strong_f1(record), f.three(record.get("ece")), meaning
        )


def _students(run: Run) -> Iterable[Markup]:
    taught: dict[str, list[str]] = {}
    for stage in _of_role(run, "student"):
        taught.setdefault(_teacher_of(run, stage), []).append(stage)
    for teacher, students in taught.items():
        whose = Markup("of {} ").format(_name(teacher)) if teacher else ""
        who = Markup("The student {}{}").format(whose, _name(students[0]))
        if len(students) > 1:
            who = Markup("The {} students {}").format(_number(len(students)), whose).rstrip()
        yield _range(run, Markup(who), students, teacher)
    for stage in _of_role(run, "control"):
        record = run.score(stage)
        yield Markup("The same student without a teacher, {}, has F1 {} and ECE <strong>{}</strong>.").format(
            _name(stage), _strong_f1(record), f.three(record.get("ece"))
        )


def _scaled(run: Run) -> Iterable[Markup]:
    pairs = [(run.score(s).get("ece"), run.score(s, scaled=True).get("ece")) for s in run.stages]
    after = [b for a, b in pairs if a is not None and b is not None]
    if after:
        yield Markup("One temperature per model, fitted on dev, would bring every ECE to {}.").format(
            _span(after, f.three)
        )


def _range(run: Run, who: Markup, stages: Sequence[str], teacher: str = "") -> Markup:
    records = [run.score(stage) for stage in stages]
    text = Markup("{} {} F1 <strong>{}</strong> with ECE <strong>{}</strong>").format(
        who,
        "reaches" if len(stages) == 1 else "reach",
        _span([r.get("f1") for r in records], f.percent),
        _span([r.get("ece") for r in records], f.three),
    )
    size, speed = (_ratios(run, records, teacher, key) for key in ("parameters", "words_per_second"))
    if size:
        text += Markup(", with {} % of its parameters").format(_span([100 * x for x in size], f.count))
    if speed:
        text += Markup("{} {} times its speed").format("," if not size else " and", _span(speed, _once))
    return text + "."


def _ratios(run: Run, records: Sequence[Record], teacher: str, key: str) -> list[float]:
    base = run.score(teacher).get(key) if teacher else None
    return [r[key] / base for r in records if base and r.get(key)]


def _teacher_of(run: Run, student: str) -> str:
    """The teacher that a student was compared with or distilled from; empty where unknown."""
    name = run.settings(student).get("teacher", "")
    return name if name in run.stages else ""


def _of_role(run: Run, role: str) -> list[str]:
    return [stage for stage in run.stages if run.role(stage) == role and run.score(stage)]


def _span(values: Iterable[float | None], show: object) -> str:
    texts = list(dict.fromkeys(show(v) for v in sorted(v for v in values if v is not None)))
    return f"{texts[0]} to {texts[-1]}" if len(texts) > 1 else (texts[0] if texts else f.MISSING)


def _strong_f1(record: Record) -> Markup:
    return Markup("<strong>{}</strong>").format(f.percent(record.get("f1")))


def _name(stage: str) -> Markup:
    return Markup("<b>{}</b>").format(stage)


def _once(value: float) -> str:
    return f"{value:.1f}"


def _number(n: int) -> str:
    return NUMBERS[n] if n < len(NUMBERS) else str(n)
