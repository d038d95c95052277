import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.targets import smooth_targets


def reference(tags, n_labels, smoothing, neighbour, lengths):
    """The definition, one word at a time."""
    rows, start = [], 0
    for length in lengths:
        sentence = tags[start : start + length]
        start += length
        for i, tag in enumerate(sentence):
            beside = [sentence[j] for j in (i - 1, i + 1) if 0 <= j < length]
            r = neighbour if beside else 0.0
            row = []
            for label in range(n_labels):
                mean = sum(other == label for other in beside) / max(len(beside), 1)
                row.append((1 - smoothing) * (tag == label) + smoothing * ((1 - r) / n_labels + r * mean))
            rows.append(row)
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, n_labels)


@st.composite
def split(draw):
    n_labels = draw(st.integers(1, 6))
    lengths = draw(st.lists(st.integers(1, 6), max_size=5))
    tags = draw(st.lists(st.integers(0, n_labels - 1), min_size=sum(lengths), max_size=sum(lengths)))
    return n_labels, lengths, tags


# --- limits and identities --------------------------------------------------------------------------------------------


def test_no_smoothing_is_one_hot_whatever_the_neighbours():
    tags = torch.tensor([2, 0, 1])
    expected = torch.eye(3)[tags]
    assert torch.equal(smooth_targets(tags, 3), expected)
    assert torch.equal(smooth_targets(tags, 3, neighbour=0.7, lengths=torch.tensor([3])), expected)


def test_full_smoothing_forgets_the_tag():
    assert torch.equal(smooth_targets(torch.tensor([0, 3]), 4, smoothing=1.0), torch.full((2, 4), 0.25))


def test_without_a_neighbour_share_sentences_do_not_matter():
    tags = torch.tensor([0, 1, 2, 1])
    plain = smooth_targets(tags, 3, smoothing=0.3)
    assert torch.equal(plain, smooth_targets(tags, 3, smoothing=0.3, neighbour=0.0, lengths=torch.tensor([1, 3])))


@given(split(), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None, derandomize=True)
def test_rows_are_distributions(drawn, smoothing, neighbour):
    n_labels, lengths, tags = drawn
    y = smooth_targets(
        torch.tensor(tags, dtype=torch.int64),
        n_labels,
        smoothing=smoothing,
        neighbour=neighbour,
        lengths=torch.tensor(lengths, dtype=torch.int64),
    )
    assert y.shape == (len(tags), n_labels)
    assert y.dtype == torch.float32
    assert (y >= 0).all()
    torch.testing.assert_close(y.sum(-1), torch.ones(len(tags)))


# --- parity with an independent reference -----------------------------------------------------------------------------


@given(split(), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None, derandomize=True)
def test_against_the_definition_word_by_word(drawn, smoothing, neighbour):
    n_labels, lengths, tags = drawn
    y = smooth_targets(
        torch.tensor(tags, dtype=torch.int64),
        n_labels,
        smoothing=smoothing,
        neighbour=neighbour,
        lengths=torch.tensor(lengths, dtype=torch.int64),
    )
    torch.testing.assert_close(y, reference(tags, n_labels, smoothing, neighbour, lengths), atol=1e-6, rtol=0)


def test_neighbours_of_other_sentences_are_never_seen():
    """Two sentences side by side give what each gives alone."""
    a, b = torch.tensor([0, 1, 1]), torch.tensor([2, 2])
    options = {"smoothing": 0.5, "neighbour": 0.8}
    together = smooth_targets(torch.cat([a, b]), 3, lengths=torch.tensor([3, 2]), **options)
    alone = [smooth_targets(tags, 3, lengths=torch.tensor([len(tags)]), **options) for tags in (a, b)]
    assert torch.equal(together, torch.cat(alone))


# --- hand values ------------------------------------------------------------------------------------------------------


def test_hand_values():
    """Sentences [O, B, I] and [B]; s = 0.4, r = 0.5, K = 4: 0.05 for every label, 0.2 to share among neighbours."""
    y = smooth_targets(torch.tensor([0, 1, 2, 1]), 4, smoothing=0.4, neighbour=0.5, lengths=torch.tensor([3, 1]))
    expected = [
        [0.65, 0.25, 0.05, 0.05],  # one neighbour, B, gets the whole 0.2
        [0.15, 0.65, 0.15, 0.05],  # O and I get 0.1 each
        [0.05, 0.25, 0.65, 0.05],
        [0.10, 0.70, 0.10, 0.10],  # alone: plain smoothing, 0.4 / 4
    ]
    torch.testing.assert_close(y, torch.tensor(expected))


def test_a_neighbour_with_the_same_tag_gives_the_mass_back():
    y = smooth_targets(torch.tensor([1, 1]), 2, smoothing=0.4, neighbour=1.0, lengths=torch.tensor([2]))
    torch.testing.assert_close(y, torch.tensor([[0.0, 1.0], [0.0, 1.0]]))


# --- gradients and extremes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [torch.empty(0, dtype=torch.int64), None])
def test_no_words(lengths):
    y = smooth_targets(
        torch.empty(0, dtype=torch.int64),
        5,
        smoothing=0.1,
        neighbour=0.0 if lengths is None else 0.5,
        lengths=lengths,
    )
    assert y.shape == (0, 5)


def test_one_label():
    assert torch.equal(smooth_targets(torch.tensor([0, 0]), 1, smoothing=0.3), torch.ones(2, 1))


def test_a_large_split_needs_no_loop():
    lengths = torch.full((10_000,), 20)
    tags = torch.arange(200_000) % 9
    y = smooth_targets(tags, 9, smoothing=0.2, neighbour=0.5, lengths=lengths)
    torch.testing.assert_close(y.sum(-1), torch.ones(200_000))


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_labels": 0}, "n_labels must be at least 1, got 0"),
        ({"smoothing": 1.1}, r"smoothing must lie in \[0, 1\], got 1.1"),
        ({"smoothing": float("nan")}, "smoothing must lie in"),
        ({"neighbour": -0.1}, r"neighbour must lie in \[0, 1\], got -0.1"),
        ({"tags": torch.tensor([0.0, 1.0, 2.0])}, "tags must be integers"),
        ({"tags": torch.tensor([[0, 1, 2]])}, r"tags must be integers of shape \(n_words,\).*\(1, 3\)"),
        ({"tags": torch.tensor([0, 3, 1])}, r"tags must lie in \[0, 3\), got values from 0 to 3"),
        ({"tags": torch.tensor([0, -100, 1])}, "got values from -100 to 1"),
        ({"lengths": None}, "neighbour > 0 needs lengths"),
        ({"lengths": torch.tensor([2])}, "add up to 3 words.*adding up to 2"),
        ({"lengths": torch.tensor([[3]])}, r"lengths must have shape \(n_sentences,\)"),
    ],
)
def test_errors_name_rule_and_value(changes, message):
    arguments = {
        "tags": torch.tensor([0, 1, 2]),
        "n_labels": 3,
        "smoothing": 0.1,
        "neighbour": 0.5,
        "lengths": torch.tensor([3]),
    } | changes
    with pytest.raises(ValueError, match=message):
        smooth_targets(arguments.pop("tags"), arguments.pop("n_labels"), **arguments)
