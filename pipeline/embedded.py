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
RARE_SHARES = {"train": 0.1, "dev": 0.03, "test": 0.03}  # of the entities have rare names; train's are its own
COMMON_SHARE = 0.25  # of the sentences after the headline fit any topic
OPENER_SHARE, EXTRA_SHARE = 0.15, 0.5  # of them have one more clause in front or at the end
RELATED_SHARE = 0.06  # of the entities of a document are namesakes of one that is there already
FAMOUS_SHARE = 0.3  # of the entities mentioned in passing need no full name
SHORT_SHARE = 0.85  # of the later mentions are short

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
SIZES = {"P": 110, "L": 70, "F": 40, "T": 32, "A": 28, "G": 24, "E": 24, "W": 16, "D": 18, "M": 14}
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

    Of the entities that dev and test draw, `UNSEEN_SHARE` are made of names that train never uses.

    Args:
        seed: decides everything, together with Faker's version.
        train: sentences in train.
        dev: sentences in dev.
        test: sentences in test.

    Returns:
        The sentences of each split, in documents.
    """
    common, rare, unseen = _worlds(seed)
    return {
        name: _split(Random(f"{seed} {name}"), common, rare if name == "train" else unseen, RARE_SHARES[name], size)
        for name, size in (("train", train), ("dev", dev), ("test", test))
    }


@dataclass(frozen=True)
class _Entity:
    kind: str
    base: str  # the name it is made of, which namesakes share
    full: str
    short: str


_World = dict[str, list[_Entity]]


def _worlds(seed: int) -> list[_World]:
    """The entities of all splits, the rare ones of train, and the rare ones of dev and test; they share no name."""
    fakers = [Faker(locale) for locale in LOCALES]
    for fake in fakers:
        fake.seed_instance(seed)
    common = {
        "given": written.WORD_FIRST_NAMES,
        "surnames": written.WORD_SURNAMES + written.PLACE_SURNAMES,
        "places": _listed(written.CITIES) + written.PLACE_SURNAMES,
    }
    rng = Random(seed)
    taken: set[str] = set()
    worlds = []
    for lists, n_fake, scale in ((common, 7, 1.0), ({}, 25, 2.0), ({}, 25, 2.0)):
        names = {}
        for key, method in {"given": "first_name", "surnames": "last_name", "places": "city"}.items():
            drawn = {_ascii(getattr(fake, method)()) for fake in fakers for _ in range(n_fake)} - taken
            if key == "places":
                drawn = {d for d in drawn if " " not in d}
            names[key] = sorted(name for name in drawn | set(lists.get(key, ())) if re.fullmatch(r"[A-Za-z -]+", name))
            rng.shuffle(names[key])
            taken |= drawn
        worlds.append(_world(rng, names, scale))
    return worlds


def _world(rng: Random, names: dict[str, list[str]], scale: float) -> _World:
    """`scale` times `SIZES` entities made of these names, and every nation."""
    size = {kind: round(scale * SIZES[kind]) for kind in SIZES}
    nations = [nation.split("/") for nation in _listed(written.NATIONS)]
    surnames = names["surnames"]  # people and firms overlap in some
    families, brands = surnames[: round(0.6 * len(surnames))], surnames[round(0.55 * len(surnames)) :]
    people = [(rng.choice(names["given"]), rng.choice(families)) for _ in range(size["P"])]
    world = {
        "C": [_Entity("C", country, country, country) for country, _ in nations],
        "N": [_Entity("N", country, adjective, adjective) for country, adjective in nations],
        "L": [_Entity("L", place, place, place) for place in names["places"][: size["L"]]],
        "P": [_Entity("P", last, f"{first} {last}", last) for first, last in people],
    }
    towns = names["places"][round(0.75 * size["L"]) : round(1.4 * size["L"])]
    inner = {"B": brands, **{kind: [entity.full for entity in world[kind]] for kind in "LCN"}}
    for kind, forms in FORMS.items():
        world[kind] = []
        for form in rng.choices(forms, k=size[kind]):
            base = rng.choice(towns if kind == "T" else inner["L" if "{L}" in form else "B"])
            full = re.sub(r"\{[BL]\}", base, form, count=1)
            full = re.sub(r"\{(.)\}", lambda match: rng.choice(inner[match[1]]), full)
            short = base if kind in "FT" and form.startswith(("{B}", "{L}")) and rng.random() < 0.5 else full
            world[kind].append(_Entity(kind, base, full, short))
    acronyms = rng.sample(written.ACRONYMS, 10)
    world["A"] += [_Entity("A", acronym, acronym, acronym) for acronym in acronyms]
    return world


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split("|")]


def _ascii(name: str) -> str:
    """The name as the wires of the nineties sent it, without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _split(rng: Random, common: _World, rare: _World, rare_share: float, size: int) -> list[Sentence]:
    """`size` sentences in documents of 5 to 15."""
    sentences: list[Sentence] = []
    document = 0
    while len(sentences) < size:
        left = size - len(sentences)
        length = left if left < 10 else rng.randint(5, min(15, left - 5))
        sentences += _Document(rng, common, rare, rare_share).write(length, document)
        document += 1
    return sentences


