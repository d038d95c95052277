"""Experiments as TOML: reading, overriding, complaining and writing back."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Config
from pipeline.config_file import builtin_names, dumps, experiment_name, load, read
from pipeline.errors import PipelineError


def write(folder, text):
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return str(folder / "mine.toml")


def complaint(*args):
    with pytest.raises(PipelineError) as caught:
        load(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def empty(tmp_path):
    return write(tmp_path, "")


# --- reading ----------------------------------------------------------------------------------------------------------


def test_an_empty_file_is_the_default_experiment(empty):
    assert load(empty) == Config()


def test_a_file(tmp_path):
    config = load(write(tmp_path, 'seed = 7\n[teach]\nencoder = "naïve"\n[stages.a]\ncommand = "teach"\nq = 1\n'))
    assert (config.seed, config.teach.encoder, list(config.stages)) == (7, "naïve", ["a"])
    assert config.teach_stage("a").q == 1.0


@pytest.mark.parametrize("source", ["", "missing", "missing.toml", "."])
def test_neither_a_file_nor_a_built_in(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    assert complaint(source) == (
        f"config: expected a TOML file or one of {', '.join(builtin_names())}, found {source!r}, which is neither; "
        "correct the path"
    )


@pytest.mark.parametrize("contents", [b"seed =\n", b"seed = 1\nseed = 2\n", b"\xff\xfes", b"seed: 1"])
def test_no_toml(tmp_path, contents):
    (tmp_path / "mine.toml").write_bytes(contents)
    assert complaint(str(tmp_path / "mine.toml")).startswith(
        f"{tmp_path / 'mine.toml'}: expected TOML in UTF-8, found "
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [("smoke", "smoke"), ("here/mine.toml", "mine"), ("/a/b.c.toml", "b.c"), ("mine", "mine")],
)
def test_experiment_name(source, name):
    assert experiment_name(source) == name


# --- complaints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("teach.epoch = 3", "teach.epoch: unknown key; remove it or correct its spelling"),
        ("tech.epochs = 3", "tech: unknown key; remove it or correct its spelling"),
        ("teach.epochs = 1.5", "teach.epochs: expected a valid integer, found 1.5"),
        ("teach.q = 2", "teach.q: expected a value less than or equal to 1, found 2"),
        ('distill.kl = "forwards"', "distill.kl: expected 'forward', 'reverse', 'alternating', 'jeffreys', "),
        ("teach = 1", "teach: expected a table, found 1"),
        ("stages = 1", "stages: expected a table, found 1"),
        ("stages.a = 1", "stages.a: expected a table, found 1"),
        ("prepare.noise.matrix = [[0.5], [1.2]]", "prepare.noise.matrix.1.0: expected a value less than or equal to 1"),
        ('eval.splits = ["test", "tset"]', "eval.splits.1: expected 'train', 'dev' or 'test', found 'tset'"),
        ("eval.splits = []", "eval.splits: expected at least one item, found []"),
        ('prepare.hub.splits.validation = "x"', "prepare.hub.splits.validation: expected 'train', 'dev' or"),
        ('distill.layers = "two"', "distill.layers: expected a valid integer, found 'two'; distill.layers: "),
        ("distill.layers = [0, 1.5]", "distill.layers: expected a valid integer, found [0, 1.5]; "),
        ("stages.a.q = 0.5", "stages.a.command: expected 'teach' or 'distill', found none"),
        ('stages.a.command = "fit"', "stages.a.command: expected 'teach' or 'distill', found 'fit'"),
        ('[stages.a]\ncommand = "teach"\nq = 2', "stages.a.q: expected a value less than or equal to 1, found 2"),
        ('[stages.a]\ncommand = "teach"\nteach = 2', "stages.a.teach: unknown key; remove it or"),
        ('[stages.a]\ncommand = "teach"\nkl = "forward"', "stages.a.kl: unknown key; remove it or"),
        ('[stages."a b"]\ncommand = "teach"', "stages.a b: expected a name of letters, digits, - and _, found 'a b'"),
        ('distill.teacher = "../x"', "distill.teacher: expected a name of letters, digits, - and _, found '../x'"),
        ('stages.data.command = "teach"', "stages: the name is taken by the run's own folder: data"),
    ],
)
def test_complaints_name_the_key_as_it_stands_in_the_file(tmp_path, text, message):
    source = write(tmp_path, text)
    assert complaint(source).startswith(f"{source}: {message}")


def test_all_complaints_come_in_one_line(tmp_path):
    source = write(tmp_path, 'seed = -1\ncolour = "red"\n[teach]\nq = "high"\nepoch = 3\n')
    assert complaint(source, ["distill.alpha=3"]) == (
        f"{source}: seed: expected a value greater than or equal to 0, found -1; "
        "teach.q: expected a number, auto, or {from, to, start, end}, found 'high'; "
        "teach.epoch: unknown key; remove it or correct its spelling; "
        "distill.alpha: expected a value less than or equal to 1, found 3; "
        "colour: unknown key; remove it or correct its spelling; correct the file, --set or flag"
    )


# --- overrides --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=7", "seed", 7),
        ("teach.q=0.5", "teach.q", 0.5),
        ("teach.q=1", "teach.q", 1.0),
        (" teach.q = 5e-1 ", "teach.q", 0.5),
        ("distill.control=true", "distill.control", True),
        ("distill.layers=[0, 3]", "distill.layers", [0, 3]),
        ("teach.scratch={layers = 2}", "teach.scratch.layers", 2),
        ("distill.kl=reverse", "distill.kl", "reverse"),
        ('distill.kl="reverse"', "distill.kl", "reverse"),
        ("prepare.files.folder=../a b/c#d", "prepare.files.folder", "../a b/c#d"),
        ("prepare.files.folder='2003'", "prepare.files.folder", "2003"),
        ("prepare.files.train=a=b.txt", "prepare.files.train", "a=b.txt"),
        ("prepare.hub.words=", "prepare.hub.words", ""),
        ("stages.student-forward.temperature=2", "stages.student-forward.temperature", 2.0),
    ],
)
def test_overrides_are_toml_or_bare_strings(tmp_path, override, key, value):
    found = load(write(tmp_path, '[stages.student-forward]\ncommand = "distill"'), [override])
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("override", ["", "teach.q", "=1", " = 1"])
def test_an_override_is_a_key_and_a_value(empty, override):
    assert complaint(empty, [override]) == f"--set: expected table.key=value, found {override!r}; write it that way"


def test_an_override_reaches_into_tables_only(tmp_path):
    source = write(tmp_path, "teach.scratch.layers = 2")
    assert complaint(source, ["teach.scratch.layers.more=1"]) == (
        "teach.scratch.layers.more: expected teach.scratch.layers to be a table, found a value; remove either"
    )
    assert complaint(source, ["seed=1", "seed.x=1"]) == (
        "seed.x: expected seed to be a table, found a value; remove either"
    )


def test_overrides_obey_the_same_rules_as_the_file(empty):
    assert complaint(empty, ["teach.epoch=3", "teach.q=2"]) == (
        f"{empty}: teach.q: expected a value less than or equal to 1, found 2; "
        "teach.epoch: unknown key; remove it or correct its spelling; correct the file, --set or flag"
    )


def test_the_last_word_is_the_flags(tmp_path):
    source = write(tmp_path, "seed = 1\nteach.q = 0.1\nteach.epochs = 1")
    config = load(source, ["teach.q=0.2", "teach.q=0.3", "seed=2"], {"seed": 3, "teach.epochs": None, "device": "cpu"})
    assert (config.seed, config.teach.q, config.teach.epochs, config.device) == (3, 0.3, 1, "cpu")


def test_an_override_of_one_key_keeps_the_rest_of_the_table():
    assert load("smoke", ["teach.scratch.layers=1"]).teach.scratch.hidden == load("smoke").teach.scratch.hidden != 128


# --- writing back -----------------------------------------------------------------------------------------------------

SETTINGS = {
    "epochs": st.integers(1, 99),
    "learning_rate": st.floats(1e-7, 1.0) | st.just(1),
    "q": st.sampled_from([0.0, 0, 0.3, 1.0]),
    "scratch": st.fixed_dictionaries({}, optional={"layers": st.integers(1, 12), "dropout": st.floats(0, 1)}),
}
DISTILL = {
    **SETTINGS,
    "control": st.booleans(),
    "kl": st.sampled_from(["forward", "reverse", "adaptive"]),
    "layers": st.integers(1, 12) | st.lists(st.integers(0, 11), min_size=1, max_size=4),
    "encoder": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20),
    "teacher": st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,20}\Z"),
}
STAGE = st.fixed_dictionaries({"command": st.just("teach")}, optional=SETTINGS) | st.fixed_dictionaries(
    {"command": st.just("distill")}, optional=DISTILL
)
TREES = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**32 - 1),
        "prepare": st.fixed_dictionaries(
            {},
            optional={
                "limit": st.integers(1, 10**6),
                "noise": st.fixed_dictionaries({"matrix": st.lists(st.lists(st.floats(0, 1), max_size=3), max_size=3)}),
                "hub": st.fixed_dictionaries({"label_names": st.lists(st.sampled_from(["O", "B-É", 'I-"x"\n']))}),
            },
        ),
        "teach": st.fixed_dictionaries({}, optional=SETTINGS),
        "distill": st.fixed_dictionaries({}, optional=DISTILL),
        "eval": st.fixed_dictionaries({"splits": st.permutations(["train", "dev", "test"])}),
        "stages": st.dictionaries(st.from_regex(r"\A[a-z][a-z0-9_-]{0,9}\Z").filter(lambda n: n != "data"), STAGE),
    },
)


@given(TREES)
def test_what_is_written_reads_back(tmp_path_factory, tree):
    config = Config.model_validate(tree)
    back = load(write(tmp_path_factory.getbasetemp(), dumps(config)))
    assert back == config
    assert list(back.stages) == list(config.stages)
    for name, stage in config.stages.items():
        resolve = Config.teach_stage if stage.command == "teach" else Config.distill_stage
        assert resolve(back, name) == resolve(config, name)
        assert back.stages[name].model_fields_set == stage.model_fields_set
    assert dumps(back) == dumps(config)


def test_a_whole_experiment_is_written_but_only_a_stages_own_keys(tmp_path):
    source = write(tmp_path, '[stages.a]\ncommand = "teach"\nq = 0.0\n')
    tree = tomllib.loads(dumps(load(source, ["teach.q=0.5"])))
    assert tree["stages"] == {"a": {"command": "teach", "q": 0.0}}
    assert tree["teach"]["q"] == 0.5
    assert tree["distill"]["temperature"] == 1.0
    (tmp_path / "again.toml").write_text(dumps(load(source)), encoding="utf-8")
    assert load(str(tmp_path / "again.toml"), ["teach.epochs=9"]).teach_stage("a").epochs == 9


def test_an_experiment_without_models(tmp_path):
    config = Config.model_validate({"stages": {}})
    assert load(write(tmp_path, dumps(config))) == config


@pytest.mark.parametrize("name", builtin_names())
def test_built_in_experiments_survive_writing(tmp_path, name):
    assert load(write(tmp_path, dumps(load(name)))) == load(name)
    assert read(name)["teach"]
