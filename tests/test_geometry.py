import doctest

import numpy as np
import pytest

from pipeline import geometry
from pipeline.geometry import plane, project, scatter, three_classes

BY_HAND = np.array([[-4.0, 0.0], [-2.0, 0.0], [2.0, 0.0], [4.0, 0.0]])


def cloud(n=300, d=7, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, n, p=[0.7, 0.1, 0.15, 0.05])
    return (rng.normal(size=(n, d)) + 3 * rng.normal(size=(classes, d))[labels] + 5).astype(np.float32), labels


def matrices(hidden, labels, *, balanced):
    """S_W, S_B and S_T as whole matrices, word by word."""
    counts = np.bincount(labels)
    a = 1 / (len(counts) * counts[labels]) if balanced else np.full(len(labels), 1 / len(labels))
    h = hidden.astype(np.float64)
    mean = (a[:, None] * h).sum(axis=0)
    own = np.stack([h[labels == label].mean(axis=0) for label in labels])
    return [sum(w * np.outer(x, x) for w, x in zip(a, part, strict=True)) for part in (h - own, own - mean, h - mean)]


# --- limits and identities


def test_the_docstrings_are_right():
    assert doctest.testmod(geometry).failed == 0
    assert doctest.testmod(geometry).attempted == 6


@pytest.mark.parametrize("balanced", [False, True])
def test_the_scatters_are_the_traces_of_the_matrices_and_add_up(balanced):
    hidden, labels = cloud()
    within, between, total = matrices(hidden, labels, balanced=balanced)
    np.testing.assert_allclose(within + between, total, atol=1e-9)
    found = scatter(hidden, labels, balanced=balanced)
    assert found.within == pytest.approx(np.trace(within))
    assert found.between == pytest.approx(np.trace(between))
    assert found.spread**2 == pytest.approx(np.trace(total))
    assert found.ratio == pytest.approx(np.trace(within) / np.trace(between))
    assert found.fisher == pytest.approx(np.trace(between) / np.trace(total))


def test_scale_moves_the_lengths_and_no_ratio():
    hidden, labels = cloud()
    once, thrice = scatter(hidden, labels), scatter(3 * hidden, labels)
    assert thrice.norm == pytest.approx(3 * once.norm, rel=1e-5)
    assert thrice.spread == pytest.approx(3 * once.spread, rel=1e-5)
    assert thrice.within == pytest.approx(9 * once.within, rel=1e-5)
    assert (thrice.ratio, thrice.fisher) == pytest.approx((once.ratio, once.fisher), rel=1e-5)


def test_a_shift_moves_the_norm_alone():
    hidden, labels = cloud()
    here, there = scatter(hidden, labels), scatter(hidden + np.float32(50), labels)
    assert (there.within, there.between) == pytest.approx((here.within, here.between), rel=1e-4)
    assert there.norm > here.norm + 50


def test_balance_is_what_repeating_rare_classes_would_give():
    labels = np.repeat([0, 1, 2, 3], [12, 3, 4, 1])
    hidden = np.random.default_rng(0).normal(size=(20, 5)) + labels[:, None]
    times = np.array([1, 4, 3, 12])[labels]
    balanced, repeated = scatter(hidden, labels, balanced=True), scatter(hidden.repeat(times, 0), labels.repeat(times))
    assert balanced.as_record() == pytest.approx(repeated.as_record())


# --- hand values


def test_scatter_by_hand():
    found = scatter(BY_HAND, np.array([0, 0, 1, 1]))
    assert (found.norm, found.within, found.between) == (3.0, 1.0, 9.0)
    assert found.spread == pytest.approx(np.sqrt(10))
    lopsided = scatter(BY_HAND, np.array([5, 9, 9, 9]))  # means -4 and 4/3
    assert lopsided.within == pytest.approx(3 / 4 * np.mean(np.square(np.array([-2, 2, 4]) - 4 / 3)))
    balanced = scatter(BY_HAND, np.array([5, 9, 9, 9]), balanced=True)
    assert balanced.between == pytest.approx(np.square((4 + 4 / 3) / 2))
    assert balanced.norm == pytest.approx((4 + 8 / 3) / 2)


