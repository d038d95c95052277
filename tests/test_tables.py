import socket
from types import SimpleNamespace

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, DatasetInfo, Features, List, Value
from datasets.arrow_writer import ArrowWriter
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

from pipeline.errors import PipelineError
from pipeline.tables import HUB_SECONDS, find_commit, open_folder, open_hub

FEATURES = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER"]))})
ROWS = {"tokens": [["Ann", "Lee"], ["ran"]], "ner_tags": [[1, 2], [0]]}
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
COLUMNS = ["tokens", "ner_tags"]
COMMIT = "a" * 40


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("touched the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(HfApi, "dataset_info", refuse)


def data_set():
    return DatasetDict({name: Dataset.from_dict(ROWS, features=FEATURES) for name in SPLITS.values()})


def complaint(function, *args):
    with pytest.raises(PipelineError) as caught:
        function(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def check(tables, place=None):
    """Every split holds ROWS; `place` is where the first row of dev says it stands."""
    assert list(tables) == ["train", "dev", "test"]
    for split, table in tables.items():
        assert table.names == {"ner_tags": ["O", "B-PER", "I-PER"]}
        rows = list(table.rows)
        assert [row["tokens"] for _, row in rows] == ROWS["tokens"]
        assert [row["ner_tags"] for _, row in rows] == ROWS["ner_tags"]
        if place and split == "dev":
            assert rows[0][0] == place


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_saved_data_set(tmp_path):
    data_set().with_format("numpy").save_to_disk(tmp_path)
    check(open_folder(tmp_path, SPLITS, COLUMNS), f"{tmp_path}, validation, row 0")


@pytest.mark.parametrize("dev", ["validation", "dev", "valid"])
def test_parquet_files(tmp_path, dev):
    folder = tmp_path / "seed=1"  # not a column, whatever its name suggests
    folder.mkdir()
    for name in ("train", dev, "test"):
        Dataset.from_dict(ROWS, features=FEATURES).to_parquet(folder / f"{name}.parquet")
    check(open_folder(folder, SPLITS, COLUMNS), f"{folder / f'{dev}.parquet'}, row 0")


def test_files_are_not_copied_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "data").mkdir()
    for name in SPLITS.values():
        Dataset.from_dict(ROWS, features=FEATURES).to_parquet(tmp_path / "data" / f"{name}.parquet")
    check(open_folder(tmp_path / "data", SPLITS, COLUMNS))
    assert not (tmp_path / "cache").exists()


def test_files_by_their_names(tmp_path):
    (tmp_path / "data").mkdir()
    for name in SPLITS.values():
        Dataset.from_dict(ROWS, features=FEATURES).to_parquet(tmp_path / "data" / f"{name}-0.parquet")
    check(open_folder(tmp_path, {split: f"data/{name}-0.parquet" for split, name in SPLITS.items()}, COLUMNS))


def test_json_lines(tmp_path):
    for name in SPLITS.values():
        text = '\ufeff{"tokens": ["a\u2028b"], "ner_tags": ["O"]}\r\n{"tokens": [], "ner_tags": []}\n'
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8", newline="")
    table = open_folder(tmp_path, SPLITS, COLUMNS)["train"]
    path = tmp_path / "train.jsonl"
    assert list(table.rows) == [
        (f"{path}:1", {"tokens": ["a\u2028b"], "ner_tags": ["O"]}),
        (f"{path}:2", {"tokens": [], "ner_tags": []}),
    ]
    assert table.names == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"{", "expected JSON, found JSONDecodeError"),
        (b"", "expected JSON, found JSONDecodeError"),
        (b'{"tokens": ["\xe9"]}', "expected JSON, found UnicodeDecodeError"),
        (b'{"tokens": ["\\ud800"]}', "expected JSON, found UnicodeEncodeError"),
        (b"[" * 100_000, "expected JSON, found RecursionError"),
        (b"[1]", "expected a JSON object for a sentence, found b'[1]"),
    ],
)
def test_json_lines_that_are_none(tmp_path, line, found):
    for name in SPLITS.values():
        (tmp_path / f"{name}.jsonl").write_bytes(b'{"tokens": ["a"]}\n' + line + b"\n")
    rows = open_folder(tmp_path, SPLITS, COLUMNS)["train"].rows
    message = complaint(list, rows)
    assert message.startswith(f"{tmp_path / 'train.jsonl'}:2: {found}")


