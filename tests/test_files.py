import hashlib
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import files
from pipeline.files import canonical_json, file_sha256, flush, write_json, write_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_json_reads_back(tmp_path):
    value = {"b": [1, 0.5, None, True], "a": "naïve — 東京"}
    write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "東京" in text
    assert text.endswith("}\n")


def test_text_keeps_its_line_ends(tmp_path):
    write_text(tmp_path / "x.txt", "a\nb\r\nc")
    assert (tmp_path / "x.txt").read_bytes() == b"a\nb\r\nc"


def test_nothing_but_the_file_is_left(tmp_path):
    write_text(tmp_path / "x.txt", "old")
    write_text(tmp_path / "x.txt", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]
    assert (tmp_path / "x.txt").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("interruption", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_alone(tmp_path, monkeypatch, interruption):
    write_text(tmp_path / "x.txt", "old")

    def interrupt(path):
        assert (tmp_path / "x.txt").read_text(encoding="utf-8") == "old"
        raise interruption

    monkeypatch.setattr(files, "flush", interrupt)
    with pytest.raises(type(interruption)):
        write_text(tmp_path / "x.txt", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]
    assert (tmp_path / "x.txt").read_text(encoding="utf-8") == "old"


def test_what_a_killed_process_was_about_to_write_is_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, others = tmp_path / f".x.txt.{dead.pid}.tmp", tmp_path / f".x.txt.{os.getppid()}.tmp"
    for file in (left, others):
        file.write_text("half")
    write_text(tmp_path / "x.txt", "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == [others.name, "x.txt"]


def test_a_file_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(files, "flush", lambda path: flushed.append((path.read_text(), (tmp_path / "x").exists())))
    write_text(tmp_path / "x", "whole")
    assert flushed == [("whole", False)]


def test_canonical_json_by_hand():
    assert canonical_json({"b": [1, 2.5], "a": {"é": None}}) == '{"a":{"é":null},"b":[1,2.5]}'
    assert canonical_json({"labels": ("O", "B-X")}) == canonical_json({"labels": ["O", "B-X"]})


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_canonical_json_does_not_depend_on_order(value):
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(dict(reversed(value.items()))) == text


@pytest.mark.parametrize("size", [0, 1, 3_000_001])
def test_file_sha256(tmp_path, size):
    contents = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "x").write_bytes(contents[:size])
    assert file_sha256(tmp_path / "x") == hashlib.sha256(contents[:size]).hexdigest()


def test_flush_takes_files_and_folders(tmp_path):
    (tmp_path / "x").write_text("x")
    flush(tmp_path / "x")
    flush(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "y")
