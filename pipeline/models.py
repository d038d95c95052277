"""Token classifiers with their tokenizers: loaded, saved, and cut to fewer layers."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from pipeline.errors import PipelineError

# How a model is read: weights from safetensors alone, never from a pickle, which can run what its writer likes; and
# without the code that may lie beside them, for which the library would otherwise ask on the terminal.
DATA_ALONE = {"use_safetensors": True, "trust_remote_code": False}


@dataclass(frozen=True)
class Classifier:
    """A token classifier and the tokenizer that feeds it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast

    @property
    def padding(self) -> int:
        """The padding piece's id."""
        return int(self.tokenizer.pad_token_id)

    def save(self, folder: Path) -> None:
        """Write exactly what `save_pretrained` writes: safetensors, configuration and tokenizer."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def load(folder: Path) -> Classifier:
    """A classifier that `Classifier.save` wrote."""
    return Classifier(
        AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32, **DATA_ALONE),
        cast(PreTrainedTokenizerFast, AutoTokenizer.from_pretrained(folder, trust_remote_code=False)),
    )


def n_layers(model: PreTrainedModel) -> int:
    """Transformer layers of a model."""
    return int(model.config.num_hidden_layers)


def head(model: PreTrainedModel) -> torch.nn.Linear:
    """The layer that turns a piece's hidden state into scores; its weight has one row, the template, per label.

    Raises:
        PipelineError: the model does not end in such a layer.
    """
    last = [part for part in model.modules() if isinstance(part, torch.nn.Linear)][-1:]
    if not last or last[0].out_features != model.config.num_labels:
        raise PipelineError(
            f"{type(model).__name__}: expected a linear layer of {model.config.num_labels} labels at its end, found "
            f"{last[0] if last else 'none'}; its representations cannot be measured"
        )
    return last[0]


def choose_layers(total: int, wanted: int | Sequence[int]) -> list[int]:
    """Which layers a student keeps.

    Args:
        total: the teacher's layers.
        wanted: how many, evenly spaced from the first to the last; or which, counted from 0.

    Raises:
        PipelineError: more than there are, or not distinct ascending indices below `total`.

    >>> choose_layers(6, 3), choose_layers(12, 4), choose_layers(6, 1)
    ([0, 2, 5], [0, 3, 7, 11], [0])
    """
    if isinstance(wanted, int):
        if wanted > total:
            raise PipelineError(f"distill.layers: expected at most the teacher's {total}, found {wanted}; keep fewer")
        return [i * (total - 1) // max(wanted - 1, 1) for i in range(wanted)]
    if not wanted or list(wanted) != sorted(set(wanted)) or wanted[0] < 0 or wanted[-1] >= total:
        raise PipelineError(
            f"distill.layers: expected ascending layers from 0 to {total - 1}, found {list(wanted)}; correct the list"
        )
    return list(wanted)


def keep_layers(model: PreTrainedModel, layers: Sequence[int]) -> PreTrainedModel:
    """A copy of a model that has only some of its layers; embeddings and head are copied too.

    Args:
        model: a token classifier whose layers stand in one list.
        layers: ascending indices of the layers to keep.

    Raises:
        PipelineError: the architecture keeps its layers elsewhere, or has no such layer in that place.
    """
    total = n_layers(model)
    lists = [
        name for name, part in model.named_modules() if isinstance(part, torch.nn.ModuleList) and len(part) == total
    ]
    if len(lists) != 1:
        raise PipelineError(
            f"{type(model).__name__}: expected one list of {total} layers, found {len(lists)}; "
            "name another encoder for the student with distill.encoder"
        )
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = len(layers)
    if isinstance(getattr(config, "layer_types", None), list):
        config.layer_types = [config.layer_types[i] for i in layers]
    student = AutoModelForTokenClassification.from_config(config, dtype=torch.float32)
    prefix = re.compile(rf"{re.escape(lists[0])}\.(\d+)\.")
    place = {str(layer): str(position) for position, layer in enumerate(layers)}
    weights = {}
    for name, tensor in model.state_dict().items():
        layer = prefix.match(name)
        if layer is None:
            weights[name] = tensor
        elif layer[1] in place:
            weights[f"{lists[0]}.{place[layer[1]]}.{name[layer.end() :]}"] = tensor
    try:
        student.load_state_dict(weights)
    except RuntimeError as error:  # ModernBERT's first layer, for one, has fewer weights than the others
        raise PipelineError(
            f"distill.layers: {type(model).__name__} cannot start with its layer {layers[0]}; keep layer 0 as the first"
        ) from error
    return student
