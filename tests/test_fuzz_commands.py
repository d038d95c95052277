"""No value on the command line can hurt: exit 0, or 1 with one line, or 2 with the usage; never a traceback.

Stages that train are stood in for: what is tested is how far a value comes before it is refused.
"""

import os
import subprocess
import sys

import pytest
from fuzzing import cases, check, judge, no_hang
from hypothesis import strategies as st
from typer.testing import CliRunner

from stages.cli import app

PATHS = ["", ".", "..", "../x", "a/b", "/", "~", "~nobody/x", "data", "data.partial", "teacher", "-x", "--", "--force"]
ODD_NAMES = ["é", "a b", "a\nb", "[red]", "CON", "\u202e", "\udcff", "$HOME", "'\"", "%s", "{0}"]
NAMES = st.text(max_size=8) | st.sampled_from([*PATHS, *ODD_NAMES, "x" * 81, "x" * 300, "x" * 5000])
NUMBERS = st.sampled_from(
    ["-1", "0", "1", "-0.5", "1.5", "nan", "inf", "-inf", "1e400", "9" * 400, "0x1", "", "one", "1_0"]
)
RUNS = st.sampled_from(
    [
        "new",
        "a file",
        "a file/x",
        "-run",
        "é\u200b",
        "a\nb",
        "[red]x",
        "x" * 300,
        "/dev/null",
        "/proc/x",
        "half\udcff",
        "",
    ]
)
OPTIONS = {
    "prepare": {"--noise": NAMES, "--rate": NUMBERS, "--seed": NUMBERS, "--limit": NUMBERS},
    "probe": {"--seed": NUMBERS, "--device": NAMES},
    "teach": {"--name": NAMES, "--q": NUMBERS | NAMES, "--smoothing": NUMBERS, "--epochs": NUMBERS, "--encoder": NAMES}
    | {"--correction": NAMES, "--learning-rate": NUMBERS},
    "distill": {"--name": NAMES, "--teacher": NAMES, "--kl": NAMES, "--layers": NUMBERS, "--temperature": NUMBERS}
    | {"--alpha": NUMBERS},
    "eval": {"": NAMES},
    "audit": {"--stage": NAMES, "--threshold": NUMBERS},
    "bench": {"--sentences": NUMBERS, "--repeats": NUMBERS, "--against": NAMES},
    "run": {"--seed": NUMBERS, "--limit": NUMBERS},
}


@st.composite
def commands(draw):
    """A command with a few odd values, the config among them now and then."""
    command = draw(st.sampled_from(sorted(OPTIONS)))
    arguments = [command]
    for option, values in OPTIONS[command].items():
        if draw(st.booleans()):
            arguments += [*filter(None, [option]), draw(values)]
    if draw(st.booleans()):
        arguments += [
            "--set",
            draw(st.sampled_from(["seed=-1", "x", "teach.q=2", "seed=1", "stages.y.command=teach"]) | NAMES),
        ]
    config = draw(st.sampled_from(["tiny.toml"] * 6 + ["broken.toml", "missing", "", "x" * 300]))
    arguments += [config] if command == "run" else ["--config", config]
    return [*arguments, "--run", draw(RUNS)]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder to type in, where nothing trains."""
    (tmp_path / "tiny.toml").write_text('device = "cpu"\nprepare.embedded = {train = 3, dev = 2, test = 2}\n')
    (tmp_path / "broken.toml").write_bytes(b"seed = \xff")
    (tmp_path / "a file").write_text("")
    monkeypatch.chdir(tmp_path)
    import stages.bench
    import stages.order
    import stages.probe

    for name in ("teach_named", "distill_named", "make_probe", "run_all", "run_models"):
        monkeypatch.setattr(stages.order, name, lambda *_: None)
    monkeypatch.setattr(stages.probe, "probe", lambda *_: None)
    monkeypatch.setattr(stages.bench, "bench", lambda *_, **__: [])
    return tmp_path


@cases(60, 2500)
def test_any_values_on_the_command_line(workplace, n):
    @check(n, commands())
    def _(arguments):
        with no_hang():
            result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, SystemExit | None), (arguments, result.exc_info)
        assert result.exit_code in (0, 1, 2), arguments
        if result.exit_code == 1:
            (line,) = [line for line in result.stderr.split("\n") if line.startswith("error: ")]
            judge(line, "")
            assert result.stderr.endswith(line + "\n")


def test_an_empty_name_is_not_the_default(workplace):
    result = CliRunner().invoke(app, ["run", ""])
    assert result.exit_code == 1
    judge(result.stderr.removesuffix("\n"), "config: expected a TOML file or one of")


def typed(*arguments, **environment):
    """A real command, as a shell runs it."""
    return subprocess.run(
        [sys.executable, "-m", "stages.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["prepare", "--config", "broken.toml"],
        ["prepare", "--config", "tiny.toml", "--run", "a file"],
        ["prepare", "--config", "tiny.toml", "--run", b"half\xff"],
        ["prepare", "--config", "tiny.toml", "--set", "prepare.source=files", "--set", "prepare.files.train=utf16.txt"],
        ["teach", "--config", "tiny.toml", "--name", "../../x"],
    ],
)
def test_real_commands_refuse_in_one_line(workplace, arguments):
    for name in ("utf16.txt", "valid.txt", "test.txt"):
        (workplace / name).write_text("EU B-ORG\n", encoding="utf-16")
    done = typed(*arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    judge(line.removeprefix("error: "), "")


def test_a_terminal_without_the_characters_gets_them_spelled_out(workplace):
    done = typed("prepare", "--config", "tiny.toml", "--run", "é", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"data: sealed in 0 s \xb7 \xe9/data" in done.stdout.replace(b"sealed in 1 s", b"sealed in 0 s")
