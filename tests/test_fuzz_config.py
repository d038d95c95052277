"""No config and no `--set` can hurt: it is taken, or refused with every error in one line."""

import datetime

import pytest
import tomli_w
from fuzzing import cases, check, judge, outcome
from hypothesis import assume
from hypothesis import strategies as st

from pipeline.config import Config, TeachStage
from pipeline.config_file import dumps, load, read


def dotted(tree, above=""):
    """The keys of a config, dotted."""
    for key, value in tree.items():
        yield above + key
        if isinstance(value, dict):
            yield from dotted(value, f"{above}{key}.")


STAGE_KEYS = ["stages.x.command", "stages.x.q", "stages.teacher", "stages.teacher.command", "stages.data.command"]
KEYS = sorted({*dotted(Config().model_dump()), "teach.q.to", "teach.q.from", "prepare.hub.splits.other", *STAGE_KEYS})
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**31, 2**32, 2**64, 10**400, "", "auto", "teach", "distill", "a/b", "x" * 300, "a\0b", "~q/x"])
    | st.floats()
    | TEXT
    | st.just(datetime.date(2026, 1, 1)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.sampled_from(["to", "from", "end"]), inner, max_size=3)
    ),
    max_leaves=5,
)
BAD = {
    "seed": -1,
    "teach.epochs": 0,
    "teach.learning_rate": "fast",
    "teach.unknown": 1,
    "distill.alpha": 1.5,
    "distill.kl": "backward",
    "distill.encoder": "",
    "eval.splits": ["dev", "dev"],
    "eval.resamples": 10**30,
    "prepare.files.folder": "a\0b",
    "prepare.hub.dataset": "x" * 300,
    "prepare.noise.matrix": [[2.0]],
    "colour": "red",
    "stages.x.command": "taech",
}


def plant(tree, key, value):
    """Set a dotted key, over whatever stands in its way."""
    *tables, last = key.split(".")
    for table in tables:
        if not isinstance(tree.get(table), dict):
            tree[table] = {}
        tree = tree[table]
    tree[last] = value


def verdict(source, overrides=()):
    """The config is one that can be written and read again, or the refusal says where and what."""
    config, message = outcome(load, str(source), overrides)
    if message:
        judge(message, "")
        return message
    source.with_name("again.toml").write_text(dumps(config), encoding="utf-8")
    assert load(str(source.with_name("again.toml"))) == config
    for name, stage in config.stages.items():
        config.teach_stage(name) if isinstance(stage, TeachStage) else config.distill_stage(name)
    return None


@cases(40, 1500)
def test_a_file_of_any_bytes(tmp_path, n):
    text = dumps(load("quickstart")).encode()
    piece = st.binary(max_size=4) | st.sampled_from(
        [b"\n[", b"]", b"\0", b"=", b'"', b"'''", b"\xef\xbb\xbf", b"[" * 9999]
    )
    cut = st.integers(0, len(text))

    @check(n, st.binary(max_size=40) | st.tuples(cut, cut, piece).map(lambda c: text[: c[0]] + c[2] + text[c[1] :]))
    def _(data):
        source = tmp_path / "mine.toml"
        source.write_bytes(data)
        if message := verdict(source):
            assert str(source) in message


@cases(60, 2500)
def test_any_values_under_any_keys(tmp_path, n):
    @check(n, st.dictionaries(st.sampled_from(KEYS) | TEXT, VALUES, max_size=4))
    def _(values):
        tree = {}
        for key, value in values.items():
            plant(tree, key, value)
        source = tmp_path / "mine.toml"
        try:
            source.write_text(tomli_w.dumps(tree), encoding="utf-8")
        except ValueError:
            assume(False)  # a number that Python does not print
        verdict(source)


@cases(60, 2500)
def test_any_overrides(tmp_path, n):
    value = (
        VALUES.map(lambda v: tomli_w.dumps({"v": v}).partition("=")[2])
        | TEXT
        | st.sampled_from(["9" * 5000, "[" * 9999])
    )
    expression = st.tuples(st.sampled_from(KEYS) | TEXT, st.sampled_from(["=", " = ", "", "=="]), value).map("".join)
    source = tmp_path / "mine.toml"
    source.write_text("")

    @check(n, st.lists(expression | TEXT, max_size=3))
    def _(overrides):
        verdict(source, overrides)


@cases(20, 300)
def test_all_errors_are_reported_at_once(tmp_path, n):
    source = tmp_path / "mine.toml"

    @check(n, st.sets(st.sampled_from(sorted(BAD)), min_size=1))
    def _(keys):
        tree = {}
        for key in keys:
            plant(tree, key, BAD[key])
        source.write_text(tomli_w.dumps(tree), encoding="utf-8")
        message = verdict(source)
        assert all(f"{key}" in message for key in keys), message
        assert message.endswith("; correct the file, --set or flag")


@pytest.mark.parametrize(
    "source", ["", "x" * 300, "a\0b", "a\nb", "~nobody/x", "/", "/dev/null", "/dev/zero", "é", "-x"]
)
def test_what_is_no_config(source):
    judge(outcome(read, source)[1], "TOML")


@pytest.mark.parametrize("contents", [b"", b"\n", b"\xef\xbb\xbf", b"# nothing\r\n", b"\xef\xbb\xbfseed = 0"])
def test_an_empty_file_is_the_default(tmp_path, contents):
    (tmp_path / "mine.toml").write_bytes(contents)
    assert load(str(tmp_path / "mine.toml")) == Config()


def test_the_second_line_of_an_override_is_no_key():
    judge(
        outcome(load, "smoke", ["seed=1\nteach = 2"])[1], r"smoke: seed: expected a valid integer, found '1\nteach = 2'"
    )
