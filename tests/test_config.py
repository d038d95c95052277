"""The experiment's schema: what is refused, and how a stage's keys lie over its table."""

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.config import RESERVED, Config, DistillStage, TeachStage, merge
from pipeline.config_tables import Distill, Scratch, Teach
from pipeline.errors import PipelineError


def tables(model=Config, path=()):
    """Every table of the schema that is reached without a stage's name, with its dotted path."""
    yield path, model
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from tables(field.annotation, (*path, name))


def nested(path, value):
    for part in reversed(path):
        value = {part: value}
    return value


def errors(tree):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(tree)
    return caught.value.errors()


# --- keys, types and ranges -------------------------------------------------------------------------------------------


def test_an_empty_tree_is_the_default_experiment():
    config = Config.model_validate({})
    assert config == Config()
    assert list(config.stages) == ["teacher", "control", "student-forward", "student-reverse", "student-alternating"]


@pytest.mark.parametrize(("path", "model"), [pytest.param(*t, id=".".join(t[0]) or "top") for t in tables()])
def test_every_table_refuses_unknown_keys(path, model):
    (error,) = errors(nested((*path, "surprise"), 1))
    assert (error["type"], error["loc"]) == ("extra_forbidden", (*path, "surprise"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", True),
        ("seed", "0"),
        ("seed", 1.0),
        ("seed", -1),
        ("seed", 2**32),
        ("device", "tpu"),
        ("prepare.limit", 0),
        ("prepare.source", "web"),
        ("prepare.noise.kind", "random"),
        ("prepare.noise.rate", 1.01),
        ("prepare.noise.matrix", [[0.5, 1.5]]),
        ("prepare.embedded.train", 0),
        ("prepare.hub.splits", {"validation": "dev"}),
        ("teach.q", -0.1),
        ("teach.q", "0.5"),
        ("teach.q", False),
        ("teach.smoothing", 1.1),
        ("teach.neighbour", -0.1),
        ("teach.epochs", 0),
        ("teach.epochs", 2.0),
        ("teach.learning_rate", 0),
        ("teach.learning_rate", float("inf")),
        ("teach.weight_decay", -1e-9),
        ("teach.warmup", float("nan")),
        ("teach.clip", 0.0),
        ("teach.window", 7),
        ("teach.precision", "fp16"),
        ("teach.scratch.dropout", 2),
        ("distill.temperature", 0.0),
        ("distill.temperature", float("inf")),
        ("distill.alpha", 1.5),
        ("distill.beta", 0.0),
        ("distill.beta", 1),
        ("distill.kl", "backward"),
        ("distill.period", 0),
        ("distill.layers", 0),
        ("distill.teacher", "../teacher"),
        ("distill.teacher", ""),
        ("eval.splits", []),
        ("eval.splits", ["validation"]),
        ("eval.bins", 0),
    ],
)
def test_types_and_ranges(key, value):
    path = tuple(key.split("."))
    assert all(error["loc"][: len(path)] == path for error in errors(nested(path, value)))


@pytest.mark.parametrize("key", ["teach.q", "prepare.noise.rate", "distill.temperature", "teach.learning_rate"])
def test_an_integer_will_do_for_a_number(key):
    value = Config.model_validate(nested(key.split("."), 1))
    for part in key.split("."):
        value = getattr(value, part)
    assert (value, type(value)) == (1.0, float)


def test_the_ends_of_ranges_are_allowed():
    Config.model_validate({"seed": 2**32 - 1, "teach": {"q": 1.0, "smoothing": 0, "weight_decay": 0, "window": 8}})


def test_all_errors_come_at_once():
    found = errors({"seed": -1, "teach": {"epoch": 3, "q": 2}, "stages": {"a": {"command": "teach", "kl": "forward"}}})
    assert [error["loc"] for error in found] == [
        ("seed",),
        ("teach", "q", "fixed"),
        ("teach", "epoch"),
        ("stages", "a", "teach", "kl"),
    ]


