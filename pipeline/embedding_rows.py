"""The rows of an embedding table that training can change: those of pieces that occur."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel

from pipeline.encoding import Windows


@contextmanager
def only_rows_read(model: PreTrainedModel, splits: Sequence[Windows], padding: int) -> Iterator[None]:
    """Within the context, the model's embedding table holds only the rows that some window or its padding reads.

    Most of a small encoder's weights are rows of pieces that never occur in a corpus. Their gradient is zero, but it
    is allocated, normed, and its moments updated at every step: for a quarter of MiniLM's parameters over CoNLL++, more
    in encoders of many languages. Training is the same without them, but that weight decay leaves them as they were
    pretrained. On the way out, the table is whole again.

    Args:
        model: an encoder; left alone if its table is not a plain one, or is shared with another layer.
        splits: everything the model will read within the context.
        padding: the padding piece's id.
    """
    table = model.get_input_embeddings()
    users = [part for part in model.modules() if getattr(part, "weight", None) is getattr(table, "weight", None)]
    if type(table) is not nn.Embedding or table.max_norm is not None or len(users) != 1:
        yield
        return
    pieces = [np.unique(windows.pieces) for windows in splits]
    rows = torch.from_numpy(np.unique(np.concatenate([[padding], *pieces])))
    kept = _Rows(table, rows)
    model.set_input_embeddings(kept)
    try:
        yield
    finally:
        with torch.no_grad():
            table.to(kept.weight.device).weight[rows] = kept.weight
        model.set_input_embeddings(table)


class _Rows(nn.Module):
    """Some rows of an embedding table, read by their numbers in the whole one."""

    _place: torch.Tensor

    def __init__(self, table: nn.Embedding, rows: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(table.weight.detach()[rows].clone())
        # A row that is not kept stands as one past the last, which no lookup accepts.
        place = torch.full((table.num_embeddings,), len(rows)).index_put((rows,), torch.arange(len(rows)))
        self.register_buffer("_place", place, persistent=False)
        padding = None if table.padding_idx is None else int(place[table.padding_idx])
        self._padding = None if padding == len(rows) else padding

    def forward(self, pieces: torch.Tensor) -> torch.Tensor:
        return F.embedding(self._place[pieces], self.weight, self._padding)