def test_a_column_that_is_not_there(tmp_path):
    data_set().save_to_disk(tmp_path)
    message = complaint(open_folder, tmp_path, SPLITS, ["words", "ner_tags"])
    assert message.startswith(f"{tmp_path}, train: expected a column 'words', found tokens, ner_tags;")


def test_a_split_that_is_not_there(tmp_path):
    data_set().save_to_disk(tmp_path)
    message = complaint(open_folder, tmp_path, SPLITS | {"dev": "dev"}, COLUMNS)
    assert message == f"{tmp_path}: expected a split 'dev', found train, validation, test; set splits"


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "train.jsonl").touch()
    message = complaint(open_folder, tmp_path, SPLITS, COLUMNS)
    assert "expected one file of validation.parquet, validation.jsonl, dev.parquet, dev.jsonl, valid.parquet" in message
    assert message.endswith("found none; set splits")


def test_two_files_for_one_split(tmp_path):
    for name in ("train.jsonl", "train.parquet"):
        (tmp_path / name).touch()
    assert complaint(open_folder, tmp_path, SPLITS, COLUMNS).endswith("found train.parquet, train.jsonl; set splits")


def test_a_file_that_is_no_parquet(tmp_path):
    for name in SPLITS.values():
        (tmp_path / f"{name}.parquet").write_bytes(b"words")
    message = complaint(open_folder, tmp_path, SPLITS, COLUMNS)
    assert message.startswith(f"{tmp_path / 'train.parquet'}: expected a Parquet file, found ArrowInvalid")


def test_a_damaged_saved_data_set(tmp_path):
    data_set().save_to_disk(tmp_path)
    (tmp_path / "validation" / "state.json").unlink()
    assert complaint(open_folder, tmp_path, SPLITS, COLUMNS).startswith(
        f"{tmp_path}: expected a saved data set, found "
    )


# --- the hub ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """The library's cache, as loading "o/n" from the hub at COMMIT leaves it."""
    folder = tmp_path / "o___n" / "default" / "0.0.0" / COMMIT
    folder.mkdir(parents=True)
    infos = datasets.SplitDict(dataset_name="n")
    for name in SPLITS.values():
        with ArrowWriter(path=str(folder / f"n-{name}.arrow"), features=FEATURES) as writer:
            for words, tags in zip(ROWS["tokens"], ROWS["ner_tags"], strict=True):
                writer.write({"tokens": words, "ner_tags": tags})
            n_examples, n_bytes = writer.finalize()
        infos.add(datasets.SplitInfo(name, num_bytes=n_bytes, num_examples=n_examples))
    info = DatasetInfo(features=FEATURES, splits=infos, builder_name="parquet", dataset_name="n", config_name="default")
    info.version = datasets.Version("0.0.0")
    info.write_to_directory(str(folder))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)


@pytest.fixture
def hub(monkeypatch):
    """Lets a test say what the hub answers; returns the questions that were asked."""
    asked = []

    def answer(sha=COMMIT, builder=None):
        def dataset_info(self, name, *, revision, timeout):
            asked.append((name, revision, timeout))
            if isinstance(sha, Exception):
                raise sha
            return SimpleNamespace(sha=sha)

        def load_dataset_builder(name, configuration, *, revision):
            asked.append((name, configuration, revision))
            if isinstance(builder, Exception):
                raise builder
            return builder

        monkeypatch.setattr(HfApi, "dataset_info", dataset_info)
        monkeypatch.setattr(datasets, "load_dataset_builder", load_dataset_builder)
        return asked

    return answer