# --- stages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RESERVED)
def test_the_runs_own_folders_are_no_names(name):
    (error,) = errors({"stages": {name: {"command": "teach"}}})
    assert f"the name is taken by the run's own folder: {name}" in error["msg"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", ".hidden", "teacher.partial", "-force", "é", "a\n", "a" * 81])
def test_names_are_plain(name):
    assert errors({"stages": {name: {"command": "teach"}}})


@pytest.mark.parametrize("entry", [{}, {"q": 0.5}, {"command": "fit"}, {"command": "prepare"}, 1])
def test_a_stage_says_which_command_makes_it(entry):
    assert errors({"stages": {"teacher": entry}})[0]["loc"] == ("stages", "teacher")


def test_a_stage_overrides_its_table():
    config = Config.model_validate(
        {
            "teach": {"q": 0.6, "epochs": 5, "scratch": {"layers": 6, "hidden": 256}},
            "stages": {"small": {"command": "teach", "q": 0.8, "scratch": {"layers": 2}}},
        }
    )
    assert config.teach_stage("small") == Teach(q=0.8, epochs=5, scratch=Scratch(layers=2, hidden=256))


def test_a_stages_own_value_counts_even_where_it_is_the_default():
    """`q = 0.0` in a stage must override `q = 0.6` in the table although 0.0 is also what an absent key means."""
    assert Teach().q == 0.0
    assert Scratch().layers == 4
    config = Config.model_validate(
        {
            "teach": {"q": 0.6, "scratch": {"layers": 2}},
            "distill": {"kl": "reverse", "control": True},
            "stages": {
                "ce": {"command": "teach", "q": 0.0, "scratch": {"layers": 4}},
                "silent": {"command": "teach"},
                "student": {"command": "distill", "kl": "forward", "control": False},
            },
        }
    )
    assert (config.teach_stage("ce").q, config.teach_stage("ce").scratch.layers) == (0.0, 4)
    assert (config.teach_stage("silent").q, config.teach_stage("silent").scratch.layers) == (0.6, 2)
    assert (config.distill_stage("student").kl, config.distill_stage("student").control) == ("forward", False)


def test_a_list_is_replaced_whole():
    config = Config.model_validate(
        {"distill": {"layers": [0, 2, 5]}, "stages": {"s": {"command": "distill", "layers": [1]}}}
    )
    assert config.distill_stage("s").layers == [1]


def test_a_name_without_a_table_of_its_own_has_the_commands_table():
    config = Config.model_validate({"teach": {"q": 0.3}, "distill": {"alpha": 0.2}, "stages": {}})
    assert config.teach_stage("other") == Teach(q=0.3)
    assert config.distill_stage("other") == Distill(alpha=0.2)


def test_settings_do_not_depend_on_how_they_were_written():
    """The manifest of a stage must be the same whether its keys stand in the table, in the stage or nowhere."""
    ways = [
        Config.model_validate({"teach": {"q": 0.0}}),
        Config.model_validate({"stages": {"teacher": {"command": "teach", "q": 0}}}),
        Config(),
    ]
    assert len({str(config.teach_stage("teacher").model_dump()) for config in ways}) == 1


def test_a_name_belongs_to_one_command():
    config = Config()
    with pytest.raises(PipelineError) as caught:
        config.teach_stage("control")
    assert str(caught.value) == ("stage 'control': this config makes it with `pipeline distill`; choose another --name")
    with pytest.raises(PipelineError, match="^stage 'teacher': this config makes it with `pipeline teach`"):
        config.distill_stage("teacher")


def test_configs_do_not_share_their_defaults():
    Config().stages["extra"] = TeachStage(command="teach")
    assert "extra" not in Config().stages
    with pytest.raises(ValidationError):
        Config().teach.q = 0.5


def test_stage_tables_have_every_key_of_their_command():
    assert TeachStage.model_fields.keys() == Teach.model_fields.keys() | {"command"}
    assert DistillStage.model_fields.keys() == Distill.model_fields.keys() | {"command"}


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ({}, {}, {}),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
        ({"t": {"a": 1, "b": 2}}, {"t": {"b": 3}}, {"t": {"a": 1, "b": 3}}),
        ({"t": {"a": 1}}, {"t": None}, {"t": None}),
        ({"t": 1}, {"t": {"a": 1}}, {"t": {"a": 1}}),
    ],
)
def test_merge(base, over, merged):
    before = repr((base, over))
    assert merge(base, over) == merged
    assert repr((base, over)) == before