class _Document:
    """One document under way: what has been mentioned so far decides how it is mentioned next."""

    def __init__(self, rng: Random, common: _World, rare: _World, rare_share: float) -> None:
        self.rng = rng
        self.common = common
        self.rare = rare
        self.rare_share = rare_share
        self.cast: dict[str, _Entity] = {}

    def write(self, length: int, document: int) -> list[Sentence]:
        """The first `length` sentences."""
        topic = self.rng.choice(sorted(written.TOPICS))
        own, common = (text.strip().splitlines() for text in (written.TOPICS[topic], written.COMMON))
        self.rng.shuffle(own)
        self.rng.shuffle(common)
        lines = [self.rng.choice(written.HEADLINES[topic].splitlines())] if self.rng.random() < 0.5 else []
        lines.append(self.rng.choice(written.DATELINES))
        while len(lines) < length:
            line = (common if self.rng.random() < COMMON_SHARE else own).pop()
            lines += [line] * self.rng.randint(2, 3) if line.startswith("*") else [self._longer(line)]
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
            present = [e for e in self.cast.values() if e.kind in "PLFTA"]
            entity = self.rng.choice(present) if present else self._member("P1")
            return entity, entity.short
        if len(slot) == 1:
            entity = self._draw(slot.upper())
            return entity, entity.short if self.rng.random() < FAMOUS_SHARE else entity.full
        known = slot in self.cast
        entity = self._member(slot.upper())
        if slot[0].islower() or (known and self.rng.random() < SHORT_SHARE):
            return entity, entity.short
        return entity, entity.full

    def _member(self, slot: str) -> _Entity:
        """The member of the cast that this slot stands for."""
        if slot not in self.cast:
            self.cast[slot] = self._draw(slot[0])
            if slot[0] in "CN":  # a country and its nationality come together
                for kind in "CN":
                    self.cast[kind + slot[1]] = self._twin(self.cast[slot], kind)
        return self.cast[slot]

    def _twin(self, nation: _Entity, kind: str) -> _Entity:
        return next(entity for entity in self.common[kind] if entity.base == nation.base)

    def _draw(self, kind: str) -> _Entity:
        """An entity of this kind, some of the time a namesake of one that the document has; a few are frequent."""
        pool = (self.rare if self.rng.random() < self.rare_share else self.common)[kind]
        if self.rng.random() < RELATED_SHARE:
            bases = {entity.base for entity in self.cast.values()}
            pool = [entity for entity in pool if entity.base in bases] or pool
        return pool[int(len(pool) * self.rng.random() ** 1.5)]
