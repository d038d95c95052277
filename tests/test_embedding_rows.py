"""Training on the rows of an embedding table that occur, against training on all of them."""

import contextlib

import numpy as np
import pytest
import torch
from test_trainer import classifier, run, split

from pipeline import trainer
from pipeline.embedding_rows import only_rows_read
from pipeline.encoding import Windows

ROWS = [5, 9, 11]
WINDOWS = Windows(np.array(ROWS), np.array([0, 3]), np.array([0]), np.array([0, 1]))


def fitted(folder, **keys):
    start = classifier()
    before = start.model.get_input_embeddings().weight.detach().clone()
    train = split(start.tokenizer, 24)
    log = run(start, train, folder, learning_rate=0.01, **keys)
    return start.model, before, {piece for w in train.windows for piece in w.pieces}, log


def test_training_is_the_same_but_for_the_decay_of_rows_that_never_occur(tmp_path, monkeypatch):
    ours, before, read, log = fitted(tmp_path / "ours", weight_decay=0.1)
    monkeypatch.setattr(trainer, "only_rows_read", lambda *_: contextlib.nullcontext())
    whole, _, _, whole_log = fitted(tmp_path / "whole", weight_decay=0.1)
    assert [r.get("loss") for r in log] == pytest.approx([r.get("loss") for r in whole_log])
    state, expected = ours.state_dict(), whole.state_dict()
    assert list(state) == list(expected)
    rows = torch.tensor(sorted(read))
    unread = [row for row in range(len(before)) if row not in read]
    assert unread, "some piece of the vocabulary never occurs, so leaving it out would show"
    for name, tensor in state.items():
        if tensor.shape == before.shape:
            torch.testing.assert_close(tensor[rows], expected[name][rows])
            torch.testing.assert_close(tensor[unread][1:], before[unread][1:])
        else:
            torch.testing.assert_close(tensor, expected[name])


def test_inside_the_table_is_small_and_outside_it_is_whole(tiny_classifier):
    model = tiny_classifier.model
    table = model.get_input_embeddings()
    before = table.weight.detach().clone()
    with only_rows_read(model, [WINDOWS], tiny_classifier.padding):
        small = model.get_input_embeddings()
        assert small.weight.shape == (4, before.shape[1])
        assert "_place" not in "".join(model.state_dict())
        torch.testing.assert_close(small(torch.tensor(ROWS)), before[ROWS])
        with pytest.raises(IndexError):
            small(torch.tensor([12]))
        with torch.no_grad():
            small.weight += 1
    assert model.get_input_embeddings() is table
    changed = (table.weight != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == sorted({*ROWS, tiny_classifier.padding})


def test_a_table_that_is_shared_is_left_alone(tiny_classifier):
    model = tiny_classifier.model
    table = model.get_input_embeddings()
    model.twin = torch.nn.Linear(*reversed(table.weight.shape))
    model.twin.weight = table.weight
    with only_rows_read(model, [WINDOWS], tiny_classifier.padding):
        assert model.get_input_embeddings() is table
