import hashlib
import json
from pathlib import Path

import pytest

from pipeline import sources
from pipeline.corpus import Corpus, Sentence
from pipeline.errors import PipelineError
from pipeline.sources import describe, file_identity, hub_identity, jsonl_paths, load_files, load_hub, load_jsonl

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def files(tmp_path):
    """Writes CoNLL files by name, and gives their paths in that order."""

    def write(**contents):
        paths = {}
        for name, content in contents.items():
            paths[name] = tmp_path / f"{name}.txt"
            paths[name].write_text(content, encoding="utf-8")
        return paths

    return write


@pytest.fixture
def folder(tmp_path):
    """A data set of JSON Lines whose splits hold the same rows."""

    def write(*rows):
        for name in ("train", "validation", "test"):
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(tmp_path)

    return write


def complaint(function, *args, **options):
    with pytest.raises(PipelineError) as caught:
        function(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- files ------------------------------------------------------------------------------------------------------------


def test_three_files(files):
    splits = load_files(**files(train="a B-X\nb O\n\nc O\n", dev="d O\n", test="-DOCSTART- O\n\ne B-Y\n"))
    assert splits == {
        "train": [Sentence(("a", "b"), ("B-X", "O")), Sentence(("c",), ("O",))],
        "dev": [Sentence(("d",), ("O",))],
        "test": [Sentence(("e",), ("B-Y",))],
    }


def test_the_scheme_is_that_of_all_splits(files):
    """Dev alone looks like noisy iob2, test like nothing: train shows that all of it is iob1."""
    paths = files(train="a I-X\nb B-X\nc I-Y\n", dev="a I-X\nb I-X\n", test="a O\n")
    splits = load_files(**paths)
    assert splits["train"][0].tags == ("B-X", "B-X", "B-Y")
    assert splits["dev"][0].tags == ("B-X", "I-X")


def test_a_named_scheme_is_believed(files):
    paths = files(train="a I-X\n", dev="a O\n", test="a O\n")
    assert load_files(**paths)["train"][0].tags == ("B-X",)
    assert load_files(**paths, scheme="iob2")["train"][0].tags == ("I-X",)


def test_tags_and_gold_have_their_own_schemes(files):
    # The noisy tags are broken iob2; the gold is iob1, as CoNLL-2003 was published.
    paths = files(train="a O I-X\nb B-Y I-X\nc I-X O\n", dev="a B-X O\n", test="a O I-X\n")
    splits = load_files(**paths, tag_column=1, gold_column=2)
    assert splits["train"][0].tags == ("O", "B-Y", "I-X")
    assert splits["train"][0].gold == ("B-X", "I-X", "O")
    assert splits["test"][0].gold == ("B-X",)


def test_gold_files(files):
    paths = files(train="a B-X\n", dev="a O\n", test="a O\n", train_gold="a S-Y\n")
    splits = load_files(**paths)
    assert (splits["train"][0].tags, splits["train"][0].gold) == (("B-X",), ("B-Y",))
    assert splits["dev"][0].gold is None


def test_gold_files_of_other_words(files):
    paths = files(train="a O\n", dev="a O\n", test="a O\n", dev_gold="b O\n")
    message = complaint(load_files, **paths)
    assert message.startswith(f"{paths['dev_gold']}:1: expected 'a' as in {paths['dev']}:1, found 'b'")


def test_gold_from_two_places(files):
    paths = files(train="a O O\n", dev="a O O\n", test="a O O\n", test_gold="a O O\n")
    message = complaint(load_files, **paths, tag_column=1, gold_column=2)
    assert message.startswith("test_gold: expected one place for the gold tags, found a file and gold_column = 2")


@pytest.mark.parametrize("key", ["train", "dev", "test", "dev_gold"])
def test_a_missing_file_is_named_with_its_key(files, tmp_path, key):
    paths = files(train="a O\n", dev="a O\n", test="a O\n") | {key: tmp_path / "absent.txt"}
    message = complaint(load_files, **paths)
    assert message == f"{key}: expected a CoNLL file, found none at {tmp_path / 'absent.txt'}; correct the path"


# --- data sets --------------------------------------------------------------------------------------------------------


def test_a_folder(folder):
    rows = [
        {"w": ["a", "b"], "t": [1, 2], "g": ["O", "S-X"], "d": "one"},
        {"w": [], "t": [], "g": [], "d": "one"},
        {"w": ["c"], "t": [0], "g": ["O"], "d": "two"},
    ]
    splits = load_hub(
        folder(*rows), words="w", tags="t", gold="g", document="d", label_names=["O", "B-X", "I-X"], scheme="auto"
    )
    assert list(splits) == ["train", "dev", "test"]
    assert splits["dev"] == [
        Sentence(("a", "b"), ("B-X", "I-X"), ("O", "B-X"), 0),
        Sentence(("c",), ("O",), ("O",), 1),
    ]


def test_what_prepare_writes_can_be_read_again(tmp_path):
    sentences = [Sentence(("a\u2028", "b"), ("B-X", "O"), ("O", "O"), 0), Sentence(("c",), ("I-X",), ("B-X",), 1)]
    for split in ("train", "dev", "test"):
        Corpus(("O", "B-X", "I-X"), sentences).save(tmp_path / f"{split}.jsonl")
    columns = {"words": "words", "tags": "tags", "gold": "gold", "document": "document"}
    assert load_hub(str(tmp_path), **columns, scheme="iob2")["dev"] == sentences


def test_a_row_that_is_no_sentence(folder):
    path = folder({"tokens": ["a"], "ner_tags": ["O"]}, {"tokens": ["a", " "], "ner_tags": ["O", "O"]})
    assert complaint(load_hub, path).startswith(f"{path}/train.jsonl:2, tokens: expected words, found ' '")


def test_a_split_without_words(folder):
    path = folder({"tokens": [], "ner_tags": []})
    assert complaint(load_hub, path) == f"{path}: expected sentences in train, found none; name another split"


def test_every_split_is_named(folder):
    message = complaint(load_hub, folder(), splits={"train": "train"})
    assert message == "splits: expected a name each for train, dev, test, found train; add the others"


@pytest.mark.parametrize("option", ["configuration", "revision"])
def test_what_only_hub_data_sets_have(folder, option):
    message = complaint(load_hub, folder(), **{option: "x"})
    assert "expected neither configuration nor revision for a folder" in message


def test_a_hub_name_goes_to_the_hub(monkeypatch):
    asked = []

    def open_hub(*args):
        asked.append(args)
        raise PipelineError("asked")

    monkeypatch.setattr(sources, "open_hub", open_hub)
    assert complaint(load_hub, "o/n", configuration="en", revision="main", gold="clean") == "asked"
    ((name, configuration, revision, splits, columns),) = asked
    assert (name, configuration, revision) == ("o/n", "en", "main")
    assert dict(splits) == {"train": "train", "dev": "validation", "test": "test"}
    assert list(columns) == ["tokens", "ner_tags", "clean"]


# --- JSON Lines -------------------------------------------------------------------------------------------------------


@pytest.fixture
def lines(tmp_path):
    """A folder whose splits hold these rows; `train` may differ."""

    def write(*rows, train=None):
        for split in ("train", "dev", "test"):
            chosen = train if train is not None and split == "train" else rows
            text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in chosen)
            (tmp_path / f"{split}.jsonl").write_text(text, encoding="utf-8")
        return tmp_path

    return write


