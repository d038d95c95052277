import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from pipeline.corpus import Corpus, Sentence
from pipeline.errors import PipelineError
from pipeline.training_record import TrainingRecord

LABELS = ("O", "B-PER", "I-PER")
CORPUS = Corpus(LABELS, [Sentence(("Ann", "left"), ("B-PER", "O")), Sentence(("so",), ("O",))])


@pytest.fixture
def record():
    found = TrainingRecord.unseen(CORPUS, 2)
    found.tag_probabilities[0] = [0.5, 0.25, 1.0]
    found.gradient_weights[0] = [0.5, 0.75, 0.0]
    return found


def same(a, b):
    assert a.words_sha256 == b.words_sha256
    for ours, theirs in ((a.tag_probabilities, b.tag_probabilities), (a.gradient_weights, b.gradient_weights)):
        assert ours.dtype == theirs.dtype == np.float16
        np.testing.assert_array_equal(ours, theirs)


def test_nothing_is_seen_at_first():
    record = TrainingRecord.unseen(CORPUS, 4)
    assert record.tag_probabilities.shape == record.gradient_weights.shape == (4, 3)
    assert np.isnan(record.tag_probabilities).all()
    assert record.tag_probabilities is not record.gradient_weights


def test_what_is_saved_is_loaded(record, tmp_path):
    record.save(tmp_path / "new" / "record.safetensors")
    same(TrainingRecord.load(tmp_path / "new" / "record.safetensors").check(CORPUS, "x"), record)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["record.safetensors"]


def test_the_format_that_others_may_rely_on(record, tmp_path):
    path = tmp_path / "record.safetensors"
    record.save(path)
    with safe_open(path, framework="numpy") as file:
        assert set(file.keys()) == {"tag_probabilities", "gradient_weights"}
        assert {key: json.loads(value) for key, value in file.metadata().items()} == {
            "training_record": {"words_sha256": CORPUS.words_sha256}
        }
    first = path.read_bytes()
    record.save(path)
    assert path.read_bytes() == first


def test_a_save_that_fails_leaves_the_old_file(record, tmp_path, monkeypatch):
    path = tmp_path / "record.safetensors"
    record.save(path)
    before = path.read_bytes()

    def half(tensors, where, **_):
        where.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("pipeline.tensor_file.save_file", half)
    with pytest.raises(OSError, match="no space"):
        record.save(path)
    assert path.read_bytes() == before


# --- errors


def test_no_file_and_no_such_file(record, tmp_path):
    path = tmp_path / "record.safetensors"
    with pytest.raises(PipelineError, match=r"expected a training record .* --force$"):
        TrainingRecord.load(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(PipelineError, match="expected a training record"):
        TrainingRecord.load(path)
    save_file({"tag_probabilities": np.zeros((1, 2))}, path)
    with pytest.raises(PipelineError, match="expected a training record"):
        TrainingRecord.load(path)
    TrainingRecord(CORPUS.words_sha256, record.tag_probabilities, record.gradient_weights[:1]).save(path)
    with pytest.raises(PipelineError, match=r"tensors of shape \(1, 3\) and \(2, 3\)"):
        TrainingRecord.load(path)


def test_other_words(record):
    other = Corpus(LABELS, [Sentence(("Ann", "left", "so"), ("B-PER", "O", "O"))])
    with pytest.raises(PipelineError, match=r"^teacher/record: a record of 3 words .* 3 words .* from this corpus$"):
        record.check(other, "teacher/record")
    tagged_otherwise = CORPUS.with_tags(np.array([0, 0, 0]))
    assert record.check(tagged_otherwise, "x") is record
