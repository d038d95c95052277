import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.losses import forward_corrected_cross_entropy, sgce
from pipeline.targets import smooth_targets

Q_GRID = [0.0, 1e-8, 1e-3, 0.1, 0.4, 0.6, 0.8, 0.9, 1.0]


def literal(logits, y, q):
    """The textbook formula in float64, for targets y of shape (n, K)."""
    p = torch.softmax(logits.double(), dim=-1)
    per_label = -p.log() if q == 0 else (1 - p**q) / q
    return (y.double() * per_label).sum(-1)


def smoothed(tags, n_labels, s):
    return (1 - s) * torch.eye(n_labels, dtype=torch.float64)[tags] + s / n_labels


def batch(n=64, n_labels=9, scale=3.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, n_labels, generator=generator, dtype=torch.float64)
    return logits, torch.randint(n_labels, (n,), generator=generator)


def gradient(loss_of, logits):
    logits = logits.clone().requires_grad_()
    (result,) = torch.autograd.grad(loss_of(logits).sum(), logits)
    return result


def minimise(loss_of, n, n_labels):
    """Probabilities at the least loss, reached from all-equal logits in float64."""
    logits = torch.zeros(n, n_labels, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [logits], max_iter=2000, tolerance_grad=1e-12, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        loss = loss_of(logits).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return torch.softmax(logits.detach(), dim=-1)


def law_of_confidence(w, q):
    sharpened = w ** (1 / (1 - q))
    return sharpened / sharpened.sum(-1, keepdim=True)


# --- limits and identities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("s", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("q", [0.0, 1e-50, 1e-19, 1e-8, 1e-7])
def test_small_q_is_cross_entropy(q, s):
    logits, tags = batch()
    for dtype in (torch.float32, torch.float64):
        expected = F.cross_entropy(logits.to(dtype), tags, label_smoothing=s, reduction="none")
        torch.testing.assert_close(sgce(logits.to(dtype), tags, q=q, smoothing=s), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("s", [0.0, 0.1])
def test_the_limit_at_zero_is_smooth(s):
    """Loss(0) - loss(q) is proportional to q down to the smallest: the article's jumps from 3.607 to 0.397."""
    logits, tags = batch()
    at_zero = sgce(logits, tags, smoothing=s)
    slope = (smoothed(tags, 9, s) * F.log_softmax(logits, -1) ** 2).sum(-1) / 2
    for q in (1e-3, 1e-5, 1e-7):
        quotient = (at_zero - sgce(logits, tags, q=q, smoothing=s)) / q
        torch.testing.assert_close(quotient, slope, rtol=10 * q, atol=1e-6)


@pytest.mark.parametrize("s", [0.0, 0.1, 1.0])
def test_q_of_one_is_half_the_absolute_error(s):
    logits, tags = batch()
    p = torch.softmax(logits, -1)
    p_tag = p.gather(-1, tags[:, None]).squeeze(-1)
    loss = sgce(logits, tags, q=1.0, smoothing=s)
    torch.testing.assert_close(loss, (1 - s) * (1 - p_tag) + s * (1 - 1 / 9))
    if s == 0:
        torch.testing.assert_close(loss, (p - torch.eye(9)[tags]).abs().sum(-1) / 2)


@pytest.mark.parametrize("q", Q_GRID)
@pytest.mark.parametrize("s", [0.0, 0.3])
def test_tags_and_their_distribution_agree(q, s):
    logits, tags = batch()
    from_distribution = sgce(logits, smooth_targets(tags, 9, smoothing=s), q=q)
    torch.testing.assert_close(sgce(logits, tags, q=q, smoothing=s), from_distribution, atol=1e-6, rtol=1e-6)


def test_one_score_is_two_labels():
    z = torch.linspace(-8, 8, 17, dtype=torch.float64)[:, None]
    pair = torch.cat([torch.zeros_like(z), z], -1)
    for tags in (torch.zeros(17, dtype=torch.int64), torch.ones(17, dtype=torch.int64)):
        for q in Q_GRID:
            for s in (0.0, 0.2):
                assert torch.equal(sgce(z, tags, q=q, smoothing=s), sgce(pair, tags, q=q, smoothing=s))
        y = smooth_targets(tags, 2, smoothing=0.2)
        assert torch.equal(sgce(z, y, q=0.5), sgce(pair, y, q=0.5))


def test_identity_transition_is_cross_entropy():
    logits, tags = batch()
    expected = F.cross_entropy(logits, tags, reduction="none")
    torch.testing.assert_close(forward_corrected_cross_entropy(logits, tags, torch.eye(9)), expected)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**6))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_order_bounds_and_shift(q, other_q, s, seed):
    """A larger q never charges more; a charge lies in [0, 1/q]; logits matter up to a constant."""
    logits, tags = batch(n=8, n_labels=5, seed=seed)
    low, high = sorted((q, other_q))
    loss = sgce(logits, tags, q=high, smoothing=s)
    assert (loss <= sgce(logits, tags, q=low, smoothing=s) + 1e-12).all()
    assert (loss >= 0).all()
    assert high == 0 or (loss <= 1 / high + 1e-12).all()
    torch.testing.assert_close(sgce(logits + 17, tags, q=high, smoothing=s), loss)


