"""Where sentences come from: CoNLL files, our own JSON Lines, or data sets as `datasets` and its hub hold them.

Each loader returns the sentences of train, dev and test with their tags and gold in IOB2. Local files and folders never
touch the network.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.conll import attach_gold, read_conll
from pipeline.corpus import SPLITS, Sentence
from pipeline.errors import PipelineError
from pipeline.files import file_sha256
from pipeline.rows import Table, read_sentences
from pipeline.tables import find_commit, json_rows, open_folder, open_hub
from pipeline.tag_schemes import Scheme, detect_scheme, ill_formed, to_iob2

HUB_SPLITS: Mapping[str, str] = MappingProxyType({"train": "train", "dev": "validation", "test": "test"})


def load_files(
    train: Path,
    dev: Path,
    test: Path,
    *,
    train_gold: Path | None = None,
    dev_gold: Path | None = None,
    test_gold: Path | None = None,
    word_column: int = 0,
    tag_column: int = -1,
    gold_column: int | None = None,
    scheme: Scheme = "auto",
) -> dict[str, list[Sentence]]:
    """Read three CoNLL files.

    Args:
        train: the file of the train split.
        dev: the file of the dev split.
        test: the file of the test split.
        train_gold: a file with the same words as `train` and the corrected tags, in the same columns.
        dev_gold: likewise for `dev`.
        test_gold: likewise for `test`.
        word_column: column of the word, counted from 0, or from the end if negative.
        tag_column: column of the tag.
        gold_column: column of the gold tag where one file holds both; excludes the gold files.
        scheme: how the tags are spelled; "auto" finds out, for tags and gold apart.

    Raises:
        PipelineError: a file is missing or malformed, or a gold file has other words.
    """
    splits = {}
    for split, tagged, gold in (("train", train, train_gold), ("dev", dev, dev_gold), ("test", test, test_gold)):
        for key, path in ((split, tagged), (f"{split}_gold", gold)):
            if path is not None and not path.is_file():
                raise PipelineError(f"{key}: expected a CoNLL file, found none at {path}; correct the path")
        blocks = read_conll(
            tagged, word_column=word_column, tag_column=tag_column, gold_column=gold_column, scheme=scheme
        )
        if gold is not None:
            if gold_column is not None:
                raise PipelineError(
                    f"{split}_gold: expected one place for the gold tags, found a file and gold_column = "
                    f"{gold_column}; remove either"
                )
            gold_blocks = read_conll(gold, word_column=word_column, tag_column=tag_column, scheme=scheme)
            blocks = attach_gold(blocks, gold_blocks, tagged, gold)
        splits[split] = [block.sentence for block in blocks]
    return _in_iob2(splits, scheme)


def load_hub(
    dataset: str,
    *,
    configuration: str | None = None,
    revision: str | None = None,
    words: str = "tokens",
    tags: str = "ner_tags",
    gold: str | None = None,
    document: str | None = None,
    label_names: Sequence[str] | None = None,
    splits: Mapping[str, str] = HUB_SPLITS,
    scheme: Scheme = "auto",
) -> dict[str, list[Sentence]]:
    """Load a data set of the Hugging Face hub, or a local folder in one of its formats.

    Sentences without any word are left out: they hold nothing to learn from.

    Args:
        dataset: a local folder, made by `DatasetDict.save_to_disk` or holding one Parquet or JSON Lines file per split;
            or else a name on the hub.
        configuration: which configuration of a hub data set.
        revision: branch, tag or commit of a hub data set.
        words: the column with each sentence's list of words.
        tags: the column with its list of tags: names, or integers whose names the data set or `label_names` gives.
        gold: the column with its corrected tags, if there is one.
        document: a column whose value changes where a document ends, if there is one; otherwise all is one document.
        label_names: the name of each integer tag, for data that does not say.
        splits: for train, dev and test, the split's name in the data set, or its file within the folder.
        scheme: how the tags are spelled; "auto" finds out, for tags and gold apart.

    Raises:
        PipelineError: the data set cannot be had, or a row is not a sentence.
    """
    roles = {"words": words, "tags": tags, "gold": gold, "document": document}
    columns = {role: name for role, name in roles.items() if name is not None}
    if set(splits) != set(SPLITS):
        raise PipelineError(
            f"splits: expected a name each for {', '.join(SPLITS)}, found {', '.join(splits)}; add the others"
        )
    folder = _folder(dataset)
    if folder.is_dir():
        if configuration is not None or revision is not None:
            raise PipelineError(
                f"{dataset}: expected neither configuration nor revision for a folder, found one; remove it"
            )
        tables = open_folder(folder, splits, columns.values())
    else:
        tables = open_hub(dataset, configuration, revision, splits, columns.values())
    result = {split: read_sentences(table, columns, label_names, scheme) for split, table in tables.items()}
    for split, sentences in result.items():
        if not sentences:
            raise PipelineError(f"{dataset}: expected sentences in {splits[split]}, found none; name another split")
    return _in_iob2(result, scheme)


def load_jsonl(folder: Path) -> dict[str, list[Sentence]]:
    """Read a corpus as `Corpus.save` writes it: train.jsonl, dev.jsonl and test.jsonl in one folder.

    A line is an object with `words` and `tags`, lists of one length, `gold` likewise in every line of a file or in
    none, and `document`, whose value changes where a document ends. Other keys are not read.

    Args:
        folder: the folder that holds the three files.

    Raises:
        PipelineError: a file is missing or empty, or a line is no such object; tags other than O, B-X and I-X too.
    """
    splits = {}
    for split, path in jsonl_paths(folder).items():
        if not path.is_file():
            raise PipelineError(f"{split}: expected a JSON Lines file, found none at {path}; correct the folder")
        rows = list(json_rows(path))
        columns = {"words": "words", "tags": "tags", "document": "document"}
        if any("gold" in row for _, row in rows):
            columns["gold"] = "gold"
        splits[split] = read_sentences(Table(iter(rows), {}), columns, None, "iob2")
        if not splits[split]:
            raise PipelineError(f"{path}: expected sentences, found none; name another folder")
    return splits


def jsonl_paths(folder: Path) -> dict[str, Path]:
    """The file of each split in a folder that `load_jsonl` reads."""
    return {split: folder / f"{split}.jsonl" for split in SPLITS}


def describe(splits: Mapping[str, Sequence[Sentence]]) -> dict[str, dict[str, Any]]:
    """What a corpus holds, ready for JSON.

    Args:
        splits: sentences with tags in IOB2, by split, "train" among them.

    Returns:
        For each split the counts of sentences, words, documents, duplicates (sentences whose words occurred before in
        the split) and, apart from train, overlap_with_train (sentences whose words occur in train). Of its tags, labels
        (how many words have each), entities (how many of each type there are, as conlleval reads them) and ill_formed
        (tags that break IOB2); the same three under "gold" where gold is known.
    """
    texts = {split: Counter(map(_text_hash, sentences)) for split, sentences in splits.items()}
    result: dict[str, dict[str, Any]] = {}
    for split, sentences in splits.items():
        result[split] = {
            "sentences": len(sentences),
            "words": sum(len(s.words) for s in sentences),
            "documents": len({s.document for s in sentences}),
            "duplicates": len(sentences) - len(texts[split]),
        } | _tag_counts(s.tags for s in sentences)
        if all(s.gold is not None for s in sentences):
            result[split]["gold"] = _tag_counts(s.gold for s in sentences if s.gold is not None)
        if split != "train":
            result[split]["overlap_with_train"] = sum(n for text, n in texts[split].items() if text in texts["train"])
    return result


def file_identity(path: Path) -> dict[str, str]:
    """The name and SHA-256 of a file: the same wherever it lies.

    Raises:
        PipelineError: there is no such file.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may have no end
            raise PipelineError(f"{path}: expected a file to read, found something else; name a regular file")
        return {"file": path.name, "sha256": file_sha256(path)}
    except OSError as error:
        raise PipelineError(f"{path}: expected a file to read, found: {error.strerror}; correct the path") from error


