"""Where a token classifier starts: a pretrained encoder by name, or one built from scratch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    PreTrainedTokenizerFast,
    set_seed,
)

from pipeline.encoder_files import SCRATCH, find_encoder, hub_source, one_line_errors
from pipeline.errors import PipelineError
from pipeline.models import DATA_ALONE, Classifier

MARK = "\u2581"  # stands before a word while pieces are learned
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WINDOW_POSITIONS = 512  # position embeddings of an encoder built from scratch


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
    with one_line_errors(name):
        where, source = (where, {}) if Path(where).is_dir() else hub_source(where)
        tokenizer = _load_tokenizer(name, where, source)
        set_seed(seed)
        model = AutoModelForTokenClassification.from_pretrained(
            where, dtype=torch.float32, ignore_mismatched_sizes=True, **_label_maps(labels), **DATA_ALONE, **source
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
            f"scratch: expected hidden to be a multiple of heads, found {settings.hidden} and {settings.heads}; "
            "change either"
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
    tokenizer = cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(where, trust_remote_code=False, **source))
    if flaw := _flaw(tokenizer):
        raise PipelineError(
            f"encoder {name!r}: expected a fast tokenizer (tokenizer.json) that can pad, found {flaw}; name another"
        )
    if _drops_space(tokenizer):
        options = {"add_prefix_space": True, "trust_remote_code": False, **source}
        tokenizer = cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(where, **options))
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
