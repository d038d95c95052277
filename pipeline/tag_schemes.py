"""How tags spell entities: IOB1, IOB2 and BIOES, and their way into IOB2.

A tag is "O" or a prefix, a hyphen and a type: "B-PER". The schemes differ in when an entity gets which prefix:

- iob2: B- on the first word of every entity, I- on the others.
- iob1: I- throughout; B- only on the first word of an entity that directly follows another of the same type.
- bioes: as iob2, but E- on the last word and S- on an only word. BILOU says L- and U-, BMES says M- for I-, BMEWO
  also W- for S-; all of them count as bioes here.

Corrupted tags seldom obey their own scheme. Reading never repairs them: noise is data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

Scheme = Literal["auto", "iob1", "iob2", "bioes"]

_SINGLE = "SUW"
_LAST = "EL"
_ONLY_BIOES = _SINGLE + _LAST + "M"
_PREFIXES = {"auto": "BI" + _ONLY_BIOES, "iob1": "BI", "iob2": "BI", "bioes": "BI" + _ONLY_BIOES}


def is_tag(tag: str, scheme: Scheme = "auto") -> bool:
    """Whether a tag can occur in a scheme at all, whatever stands around it.

    Args:
        tag: the tag as the data writes it.
        scheme: the scheme; "auto" allows what any scheme allows.

    Example:
        >>> is_tag("S-PER"), is_tag("S-PER", "iob2"), is_tag("PER"), is_tag("B-")
        (True, False, False, False)
    """
    kind = tag[2:]
    return tag == "O" or (tag[:1] in _PREFIXES[scheme] and tag[1:2] == "-" and kind != "" and kind == kind.strip())


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme in which a whole corpus is tagged.

    Any prefix that only bioes has decides for bioes. Otherwise the corpus is iob1 if every B-X directly follows a word
    of type X, which is all that iob1 uses B- for, and some entity starts with I-. Everything else is iob2, ill-formed
    tags included: noisy iob2 holds entities that start with I-, but also B- where iob1 would have none.

    Args:
        sentences: the tags of each sentence, of all splits together, since a small split alone may not show the scheme.

    Returns:
        "iob1", "iob2" or "bioes"; never "auto".

    Example:
        >>> detect_scheme([("I-PER", "I-PER", "O", "I-LOC", "B-LOC")])
        'iob1'
        >>> detect_scheme([("B-PER", "O", "I-LOC")])
        'iob2'
    """
    starts_with_i = False
    b_only_as_iob1 = True
    for tags in sentences:
        before = "O"
        for tag in tags:
            if tag[0] in _ONLY_BIOES:
                return "bioes"
            continues = before[2:] == tag[2:]
            starts_with_i |= tag[0] == "I" and not continues
            b_only_as_iob1 &= tag[0] != "B" or continues
            before = tag
    return "iob1" if starts_with_i and b_only_as_iob1 else "iob2"


def to_iob2(tags: Sequence[str], scheme: Scheme) -> tuple[str, ...]:
    """The tags of one sentence in IOB2.

    The entities stay what conlleval reads: it begins one at B- and S-, after E- and S-, and where the type changes. In
    iob1 an I- after another type or "O" becomes B-. In iob2 and bioes it has no right to be there and stays I-, for a
    count of ill-formed tags to see.

    Args:
        tags: tags for which `is_tag` holds.
        scheme: the scheme they are written in, as `detect_scheme` names it.

    Returns:
        As many tags, each "O", B-X or I-X.

    Raises:
        ValueError: the scheme is none of iob1, iob2 and bioes.

    Example:
        >>> to_iob2(("I-PER", "I-PER", "B-PER", "O"), "iob1")
        ('B-PER', 'I-PER', 'B-PER', 'O')
        >>> to_iob2(("B-PER", "E-PER", "O", "S-LOC"), "bioes")
        ('B-PER', 'I-PER', 'O', 'B-LOC')
    """
    if scheme not in ("iob1", "iob2", "bioes"):
        raise ValueError(f"scheme must be iob1, iob2 or bioes, got {scheme!r}")
    if scheme == "iob2":
        return tuple(tags)
    result = []
    before = "O"
    for tag in tags:
        same_type = before[2:] == tag[2:]
        if scheme == "iob1":
            starts = tag[0] == "B" or not same_type
        else:
            starts = tag[0] in "B" + _SINGLE or (same_type and before[0] in _SINGLE + _LAST)
        result.append("O" if tag == "O" else ("B-" if starts else "I-") + tag[2:])
        before = tag
    return tuple(result)


def ill_formed(tags: Sequence[str]) -> list[int]:
    """Where a sentence breaks IOB2: the positions of every I-X that follows neither B-X nor I-X.

    Args:
        tags: the IOB2 tags of one sentence.

    Example:
        >>> ill_formed(("I-PER", "I-PER", "O", "B-LOC", "I-PER"))
        [0, 4]
    """
    pairs = zip(("O", *tags), tags, strict=False)
    return [i for i, (before, tag) in enumerate(pairs) if tag[0] == "I" and before[2:] != tag[2:]]
