"""The file between stages: its bytes, as other programs may read them, and what is refused."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save, save_file

from pipeline.corpus import Corpus, Sentence
from pipeline.errors import PipelineError
from pipeline.word_logits import WordLogits

LABELS = ("O", "B-PÉR", "I-PÉR")
SENTENCES = [Sentence(("Ann", "ran"), ("B-PÉR", "O")), Sentence(("so",), ("O",))]
CORPUS = Corpus(LABELS, SENTENCES)


def logits(seed=0, shape=(3, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sample(**changes):
    return WordLogits(**{"labels": LABELS, "words_sha256": CORPUS.words_sha256, "logits": logits()} | changes)


def saved(folder, **changes):
    path = folder / "test.safetensors"
    sample(**changes).save(path)
    return path


def complaint(function, *args):
    with pytest.raises(PipelineError) as caught:
        function(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- round trip and bytes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (0, 3), (1, 1)])
def test_round_trip(tmp_path, shape):
    values = logits(shape=shape)
    back = WordLogits.load(saved(tmp_path / "new" / "folder", labels=LABELS[: shape[1]], logits=values))
    assert (back.labels, back.words_sha256) == (LABELS[: shape[1]], CORPUS.words_sha256)
    assert back.logits.dtype == np.float32
    np.testing.assert_array_equal(back.logits, values)


def test_extreme_values_survive(tmp_path):
    values = np.array([[-np.inf, 3.4e38, 1e-45], [np.inf, -0.0, 0.0]], dtype=np.float32)
    back = WordLogits.load(saved(tmp_path, logits=values)).logits
    assert back.tobytes() == values.tobytes()


def test_equal_content_gives_equal_bytes(tmp_path):
    values = logits()
    layouts = [values, np.asfortranarray(values), values.astype(np.float64), np.repeat(values, 2, axis=0)[::2]]
    files = [saved(tmp_path / str(i), logits=layout).read_bytes() for i, layout in enumerate(layouts)]
    assert files == [files[0]] * len(files)
    files = [saved(tmp_path).read_bytes() for _ in range(20)]  # the order of a hash map would vary
    assert len(set(files)) == 1


@pytest.mark.parametrize("change", [{"labels": ("O", "I-PÉR", "B-PÉR")}, {"words_sha256": "0" * 64}])
def test_identity_is_part_of_the_bytes(tmp_path, change):
    assert saved(tmp_path / "a").read_bytes() != saved(tmp_path / "b", **change).read_bytes()


def test_the_format_as_other_programs_read_it(tmp_path):
    """Safetensors: the header's length in eight bytes, a JSON header, and the tensors' bytes."""
    contents = saved(tmp_path).read_bytes()
    (length,) = struct.unpack("<Q", contents[:8])
    header = json.loads(contents[8 : 8 + length])
    assert header.keys() == {"__metadata__", "logits"}
    assert header["logits"] == {"dtype": "F32", "shape": [3, 3], "data_offsets": [0, 36]}
    assert contents[8 + length :] == logits().tobytes()
    (identity,) = header["__metadata__"].values()
    assert json.loads(identity) == {"labels": list(LABELS), "words_sha256": CORPUS.words_sha256}


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_gives_back_what_fits():
    assert (fits := sample()).check(CORPUS, "teacher/test") is fits


def test_tags_and_gold_do_not_matter():
    noisy = Corpus(LABELS, [Sentence(s.words, ("I-PÉR",) * len(s.words), s.tags, 7) for s in SENTENCES])
    sample().check(noisy, "teacher/test")


@pytest.mark.parametrize(
    "sentences",
    [
        [Sentence(("Ann", "run"), ("B-PÉR", "O")), Sentence(("so",), ("O",))],
        [Sentence(("Ann",), ("B-PÉR",)), Sentence(("ran", "so"), ("O", "O"))],
        [Sentence(("Ann", "ran", "so"), ("B-PÉR", "O", "O"))],
        SENTENCES[::-1],
        SENTENCES[:1],
        [],
    ],
    ids=["another word", "another boundary", "one sentence", "another order", "fewer", "none"],
)
def test_other_words_are_refused(sentences):
    other = Corpus(LABELS, sentences)
    assert complaint(sample().check, other, "teacher/test") == (
        f"teacher/test: 3 rows for the words {CORPUS.words_sha256[:12]}, but the corpus has {len(other.tags)} words "
        f"{other.words_sha256[:12]}; make the stage again from this corpus"
    )


@pytest.mark.parametrize("rows", [0, 2, 4])
def test_other_counts_are_refused(rows):
    assert complaint(sample(logits=logits(shape=(rows, 3))).check, CORPUS, "x").startswith(f"x: {rows} rows for the")


@pytest.mark.parametrize("labels", [("O", "I-PÉR", "B-PÉR"), ("O", "B-PÉR", "I-PÉR", "B-ORG"), ("O",)])
def test_other_labels_are_refused(labels):
    assert complaint(sample(labels=labels).check, CORPUS, "teacher/test") == (
        f"teacher/test: labels {', '.join(labels)}, but the corpus has O, B-PÉR, I-PÉR; "
        "make the stage again from this corpus"
    )


# --- broken files -----------------------------------------------------------------------------------------------------


def refused(path):
    message = complaint(WordLogits.load, path)
    assert message.startswith(f"{path}: expected word logits (safetensors with `logits` and labels), found ")
    assert message.endswith("; make the stage again with --force")
    return message


def test_no_file(tmp_path):
    refused(tmp_path / "test.safetensors")
    refused(tmp_path)


@pytest.mark.parametrize("kept", [0, 7, 8, 40, -37, -1])
def test_a_truncated_file(tmp_path, kept):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    refused(path)


@pytest.mark.parametrize("position", [0, 8, 9])
def test_a_corrupted_header(tmp_path, position):
    path = saved(tmp_path)
    contents = bytearray(path.read_bytes())
    contents[position] ^= 0xFF
    path.write_bytes(bytes(contents))
    refused(path)


IDENTITY = json.dumps({"labels": LABELS, "words_sha256": "0" * 64})


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"logits": logits()}, None),
        ({"logits": logits()}, {"other": IDENTITY}),
        ({"logits": logits()}, {"word_logits": "{"}),
        ({"logits": logits()}, {"word_logits": "7"}),
        ({"logits": logits()}, {"word_logits": '{"labels": ["O", "B-X", "I-X"]}'}),
        ({"logits": logits()}, {"word_logits": '{"labels": 3, "words_sha256": ""}'}),
        ({"scores": logits()}, {"word_logits": IDENTITY}),
        ({"logits": logits().astype(np.float16)}, {"word_logits": IDENTITY}),
        ({"logits": logits().astype(np.float64)}, {"word_logits": IDENTITY}),
        ({"logits": logits(shape=(3, 4))}, {"word_logits": IDENTITY}),
        ({"logits": logits(shape=(9,))}, {"word_logits": IDENTITY}),
        ({"logits": logits(shape=(1, 3, 3))}, {"word_logits": IDENTITY}),
    ],
)
def test_a_file_of_another_kind(tmp_path, tensors, metadata):
    save_file(tensors, tmp_path / "x.safetensors", metadata=metadata)
    refused(tmp_path / "x.safetensors")


def test_a_number_format_that_numpy_does_not_know(tmp_path):
    contents = save({"logits": logits().astype(np.float16)}, metadata={"word_logits": IDENTITY})
    (tmp_path / "x.safetensors").write_bytes(contents.replace(b'"F16"', b'"BF16"').replace(b"   ", b"  ", 1))
    refused(tmp_path / "x.safetensors")
