"""What a user reads when something is wrong: one printable line with a way out."""

import ast
from pathlib import Path

import pytest

import pipeline
import stages
from pipeline.errors import PipelineError

SOURCES = [file for package in (pipeline, stages) for file in Path(package.__file__).parent.rglob("*.py")]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("a file; correct it", "a file; correct it"),
        ("é 漢 \U0001f600", "é 漢 \U0001f600"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("half\udcff", "half\\udcff"),
        ("a\u2028b\u200bc", "a\\u2028b\\u200bc"),
    ],
)
def test_a_message_is_one_printable_line(message, shown):
    assert str(PipelineError(message)) == shown


def refusals(source):
    """The text of every message that a file may raise."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "PipelineError":
            yield ast.unparse(node.args[0])


def test_every_message_names_a_way_out():
    messages = [message for source in SOURCES for message in refusals(source)]
    assert len(messages) > 50
    assert [message for message in messages if "; " not in message] == []
