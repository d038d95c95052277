"""CoNLL column files: one word a line, its columns apart by spaces or tabs, a blank line after each sentence.

The reader is strict, because a file that is read wrongly trains a model all the same: whatever cannot be a CoNLL file
is refused with its file and line. Only an ASCII space or a tab ends a column and only a line feed, with or without a
carriage return before it, ends a line: other Unicode spaces and line separators occur inside words. A line with
"-DOCSTART-" in its first column or as its word begins a document and is no word. There are no comments: "#" is a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from sys import intern
from typing import NamedTuple

from pipeline.corpus import Sentence
from pipeline.errors import PipelineError
from pipeline.tag_schemes import Scheme, is_tag

DOCUMENT_START = "-DOCSTART-"
_BETWEEN_COLUMNS = re.compile(r"[ \t]+")


class Block(NamedTuple):
    """A sentence and where it stands.

    Args:
        line: the line of its first word, counted from 1; word i stands in line + i.
        sentence: its words, with tags and gold as the file writes them, in whatever scheme.
    """

    line: int
    sentence: Sentence


def read_conll(
    path: Path,
    *,
    word_column: int = 0,
    tag_column: int = -1,
    gold_column: int | None = None,
    scheme: Scheme = "auto",
) -> list[Block]:
    """Read one file, tags as written.

    Which scheme the tags are in shows only in all splits together: `tag_schemes` converts them later.

    Args:
        path: a UTF-8 file, with or without a byte order mark.
        word_column: column of the word, counted from 0, or from the end if negative.
        tag_column: column of the tag, counted likewise.
        gold_column: column of the gold tag, or None if the file has none.
        scheme: which tags are allowed.

    Returns:
        At least one block.

    Raises:
        PipelineError: the file cannot be read as such, or a line has another number of columns than the first, an empty
            word, or something that is no tag.
    """
    places = {"word": word_column, "tag": tag_column}
    if gold_column is not None:
        places["gold"] = gold_column
    blocks: list[Block] = []
    rows: list[dict[str, str]] = []
    document = first_line = width = 0
    for number, line in enumerate([*_lines(path), ""], start=1):  # the blank line ends a sentence that ends the file
        where = f"{path}:{number}"
        columns = _BETWEEN_COLUMNS.split(line.rstrip(" \t"))
        if columns == [""] or _begins_document(columns, word_column):
            if rows:
                blocks.append(_block(number - len(rows), rows, document))
                rows = []
            if columns != [""] and blocks:
                document = blocks[-1].sentence.document + 1
            continue
        if not width:
            first_line, width = number, len(columns)
            _check_places(places, width, where)
        if len(columns) != width:
            raise PipelineError(
                f"{where}: expected {width} columns as in line {first_line}, found {len(columns)}; "
                "give every word the same columns, and leave a line blank between sentences"
            )
        rows.append({name: intern(columns[place]) for name, place in places.items()})
        _check_row(rows[-1], scheme, where)
    if not blocks:
        raise PipelineError(f"{path}: expected lines of a word and its tag, found none; name another file")
    return blocks


def attach_gold(blocks: Sequence[Block], gold: Sequence[Block], path: Path, gold_path: Path) -> list[Block]:
    """Give each sentence the tags of a second file as its gold.

    Args:
        blocks: the sentences as training sees them; their documents are kept.
        gold: the same sentences, word for word, with the corrected tags.
        path: where `blocks` come from.
        gold_path: where `gold` comes from.

    Raises:
        PipelineError: the files differ in a word or in the end of a sentence; says where they first do.
    """
    for (gold_line, found), (line, expected) in zip(_outline(gold), _outline(blocks), strict=False):
        if found != expected:
            raise PipelineError(
                f"{gold_path}:{gold_line}: expected {expected} as in {path}:{line}, found {found}; "
                "both files must hold the same words and sentences in the same order"
            )
    return [
        Block(line, Sentence(sentence.words, sentence.tags, other.sentence.tags, sentence.document))
        for (line, sentence), other in zip(blocks, gold, strict=True)
    ]


def _block(line: int, rows: Sequence[dict[str, str]], document: int) -> Block:
    words, tags = tuple(row["word"] for row in rows), tuple(row["tag"] for row in rows)
    gold = tuple(row["gold"] for row in rows) if "gold" in rows[0] else None
    return Block(line, Sentence(words, tags, gold, document))


def _outline(blocks: Sequence[Block]) -> Iterator[tuple[int, str]]:
    """What a file says, apart from tags: a line and a word or an end, such that no file's outline begins another's."""
    line = 1
    for block in blocks:
        for line, word in enumerate(block.sentence.words, start=block.line):
            yield line, repr(word)
        line += 1
        yield line, "the end of the sentence"
    yield line, "the end of the file"


def _begins_document(columns: Sequence[str], word_column: int) -> bool:
    """Elsewhere the marker is a value like any other, and the line has a word that must not be lost."""
    has_word = -len(columns) <= word_column < len(columns)
    return columns[0] == DOCUMENT_START or (has_word and columns[word_column] == DOCUMENT_START)


def _lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise PipelineError(f"{path}: expected a file to read, found: {error.strerror}; correct the path") from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PipelineError(
            f"{path}:{line}: expected UTF-8, found byte 0x{data[error.start]:02x}; save the file as UTF-8"
        ) from error
    text = text.replace("\r\n", "\n").removesuffix("\r")
    # A lone carriage return may end a line elsewhere: read as part of a column, it would hide a word.
    for character, name in (("\0", "a NUL character"), ("\r", "a carriage return without a line feed")):
        if character in text:
            line = text.count("\n", 0, text.index(character)) + 1
            raise PipelineError(f"{path}:{line}: expected lines of text, found {name}; save the file as UTF-8 text")
    return text.split("\n")


def _check_places(places: dict[str, int], width: int, where: str) -> None:
    for name, place in places.items():
        if not -width <= place < width:
            raise PipelineError(
                f"{where}: expected a column {place} (set by {name}_column), found {width} columns; "
                f"set {name}_column between {-width} and {width - 1}"
            )
    if len({place % width for place in places.values()}) < len(places):
        listed = ", ".join(f"{name}_column = {place}" for name, place in places.items())
        raise PipelineError(
            f"{where}: expected a column each for {' and '.join(places)}, found the same one twice among {width} "
            f"({listed}); correct the columns or the file"
        )


def _check_row(row: dict[str, str], scheme: Scheme, where: str) -> None:
    if not row["word"].strip():
        raise PipelineError(f"{where}: expected a word, found {row['word']!r}; remove the line or begin it with a word")
    for name in row.keys() - {"word"}:
        if not is_tag(row[name], scheme):
            hint = "name another scheme" if is_tag(row[name]) else f"correct the tag or {name}_column"
            raise PipelineError(
                f"{where}: expected a {name} such as O or B-PER (scheme = {scheme!r}), found {row[name]!r}; {hint}"
            )