ROW = {"words": ["a", "b"], "tags": ["B-X", "O"], "gold": ["O", "O"], "document": 0}


def test_a_saved_corpus_is_read_as_it_was(tmp_path):
    gold = [Sentence(("a\u2028", "b"), ("B-X", "O"), ("O", "O"), 0), Sentence(("c",), ("I-X",), ("B-X",), 1)]
    plain = [Sentence(s.words, s.tags, None, s.document) for s in gold]
    for split, sentences in (("train", plain), ("dev", gold), ("test", gold)):
        Corpus(("O", "B-X", "I-X"), sentences).save(tmp_path / f"{split}.jsonl")
    assert load_jsonl(tmp_path) == {"train": plain, "dev": gold, "test": gold}


def test_other_keys_are_not_read_and_documents_are_counted(lines):
    rows = [{"words": ["a"], "tags": ["O"], "document": d, "id": 7} for d in (4, 4, 9)]
    assert [s.document for s in load_jsonl(lines(*rows))["test"]] == [0, 0, 1]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("{", "train.jsonl:2: expected JSON, found"),
        ("[]", "train.jsonl:2: expected a JSON object for a sentence"),
        ({**ROW, "words": "a b"}, "train.jsonl:2, words: expected a list of words, found 'a b'"),
        ({**ROW, "tags": ["O"]}, "train.jsonl:2, tags: expected a list of 2 tags, one per word, found 1"),
        ({**ROW, "tags": ["O", "S-X"]}, "train.jsonl:2, tags: expected tags such as O or B-PER (scheme = 'iob2')"),
        ({**ROW, "tags": ["O", 1]}, "train.jsonl:2, tags: expected tags that have names, found the integer 1"),
        ({k: v for k, v in ROW.items() if k != "gold"}, "train.jsonl:2, gold: expected a list of 2 tags, one per word"),
    ],
)
def test_a_line_that_is_no_sentence_of_ours(lines, row, expected):
    assert expected in complaint(load_jsonl, lines(ROW, train=[ROW, row]))