def hub_identity(
    dataset: str, *, configuration: str | None = None, revision: str | None = None
) -> dict[str, str | None]:
    """What `load_hub` would load: a hub data set with its commit, or a folder's name with a hash over its files.

    Passing the commit on as `revision` makes `load_hub` load exactly that.

    Args:
        dataset: as for `load_hub`.
        configuration: as for `load_hub`.
        revision: as for `load_hub`.

    Raises:
        PipelineError: there is no such data set, or neither the hub nor a cached copy is at hand.
    """
    folder = _folder(dataset)
    if not folder.is_dir():
        commit, _ = find_commit(dataset, configuration, revision)
        return {"dataset": dataset, "configuration": configuration, "revision": commit}
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, sha256 = path.relative_to(folder).as_posix(), file_identity(path)["sha256"]
        digest.update(f"{name}\0{sha256}\n".encode(errors="surrogateescape"))
    return {"folder": folder.resolve().name, "sha256": digest.hexdigest()}


def _folder(dataset: str) -> Path:
    try:
        return Path(dataset).expanduser()
    except RuntimeError:  # "~name", and there is nobody of that name
        return Path(dataset)


def _in_iob2(splits: Mapping[str, Sequence[Sentence]], scheme: Scheme) -> dict[str, list[Sentence]]:
    everything = [sentence for sentences in splits.values() for sentence in sentences]
    of_tags = of_gold = scheme
    if scheme == "auto":
        of_tags = detect_scheme(s.tags for s in everything)
        of_gold = detect_scheme(s.gold for s in everything if s.gold is not None)
    return {
        split: [
            Sentence(s.words, to_iob2(s.tags, of_tags), s.gold and to_iob2(s.gold, of_gold), s.document)
            for s in sentences
        ]
        for split, sentences in splits.items()
    }


def _text_hash(sentence: Sentence) -> bytes:
    """What stands for a sentence's words where many are compared."""
    return hashlib.blake2b(repr(sentence.words).encode(errors="surrogatepass"), digest_size=16).digest()


def _tag_counts(columns: Iterable[Sequence[str]]) -> dict[str, Any]:
    labels, broken = Counter[str](), Counter[str]()
    for tags in columns:
        labels.update(tags)
        broken.update(tags[i] for i in ill_formed(tags))
    entities = Counter[str]()
    for tag, count in (*broken.items(), *((tag, count) for tag, count in labels.items() if tag[0] == "B")):
        entities[tag[2:]] += count
    return {
        "labels": dict(sorted(labels.items())),
        "entities": dict(sorted(entities.items())),
        "ill_formed": broken.total(),
    }
