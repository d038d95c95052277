"""Corpora at the edge, through the commands: each is trained on and evaluated word for word, or refused in one line."""

import json

import numpy as np
import pytest
from command_line import pipeline
from fuzzing import judge
from safetensors.numpy import load_file

CONFIG = """
prepare.source = "files"
probe.folds = 2
teach = {epochs = 1, learning_rate = 1e-3, precision = "fp32", scratch = {layers = 1, hidden = 16, heads = 2}}
distill = {epochs = 1, layers = 1, precision = "fp32"}
eval.resamples = 10
stages.teacher.command = "teach"
stages.student.command = "distill"
"""
FILES = {"train": "train.txt", "dev": "valid.txt", "test": "test.txt"}
USUAL = [("Ann flew home", "B-PER O O"), ("Bob Lee said no", "B-PER I-PER O O"), ("Leeds won", "B-PER O")]
WITHOUT = [(words, " ".join("O" for _ in words.split())) for words, _ in USUAL]
ONE_WORD = [("Ann", "B-PER")]
UNKNOWN = [("\U0001f600 漢字 नमस्ते", "O B-PER I-PER"), ("\u0e01\u0e33 \U0001f1f3\U0001f1f4", "O O")]
ZERO_WIDTH = [("\u200b", "O"), ("\u200b\u200c a\u200db \ufeff", "B-PER O O")]
ONLY_ZERO_WIDTH = [("\u200b \u200c", "B-PER O"), ("\u200d", "O")]
ENDLESS = [(" ".join(f"w{i}" for i in range(3000)), " ".join(["B-PER", "O", "O"] * 1000)), *USUAL]
HUGE_WORD = [("x" * 20_000 + " a", "O B-PER"), *USUAL]
ODD = [("\x01 \x7f a\x85b a\u2028b e\u0301 [PAD] [CLS] [MASK] ##a -", "O B-PER O O O O B-PER O O O"), *USUAL]
MARKUP = [("Ann flew <b>home</b>", r"B-$\frac$ O B-<b>&amp;"), ("{{x}} [red] %s", "B-[red] I-[red] B-\x1b[31m"), *USUAL]
OTHER_LABEL = [("Oslo is", "B-LOC O")]
CORPORA = {
    "one type": (USUAL, USUAL, USUAL),
    "a sentence of one word in each split": (ONE_WORD, ONE_WORD, ONE_WORD),
    "zero-width words": (ZERO_WIDTH, ZERO_WIDTH, ZERO_WIDTH),
    "no entities in test": (USUAL, USUAL, WITHOUT),
    "no entities in dev": (USUAL, WITHOUT, USUAL),
    "no entities in train": (WITHOUT, USUAL, USUAL),
    "nothing but zero-width words": (ONLY_ZERO_WIDTH, ONLY_ZERO_WIDTH, ONLY_ZERO_WIDTH),
    "characters that train lacks": (USUAL, UNKNOWN, UNKNOWN),
    "characters that only train has": (UNKNOWN, USUAL, USUAL),
    "a label that train lacks": (USUAL, OTHER_LABEL, OTHER_LABEL),
    "a sentence far beyond the window": (ENDLESS, ENDLESS, ENDLESS),
    "a word far beyond the window": (HUGE_WORD, HUGE_WORD, HUGE_WORD),
    "control characters and special pieces": (ODD, ODD, ODD),
    "types that mean something elsewhere": (MARKUP, MARKUP, MARKUP),
}
QUICK = ("a sentence of one word in each split", "zero-width words", "no entities in test")


def write(folder, splits):
    for name, sentences in zip(FILES.values(), splits, strict=True):
        blocks = (zip(words.split(" "), tags.split(" "), strict=True) for words, tags in sentences)
        text = "\n\n".join("\n".join(map("\t".join, block)) for block in blocks)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    (folder / "edge.toml").write_text(CONFIG)
    return ["--set", f"prepare.files.folder='{folder}'"]


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