def test_a_folder_that_is_not_whole(lines, tmp_path):
    assert complaint(load_jsonl, lines(ROW, train=[])) == (
        f"{tmp_path}/train.jsonl: expected sentences, found none; name another folder"
    )
    jsonl_paths(tmp_path)["dev"].unlink()
    (tmp_path / "train.jsonl").write_text(json.dumps(ROW))
    assert complaint(load_jsonl, tmp_path) == (
        f"dev: expected a JSON Lines file, found none at {tmp_path}/dev.jsonl; correct the folder"
    )


# --- description ------------------------------------------------------------------------------------------------------


def test_description():
    train = [
        Sentence(("a", "b"), ("B-X", "I-X"), ("O", "B-Y")),
        Sentence(("a", "b"), ("I-Y", "I-X"), ("O", "O")),
        Sentence(("a b",), ("B-X",), ("B-X",), 1),
    ]
    dev = [Sentence(("a", "b"), ("O", "O")), Sentence(("a",), ("O",)), Sentence(("a", "b"), ("O", "O"))]
    description = describe({"train": train, "dev": dev})
    assert description == {
        "train": {
            "sentences": 3,
            "words": 5,
            "documents": 2,
            "duplicates": 1,
            "labels": {"B-X": 2, "I-X": 2, "I-Y": 1},
            "entities": {"X": 3, "Y": 1},
            "ill_formed": 2,
            "gold": {"labels": {"B-X": 1, "B-Y": 1, "O": 3}, "entities": {"X": 1, "Y": 1}, "ill_formed": 0},
        },
        "dev": {
            "sentences": 3,
            "words": 5,
            "documents": 1,
            "duplicates": 1,
            "labels": {"O": 5},
            "entities": {},
            "ill_formed": 0,
            "overlap_with_train": 2,
        },
    }
    assert json.loads(json.dumps(description)) == description


# --- identity ---------------------------------------------------------------------------------------------------------


def test_a_file_is_its_name_and_contents(tmp_path):
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "train.txt").write_bytes(b"a O\n")
    identity = file_identity(tmp_path / "here" / "train.txt")
    assert identity == {"file": "train.txt", "sha256": hashlib.sha256(b"a O\n").hexdigest()}
    assert identity == file_identity(tmp_path / "there" / "train.txt")


def test_a_file_that_is_not_there(tmp_path):
    assert "absent: expected a file to read, found: No such file" in complaint(file_identity, tmp_path / "absent")


def test_a_folder_is_its_name_and_the_contents_of_its_files(tmp_path):
    def identity(place, **contents):
        data = tmp_path / place / "data"
        (data / "sub").mkdir(parents=True)
        for name, content in contents.items():
            (data / name.replace("_", "/")).write_text(content)
        return hub_identity(str(data))

    one = identity("one", a="x", sub_b="y")
    assert one["folder"] == "data"
    assert one == identity("two", sub_b="y", a="x")
    others = [
        identity("three", a="x", sub_b="z"),  # contents
        identity("four", a="x", b="y"),  # place
        identity("five", a="x", sub_b="y", sub_c=""),  # another file
        identity("six", a="y", sub_b="x"),  # exchanged
    ]
    assert len({one["sha256"], *(other["sha256"] for other in others)}) == 5


def test_a_hub_data_set_is_its_commit(monkeypatch):
    monkeypatch.setattr(sources, "find_commit", lambda *args: ("a" * 40, None))
    assert hub_identity("o/n", configuration="en", revision="main") == {
        "dataset": "o/n",
        "configuration": "en",
        "revision": "a" * 40,
    }


# --- real files -------------------------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_conllpp():
    names = {"train": "train", "dev": "valid", "test": "test"}
    paths = {split: SHARED / "conllpp" / f"{name}.txt" for split, name in names.items()}
    description = describe(load_files(**paths))
    # Counted with grep: lines whose tag starts with B-, of each type.
    assert description["train"]["entities"] == {"LOC": 7140, "MISC": 3438, "ORG": 6321, "PER": 6600}
    assert description["test"]["entities"] == {"LOC": 1646, "MISC": 723, "ORG": 1715, "PER": 1618}
    assert all(description[split]["ill_formed"] == 0 for split in names)


@pytest.mark.real
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_noisebench():
    paths = {}
    for split, name in (("train", "train"), ("dev", "valid")):
        paths[split] = SHARED / "noisebench" / f"weak.{name}.txt"
        paths[f"{split}_gold"] = SHARED / "noisebench" / f"clean.{name}.txt"
    splits = load_files(**paths, test=SHARED / "conllpp" / "test.txt")
    description = describe(splits)
    assert sum(description["train"]["entities"].values()) == 8943
    assert sum(description["train"]["gold"]["entities"].values()) == 8081
    assert "gold" not in description["test"]
