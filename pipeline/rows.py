"""From the rows of a data set to sentences, strictly: a row that is not a sentence is refused with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any

from pipeline.corpus import Sentence
from pipeline.errors import PipelineError
from pipeline.tag_schemes import Scheme, is_tag


@dataclass(frozen=True)
class Table:
    """One split of a data set.

    Args:
        rows: where each row stands, for error messages, and its values by column; to be read once.
        names: for the columns whose integers are labels: the name of each integer.
    """

    rows: Iterator[tuple[str, Mapping[str, Any]]]
    names: Mapping[str, Sequence[str]]


def read_sentences(
    table: Table, columns: Mapping[str, str], label_names: Sequence[str] | None, scheme: Scheme
) -> list[Sentence]:
    """Read the rows of a split, tags as written; rows without words are left out.

    Args:
        table: the split.
        columns: the column of "words" and "tags" and, where there are such, of "gold" and "document".
        label_names: the name of each integer tag where the table itself does not say.
        scheme: which tags are allowed.

    Raises:
        PipelineError: a row is not a sentence, or its tags are integers without names.
    """
    sentences = []
    document, last = -1, object()
    names = {role: _names(table, columns[role], label_names) for role in ("tags", "gold") if role in columns}
    for where, row in table.rows:
        words = _words(row.get(columns["words"]), f"{where}, {columns['words']}")
        if not words:
            continue
        found = {
            role: _tags(row.get(columns[role]), names[role], len(words), scheme, f"{where}, {columns[role]}")
            for role in names
        }
        value = row.get(columns["document"]) if "document" in columns else None
        document += value != last
        last = value
        sentences.append(Sentence(words, found["tags"], found.get("gold"), document))
    return sentences


def _names(table: Table, column: str, label_names: Sequence[str] | None) -> Sequence[str] | None:
    own = table.names.get(column)
    if own and label_names and all(is_tag(name) for name in own):
        raise PipelineError(
            f"{column}: expected no label_names, since the data set itself names its labels: {', '.join(own)}; "
            "remove label_names"
        )
    return label_names or own


def _words(values: object, where: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise PipelineError(f"{where}: expected a list of words, found {values!r:.60}; name the column of words")
    for word in values:
        if not isinstance(word, str) or not word.strip():
            raise PipelineError(f"{where}: expected words, found {word!r:.60}; correct the data")
    return tuple(map(intern, values))


def _tags(values: object, names: Sequence[str] | None, n_words: int, scheme: Scheme, where: str) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) != n_words:
        found = f"{len(values)}" if isinstance(values, list) else f"{values!r:.60}"
        raise PipelineError(
            f"{where}: expected a list of {n_words} tags, one per word, found {found}; correct the data"
        )
    tags = []
    for tag in values:
        numbered = isinstance(tag, int) and not isinstance(tag, bool)  # true is no 1
        if numbered and not names:
            raise PipelineError(
                f"{where}: expected tags that have names, found the integer {tag}; set label_names to the name of each "
                'integer in turn, such as ["O", "B-PER", "I-PER"]'
            )
        name = names[tag] if numbered and names and 0 <= tag < len(names) else tag
        if not isinstance(name, str) or not is_tag(name, scheme):
            raise PipelineError(
                f"{where}: expected tags such as O or B-PER (scheme = {scheme!r}), found {name!r:.60}; correct the "
                "data, the scheme, the column or label_names"
            )
        tags.append(intern(name))
    return tuple(tags)
