"""The words at the top of a report: what was run and what came out, every number taken from the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from markupsafe import Markup

from pipeline.report import formatting as f
from pipeline.report.reading import Record, Run

CLOSE = 0.02  # mean confidence this near to accuracy is called neither over- nor under-confident
MOST_NAMED = 4  # more models of one role than this are told as a range
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def summary(run: Run) -> list[tuple[str, list[Markup]]]:
    """The run in a few sentences of HTML under two or three headings; names and labels are escaped."""
    teacher, student = ("s" if len(_of_role(run, role)) != 1 else "" for role in ("teacher", "student"))
    told = (("Data", _data), (f"Teacher{teacher}", _teachers), (f"Student{student}", _students))
    blocks = [(heading, sentences) for heading, tell in told if (sentences := list(tell(run)))]
    if blocks:
        blocks[-1][1].extend(_scaled(run))
    return blocks


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
        return "on average as confident as accurate"
    return "under-confident" if confidence < accuracy else "over-confident"


def _data(run: Run) -> Iterator[Markup]:
    train = run.data.get("splits", {}).get("train", {})
    if train.get("sentences") is not None:
        yield Markup("{} training sentences, {} words, {} entity types; source: {}.").format(
            f.count(train["sentences"]),
            f.count(train.get("words")),
            len(train.get("entities") or {}),
            run.data.get("source") or "unknown",
        )
    yield from _noise(run.data.get("noise") or {})
    if any(record.get("gold") for record in run.metrics):
        gold = dict.fromkeys(record["split"] for record in run.metrics if record.get("gold"))
        yield Markup("Scored against gold: {}.").format(" and ".join(gold))


def _noise(noise: Record) -> Iterator[Markup]:
    kind, rate, loss = noise.get("kind"), noise.get("word_flip_rate"), noise.get("entity_f1_loss")
    if kind == "none":
        yield Markup("No noise was added to the tags.")
    elif kind and rate is None:
        yield Markup("How many tags are wrong is unknown, for want of gold.")
    elif kind:
        cause = "as the source has them" if kind == "file" else f"{kind} noise"
        cost = f"; held against gold, the tags lose {f.percent(loss)} points of entity F1" if loss is not None else ""
        yield Markup("<strong>{}&nbsp;%</strong> of the training words carry a wrong tag ({}){}.").format(
            f.percent(rate), cause, cost
        )
    if noise.get("dev") and kind != "none":
        yield Markup("The dev tags that training looks at are <strong>{}</strong>.").format(noise["dev"])


def _teachers(run: Run) -> Iterator[Markup]:
    teachers = _of_role(run, "teacher")
    trained = [stage for stage in teachers if not run.by_law(stage)]
    if len(teachers) > MOST_NAMED:
        yield _range(run, Markup("The {} teachers").format(_number(len(trained))), trained)
        return
    for stage in teachers:
        record, loss = run.score(stage), run.describe(stage)
        text = Markup("<b>{}</b>{} reaches F1 <strong>{}</strong> with ECE <strong>{}</strong>").format(
            stage, f" ({loss})" if loss else "", f.percent(record.get("f1")), f.three(record.get("ece"))
        )
        if verdict := confidence_verdict(record):
            text += Markup(": {} (mean confidence {}, accuracy {})").format(
                verdict, f.three(record["confidence"]), f.three(record["accuracy"])
            )
        yield text + "."


def _students(run: Run) -> Iterator[Markup]:
    taught: dict[str, list[str]] = {}
    for stage in _of_role(run, "student"):
        taught.setdefault(_teacher_of(run, stage), []).append(stage)
    for teacher, students in taught.items():
        of = Markup(", taught by <b>{}</b>,").format(teacher) if teacher else ""
        if len(students) == 1:
            who = Markup("<b>{}</b>{}").format(students[0], of)
        else:
            who = Markup("{} students{}").format(_number(len(students)).capitalize(), of)
        yield _range(run, who, students, teacher)
    for stage in _of_role(run, "control"):
        yield _range(run, Markup("<b>{}</b>, without a teacher,").format(stage), [stage])


def _scaled(run: Run) -> Iterator[Markup]:
    after = [run.score(stage, scaled=True).get("ece") for stage in run.stages]
    if any(ece is not None for ece in after):
        yield Markup("With one temperature per model, fitted on dev, ECE becomes <strong>{}</strong>.").format(
            _span(after, f.three)
        )


def _range(run: Run, who: Markup, stages: Sequence[str], teacher: str = "") -> Markup:
    """F1 and ECE of some stages, from lowest to highest, and their size and speed beside their teacher's."""
    records = [run.score(stage) for stage in stages]
    text = Markup("{} {} F1 <strong>{}</strong> with ECE <strong>{}</strong>").format(
        who,
        "reaches" if len(stages) == 1 else "reach",
        _span([r.get("f1") for r in records], f.percent),
        _span([r.get("ece") for r in records], f.three),
    )
    base = run.score(teacher) if teacher else {}
    cost = []
    if size := _ratios(records, base, "parameters"):
        cost.append(Markup("{}&nbsp;% of its parameters").format(_span(size, lambda x: f.count(100 * x))))
    if speed := _ratios(records, base, "words_per_second"):
        cost.append(Markup("{} times its speed").format(_span(speed, lambda x: f"{x:.1f}")))
    return text + (Markup(", at ") + Markup(" and ").join(cost) if cost else "") + "."


def _ratios(records: Sequence[Record], base: Record, key: str) -> list[float]:
    return [r[key] / base[key] for r in records if r.get(key) and base.get(key)]


def _teacher_of(run: Run, student: str) -> str:
    """The teacher that a student was compared with or distilled from; empty where unknown."""
    name = run.settings(student).get("teacher", "")
    return name if name in run.stages else ""


def _of_role(run: Run, role: str) -> list[str]:
    return [stage for stage in run.stages if run.role(stage) == role and run.score(stage)]


def _span(values: Iterable[float | None], show: Callable[[float], str]) -> str:
    texts = list(dict.fromkeys(show(v) for v in sorted(v for v in values if v is not None)))
    return f"{texts[0]} to {texts[-1]}" if len(texts) > 1 else (texts[0] if texts else f.MISSING)


def _number(n: int) -> str:
    return NUMBERS[n] if n < len(NUMBERS) else str(n)