def test_the_record_holds_every_number():
    found = scatter(BY_HAND, np.array([0, 0, 1, 1]))
    assert found.as_record() == {
        "norm": 3.0, "spread": found.spread, "within": 1.0, "between": 9.0, "ratio": found.ratio, "fisher": 0.9,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("classes", "chosen"),
    [
        ([0] * 9 + [1, 3, 3, 5, 5, 5, 2, 2, 2, 2], ("B-PER", "B-ORG", "B-LOC")),
        ([0] * 9 + [1, 2, 2, 3], ("B-LOC", "B-ORG", "I-LOC")),
        ([0] * 9 + [1, 2], ("B-LOC", "I-LOC", "O")),
        ([5, 3, 1], ("B-LOC", "B-ORG", "B-PER")),  # as common: in the order of the labels
    ],
)
def test_which_classes_are_drawn(classes, chosen):
    labels = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
    assert tuple(labels[k] for k in three_classes(labels, np.array(classes))) == chosen


# --- the plane


def test_the_axes_are_orthonormal_and_the_templates_lie_in_the_plane():
    templates = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32)
    origin, axes = plane(templates)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-12)
    flat = project(templates, origin, axes)
    np.testing.assert_allclose(origin + flat @ axes, templates, atol=1e-5)
    np.testing.assert_allclose(flat.sum(axis=0), 0, atol=1e-6)
    assert flat[1, 1] == pytest.approx(flat[0, 1], abs=1e-6), "the first axis runs from the first to the second"
    assert flat[1, 0] > flat[0, 0]
    assert flat[2, 1] > flat[0, 1]


def test_what_decides_between_the_three_classes_can_be_read_from_the_picture():
    rng = np.random.default_rng(1)
    templates, hidden = rng.normal(size=(3, 20)), rng.normal(size=(50, 20))
    origin, axes = plane(templates)
    flat = project(hidden, origin, axes)
    corners = project(templates, origin, axes)
    logits = hidden @ templates.T
    shown = flat @ corners.T
    difference = (logits - logits[:, :1]) - (shown - shown[:, :1])
    np.testing.assert_allclose(difference, np.tile(difference[:1], (50, 1)), atol=1e-4)


def test_a_vector_added_to_every_template_turns_no_axis():
    templates = np.random.default_rng(0).normal(size=(3, 9))
    np.testing.assert_allclose(plane(templates + np.arange(9))[1], plane(templates)[1], atol=1e-9)


# --- extremes


def test_large_states_keep_their_small_differences():
    hidden, labels = cloud()
    far = (np.round(hidden, 2) + 1000).astype(np.float32)
    expected = scatter(far.astype(np.float64), labels)
    assert scatter(far, labels).within == pytest.approx(expected.within, rel=1e-9)


def test_one_class_and_one_point():
    alone = scatter(BY_HAND, np.zeros(4, dtype=int))
    assert (alone.between, alone.ratio, alone.fisher) == (0.0, None, 0.0)
    point = scatter(BY_HAND[:1], np.zeros(1, dtype=int))
    assert (point.norm, point.spread, point.ratio, point.fisher) == (4.0, 0.0, None, None)


# --- errors


def test_states_and_classes_that_do_not_fit():
    for hidden, classes in [(np.empty((0, 3)), np.empty(0)), (BY_HAND, np.zeros(3)), (BY_HAND[0], np.zeros(2))]:
        with pytest.raises(ValueError, match="a class for each"):
            scatter(hidden, classes)


def test_fewer_than_three_classes():
    with pytest.raises(ValueError, match="needs three classes, found O, B-PER"):
        three_classes(("O", "B-PER", "I-PER"), np.array([0, 0, 1]))


@pytest.mark.parametrize(
    "templates",
    [np.array([[0.0, 0], [1, 1], [3, 3]]), np.array([[1.0, 1], [1, 1], [3, 2]]), np.ones((3, 2))],
)
def test_templates_on_one_line(templates):
    with pytest.raises(ValueError, match="on one line"):
        plane(templates)


def test_templates_of_another_number():
    with pytest.raises(ValueError, match=r"found|got \(2, 5\)"):
        plane(np.ones((2, 5)))