def strict_json(path):
    """The values of a JSON or JSON Lines file, which must hold no NaN and no Infinity."""
    lines = [path.read_bytes()] if path.suffix == ".json" else path.read_bytes().rstrip(b"\n").split(b"\n")
    return [json.loads(line, parse_constant=no_constant) for line in lines]


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CORPORA])
def test_a_run_keeps_every_word(tmp_path, name):
    options = write(tmp_path, CORPORA[name])
    if "window" in name:
        options += ["--set", "teach.window=8", "--set", "distill.window=8"]
    pipeline("run", tmp_path / "edge.toml", "--run", tmp_path / "run", *options)
    for split, sentences in zip(FILES, CORPORA[name], strict=True):
        words = [tuple(words.split(" ")) for words, _ in sentences]
        assert [tuple(row["words"]) for row in strict_json(tmp_path / "run" / "data" / f"{split}.jsonl")] == words
        for stage in ("teacher", "student"):
            logits = load_file(tmp_path / "run" / stage / "logits" / f"{split}.safetensors")["logits"]
            assert len(logits) == sum(map(len, words))
            assert np.isfinite(logits).all()
    for path in (tmp_path / "run").rglob("*.json*"):
        strict_json(path)
    output = pipeline("eval", "--run", tmp_path / "run", "--force").output
    assert "nan" not in output.lower()


@pytest.mark.slow
def test_probe_and_audit_of_one_type(tmp_path):
    options = [*write(tmp_path, (USUAL, USUAL, USUAL)), "--run", tmp_path / "run"]
    pipeline("teach", "--config", tmp_path / "edge.toml", *options, "--q", "auto")
    pipeline("audit", "--run", tmp_path / "run", "--apply")
    for path in (tmp_path / "run").rglob("*.json*"):
        strict_json(path)


@pytest.mark.parametrize("noise", ["none", "uniform", "span", "pair", "within-entities"])
def test_no_entity_at_all_is_refused(tmp_path, noise):
    options = [*write(tmp_path, (WITHOUT, WITHOUT, WITHOUT)), "--run", tmp_path / "run"]
    options += ["--set", f"prepare.noise.kind={noise}", "--set", "prepare.noise.rate=0.5"]
    error = pipeline("teach", "--config", tmp_path / "edge.toml", *options, code=1).stderr
    judge(error.removesuffix("\n"), "prepare: expected an entity in some split, found O on every word")


def test_noise_that_needs_two_types_is_refused(tmp_path):
    options = [*write(tmp_path, (USUAL, USUAL, USUAL)), "--run", tmp_path / "run"]
    options += ["--set", "prepare.noise.kind=pair", "--set", "prepare.noise.rate=0.5"]
    error = pipeline("prepare", "--config", tmp_path / "edge.toml", *options, code=1).stderr
    judge(error.removesuffix("\n"), "pair noise: expected at least 2 entity types, found O, B-PER, I-PER")


def test_a_matrix_with_ragged_rows_is_refused(tmp_path):
    options = ["--set", "prepare.noise={kind = 'pair', matrix = [[1.0], [0.5, 0.5]]}"]
    error = pipeline("prepare", "--config", "smoke", "--run", tmp_path, *options, code=1).stderr
    judge(error.removesuffix("\n"), "noise matrix: expected 9 rows of 9 numbers")


def test_more_folds_than_sentences_are_refused(tmp_path):
    options = [*write(tmp_path, (ONE_WORD, USUAL, USUAL)), "--run", tmp_path / "run", "--q", "auto"]
    error = pipeline("teach", "--config", tmp_path / "edge.toml", *options, code=1).stderr
    judge(error.removesuffix("\n"), "probe.folds: expected at most one per training sentence, found 2 for 1")


def test_a_split_without_entities_is_told(tmp_path):
    options = [*write(tmp_path, (USUAL, WITHOUT, WITHOUT)), "--run", tmp_path / "run"]
    output = pipeline("prepare", "--config", tmp_path / "edge.toml", *options, "--quiet").output
    assert "warning: no entity in dev, test: F1 there is 0 whatever a model says\n" in output


def test_noise_loses_no_entity_where_there_is_none(tmp_path):
    options = [*write(tmp_path, (WITHOUT, USUAL, USUAL)), "--run", tmp_path / "run"]
    pipeline("prepare", "--config", tmp_path / "edge.toml", *options)
    (report,) = strict_json(tmp_path / "run" / "data" / "report.json")
    assert (report["noise"]["word_flip_rate"], report["noise"]["entity_f1_loss"]) == (0, 0)
