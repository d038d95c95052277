"""The embedded corpus: generated newswire with gold entities, so that every experiment runs without a download.

Documents of 5 to 15 sentences follow one topic each: mostly a headline, a dateline, then sentences and tables about a
cast of persons, organisations, places and events that are introduced in full and come back in short. Types share names,
so that Lincoln may be a person, a bank, a city or the team of that city, and only the context tells. The sentences are
ours (`embedded_templates`, `embedded_words`), most names are Faker's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from sys import intern

from faker import Faker

from pipeline.corpus import Sentence
from pipeline.embedded_templates import COMMON, DATELINES, HEADLINES, TOPICS
from pipeline.embedded_words import (
    ACRONYMS,
    CITIES,
    FORMS,
    NATIONS,
    PHRASES,
    PLACE_SURNAMES,
    TYPES,
    WORD_FIRST_NAMES,
    WORD_SURNAMES,
)

LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pt_PT", "pl_PL", "sv_SE", "da_DK", "hr_HR")
UNSTEADY = ("it_IT", "city")  # Faker draws these from a set, whose order differs between processes
RARE_SHARES = {"train": 0.1, "dev": 0.03, "test": 0.03}  # of the entities are rare; dev and test share theirs
COMMON_SHARE = 0.25  # of the sentences after headline and dateline fit any topic
OPENER_SHARE, EXTRA_SHARE = 0.15, 0.52  # of them get one more clause in front or at the end
SKIP_SHARE = 0.65  # of the optional parts of a template are left out
RELATED_SHARE = 0.06  # of the entities of a document are namesakes of one that is there already
FAMOUS_SHARE = 0.45  # of the entities mentioned in passing need no full name
SHORT_SHARE = 0.85  # of the later mentions are short

# How many frequent entities of each kind there are.
SIZES = {"P": 110, "L": 70, "F": 40, "T": 32, "A": 28, "G": 24, "E": 24, "W": 16, "D": 18, "M": 14}
NUMBERS: dict[str, Callable[[Random], str]] = {
    "small": lambda rng: str(rng.randint(2, 40)),
    "nth": lambda rng: f"{rng.randint(4, 20)}th",
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
# The bars outside brackets part the alternatives of a phrase.
ALTERNATIVES = {name: re.findall(r"(?:[^][|]|\[[^]]*\])+", phrase) for name, phrase in PHRASES.items()}
CHOICE = re.compile(r"\[([^\[\]]*)\]")
PHRASE = re.compile(r"\{([a-z]{2,})\}")
VOWEL = re.compile(r"(?!eu|uk|uni)[aeiou]", re.IGNORECASE)


def generate(seed: int = 0, train: int = 4000, dev: int = 800, test: int = 1200) -> dict[str, list[Sentence]]:
    """Write the corpus: splits of exactly the sizes asked for, tags equal to gold, types LOC, MISC, ORG and PER.

    `RARE_SHARES` of the entities in dev and test are made of names that train never uses, and train has a larger share
    of names that hardly ever come back, for a tagger to learn from context what to do with a name it does not know.

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
    ours = {
        "first_name": _listed(WORD_FIRST_NAMES),
        "last_name": _listed(WORD_SURNAMES) + _listed(PLACE_SURNAMES),
        "city": _listed(CITIES) + _listed(PLACE_SURNAMES),
    }
    rng = Random(seed)
    taken: set[str] = set()
    worlds: list[_World] = []
    for n_fake, scale in ((7, 1.0), (25, 2.0), (25, 2.0)):
        names = {}
        for method, written in ours.items():
            steady = [fake for fake in fakers if (fake.locales[0], method) != UNSTEADY]
            fakes = [_ascii(getattr(fake, method)()) for fake in steady for _ in range(n_fake)]
            pattern = r"[A-Za-z-]+" if method == "city" else r"[A-Za-z -]+"  # Faker's towns are often four words long
            pool = {fake for fake in fakes if re.fullmatch(pattern, fake)} | (set() if worlds else set(written))
            names[method] = sorted(pool - taken)
            rng.shuffle(names[method])
        taken.update(*names.values())
        worlds.append(_world(rng, names, scale))
    return worlds


def _world(rng: Random, names: dict[str, list[str]], scale: float) -> _World:
    """`scale` times `SIZES` entities made of these names, and every nation."""
    size = {kind: round(scale * SIZES[kind]) for kind in SIZES}
    nations = [nation.split("/") for nation in _listed(NATIONS)]
    surnames, places = names["last_name"], names["city"]
    # Some families have a firm of their name and some towns a team, but only some: or no name would tell anything.
    families, brands = surnames[: round(0.6 * len(surnames))], surnames[round(0.55 * len(surnames)) :]
    towns, homes = places[: size["L"]], places[round(0.75 * size["L"]) : round(1.4 * size["L"])]
    people = [(rng.choice(names["first_name"]), rng.choice(families)) for _ in range(size["P"])]
    world = {
        "C": [_Entity("C", country, country, country) for country, _ in nations],
        "N": [_Entity("N", country, adjective, adjective) for country, adjective in nations],
        "L": [_Entity("L", town, town, town) for town in towns],
        "P": [_Entity("P", last, f"{first} {last}", last) for first, last in people],
    }
    fills = {"B": brands, **{kind: [entity.full for entity in world[kind]] for kind in "LCN"}}
    for kind, forms in FORMS.items():
        world[kind] = []
        for form in rng.choices(_listed(forms), k=size[kind]):
            base = rng.choice(homes if kind == "T" else fills["L" if "{L}" in form else "B"])
            full = re.sub(r"\{[BL]\}", base, form, count=1)
            full = re.sub(r"\{(.)\}", lambda match: rng.choice(fills[match[1]]), full)
            known_by_base = kind in "FT" and form.startswith(("{B}", "{L}")) and rng.random() < 0.5
            world[kind].append(_Entity(kind, base, full, base if known_by_base else full))
    world["A"] += [_Entity("A", acronym, acronym, acronym) for acronym in rng.sample(_listed(ACRONYMS), 10)]
    return world


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split("|")]


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