@pytest.mark.parametrize("q", Q_GRID)
def test_tags_are_read(q):
    """The article's first listing gave the same loss for any tags, and at q = 1 a constant without gradient."""
    logits, tags = batch()
    assert (sgce(logits, tags, q=q) - sgce(logits, (tags + 1) % 9, q=q)).abs().min() > 1e-9
    assert gradient(lambda x: sgce(x, tags, q=q), logits).abs().max() > 1e-2


@pytest.mark.parametrize("q", Q_GRID)
def test_no_factor_of_one_over_labels(q):
    """Labels that can never be right change nothing: the loss is a sum over labels, not a mean."""
    logits, tags = batch(n_labels=4)
    padded = F.pad(logits, (0, 20), value=-1000.0)
    torch.testing.assert_close(sgce(padded, tags, q=q), sgce(logits, tags, q=q))


@pytest.mark.parametrize("q", [0.0, 0.3, 0.5, 0.7, 0.9])
def test_law_of_confidence(q):
    w = torch.tensor(
        [
            [0.90, 0.05, 0.03, 0.02],
            [0.40, 0.35, 0.15, 0.10],
            [0.25, 0.25, 0.25, 0.25],
            [0.50, 0.49, 0.005, 0.005],
        ],
        dtype=torch.float64,
    )
    p = minimise(lambda logits: sgce(logits, w, q=q), *w.shape)
    torch.testing.assert_close(p, law_of_confidence(w, q), atol=1e-4, rtol=0)
    torch.testing.assert_close(p, torch.softmax(w.log() / (1 - q), -1), atol=1e-4, rtol=0)


def test_law_of_confidence_counts_smoothing_in():
    """Tags that are right four times of five, smoothed by 0.2 over three labels, fitted as tags."""
    s, q = 0.2, 0.5
    tags = torch.tensor([0, 0, 0, 0, 1])
    p = minimise(lambda logits: sgce(logits.expand(5, 3), tags, q=q, smoothing=s), 1, 3)
    w = smoothed(tags, 3, s).mean(0, keepdim=True)
    torch.testing.assert_close(p, law_of_confidence(w, q), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("q", "confidences"),
    [  # on the true label, K = 9, uniform noise n = 0.2, 0.4, 0.6, 0.8
        (0.0, [0.800, 0.600, 0.400, 0.200]),
        (0.2, [0.905, 0.736, 0.503, 0.229]),
        (0.4, [0.976, 0.887, 0.671, 0.284]),
        (0.5, [0.992, 0.947, 0.780, 0.333]),
        (0.6, [0.999, 0.984, 0.891, 0.414]),
        (0.7, [1.000, 0.998, 0.971, 0.558]),
        (0.8, [1.000, 1.000, 0.998, 0.800]),
        (0.9, [1.000, 1.000, 1.000, 0.992]),
    ],
)
def test_confidence_under_uniform_noise(q, confidences):
    """What the law says on paper, and what minimising the loss reaches."""
    n = torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64)[:, None]
    w = torch.cat([1 - n, (n / 8).expand(4, 8)], dim=-1)
    expected = torch.tensor(confidences, dtype=torch.float64)
    torch.testing.assert_close(law_of_confidence(w, q)[:, 0], expected, atol=5.1e-4, rtol=0)
    p = minimise(lambda logits: sgce(logits, w, q=q), *w.shape)
    torch.testing.assert_close(p[:, 0], expected, atol=6e-4, rtol=0)


