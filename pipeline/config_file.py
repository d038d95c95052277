"""Reading and writing experiments: TOML files, the built-in ones, and overrides from the command line.

Overrides (`--set teach.q=0.5`, a command's flags) are applied to the TOML before anything is checked, so they obey the
same rules as the file; all errors are reported at once and name their key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from pipeline.config import Config
from pipeline.errors import PipelineError

DEFAULT = "quickstart"
EXPECTED = {  # where pydantic's own words would not help
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "string_pattern_mismatch": "a name of letters, digits, - and _",
    "string_too_long": "a name of at most 80 characters",
    "too_short": "at least one item",
}


def load(source: str, overrides: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> Config:
    """Read an experiment.

    Args:
        source: a path to a TOML file, or the name of a built-in one.
        overrides: `table.key=value` strings; the value is TOML, or a bare string.
        flags: dotted keys with values, from a command's own flags; None values are left out.

    Raises:
        PipelineError: the file is missing or is no TOML, or keys are unknown, of the wrong type or out of range;
            all of them in one message.
    """
    tree = read(source)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise PipelineError(f"--set: expected table.key=value, found {override!r:.80}; write it that way")
        _assign(tree, key.strip().split("."), _toml_value(value.strip()))
    for key, value in (flags or {}).items():
        if value is not None:
            _assign(tree, key.split("."), value)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise PipelineError(
            f"{source}: " + "; ".join(_explain(e, tree) for e in error.errors()) + "; correct the file, --set or flag"
        ) from None


def read(source: str) -> dict[str, Any]:
    """The TOML tree of a built-in experiment or of a file, unchecked.

    Raises:
        PipelineError: there is no such experiment, or the file is no TOML.
    """
    if source in builtin_names():
        return tomllib.loads((resources.files("configs") / f"{source}.toml").read_text(encoding="utf-8"))
    try:
        path = Path(source)
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else None
        tree = None if text is None else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:  # beside what TOML forbids: numbers and nesting without end
        found = getattr(error, "strerror", None) or str(error)
        raise PipelineError(f"{source:.80}: expected TOML in UTF-8, found {found}; correct the file") from error
    if tree is None:
        raise PipelineError(
            f"config: expected a TOML file or one of {', '.join(builtin_names())}, found {source!r}, which is neither; "
            "correct the path"
        )
    return tree


def dumps(config: Config) -> str:
    """The whole experiment, defaults included, as TOML that `load` reads back to an equal one."""
    tree = config.model_dump(exclude_none=True)
    tree["stages"] = {
        name: stage.model_dump(exclude_unset=True, exclude_none=True) for name, stage in config.stages.items()
    }
    return tomli_w.dumps(tree)


def builtin_names() -> list[str]:
    """The built-in experiments, by name."""
    files = resources.files("configs").iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def experiment_name(source: str) -> str:
    """The name a run gets from its config: the file's stem or the built-in's name."""
    return Path(source).name.removesuffix(".toml")


def _toml_value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # no TOML, or a number or nesting that Python refuses to read
        return text
    return found["value"] if len(found) == 1 else text  # a second line would set another key


def _assign(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *tables, key = path
    for depth, table in enumerate(tables, start=1):
        tree = tree.setdefault(table, {})
        if not isinstance(tree, dict):
            raise PipelineError(
                f"{'.'.join(path)}: expected {'.'.join(tables[:depth])} to be a table, found a value; remove either"
            )
    tree[key] = value


def _explain(error: Any, tree: Any) -> str:
    key, found = f"{_key(error['loc'], tree):.100}", f"{error['input']!r:.100}"
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; remove it or correct its spelling"
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        found = f"{error['input']['command']!r:.100}" if "command" in error["input"] else "none"
        return f"{key}.command: expected 'teach' or 'distill', found {found}"
    if expected := EXPECTED.get(error["type"]):
        return f"{key}: expected {expected}, found {found}"
    if error["type"] == "missing":
        return f"{key}.{error['loc'][-1]}: expected a value, found none"
    if error["type"] == "value_error":
        return f"{key}: {error['ctx']['error']}"
    said = re.sub("^Input should be (?=greater|less)", "expected a value ", error["msg"])
    return f"{key}: {re.sub('^Input should be ', 'expected ', said)}, found {found}"


def _key(loc: Sequence[str | int], tree: Any) -> str:
    """The dotted key as it stands in the file; pydantic's location has parts of its own, such as "list[int]"."""
    parts: list[str] = []
    for part in loc:
        if (isinstance(tree, dict) and part in tree) or (isinstance(tree, list) and isinstance(part, int)):
            parts.append(str(part))
            tree = tree[part]  # type: ignore[index]
    return ".".join(parts)
