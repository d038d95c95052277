"""No JSON Lines, Parquet or TOML-named data set can hurt: every word is read, or one line says why not."""

import json
import os

import pytest
from fuzzing import cases, check, judge, outcome
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.sources import file_identity, hub_identity, load_hub, load_jsonl
from pipeline.tables import open_folder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["Rome", "\u200b", " ", "\xa0", "\0", "a\nb", "\u2028", "\U0001f600"]
)
TAG = st.sampled_from(["O", "B-PER", "I-PER", "B-A\nB", "B-", "PER", "o", "S-PER", ""])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | TEXT | TAG,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ROW = st.lists(st.tuples(TEXT, TAG), max_size=4).map(
    lambda pairs: {"words": [word for word, _ in pairs], "tags": [tag for _, tag in pairs]}
)
SPOILT = st.tuples(ROW, st.sampled_from(["words", "tags", "gold", "document", "other"]), ANYTHING).map(
    lambda case: case[0] | {case[1]: case[2]}
)
LINE = (ROW | SPOILT | ANYTHING).map(json.dumps) | st.sampled_from(
    [
        "",
        "{",
        '{"words": ["a"], "words": ["b"], "tags": ["O"]}',
        '{"words": ["\\ud800"], "tags": ["O"]}',
        '{"words": ["\\ud83d\\ude00"], "tags": ["O"]}',
        '{"words": ["a"], "tags": ["O"], "document": NaN}',
        '{"words": ["a"], "tags": [true]}',
        '{"words": ["a"], "tags": [1e400], "gold": ["O"]}',
        '{"words": ["a"], "tags": ["O"], "x": ' + "9" * 5000 + "}",
        '{"words": ' + "[" * 900 + "]" * 900 + ', "tags": ["O"]}',
        '{"words": ["a"], "tags": ' + "[" * 100_000,
        '\ufeff{"words": ["a"], "tags": ["O"]}',
        "[1, 2]",
        "null",
    ]
)
GOOD = '{"words": ["a"], "tags": ["O"]}'


def words_of(lines):
    """The words of each sentence, as a short script reads them."""
    rows = (json.loads(line.removeprefix("\ufeff")) for line in lines if line)
    return [tuple(row["words"]) for row in rows if row["words"]]


@cases(80, 2000)
def test_jsonl_is_read_word_for_word_or_refused(tmp_path, n):
    for split in ("dev", "test"):
        (tmp_path / f"{split}.jsonl").write_text(GOOD)

    @check(n, st.lists(LINE, min_size=1, max_size=4), st.sampled_from(["\n", "\r\n"]))
    def _(lines, end):
        (tmp_path / "train.jsonl").write_bytes(end.join(lines).encode())
        splits, message = outcome(load_jsonl, tmp_path)
        if message:
            judge(message, str(tmp_path / "train.jsonl"))
        else:
            assert [sentence.words for sentence in splits["train"]] == words_of(lines)


@cases(20, 500)
def test_jsonl_of_any_bytes(tmp_path, n):
    for split in ("dev", "test"):
        (tmp_path / f"{split}.jsonl").write_text(GOOD)

    @check(n, st.binary(max_size=50) | LINE.map(lambda line: line.encode("utf-16")))
    def _(data):
        (tmp_path / "train.jsonl").write_bytes(data)
        splits, message = outcome(load_jsonl, tmp_path)
        if message:
            judge(message, str(tmp_path / "train.jsonl"))
        else:
            assert [sentence.words for sentence in splits["train"]] == words_of(data.decode().splitlines())


@cases(60, 1500)
def test_a_folder_of_rows_with_labels_by_number(tmp_path, n):
    number = st.integers(-2, 4) | st.booleans() | st.floats() | TAG | st.none()
    (tmp_path / "validation.jsonl").write_text(GOOD)
    (tmp_path / "test.jsonl").write_text(GOOD)

    @check(
        n,
        st.lists(st.tuples(st.sampled_from(["a", "b", ""]), number), min_size=1, max_size=3),
        st.sampled_from([None, [], ["O"], ["O", "B-X", "I-X"], ["O", "oops", "B-X"]]),
    )
    def _(pairs, label_names):
        row = {"words": [word for word, _ in pairs], "tags": [tag for _, tag in pairs]}
        (tmp_path / "train.jsonl").write_text(json.dumps(row))
        columns = {"words": "words", "tags": "tags", "label_names": label_names}
        splits, message = outcome(load_hub, str(tmp_path), **columns)
        if message:
            judge(message, str(tmp_path / "train.jsonl"))
        else:
            assert splits["train"][0].words == tuple(row["words"])
            expected = [label_names[tag] if isinstance(tag, int) else tag for tag in row["tags"]]
            assert [tag[2:] for tag in splits["train"][0].tags] == [tag[2:] for tag in expected]
            assert not any(isinstance(tag, bool) for tag in row["tags"])


@cases(25, 500)
def test_a_damaged_parquet_file(tmp_path, n):
    from datasets import Dataset

    whole = tmp_path / "whole.parquet"
    Dataset.from_dict({"tokens": [["a", "b"]], "ner_tags": [["O", "B-X"]]}).to_parquet(whole)
    data = whole.read_bytes()
    path = tmp_path / "train.parquet"

    def read():
        return list(open_folder(tmp_path, {"train": "train"}, ["tokens", "ner_tags"])["train"].rows)

    @check(n, st.integers(0, len(data) - 1), st.binary(max_size=8), st.sampled_from(["cut", "write", "only"]))
    def _(place, piece, how):
        kept = data[place + len(piece) :]
        path.write_bytes({"cut": data[:place], "write": data[:place] + piece + kept, "only": piece}[how])
        _, message = outcome(read)
        if message:
            judge(message, str(tmp_path))


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "x" * 300, "missing"])
def test_what_is_no_file_has_no_identity(tmp_path, path):
    _, message = outcome(file_identity, tmp_path / path)
    judge(message.replace("found: ", "found "), path)


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "a b", "-x", "a/b/c", "é", "a\nb"])
def test_a_name_that_is_no_data_set(name):
    _, message = outcome(hub_identity, name)
    judge(message, "")


def test_a_folder_whose_files_have_names_that_are_not_utf8(tmp_path):
    (tmp_path / os.fsdecode(b"half\xff")).write_text("")
    assert hub_identity(str(tmp_path))["folder"] == tmp_path.name


def test_a_key_twice_in_a_row_would_drop_words(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.jsonl").write_text('{"words": ["Rome"], "words": ["fell"], "tags": ["O"]}')
    with pytest.raises(PipelineError, match=r"train\.jsonl:1: expected JSON, found ValueError: the key 'words' twice"):
        load_jsonl(tmp_path)