def test_forward_correction_finds_the_clean_posterior():
    """Its mean over noisy tags is least at the posterior before the noise; cross-entropy's is least after it."""
    clean = torch.tensor([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.4, 0.3, 0.3]], dtype=torch.float64)
    noise = torch.tensor([[0.6, 0.3, 0.1], [0.0, 0.8, 0.2], [0.25, 0.25, 0.5]], dtype=torch.float64)
    noisy = clean @ noise

    def mean_loss(logits):
        by_tag = [forward_corrected_cross_entropy(logits, torch.full((3,), tag), noise) for tag in range(3)]
        return noisy * torch.stack(by_tag, dim=-1)

    torch.testing.assert_close(minimise(mean_loss, 3, 3), clean, atol=1e-5, rtol=0)
    torch.testing.assert_close(minimise(lambda x: sgce(x, noisy), 3, 3), noisy, atol=1e-5, rtol=0)


# --- parity with an independent reference -----------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.0, 1e-3, 0.05, 0.2, 0.5, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("s", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("n_labels", [2, 9, 31])
def test_against_the_literal_formula(q, s, n_labels):
    """Values and gradients; the smoothing mass is s/K on every label at every q."""
    logits, tags = batch(n_labels=n_labels)
    y = smoothed(tags, n_labels, s)
    torch.testing.assert_close(sgce(logits, tags, q=q, smoothing=s), literal(logits, y, q))
    torch.testing.assert_close(
        gradient(lambda x: sgce(x, tags, q=q, smoothing=s), logits), gradient(lambda x: literal(x, y, q), logits)
    )
    in_float32 = sgce(logits.float(), tags, q=q, smoothing=s)
    torch.testing.assert_close(in_float32, literal(logits, y, q).float(), atol=1e-5, rtol=1e-5)


def test_float32_at_small_q_keeps_its_digits():
    """Where the literal formula in float32 has lost all of them."""
    logits, tags = batch(scale=1.0)
    y = smoothed(tags, 9, 0.0)
    q = 1e-8
    log_p = F.log_softmax(logits, -1)
    series = (y * (-log_p - q * log_p**2 / 2)).sum(-1).float()
    torch.testing.assert_close(sgce(logits.float(), tags, q=q), series, rtol=1e-6, atol=1e-6)
    p = torch.softmax(logits.float(), -1).gather(-1, tags[:, None]).squeeze(-1)
    assert ((1 - p**q) / q - series).abs().max() > 0.1


@pytest.mark.parametrize("s", [0.0, 0.2])
def test_one_score_against_binary_cross_entropy(s):
    """Smoothing is honoured at q = 0 too: s/2 on both labels."""
    z = torch.linspace(-8, 8, 17, dtype=torch.float64)
    for tag in (0, 1):
        tags = torch.full((17,), tag)
        expected = F.binary_cross_entropy_with_logits(z, (1 - s) * tags.double() + s / 2, reduction="none")
        torch.testing.assert_close(sgce(z[:, None], tags, smoothing=s), expected)
        p = torch.sigmoid(z)
        y = (1 - s) * tag + s / 2
        expected = y * (1 - p**0.7) / 0.7 + (1 - y) * (1 - (1 - p) ** 0.7) / 0.7
        torch.testing.assert_close(sgce(z[:, None], tags, q=0.7, smoothing=s), expected)


def test_forward_correction_against_the_matrix_product():
    logits, tags = batch(n_labels=5)
    noise = torch.softmax(torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64), -1)
    noisy = torch.softmax(logits, -1) @ noise
    expected = -noisy.log().gather(-1, tags[:, None]).squeeze(-1)
    torch.testing.assert_close(forward_corrected_cross_entropy(logits, tags, noise), expected)


