"""Opening data sets: folders of Parquet or JSON Lines files, saved data sets, and the Hugging Face hub.

The only module that imports `datasets`, and only when a function needs it, since that takes seconds. A folder is read
without the network and without a copy in the library's cache.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import PipelineError
from pipeline.rows import Table

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder

HUB_SECONDS = 3.0
T = TypeVar("T")
_COMMIT = re.compile("[0-9a-f]{40}")


def ask_hub(question: Callable[[], T]) -> T:
    """What the hub answers, within seconds whatever stands in between.

    The library's own timeout does not count the search for an address, which takes a minute where a nameserver is
    configured but out of reach, and begins again with every try.

    Raises:
        TimeoutError: no answer within `HUB_SECONDS`.
    """
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # to be raised where the answer is awaited
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()  # left behind where it hangs; it does not keep the process
    return answer.result(timeout=HUB_SECONDS)


def open_folder(folder: Path, splits: Mapping[str, str], columns: Collection[str]) -> dict[str, Table]:
    """Open a data set on disk.

    Args:
        folder: made by `DatasetDict.save_to_disk`, or holding one Parquet or JSON Lines file per split.
        splits: for each split of ours, its name there, or the name of its file; "validation" may also be called "dev"
            or "valid" in the name of a file.
        columns: the columns to read.

    Raises:
        PipelineError: the folder holds no such split, or a split no such column.
    """
    if (folder / "dataset_dict.json").is_file():
        from datasets import load_from_disk

        try:
            data = load_from_disk(str(folder))
        except Exception as error:  # whatever the library finds wrong with it
            raise PipelineError(
                f"{folder}: expected a saved data set, found {_reason(error)}; save it again"
            ) from error
        return _tables(data, str(folder), splits, columns)
    files = {split: _split_file(folder, name) for split, name in splits.items()}
    return {
        split: _parquet(path, columns) if path.suffix == ".parquet" else Table(json_rows(path), {})
        for split, path in files.items()
    }


def open_hub(
    dataset: str, configuration: str | None, revision: str | None, splits: Mapping[str, str], columns: Collection[str]
) -> dict[str, Table]:
    """Open a data set of the hub, or its cached copy if the hub is out of reach.

    Args:
        dataset: its name on the hub.
        configuration: one of its configurations; None if it has only one.
        revision: branch, tag or commit.
        splits: for each split of ours, its name there.
        columns: the columns to read.

    Raises:
        PipelineError: there is no such data set, split or column, or it cannot be had now.
    """
    from datasets import load_dataset_builder

    commit, builder = find_commit(dataset, configuration, revision)
    try:
        builder = builder or load_dataset_builder(dataset, configuration, revision=commit)
        builder.download_and_prepare()
        data = builder.as_dataset()
    except Exception as error:  # whatever the library, the network or the data set's own files bring
        advice = "name a configuration, another revision or another data set"
        if "scripts are no longer supported" in str(error):
            advice = 'set revision = "refs/convert/parquet" to load the hub\'s own conversion of it'
        raise PipelineError(f"{dataset}: expected to load it from the hub, found {_reason(error)}; {advice}") from error
    if builder.hash != commit:  # the library takes any cached copy when the network fails half way
        raise PipelineError(f"{dataset}: expected commit {commit}, found only {builder.hash} cached; try again online")
    return _tables(data, dataset, splits, columns)


def find_commit(dataset: str, configuration: str | None, revision: str | None) -> tuple[str, DatasetBuilder | None]:
    """Find the commit of a hub data set that can be loaded now, within seconds even where there is no network.

    Left to itself the library retries for half a minute, then takes whichever revision was cached last.

    Args:
        dataset: its name on the hub.
        configuration: one of its configurations.
        revision: branch, tag or commit.

    Returns:
        The commit; and if the hub is out of reach, what loads it from the cache.

    Raises:
        PipelineError: the hub knows no such data set or revision, or is out of reach while nothing is cached.
    """
    from datasets.packaged_modules.cache.cache import Cache
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = ask_hub(lambda: HfApi().dataset_info(dataset, revision=revision, timeout=HUB_SECONDS))
        return str(info.sha), None
    except (HFValidationError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        wanted = dataset if revision is None else f"{dataset} at revision {revision}"
        raise PipelineError(
            f"{wanted}: expected a folder, or a data set that the hub lets you read, found neither; correct the name, "
            "or log in with `hf auth login` if it is private"
        ) from error
    except Exception as error:  # no network, or a hub in trouble: the exception's type depends on the library's version
        unreachable = error
    try:
        builder = Cache(
            repo_id=dataset,
            dataset_name=dataset.rpartition("/")[2],
            config_name=configuration,
            version="auto",
            hash="auto",
        )
    except ValueError as error:
        raise PipelineError(
            f"{dataset}: expected a folder, or a data set of the hub, found no such folder, no way to the hub "
            f"({type(unreachable).__name__}) and nothing to use in its cache ({_reason(error)}); correct the path, "
            "connect, or use local files"
        ) from error
    if revision is not None and _COMMIT.fullmatch(revision) and builder.hash != revision:
        raise PipelineError(
            f"{dataset}: expected revision {revision}, found no way to the hub ({type(unreachable).__name__}) and only "
            f"{builder.hash} in its cache; connect, or set that revision"
        )
    return str(builder.hash), builder


def _tables(
    data: Mapping[str, Dataset], source: str, splits: Mapping[str, str], columns: Collection[str]
) -> dict[str, Table]:
    for name in splits.values():
        if name not in data:
            raise PipelineError(f"{source}: expected a split {name!r}, found {', '.join(data)}; set splits")
    return {split: _table(data[name], f"{source}, {name}", columns) for split, name in splits.items()}


def _table(data: Dataset, source: str, columns: Collection[str]) -> Table:
    names = {}
    for column in columns:
        if column not in data.features:
            raise PipelineError(
                f"{source}: expected a column {column!r}, found {', '.join(data.features)}; name the columns of words, "
                "tags and gold"
            )
        names[column] = getattr(getattr(data.features[column], "feature", None), "names", None)
    rows = data.with_format(None).select_columns(list(columns))
    return Table(_rows(rows, source), {column: found for column, found in names.items() if found})


def _rows(rows: Dataset, source: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows, each with its place; damage within a column shows only when its values are read."""
    number = -1
    try:
        for number, row in enumerate(rows):
            yield f"{source}, row {number}", row
    except Exception as error:  # whatever the library finds wrong with it
        raise PipelineError(
            f"{source}, row {number + 1}: expected a row, found {_reason(error)}; save the data again"
        ) from error


