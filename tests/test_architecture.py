"""The arrows between the parts, read from the source: who may import whom, and how long a file may be."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pipeline
import stages

SCIENCE = {
    "audit",
    "ranking",
    "suspects",
    "losses",
    "divergences",
    "targets",
    "entities",
    "calibration",
    "bootstrap",
    "metrics",
    "law",
    "noise_estimate",
    "schedule",
    "geometry",
    "gradient_weights",
}
MACHINERY = {
    "models",
    "cpu_kernels",
    "embedding_rows",
    "peers",
    "encoders",
    "devices",
    "trainer",
    "checkpoints",
    "loss_watch",
    "recorder",
    "prediction",
    "sampler",
    "encoding",
}
RECORDS = {
    "run",
    "sealing",
    "interruption",
    "troubles",
    "files",
    "config",
    "config_tables",
    "config_file",
    "console",
    "report",
}
ONLY = {  # library: who may import it
    "typer": {"stages.cli", "stages.cli_results", "stages.options"},
    "rich": {"pipeline.console"},
    "datasets": {"pipeline.sources", "pipeline.tables"},
    "cleanlab": {"pipeline.cleanlab_ranking"},
    "transformers": {f"pipeline.{name}" for name in MACHINERY},
}
COMMANDS = {"stages.cli", "stages.cli_results", "stages.order"}  # what knows every stage
SHARED_BY_STAGES = {
    "stages.experiment",
    "stages.manifests",
    "stages.publish",
    "stages.made_from",
    "stages.forecast",
    "stages.diagnostics",
}
HEAVY = {"torch", "transformers", "datasets", "numpy", "matplotlib", "pydantic"}
LONGEST = 300


def find_modules(package):
    (folder,) = map(Path, package.__path__)
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


PATHS = dict([*find_modules(pipeline), *find_modules(stages)])
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in PATHS.items()}


def imports(tree):
    """The modules that some code imports, wherever in it the import stands; `from a import b` gives a.b if a module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & PATHS.keys()) | ({node.module} if names - PATHS.keys() else set())
    return found


IMPORTS = {name: imports(tree) for name, tree in TREES.items()}


def top(module):
    return module.partition(".")[0]


def part(module):
    """The part of `pipeline` that a module is, or lies in: its own name, or its folder's."""
    return module.split(".")[1] if module.startswith("pipeline.") else None


def loaded_by(*modules):
    """The libraries that importing some modules loads, in a process of its own."""
    code = f"import sys, {', '.join(modules)}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    environment = {**os.environ, "PYTHONPATH": str(Path(pipeline.__path__[0]).parent)}
    return set(subprocess.check_output([sys.executable, "-c", code], text=True, env=environment).split())


def test_the_parts_are_there():
    """A renamed module must not slip out of the rules below."""
    assert {part(name) for name in PATHS} >= SCIENCE | MACHINERY | RECORDS
    assert set().union(*ONLY.values()) | SHARED_BY_STAGES | COMMANDS <= PATHS.keys()


def test_the_pipeline_knows_no_stage():
    assert [name for name, found in IMPORTS.items() if top(name) == "pipeline" and "stages" in map(top, found)] == []


def test_stages_share_only_what_is_made_to_be_shared():
    for name, found in IMPORTS.items():
        if top(name) == "stages" and name not in COMMANDS:
            assert {module for module in found if top(module) == "stages"} <= SHARED_BY_STAGES, name


def test_the_command_line_imports_stages_and_heavy_libraries_inside_commands():
    at_once = [
        node
        for module in ("stages.cli", "stages.cli_results")
        for node in TREES[module].body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    found = imports(ast.Module(at_once, []))
    ours = {module for module in found if top(module) in ("pipeline", "stages")}
    assert ours <= {"pipeline.errors", "stages.options", "stages.cli_results"}
    assert not loaded_by("stages.cli") & HEAVY


@pytest.mark.parametrize("library", ONLY)
def test_a_library_has_its_place(library):
    assert {name for name, found in IMPORTS.items() if library in map(top, found)} <= ONLY[library]


def test_science_stands_on_arrays_alone():
    own = {f"pipeline.{name}" for name in SCIENCE} | {"pipeline.errors"}
    for name in own:
        foreign = {top(module) for module in IMPORTS[name] - own} - sys.stdlib_module_names
        assert foreign <= {"torch", "numpy"}, name


def test_records_know_no_model():
    records = {name for name in PATHS if part(name) in RECORDS}
    for name in records:
        ours = {module for module in IMPORTS[name] if top(module) in ("pipeline", "stages")}
        assert ours <= records | {"pipeline.errors", "pipeline.schedule"}, name
    assert not loaded_by(*records) & {"torch", "transformers", "datasets"}


def test_names_say_what_is_inside():
    assert not {word for name in PATHS for word in name.split(".")} & {"utils", "common", "helpers", "base", "core"}


def holds_data_only(tree):
    return not any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree.body)


def test_files_are_short():
    code = [name for name, tree in TREES.items() if not holds_data_only(tree)]
    lines = {name: len(PATHS[name].read_text(encoding="utf-8").splitlines()) for name in code}
    assert {name: n for name, n in lines.items() if n > LONGEST} == {}
