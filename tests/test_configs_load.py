"""The built-in experiments, from any folder: they load, say how to run them, and every model of theirs resolves."""

import re
import shlex
from importlib import resources

import pytest

from pipeline.config import TeachStage
from pipeline.config_file import DEFAULT, builtin_names, load

NAMES = builtin_names()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def commands(name):
    """The `pipeline run` commands in the comment that a built-in opens with; commands are indented there."""
    text = (resources.files("configs") / f"{name}.toml").read_text(encoding="utf-8")
    comment = re.match(r"(#.*\n)*", text)[0].replace("\\\n#", "")
    return [shlex.split(line, comments=True) for line in re.findall(r"^# {4,}(pipeline run.*)$", comment, re.MULTILINE)]


def values(words, option):
    return [value for word, value in zip(words, words[1:], strict=False) if word == option]


def test_the_default_is_built_in():
    assert DEFAULT in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_opening_comment_names_the_command(name):
    first, *others = commands(name)
    assert first[2:3] == [name] or (name == DEFAULT and first[2:3] in ([], ["--run"]))
    for words in (first, *others):
        assert load(name, values(words, "--set"))


@pytest.mark.parametrize("name", NAMES)
def test_every_model_resolves(name):
    config = load(name)
    made = []
    for stage, entry in config.stages.items():
        if isinstance(entry, TeachStage):
            settings = config.teach_stage(stage)
        else:
            settings = config.distill_stage(stage)
            assert settings.teacher in made, f"{stage} comes before its teacher {settings.teacher}"
        assert type(settings) is (type(config.teach) if isinstance(entry, TeachStage) else type(config.distill))
        made.append(stage)
    assert made
