"""No code comes out of data: whatever lies where a run reads, nothing of it is executed, and no name leads outside."""

import ast
import json
import os
import pickle
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from command_line import pipeline
from test_architecture import TREES

from pipeline.config_tables import Scratch
from pipeline.encoder_files import encoder_identity
from pipeline.encoders import from_scratch, pretrained
from pipeline.errors import PipelineError
from pipeline.files import file_sha256
from pipeline.models import load
from pipeline.trainer import WordTrainer

LABELS = ("O", "B-PER", "I-PER")


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path):
    """A path that must not exist at the end of the test."""
    yield tmp_path / "executed"
    assert not (tmp_path / "executed").exists()


def plant(path, marker, kind="pickle"):
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Evil(marker)))
    else:
        torch.save({"weight": Evil(marker)}, path)


def one_line(*arguments, **options):
    """The error of a command that fails as it should."""
    result = pipeline(*arguments, code=1, **options)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    (line,) = [line for line in result.output.splitlines() if line.startswith("error: ")]
    return line


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "smoke"
    pipeline("run", "smoke", "--run", folder)
    pipeline("audit", "--run", folder, "--apply")
    pipeline("eval", "--geometry", "--run", folder)
    return folder


@pytest.fixture
def copied(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


@pytest.fixture
def encoder(tmp_path):
    from_scratch(Scratch(layers=1, hidden=16, heads=2, vocabulary=60), ["Ann", "Lee"], LABELS, 0).save(tmp_path / "enc")
    return tmp_path / "enc"


# --- pickles ----------------------------------------------------------------------------------------------------------


def form(path):
    """What a file is, by its contents."""
    contents = path.read_bytes()
    if contents.startswith(b"\x89PNG\r\n"):
        return "png"
    length = int.from_bytes(contents[:8], "little")
    if path.suffix == ".safetensors" and json.loads(contents[8 : 8 + length]):
        return "safetensors"
    text = contents.decode("utf-8")
    if path.suffix in (".json", ".jsonl"):
        for part in text.splitlines() if path.suffix == ".jsonl" else [text]:
            json.loads(part)
        return "json"
    return {".toml": "toml", ".html": "html"}[path.suffix]


def test_a_run_holds_tensors_text_and_pictures_alone(run):
    files = [path for path in run.rglob("*") if path.is_file()]
    assert {form(path) for path in files} == {"png", "safetensors", "json", "toml", "html"}
    for path in files:  # a zip (as torch.save writes) or a pickle of any protocol with a mark
        assert not path.read_bytes().startswith((b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")), path


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_what_is_planted_below_would_go_off(tmp_path, kind):
    plant(tmp_path / "file", tmp_path / "executed", kind)
    torch.load(tmp_path / "file", weights_only=False) if kind == "torch" else pickle.loads(
        (tmp_path / "file").read_bytes()
    )
    assert (tmp_path / "executed").is_dir()


@pytest.fixture(scope="module")
def interrupted(run, tmp_path_factory):
    """A run whose teacher was stopped after its first epoch."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("runs") / "stopped")
    evaluate, calls = WordTrainer.evaluate, []

    def stop(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return evaluate(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WordTrainer, "evaluate", stop)
        pipeline("teach", "--run", folder, "--name", "stopped", code=130)
    return folder


@pytest.mark.parametrize("kind", ["pickle", "torch"])
@pytest.mark.parametrize(
    "file", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "pytorch_model.bin", "scaler.pt"]
)
def test_a_checkpoint_runs_nothing(interrupted, tmp_path, marker, file, kind):
    folder = shutil.copytree(interrupted, tmp_path / "run")
    (checkpoint,) = folder.glob("stopped.partial/checkpoints/checkpoint-*")
    plant(checkpoint / file, marker, kind)
    if file == "pytorch_model.bin":
        (checkpoint / "model.safetensors").unlink()
    pipeline("teach", "--run", folder, "--name", "stopped", code=None)


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_pickle_beside_or_instead_of_a_model_is_not_opened(copied, marker, kind):
    model = copied / "teacher" / "model"
    plant(model / "pytorch_model.bin", marker, kind)
    for command in (("distill", "--kl", "forward", "--force"), ("eval", "--geometry", "--force")):
        assert "pytorch_model.bin: expected only what" in one_line(*command, "--run", copied)
    (model / "model.safetensors").unlink()
    for command in (("distill", "--kl", "forward", "--force"), ("eval", "--geometry", "--force")):
        assert "model.safetensors: missing" in one_line(*command, "--run", copied)
    with pytest.raises(OSError, match=r"no file named model\.safetensors"):  # even by one who forged the manifest
        load(model)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_an_encoder_is_read_from_safetensors_alone(encoder, marker, kind, name):
    plant(encoder / "pytorch_model.bin", marker, kind)
    pretrained(str(encoder), LABELS, 0)
    (encoder / "model.safetensors").unlink()
    (encoder / "pytorch_model.bin").rename(encoder / name)
    if name == "pytorch_model.bin":
        with pytest.raises(
            PipelineError, match=r"expected weights in \*\.safetensors, found pytorch_model\.bin, a pickle"
        ):
            encoder_identity(str(encoder))
    with pytest.raises(PipelineError, match="neither a local folder with a model"):
        pretrained(str(encoder), LABELS, 0)


@pytest.mark.parametrize(
    "file", ["data/train.jsonl", "data/labels.json", "teacher/logits/train.safetensors", "teacher/stage.json"]
)
@pytest.mark.parametrize("forged", [False, True])
def test_a_pickle_in_the_place_of_a_sealed_file(copied, marker, file, forged):
    plant(copied / file, marker)
    stage = (copied / file.partition("/")[0] / "stage.json").resolve()
    if forged and stage.name not in file:  # the manifest says that it is right
        manifest = json.loads(stage.read_text())
        manifest["made_from"]["outputs"][file.partition("/")[2]] = file_sha256(copied / file)
        stage.write_text(json.dumps(manifest))
    result = pipeline("distill", "--run", copied, "--kl", "forward", "--force", code=1)
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("files", ("train.txt", "valid.txt", "test.txt")),
        ("jsonl", ("train.jsonl", "dev.jsonl", "test.jsonl")),
        ("hub", ("train.parquet", "validation.parquet", "test.parquet")),
        ("hub", ("train.jsonl", "validation.jsonl", "test.jsonl")),
        ("hub", ("dataset_dict.json",)),
    ],
)
def test_a_source_that_is_a_pickle(tmp_path, marker, source, files):
    (tmp_path / "source").mkdir()
    for file in files:
        plant(tmp_path / "source" / file, marker)
    key = "hub.dataset" if source == "hub" else f"{source}.folder"
    settings = [f"--set=prepare.source={source}", f"--set=prepare.{key}={tmp_path / 'source'}"]
    assert "error: " in one_line("prepare", "--config", "smoke", "--run", tmp_path / "r", *settings)


def test_a_parquet_file_whose_column_is_of_a_pickled_type(tmp_path, marker):
    """What pyarrow unpickled until version 14 (CVE-2023-47248)."""
    metadata = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Evil(marker)),
    }
    (tmp_path / "source").mkdir()
    fields = [pa.field(name, pa.list_(pa.string()), metadata=metadata) for name in ("tokens", "ner_tags")]
    table = pa.table([[["Rome"]], [["B-LOC"]]], schema=pa.schema(fields))
    for split in ("train", "validation", "test"):
        pq.write_table(table, tmp_path / "source" / f"{split}.parquet")
    settings = ["--set=prepare.source=hub", f"--set=prepare.hub.dataset={tmp_path / 'source'}"]
    pipeline("prepare", "--config", "smoke", "--run", tmp_path / "r", *settings)


# --- code of a repository ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_type", ["bert", "evil"])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_the_code_of_an_encoder_is_not_run_even_if_the_user_would_say_yes(
    encoder, marker, monkeypatch, tmp_path, model_type, file
):
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # what the library would ask
    (encoder / "evil.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    names = ("AutoConfig", "AutoModelForTokenClassification")
    code = dict.fromkeys(names, "evil.Evil") if file == "config.json" else {"AutoTokenizer": ["evil.Evil"] * 2}
    content = json.loads((encoder / file).read_text())
    if file == "tokenizer_config.json" and model_type == "evil":
        content["tokenizer_class"] = "Evil"
    elif file == "config.json":
        content["model_type"] = model_type
    (encoder / file).write_text(json.dumps({**content, "auto_map": code}))
    options = ["--config", "smoke", "--run", tmp_path / "r", "--encoder", encoder, "--set", "teach.epochs=1"]
    result = pipeline("teach", *options, code=None)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    if model_type == "evil" and file == "config.json":
        assert result.exit_code == 1
        assert "custom code" in result.output


def test_the_source_opens_no_pickle_and_trusts_no_code():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                modules = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
                assert not modules & {"pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}, name
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("torch.load", "np.load", "eval", "exec", "__import__", "yaml.load"), name
                if called.endswith(".from_pretrained"):
                    said = ast.unparse(node)
                    assert "trust_remote_code=False" in said or "**DATA_ALONE" in said or "**options" in said, said
            pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
            given = [
                value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "trust_remote_code"
            ]
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                given.append(node.value)
            assert all(isinstance(value, ast.Constant) and value.value is False for value in given), name


# --- names and links that lead elsewhere ------------------------------------------------------------------------------

OUTSIDE = ["../victim", "..", "/tmp/victim", "a/b", "a\\b", ".", "", "data/../../victim", "x.partial", "-rf", "a\nb"]


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_stage_name_leads_out_of_the_run(copied, tmp_path, name):
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "kept").write_text("kept")
    before = contents(copied)
    for command in (
        ("teach", f"--name={name}"),
        ("distill", f"--name={name}"),
        ("distill", "--force", f"--teacher={name}"),
        ("audit", "--force", f"--stage={name}"),
        ("run", f'--set=stages."{name}".command="teach"'),
        ("eval", "--", name),
        ("eval", "--geometry", "--", name),
    ):
        result = pipeline(*command[:1], "--run", copied, *command[1:], code=None)
        assert result.exit_code in (1, 2), command
        assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert contents(copied) == before
    assert contents(tmp_path / "victim") == {(tmp_path / "victim" / "kept").relative_to(tmp_path / "victim"): b"kept"}


@pytest.mark.parametrize("name", ["...toml", ".toml", "..toml"])
def test_the_name_of_a_config_does_not_lead_out_of_runs(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("")
    assert "name can name a run" in one_line("prepare", "--config", name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("link", ["stopped.partial", "stopped", "figures"])
def test_a_link_in_a_run_is_not_followed_when_writing(copied, tmp_path, link):
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "kept").write_text("kept")
    if link == "figures":
        shutil.rmtree(copied / "figures")
    (copied / link).symlink_to(tmp_path / "victim")
    command = ("eval", "--force") if link == "figures" else ("teach", "--name", "stopped", "--force")
    assert f"{copied / link}: expected a folder of the run" in one_line(*command, "--run", copied)
    assert [path.name for path in (tmp_path / "victim").iterdir()] == ["kept"]


def test_verify_reads_nothing_outside(copied, tmp_path):
    (tmp_path / "victim").write_text("")
    manifest = copied / "teacher" / "stage.json"
    content = json.loads(manifest.read_text())
    sha256 = file_sha256(tmp_path / "victim")
    content["made_from"]["outputs"] |= {"../../victim": sha256, str(tmp_path / "victim"): sha256}
    manifest.write_text(json.dumps(content))
    found = pipeline("verify", "--run", copied, "--json", code=1).output
    assert found.count("not a path within the stage") >= 2
