"""The embedded corpus: generated newswire with gold entities, so that every experiment runs without a download.

Documents of 5 to 15 sentences follow one topic each: a headline, a dateline, then sentences and tables about a cast of
persons, organisations, places and events that are introduced in full and come back in short. One pool of names serves
all types, so that Lincoln may be a person, a bank, a city or the team of that city, and only the context tells. The
words of `embedded_templates` are ours, most names are Faker's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from faker import Faker

from pipeline import embedded_templates as written
from pipeline.corpus import Sentence

LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pt_PT", "pl_PL", "sv_SE", "da_DK", "hr_HR")
NAMES_PER_LOCALE = 70
RESERVED_SHARE = 0.4  # of every list of names is kept from train …
UNSEEN_SHARE = 0.25  # … and a quarter of what dev and test draw comes from there
COMMON_SHARE = 0.25  # of the sentences after the headline fit any topic
OPENER_SHARE, EXTRA_SHARE = 0.15, 0.5
REUSE_SHARE = 0.12

TYPES = {
    "P": "PER",  # person
    "C": "LOC",  # country
    "L": "LOC",  # city or town
    "G": "LOC",  # building, street, lake, mountain …
    "F": "ORG",  # firm
    "T": "ORG",  # team
    "A": "ORG",  # party, court, university, institution
    "N": "MISC",  # nationality, adjective of C with the same digit
    "E": "MISC",  # sports event or festival
    "W": "MISC",  # title of a book or film
    "D": "MISC",  # treaty, law, report, prize
    "M": "MISC",  # product, ship
}
FORMS = {
    kind: [form.strip() for form in forms.split("|")]
    for kind, forms in {
        "F": written.FIRMS,
        "T": written.TEAMS,
        "A": written.AGENCIES,
        "G": written.VENUES,
        "E": written.EVENTS,
        "W": written.WORKS,
        "D": written.DOCUMENTS,
        "M": written.MODELS,
    }.items()
}
NUMBERS: dict[str, Callable[[Random], str]] = {
    "small": lambda rng: str(rng.randint(2, 40)),
    "num": lambda rng: rng.choice((str(rng.randint(41, 999)), f"{rng.randint(1, 90)},{rng.randint(0, 999):03}")),
    "big": lambda rng: f"{rng.randint(1, 99)}.{rng.randint(1, 9)} {rng.choice(('million', 'billion'))}",
    "pct": lambda rng: f"{rng.randint(0, 14)}.{rng.randint(1, 9)} percent",
    "price": lambda rng: f"{rng.randint(1, 400)}.{rng.randint(0, 99):02}",
    "rate": lambda rng: f"{rng.randint(3, 8)}.{rng.randint(0, 9)}",
    "score": lambda rng: f"{rng.randint(0, 5)}-{rng.randint(0, 4)}",
    "set": lambda rng: rng.choice(("6-4", "7-5", "6-2", "6-0", "7-6", "3-6", "6-3")),
    "golf": lambda rng: str(rng.randint(64, 77)),
    "time": lambda rng: f"{rng.randint(1, 4)}:{rng.randint(0, 59):02}.{rng.randint(0, 99):02}",
    "age": lambda rng: str(rng.randint(19, 84)),
    "year": lambda rng: str(rng.randint(1948, 2004)),
    "date": lambda rng: f"{rng.randint(1994, 2003)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
}
CHOICE = re.compile(r"\[([^\[\]]*)\]")
PHRASE = re.compile(r"\{([a-z]{2,})\}")


def generate(seed: int = 0, train: int = 4000, dev: int = 800, test: int = 1200) -> dict[str, list[Sentence]]:
    """Write the corpus: splits of exactly the sizes asked for, tags equal to gold, types LOC, MISC, ORG and PER.

    Half of the names that dev and test draw, and the entities made from them, come from lists that train never uses.

    Args:
        seed: decides everything, together with Faker's version.
        train: sentences in train.
        dev: sentences in dev.
        test: sentences in test.

    Returns:
        The sentences of each split, in documents.
    """
    known, reserved = _names(seed)
    return {
        "train": _split(Random(f"{seed} train"), known, known, train),
        "dev": _split(Random(f"{seed} dev"), known, reserved, dev),
        "test": _split(Random(f"{seed} test"), known, reserved, test),
    }


@dataclass(frozen=True)
class _Names:
    """The names that entities are made of."""

    given: list[str]
    surnames: list[str]
    places: list[str]
    nations: list[str]  # "Spain/Spanish"


def _names(seed: int) -> tuple[_Names, _Names]:
    """The names any split may use, and those kept from train."""
    given, surnames, places = set(written.WORD_FIRST_NAMES), set(written.WORD_SURNAMES), set(_listed(written.CITIES))
    surnames.update(written.PLACE_SURNAMES)
    places.update(written.PLACE_SURNAMES)
    for locale in LOCALES:
        fake = Faker(locale)
        fake.seed_instance(seed)
        for _ in range(NAMES_PER_LOCALE):
            given.add(_ascii(fake.first_name()))
            surnames.add(_ascii(fake.last_name()))
            places.add(_ascii(fake.city()))
    known, reserved = [], []
    for pool in (given, surnames, places, set(_listed(written.NATIONS))):
        names = sorted(name for name in pool if re.fullmatch(r"[A-Za-z/ -]+", name))
        Random(seed).shuffle(names)
        cut = round(RESERVED_SHARE * len(names))
        known.append(names[cut:])
        reserved.append(names[:cut])
    return _Names(*known), _Names(*reserved)


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split("|")]


def _ascii(name: str) -> str:
    """The name as the wires of the nineties sent it, without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _split(rng: Random, known: _Names, unseen: _Names, size: int) -> list[Sentence]:
    """`size` sentences in documents of 5 to 15."""
    sentences: list[Sentence] = []
    document = 0
    while len(sentences) < size:
        left = size - len(sentences)
        length = left if left < 10 else rng.randint(5, min(15, left - 5))
        sentences += _Document(rng, known, unseen).write(length, document)
        document += 1
    return sentences


