from itertools import chain, islice

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler

from pipeline.sampler import POOL, LengthBucketSampler

LENGTHS = np.random.default_rng(0).integers(3, 60, 1000)


def order(lengths=LENGTHS, *, batch=8, seed=0, epoch=0):
    sampler = LengthBucketSampler(lengths, batch=batch, seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 8 * POOL, 8 * POOL + 1, 1000])
def test_every_window_once(n):
    found = order(LENGTHS[:n])
    assert sorted(found) == list(range(n))
    assert all(type(i) is int for i in found)
    assert len(LengthBucketSampler(LENGTHS[:n], batch=8, seed=0)) == n


def test_batches_have_nearly_one_length():
    batches = LENGTHS[order()].reshape(-1, 8)
    padding = 1 - LENGTHS.sum() / (8 * batches.max(axis=1).sum())
    shuffled = LENGTHS[np.random.default_rng(1).permutation(1000)].reshape(-1, 8)
    assert padding < 0.05 < 1 - LENGTHS.sum() / (8 * shuffled.max(axis=1).sum())
    firsts = batches[:, 0]
    assert abs(np.corrcoef(firsts[:-1], firsts[1:])[0, 1]) < 0.3, "batches themselves are in no order of length"


def test_order_is_a_function_of_seed_and_epoch():
    assert order(seed=3, epoch=2) == order(seed=3, epoch=2)
    different = [order(seed=s, epoch=e) for s in (0, 1) for e in (0, 1)]
    assert len({tuple(o) for o in different}) == 4
    sampler = LengthBucketSampler(LENGTHS, batch=8, seed=3)
    for epoch in range(3):  # a sampler that was iterated before gives what a fresh one gives
        sampler.set_epoch(epoch)
        assert list(sampler) == order(seed=3, epoch=epoch)


def test_batches_change_between_epochs():
    batches = [{frozenset(o[i : i + 8]) for i in range(0, 1000, 8)} for o in (order(epoch=0), order(epoch=1))]
    assert len(batches[0] & batches[1]) < 5


@pytest.mark.parametrize("n", [9, 83, 8 * POOL - 1])
def test_the_smaller_batch_is_last(n):
    """Else the data loader, which cuts every 8 windows, would mix the lengths of all batches after it."""
    lengths = np.random.default_rng(0).permutation(n)  # no two alike, all in one pool: batches are runs of 8 lengths
    for epoch in range(5):
        full = lengths[order(lengths, epoch=epoch)][: n - n % 8].reshape(-1, 8)
        assert (np.ptp(full, axis=1) == 7).all()


@pytest.mark.parametrize("n", [960, 1000 - 1000 % 32])
@pytest.mark.parametrize(("batch", "accumulation", "ranks"), [(32, 1, 1), (16, 2, 1), (16, 1, 2), (8, 2, 2), (4, 8, 1)])
def test_steps_hold_the_same_windows_however_they_are_divided(n, batch, accumulation, ranks):
    sampler = LengthBucketSampler(LENGTHS[:n], batch=batch * accumulation * ranks, seed=0)
    shards = [
        iter(BatchSamplerShard(BatchSampler(sampler, batch, drop_last=False), ranks, rank)) for rank in range(ranks)
    ]
    undivided = order(LENGTHS[:n], batch=32)
    for start in range(0, n, 32):
        step = [i for shard in shards for part in islice(shard, accumulation) for i in part]
        assert sorted(step) == sorted(undivided[start : start + 32])


@pytest.mark.parametrize(("batch", "accumulation"), [(16, 2), (8, 4)])
def test_accumulation_does_not_change_the_last_smaller_step(batch, accumulation):
    sampler = LengthBucketSampler(LENGTHS, batch=batch * accumulation, seed=0)
    parts = list(BatchSampler(sampler, batch, drop_last=False))
    steps = [list(chain(*parts[i : i + accumulation])) for i in range(0, len(parts), accumulation)]
    undivided = order(batch=32)
    assert steps == [undivided[i : i + 32] for i in range(0, 1000, 32)]
