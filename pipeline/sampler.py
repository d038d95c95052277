"""The order in which training reads windows: shuffled, with windows of like length together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

POOL = 50  # batches within which windows are sorted by length


class LengthBucketSampler(Sampler[int]):
    """Yields window indices so that each consecutive `batch` of them has nearly one length.

    Windows are shuffled, cut into pools of 50 batches, sorted by length within each pool, and the batches of all
    pools are shuffled again; a smaller last batch stays last, so that batches begin where the data loader cuts. The
    order is a pure function of (seed, epoch): a resumed epoch sees the same batches.

    Args:
        lengths: pieces per window, shape (n_windows,).
        batch: windows per optimiser step over all processes and accumulation steps, so that how a step is divided
            does not change which windows are in it.
        seed: the experiment's seed.
    """

    def __init__(self, lengths: Sequence[int] | np.ndarray, *, batch: int, seed: int) -> None:
        self._lengths = np.asarray(lengths)
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration yields."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self._seed, self._epoch))
        order = rng.permutation(len(self._lengths))
        pool = self._batch * POOL
        batches: list[np.ndarray] = []
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [part[i : i + self._batch] for i in range(0, len(part), self._batch)]
        short = batches.pop() if len(batches[-1]) < self._batch else np.array([], dtype=order.dtype)
        for position in rng.permutation(len(batches)):
            yield from (int(i) for i in batches[position])
        yield from (int(i) for i in short)