@dataclass(frozen=True)
class _Entity:
    kind: str
    full: str
    short: str


class _Document:
    """One document under way: what has been mentioned so far decides how it is mentioned next."""

    def __init__(self, rng: Random, known: _Names, unseen: _Names) -> None:
        self.rng = rng
        self.known = known
        self.unseen = unseen
        self.cast: dict[str, _Entity] = {}
        self.nations: dict[str, str] = {}
        self.bases: list[str] = []

    def write(self, length: int, document: int) -> list[Sentence]:
        """The first `length` sentences."""
        topic = self.rng.choice(sorted(written.TOPICS))
        own, common = (text.strip().splitlines() for text in (written.TOPICS[topic], written.COMMON))
        self.rng.shuffle(own)
        self.rng.shuffle(common)
        lines = [self.rng.choice(written.HEADLINES[topic].splitlines()), self.rng.choice(written.DATELINES)]
        while len(lines) < length:
            line = (common if self.rng.random() < COMMON_SHARE else own).pop()
            lines += [line] * self.rng.randint(2, 4) if line.startswith("*") else [self._longer(line)]
        return [self._sentence(line, document) for line in lines[:length]]

    def _longer(self, line: str) -> str:
        """The line with an opening or a closing clause, some of the time."""
        if line.startswith("{") and line[1] in TYPES and self.rng.random() < OPENER_SHARE:
            line = f"{self.rng.choice(written.OPENERS)} {line}"
        if line.endswith(" .") and self.rng.random() < EXTRA_SHARE:
            line = f"{line[:-2]} {self.rng.choice(written.EXTRAS)} ."
        return line

    def _sentence(self, line: str, document: int) -> Sentence:
        words: list[str] = []
        tags: list[str] = []
        mark, line = (line[0], line[2:]) if line[0] in "^~*" else ("", line)
        for token in self._expand(line).split():
            if token.startswith("{"):
                entity, mention = self._mention(token[1:-1])
                article, parts = mention.startswith("the "), mention.split()
                words += parts
                names = len(parts) - article
                tags += ["O"] * article + ["B-" + TYPES[entity.kind]] + ["I-" + TYPES[entity.kind]] * (names - 1)
            else:
                words.append(token)
                tags.append("O")
        if mark == "^":
            words = [word.upper() for word in words]
        elif mark == "~":
            words = [word[0].upper() + word[1:] for word in words]
        else:
            first = 1 if words[0] == '"' else 0
            words[first] = words[first][0].upper() + words[first][1:]
        return Sentence(tuple(words), tuple(tags), tuple(tags), document)

    def _expand(self, text: str) -> str:
        """The text with its alternatives chosen; what is left in braces are entities."""
        while "[" in text or PHRASE.search(text):
            text = CHOICE.sub(lambda match: self.rng.choice(match[1].split("|")), text)
            text = PHRASE.sub(lambda match: self._phrase(match[1]), text)
        return text

    def _phrase(self, name: str) -> str:
        return NUMBERS[name](self.rng) if name in NUMBERS else f"[{written.PHRASES[name]}]"

    def _mention(self, slot: str) -> tuple[_Entity, str]:
        """The entity of a slot and the words that mention it here."""
        if slot == "x":
            people = [e for e in self.cast.values() if TYPES[e.kind] != "MISC" and e.kind not in "GC"]
            entity = self.rng.choice(people) if people else self._entity("P1")
            return entity, entity.short
        new = slot not in self.cast
        entity = self._entity(slot)
        if slot[0].islower() or (not new and self.rng.random() < 0.75):
            return entity, entity.short
        return entity, entity.full

    def _entity(self, slot: str) -> _Entity:
        """The member of the cast behind a slot; without a digit, somebody new."""
        slot = slot.upper()
        if slot not in self.cast:
            entity = self._make(slot[0], slot[1:])
            if len(slot) == 1:
                return entity
            self.cast[slot] = entity
        return self.cast[slot]

    def _make(self, kind: str, digit: str) -> _Entity:
        if kind == "P":
            surname = self._base("surnames")
            return _Entity(kind, f"{self._draw('given')} {surname}", surname)
        if kind in "CN":
            nation = self.nations.setdefault(digit, self._draw("nations")) if digit else self._draw("nations")
            name = nation.split("/")["CN".index(kind)]
            return _Entity(kind, name, name)
        if kind == "L":
            place = self._base("places")
            return _Entity(kind, place, place)
        if kind == "A" and self.rng.random() < 0.25:
            acronym = self.rng.choice(written.ACRONYMS)
            return _Entity(kind, acronym, acronym)
        form = self.rng.choice(FORMS[kind])
        head = self._base("places" if form.startswith("{L}") else "surnames")
        full = re.sub(r"\{[BL]\}", head, form, count=1)
        full = re.sub(r"\{([BLCN])\}", lambda match: self._part(match[1]), full)
        return _Entity(kind, full, head if kind in "FT" and form.startswith(("{B}", "{L}")) else full)

    def _part(self, letter: str) -> str:
        if letter in "CN":
            return self._make(letter, "1").full
        return self._base("places" if letter == "L" else "surnames")

    def _base(self, pool: str) -> str:
        """A surname or place, a third of the time one that the document already uses for something else."""
        if self.bases and self.rng.random() < REUSE_SHARE:
            return self.rng.choice(self.bases)
        self.bases.append(self._draw(pool))
        return self.bases[-1]

    def _draw(self, pool: str) -> str:
        names = self.unseen if self.rng.random() < UNSEEN_SHARE else self.known
        listed: list[str] = getattr(names, pool)
        return listed[int(len(listed) * self.rng.random() ** 3)]