class ConnectError(Exception):
    """Stands for the network error of whichever HTTP library the hub's client uses."""


class UnknownNameError(RepositoryNotFoundError):
    def __init__(self):
        Exception.__init__(self, "401 Client Error\n\nsee")


def stub_builder(commit):
    return SimpleNamespace(hash=commit, download_and_prepare=lambda: None, as_dataset=data_set)


def test_online_the_commit_is_pinned_before_loading(hub):
    asked = hub(COMMIT, stub_builder(COMMIT))
    check(open_hub("o/n", "en", "main", SPLITS, COLUMNS))
    assert asked == [("o/n", "main", HUB_SECONDS), ("o/n", "en", COMMIT)]


def test_offline_the_cache_is_used_without_a_retry(hub, cached):
    """Left to itself the library retries for 23 s."""
    asked = hub(ConnectError("no network"))
    check(open_hub("o/n", None, None, SPLITS, COLUMNS))
    assert asked == [("o/n", None, HUB_SECONDS)]
    assert find_commit("o/n", None, COMMIT)[0] == COMMIT


@pytest.mark.usefixtures("cached")
def test_offline_another_commit_is_refused(hub):
    """Left to itself the library takes whatever it cached last."""
    hub(ConnectError("no network"))
    message = complaint(open_hub, "o/n", None, "b" * 40, SPLITS, COLUMNS)
    assert message.startswith(
        f"o/n: expected revision {'b' * 40}, found no way to the hub (ConnectError) and only {COMMIT}"
    )


@pytest.mark.usefixtures("cached")
def test_offline_another_configuration_is_refused(hub):
    hub(ConnectError("no network"))
    message = complaint(open_hub, "o/n", "en", None, SPLITS, COLUMNS)
    assert (
        "no way to the hub (ConnectError) and nothing to use in its cache (ValueError: Couldn't find cache" in message
    )


def test_offline_and_nothing_cached(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    hub(ConnectError("no network"))
    message = complaint(open_hub, "o/n", None, None, SPLITS, COLUMNS)
    assert message.startswith(
        "o/n: expected a folder, or a data set of the hub, found no such folder, no way to the hub"
    )
    assert message.endswith("correct the path, connect, or use local files")


def test_the_network_fails_half_way(hub):
    """The library then answers with any cached copy."""
    hub(COMMIT, stub_builder("b" * 40))
    assert f"expected commit {COMMIT}, found only {'b' * 40} cached" in complaint(
        open_hub, "o/n", None, None, SPLITS, COLUMNS
    )


def test_a_name_that_the_hub_does_not_know(hub):
    hub(UnknownNameError())
    message = complaint(open_hub, "o/n", None, "v2", SPLITS, COLUMNS)
    assert message.startswith("o/n at revision v2: expected a folder, or a data set that the hub lets you read")


@pytest.mark.parametrize("name", ["./folder", "/folder", "a/b/c", "a b", ""])
def test_what_cannot_be_a_name_never_reaches_the_network(name, monkeypatch):
    monkeypatch.undo()  # the real dataset_info, which checks the name first
    assert "expected a folder, or a data set that the hub lets you read" in complaint(find_commit, name, None, None)


def test_a_data_set_that_is_a_script(hub):
    hub(COMMIT, RuntimeError("Dataset scripts are no longer supported, but found n.py"))
    message = complaint(open_hub, "o/n", None, None, SPLITS, COLUMNS)
    assert message.endswith('set revision = "refs/convert/parquet" to load the hub\'s own conversion of it')


def test_a_configuration_that_is_not_there(hub):
    hub(COMMIT, ValueError("BuilderConfig 'x' not found. Available: ['en', 'de']\nmore"))
    message = complaint(open_hub, "o/n", "x", None, SPLITS, COLUMNS)
    assert "found ValueError: BuilderConfig 'x' not found. Available: ['en', 'de']; name a configuration" in message