def _ascii(name: str) -> str:
    """The name as the wires of the nineties sent it, without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _spelled(words: list[str], mark: str) -> list[str]:
    """The words with "an" and capitals where they belong."""
    words = [
        w + "n" if w in ("a", "A") and VOWEL.match(after) else w
        for w, after in zip(words, [*words[1:], ""], strict=True)
    ]
    if mark == "^":
        return [word.upper() for word in words]
    first = 1 if words[0] == '"' else 0
    return [word[0].upper() + word[1:] if mark == "~" or i == first else word for i, word in enumerate(words)]


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
        topic = self.rng.choice(sorted(TOPICS))
        own, anywhere = _lines(TOPICS[topic]), _lines(COMMON)
        self.rng.shuffle(own)
        self.rng.shuffle(anywhere)
        lines = [self.rng.choice(_lines(HEADLINES[topic]))] if self.rng.random() < 0.5 else []
        lines.append(self.rng.choice(_lines(DATELINES)))
        while len(lines) < length:
            line = (anywhere if self.rng.random() < COMMON_SHARE else own).pop()
            lines += [line] * self.rng.randint(2, 3) if line.startswith("*") else [self._longer(line)]
        return [self._sentence(line, document) for line in lines[:length]]

    def _longer(self, line: str) -> str:
        """The line with an opening or a closing clause, some of the time."""
        if not line.endswith(" ."):
            return line
        if line[0] == "{" and line[1] in TYPES and self.rng.random() < OPENER_SHARE:
            line = f"{{opener}} {line}"
        if self.rng.random() < EXTRA_SHARE:
            line = f"{line[:-2]} {{extra}} ."
        return line

    def _sentence(self, line: str, document: int) -> Sentence:
        mark, line = (line[0], line[2:]) if line[0] in "^~*" else ("", line)
        words: list[str] = []
        tags: list[str] = []
        for token in self._expand(line).split():
            mention, label = self._mention(token[1:-1]) if token.startswith("{") else (token, "O")
            parts = mention.split()
            words += parts
            if label == "O":
                tags.append("O")
                continue
            if parts[0] == "the":
                tags.append("O")
                parts = parts[1:]
            tags += ["B-" + label] + ["I-" + label] * (len(parts) - 1)
        gold = tuple(map(intern, tags))
        return Sentence(tuple(map(intern, _spelled(words, mark))), gold, gold, document)

    def _expand(self, text: str) -> str:
        """The text with its alternatives chosen; what is left in braces are entities."""
        while "[" in text or PHRASE.search(text):
            text = CHOICE.sub(lambda match: self._choose(match[1].split("|")), text)
            text = PHRASE.sub(lambda match: self._phrase(match[1]), text)
        return text

    def _choose(self, options: list[str]) -> str:
        if options[-1]:
            return self.rng.choice(options)
        return "" if self.rng.random() < SKIP_SHARE else self.rng.choice(options[:-1])

    def _phrase(self, name: str) -> str:
        return NUMBERS[name](self.rng) if name in NUMBERS else self.rng.choice(ALTERNATIVES[name])

    def _mention(self, slot: str) -> tuple[str, str]:
        """The words that mention the entity of a slot here, and its type."""
        known = slot in self.cast
        if slot == "x":
            present = [entity for entity in self.cast.values() if entity.kind in "PLFTA"]
            entity, short = self.rng.choice(present or [self._member("P1")]), True
        elif len(slot) == 1:
            entity, short = self._draw(slot), self.rng.random() < FAMOUS_SHARE
        else:
            entity = self._member(slot.upper())
            short = slot[0].islower() or (known and self.rng.random() < SHORT_SHARE)
        return entity.short if short else entity.full, TYPES[entity.kind]

    def _member(self, slot: str) -> _Entity:
        """The member of the cast that this slot stands for."""
        if slot not in self.cast:
            namesakes = {entity.short for entity in self.cast.values() if entity.kind == slot[0]}
            entity = self._draw(slot[0])
            while entity.short in namesakes:  # no team plays itself
                entity = self._draw(slot[0])
            self.cast[slot] = entity
            if slot[0] in "CN":  # a country and its nationality come together
                index = self.common[slot[0]].index(entity)
                self.cast.update({kind + slot[1]: self.common[kind][index] for kind in "CN"})
        return self.cast[slot]

    def _draw(self, kind: str) -> _Entity:
        """An entity of this kind, some of the time a namesake of one that the document has; a few are frequent."""
        pool = (self.rare if self.rng.random() < self.rare_share else self.common)[kind]
        if self.rng.random() < RELATED_SHARE:
            bases = {entity.base for entity in self.cast.values()}
            pool = [entity for entity in pool if entity.base in bases] or pool
        return pool[int(len(pool) * self.rng.random() ** 1.5)]