# --- hand values ------------------------------------------------------------------------------------------------------


def test_hand_values():
    """p = (1/2, 1/4, 1/4), tag 1, q = 1/2: (1 - 1/2) / (1/2) = 1, and with s = 0.3 a tenth of each label's loss."""
    logits = torch.tensor([[2.0, 1.0, 1.0]], dtype=torch.float64).log()
    tags = torch.tensor([1])
    assert sgce(logits, tags, q=0.5).item() == pytest.approx(1.0)
    first = 2 * (1 - 0.5**0.5)
    assert sgce(logits, tags, q=0.5, smoothing=0.3).item() == pytest.approx(0.7 + 0.1 * (first + 1 + 1))
    assert sgce(logits, torch.tensor([[0.0, 0.25, 0.75]]), q=0.5).item() == pytest.approx(1.0)


def test_forward_correction_by_hand():
    """p = (3/4, 1/4), a third of label 0 is tagged 1: tag 1 has chance 1/4 + 1/4."""
    logits = torch.tensor([[3.0, 1.0]], dtype=torch.float64).log()
    noise = torch.tensor([[2 / 3, 1 / 3], [0.0, 1.0]], dtype=torch.float64)
    loss = forward_corrected_cross_entropy(logits, torch.tensor([1]), noise)
    torch.testing.assert_close(loss.exp(), torch.tensor([2.0], dtype=torch.float64))


# --- gradients and extremes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.0, 1e-19, 1e-8, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("s", [0.0, 0.2])
def test_finite_at_logit_gaps_of_300(q, dtype, s):
    logits = torch.tensor([[300.0, 0.0, -300.0], [-300.0, 300.0, 300.0]], dtype=dtype)
    for tag in range(3):
        for targets, smoothing in ((torch.full((2,), tag), s), (smoothed(torch.full((2,), tag), 3, s), 0.0)):
            loss = sgce(logits, targets, q=q, smoothing=smoothing)
            assert loss.dtype == torch.float32
            assert loss.isfinite().all()
            assert gradient(lambda x, y=targets, r=smoothing: sgce(x, y, q=q, smoothing=r), logits).isfinite().all()
    z = torch.tensor([[300.0], [-300.0]], dtype=dtype)
    assert gradient(lambda x: sgce(x, torch.tensor([0, 1]), q=q, smoothing=s), z).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_forward_correction_finite_at_gaps_and_zeros(dtype):
    logits = torch.tensor([[300.0, 0.0, -300.0]], dtype=dtype)
    noise = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    for tag in range(3):
        tags = torch.tensor([tag])
        assert forward_corrected_cross_entropy(logits, tags, noise).isfinite().all()
        assert gradient(lambda x, t=tags: forward_corrected_cross_entropy(x, t, noise), logits).isfinite().all()
    assert forward_corrected_cross_entropy(logits, torch.tensor([2]), noise).item() == pytest.approx(600, rel=1e-3)


@pytest.mark.parametrize("q", [0.0, 0.5, 1.0])
def test_autocast_does_not_lower_the_precision(q):
    logits, tags = batch()
    noise = torch.full((9, 9), 0.05) + 0.55 * torch.eye(9)
    logits = logits.float()
    plain = sgce(logits, tags, q=q, smoothing=0.1), forward_corrected_cross_entropy(logits, tags, noise)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = sgce(logits, tags, q=q, smoothing=0.1), forward_corrected_cross_entropy(logits, tags, noise)
    assert torch.equal(plain[0], cast[0])
    assert torch.equal(plain[1], cast[1])


@pytest.mark.parametrize("q", [0.0, 1e-6, 0.6, 1.0])
def test_gradcheck(q):
    logits, tags = batch(n=5, n_labels=4, scale=1.0)
    logits.requires_grad_()
    y = smoothed(tags, 4, 0.3)
    assert torch.autograd.gradcheck(lambda x: sgce(x, tags, q=q, smoothing=0.2), logits)
    assert torch.autograd.gradcheck(lambda x: sgce(x, y, q=q), logits)
    assert torch.autograd.gradcheck(lambda x: sgce(x[:, :1], tags % 2, q=q), logits)