def _split_file(folder: Path, name: str) -> Path:
    stems = ("validation", "dev", "valid") if name == "validation" else (name,)
    tried = [name, *(stem + suffix for stem in stems for suffix in (".parquet", ".jsonl"))]
    found = [folder / file for file in tried if (folder / file).is_file()]
    if len(found) != 1:
        listed = ", ".join(path.name for path in found) or "none"
        raise PipelineError(
            f"{folder}: expected one file of {', '.join(tried[1:])} (or a folder that `save_to_disk` made of a "
            f"DatasetDict), found {listed}; set splits"
        )
    return found[0]


def _parquet(path: Path, columns: Collection[str]) -> Table:
    from datasets import Dataset
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            data = Dataset(file.read())
    except Exception as error:  # whatever the library finds wrong with it
        raise PipelineError(f"{path}: expected a Parquet file, found {_reason(error)}; name another file") from error
    return _table(data, str(path), columns)


def json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a JSON Lines file, each with its place (file and line).

    Raises:
        PipelineError: a line is no JSON object.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_object)
                json.dumps(row, ensure_ascii=False).encode()  # fails on half a character, which JSON can spell
            except (ValueError, RecursionError) as error:
                raise PipelineError(
                    f"{path}:{number}: expected JSON, found {_reason(error)}; correct the line"
                ) from error
            if not isinstance(row, dict):
                raise PipelineError(
                    f"{path}:{number}: expected a JSON object for a sentence, found {line[:40]!r}; correct the line"
                )
            yield f"{path}:{number}", row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two values under one key the library would drop the first without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} twice in one object")
    return found


def _reason(error: Exception) -> str:
    lines = str(error).split("\n")
    return f"{type(error).__name__}: {lines[0]}" if lines[0] else type(error).__name__
