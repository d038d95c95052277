"""What the package stands on: pinned versions under known licences, and no network that was not asked for."""

import re
import runpy
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import huggingface_hub
import pytest
from command_line import pipeline
from packaging.utils import canonicalize_name
from transformers import BertModel

from pipeline import encoder_files, tables
from pipeline.config_tables import Scratch
from pipeline.encoder_files import encoder_identity
from pipeline.encoders import from_scratch, pretrained
from pipeline.errors import PipelineError
from pipeline.tables import find_commit

ROOT = Path(__file__).resolve().parent.parent
LABELS = ("O", "B-PER", "I-PER")
COMMIT = "a" * 40


def pins():
    lines = (ROOT / "constraints.txt").read_text().split()
    return {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}


# --- versions and licences --------------------------------------------------------------------------------------------


def test_everything_that_is_installed_with_the_package_is_pinned():
    closure = runpy.run_path(str(ROOT / ".ci" / "licences"))["closure"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = closure([*project["dependencies"], *project["optional-dependencies"]["dev"]])
    assert needed - {"setuptools"} <= pins().keys()  # which torch asks for from Python 3.12 on


def test_the_list_of_licences_is_that_of_the_pinned_packages_and_none_is_copyleft():
    rows = re.findall(
        r"^\| (\S+) \| (\S+) \| (.+) \| (.+) \|$", (ROOT / "docs" / "LICENCES.md").read_text(), re.MULTILINE
    )
    listed = {canonicalize_name(name): version for name, version, _, _ in rows if name != "package"}
    assert listed == pins()
    known = re.compile(r"MIT|BSD|Apache|PSF|Python Software|ISC|MPL|Mozilla|0BSD|Zlib|CC0|CNRI|BSL|LLVM")
    for name, _, _, licence in rows[1:]:
        assert all(known.search(part) for part in re.split(r" AND | OR ", licence)), name
        assert not re.search(r"\bA?L?GPL|General Public", licence), name


# --- the network ------------------------------------------------------------------------------------------------------


@pytest.fixture
def online(monkeypatch):
    """A library that would go online, as it does where HF_HUB_OFFLINE is not set."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    encoder_files.hub_source.cache_clear()
    yield
    encoder_files.hub_source.cache_clear()


@pytest.fixture
def dead_nameserver(monkeypatch, online):
    """Every search for an address hangs, as behind a nameserver that is configured but out of reach."""

    def hang(*args, **kwargs):
        time.sleep(30)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(tables, "HUB_SECONDS", 0.3)


def test_a_run_without_hub_names_never_touches_the_network(tmp_path, monkeypatch, online):
    def refuse(*args, **kwargs):
        raise AssertionError("touched the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for command in (("run", "smoke"), ("audit", "--apply"), ("eval", "--geometry"), ("verify",)):
        pipeline(*command, "--run", tmp_path / "run")
    model = ["--encoder", tmp_path / "run" / "teacher" / "model"]
    pipeline("teach", "--run", tmp_path / "run", "--name", "again", *model)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: encoder_identity("org/none"),
        lambda: pretrained("org/none", LABELS, 0),
        lambda: find_commit("org/none", None, None),
    ],
    ids=["identity of an encoder", "encoder", "data set"],
)
def test_a_dead_nameserver_is_not_waited_for(dead_nameserver, ask):
    began = time.monotonic()
    with pytest.raises(PipelineError, match=r"no way to the hub.*TimeoutError.*cache") as caught:
        ask()
    assert time.monotonic() - began < 3
    assert "connect" in str(caught.value)
    assert "local_files_only" not in str(caught.value)


def test_a_cached_encoder_behind_a_dead_nameserver(dead_nameserver, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    repository = tmp_path / "cache" / "models--org--tiny"
    start = from_scratch(Scratch(layers=1, hidden=16, heads=2, vocabulary=60), ["Ann", "Lee"], LABELS, seed=0)
    BertModel(start.model.config).save_pretrained(repository / "snapshots" / COMMIT)
    start.tokenizer.save_pretrained(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    began = time.monotonic()
    assert encoder_identity("org/tiny") == {"commit": COMMIT}
    assert pretrained("org/tiny", LABELS, 0).model.config.hidden_size == 16
    assert time.monotonic() - began < 3


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["dead nameserver", "silent hub", "refused"])
@pytest.mark.parametrize("setting", ["teach.encoder=org/none", "prepare.hub.dataset=org/none"])
def test_a_command_answers_within_five_seconds(tmp_path, trouble, setting):
    """The real library in a process of its own: HF_HUB_OFFLINE not set, nor where git is."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket, time\ndef hang(*a, **k):\n    time.sleep(30)\n    raise OSError\nsocket.getaddrinfo = hang\n"
        if trouble == "dead nameserver"
        else ""
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if trouble == "refused":
            server.close()
        environment = {
            "PATH": "",
            "HOME": str(tmp_path),
            "PYTHONPATH": f"{tmp_path}:{Path(tables.__file__).parents[1]}",
        }
        environment |= {} if trouble == "dead nameserver" else {"HF_ENDPOINT": f"http://127.0.0.1:{port}"}
        source = "hub" if "dataset" in setting else "embedded"
        options = ["--config", "smoke", "--run", "r", "--set", setting, "--set", f"prepare.source={source}"]
        command = [sys.executable, "-m", "stages.cli", "teach", *options]
        began = time.monotonic()
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert re.match(r"error: .*no way to the hub.*connect|error: .*connect.*no way to the hub", line)
    assert seconds < 10, line  # five where the machine has nothing else to do
    shutil.rmtree(tmp_path / "r")