def test_gradcheck_of_the_correction():
    logits, tags = batch(n=5, n_labels=3, scale=1.0)
    noise = torch.tensor([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: forward_corrected_cross_entropy(x, tags, noise), logits.requires_grad_())


@pytest.mark.parametrize("n_labels", [1, 4])
def test_no_words(n_labels):
    logits = torch.zeros(0, n_labels, requires_grad=True)
    tags = torch.empty(0, dtype=torch.int64)
    for loss in (
        sgce(logits, tags, q=0.5, smoothing=0.1),
        sgce(logits, torch.empty(0, max(n_labels, 2)), q=0.5),
        forward_corrected_cross_entropy(logits, tags, torch.eye(max(n_labels, 2))),
    ):
        assert loss.shape == (0,)
        assert loss.sum().item() == 0
        (grad,) = torch.autograd.grad(loss.sum(), logits)
        assert grad.shape == logits.shape


# --- errors -----------------------------------------------------------------------------------------------------------

LOGITS = torch.zeros(3, 4)
TAGS = torch.tensor([0, 1, 2])


@pytest.mark.parametrize(
    ("logits", "targets", "options", "message"),
    [
        (LOGITS, TAGS, {"q": 1.5}, r"q must lie in \[0, 1\], got 1.5"),
        (LOGITS, TAGS, {"q": -0.1}, r"q must lie in \[0, 1\], got -0.1"),
        (LOGITS, TAGS, {"q": float("nan")}, "q must lie in"),
        (LOGITS, TAGS, {"smoothing": 1.01}, r"smoothing must lie in \[0, 1\], got 1.01"),
        (LOGITS, torch.full((3, 4), 0.25), {"smoothing": 0.1}, "smoothing must be 0 with target distributions.*0.1"),
        (LOGITS, torch.full((3, 5), 0.2), {}, r"target distributions must have shape \(3, 4\), got shape \(3, 5\)"),
        (LOGITS, torch.zeros(3), {}, r"target distributions must have shape \(3, 4\), got shape \(3,\)"),
        (LOGITS, TAGS[:2], {}, r"tags must be integers of shape \(3,\), got torch.int64 of shape \(2,\)"),
        (LOGITS, torch.zeros(3, 4, dtype=torch.int64), {}, r"tags must be integers of shape \(3,\)"),
        (torch.zeros(3, 0), TAGS, {}, r"logits must have shape.*got \(3, 0\)"),
        (torch.zeros(4), torch.tensor(1), {}, r"logits must have shape.*got \(4,\)"),
        (torch.zeros(1, 3, 4), TAGS[None], {}, r"logits must have shape.*got \(1, 3, 4\)"),
    ],
)
def test_errors_name_rule_and_value(logits, targets, options, message):
    with pytest.raises(ValueError, match=message):
        sgce(logits, targets, **options)


@pytest.mark.parametrize("tag", [-100, 4])
def test_a_tag_that_is_no_label_is_refused(tag):
    with pytest.raises(RuntimeError, match="out of bounds"):
        sgce(LOGITS, torch.tensor([0, 1, tag]))


@pytest.mark.parametrize(
    ("tags", "transition", "message"),
    [
        (TAGS, torch.eye(3), r"transition must have shape \(4, 4\), got shape \(3, 3\)"),
        (TAGS, torch.full((4, 4), 0.5), r"each row of transition must be a distribution.*2.0"),
        (TAGS, torch.eye(4).roll(1, 0) * 2 - torch.eye(4), "each row of transition must be a distribution"),
        (TAGS.float(), torch.eye(4), "tags must be integers"),
        (TAGS[:1], torch.eye(4), "tags must be integers of shape"),
    ],
)
def test_errors_of_the_correction(tags, transition, message):
    with pytest.raises(ValueError, match=message):
        forward_corrected_cross_entropy(LOGITS, tags, transition)


def test_a_transposed_transition_is_noticed():
    noise = torch.tensor([[0.6, 0.4], [0.0, 1.0]])
    with pytest.raises(ValueError, match="each row of transition must be a distribution"):
        forward_corrected_cross_entropy(torch.zeros(1, 2), torch.tensor([0]), noise.T)
