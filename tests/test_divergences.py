import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, kl_divergence

from pipeline import divergences
from pipeline.divergences import (
    KINDS,
    adaptive_kl,
    alternating_turn,
    divergence,
    forward_kl,
    jeffreys,
    jensen_shannon,
    reverse_kl,
)

# Alternating has two faces; the odd step shows the other.
CASES = [(kind, 0) for kind in KINDS] + [("alternating", 1)]


def pair(n=32, n_labels=9, scale=2.0, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    teacher, student = scale * torch.randn(2, n, n_labels, generator=generator, dtype=torch.float64)
    return teacher.to(dtype), student.to(dtype)


def gradient(divergence_of, student):
    student = student.clone().requires_grad_()
    (result,) = torch.autograd.grad(divergence_of(student).sum(), student)
    return result


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def kl(a, b):
    return sum(x * math.log(x / y) for x, y in zip(a, b, strict=True) if x > 0)


def reference_share(t, u, mu):
    """AKL's weight of the forward KL: walk down the teacher's labels until their mass reaches mu."""
    order, head, mass = sorted(range(len(t)), key=lambda k: (-t[k], k)), [], 0.0
    for k in order:
        head.append(k)
        mass += t[k]
        if mass >= mu:
            break
    gaps = [abs(x - y) for x, y in zip(t, u, strict=True)]
    return sum(gaps[k] for k in head) / sum(gaps)


def reference(kind, teacher, student, *, step=0, beta=0.5, mu=0.5):
    """One word, plain Python, as SCIENCE writes it, at temperature 1."""
    t, u = softmax(teacher), softmax(student)
    m = beta * t + (1 - beta) * u
    match kind:
        case "alternating":
            return kl(t, u) if step % 2 == 0 else kl(u, t)
        case "forward":
            return kl(t, u)
        case "reverse":
            return kl(u, t)
        case "jeffreys":
            return (kl(t, u) + kl(u, t)) / 2
        case "jensen-shannon":
            return beta * kl(t, m) + (1 - beta) * kl(u, m)
        case "adaptive":
            share = reference_share(t, u, mu)
            return share * kl(t, u) + (1 - share) * kl(u, t)
    raise AssertionError(kind)


# --- limits and identities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "step"), CASES)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_with_zero_gradient_at_agreement(kind, step, temperature, dtype):
    teacher, _ = pair(dtype=dtype)
    for student in (teacher, teacher + 3.0):  # a constant on all logits is no difference
        atol = 2e-5 if dtype == torch.float32 else 1e-13
        value = divergence(kind, teacher, student, temperature=temperature, step=step)
        torch.testing.assert_close(value, torch.zeros_like(value), atol=atol, rtol=0)
        grad = gradient(lambda x: divergence(kind, teacher, x, temperature=temperature, step=step), student)
        torch.testing.assert_close(grad, torch.zeros_like(grad), atol=atol, rtol=0)


@given(st.integers(0, 10**6), st.sampled_from(CASES), st.floats(0.2, 8), st.floats(0.1, 30))
@settings(deadline=None, derandomize=True)
def test_never_negative_and_zero_only_at_agreement(seed, case, temperature, scale):
    (kind, step) = case
    teacher, student = pair(n=4, n_labels=5, scale=scale, seed=seed)
    value = divergence(kind, teacher, student, temperature=temperature, step=step)
    assert (value >= -1e-12).all()
    apart = (torch.softmax(teacher / temperature, -1) - torch.softmax(student / temperature, -1)).abs().amax(-1) > 1e-3
    assert (value[apart] > 0).all()


def test_jeffreys_is_the_mean_of_both():
    teacher, student = pair()
    mean = (forward_kl(teacher, student) + reverse_kl(teacher, student)) / 2
    torch.testing.assert_close(jeffreys(teacher, student), mean)
    torch.testing.assert_close(jeffreys(teacher, student), jeffreys(student, teacher))


def test_reverse_is_forward_with_the_roles_exchanged():
    teacher, student = pair()
    torch.testing.assert_close(reverse_kl(teacher, student), forward_kl(student, teacher))
    assert (forward_kl(teacher, student) - reverse_kl(teacher, student)).abs().max() > 0.1


def test_jensen_shannon_is_symmetric_at_half():
    teacher, student = pair()
    torch.testing.assert_close(jensen_shannon(teacher, student), jensen_shannon(student, teacher))
    torch.testing.assert_close(jensen_shannon(teacher, student, beta=0.2), jensen_shannon(student, teacher, beta=0.8))


@given(st.floats(0.01, 0.99), st.integers(0, 10**6), st.floats(0.1, 100))
@settings(deadline=None, derandomize=True)
def test_jensen_shannon_is_bounded(beta, seed, scale):
    """By the entropy of the shares: log 2 at one half."""
    teacher, student = pair(n=8, scale=scale, seed=seed)
    bound = -beta * math.log(beta) - (1 - beta) * math.log(1 - beta)
    assert (jensen_shannon(teacher, student, beta=beta) <= bound + 1e-12).all()


def test_jensen_shannon_reaches_its_bound():
    value = jensen_shannon(torch.tensor([[300.0, 0.0]]), torch.tensor([[0.0, 300.0]]))
    assert value.item() == pytest.approx(math.log(2))


def test_jensen_shannon_near_its_ends():
    """Divided by its small share it is the forward KL at one end, the reverse KL at the other."""
    teacher, student = pair(scale=1.0)
    share = 1e-6
    low = jensen_shannon(teacher, student, beta=share) / share
    high = jensen_shannon(teacher, student, beta=1 - share) / share
    torch.testing.assert_close(low, forward_kl(teacher, student), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(high, reverse_kl(teacher, student), rtol=1e-3, atol=1e-5)


def test_adaptive_lies_between_forward_and_reverse():
    teacher, student = pair()
    both = torch.stack([forward_kl(teacher, student), reverse_kl(teacher, student)])
    value = adaptive_kl(teacher, student)
    assert (value >= both.amin(0) - 1e-12).all()
    assert (value <= both.amax(0) + 1e-12).all()


def test_adaptive_with_two_labels_splits_evenly():
    """The gap on either label is the same, so head and tail weigh the same: Jeffreys."""
    teacher, student = pair(n_labels=2)
    torch.testing.assert_close(adaptive_kl(teacher, student, mu=0.4), jeffreys(teacher, student))


@pytest.mark.parametrize("kind", KINDS)
def test_temperature_keeps_the_size_of_the_gradient(kind):
    """On small logits the gradient's norm barely depends on tau; without tau**2 it would fall 64-fold from 1 to 8."""
    teacher, student = pair(scale=0.01)
    norms = [
        gradient(lambda x, tau=tau: divergence(kind, teacher, x, temperature=tau), student).norm().item()
        for tau in (1.0, 2.0, 4.0, 8.0)
    ]
    assert norms[0] > 0
    assert norms == pytest.approx([norms[0]] * 4, rel=0.02)


def test_the_gradient_has_a_limit_at_infinite_temperature():
    """Forward KL: the difference of the centred logits, over K."""
    teacher, student = pair(n_labels=5)
    limit = (student - student.mean(-1, keepdim=True) - teacher + teacher.mean(-1, keepdim=True)) / 5
    grad = gradient(lambda x: forward_kl(teacher, x, temperature=1e4), student)
    torch.testing.assert_close(grad, limit, atol=1e-2, rtol=0)


def test_turns_by_hand():
    assert [alternating_turn(step) for step in range(4)] == ["forward", "reverse", "forward", "reverse"]
    by_three = [alternating_turn(step, period=3) for step in range(7)]
    assert by_three == ["forward"] * 3 + ["reverse"] * 3 + ["forward"]


@given(st.integers(0, 10**9), st.integers(1, 1000))
@settings(deadline=None, derandomize=True)
def test_turns_change_exactly_every_period(step, period):
    same_turn = (step + 1) % period != 0
    assert (alternating_turn(step, period) == alternating_turn(step + 1, period)) is same_turn


@pytest.mark.parametrize(
    ("step", "other"), [(0, "reverse_kl"), (1, "reverse_kl"), (2, "forward_kl"), (3, "forward_kl")]
)
def test_alternating_computes_one_direction_only(monkeypatch, step, other):
    teacher, student = pair()
    expected = forward_kl(teacher, student) if step < 2 else reverse_kl(teacher, student)

    def fail(*_, **__):
        raise AssertionError(f"{other} was computed on step {step}")

    monkeypatch.setattr(divergences, other, fail)
    assert torch.equal(divergence("alternating", teacher, student, step=step, period=2), expected)


# --- parity with an independent reference -----------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_directions_against_torch_distributions(temperature):
    teacher, student = pair()
    t, u = Categorical(logits=teacher / temperature), Categorical(logits=student / temperature)
    tau2 = temperature**2
    torch.testing.assert_close(forward_kl(teacher, student, temperature=temperature), tau2 * kl_divergence(t, u))
    torch.testing.assert_close(reverse_kl(teacher, student, temperature=temperature), tau2 * kl_divergence(u, t))


@pytest.mark.parametrize(("kind", "step"), CASES)
@pytest.mark.parametrize("n_labels", [2, 5, 9])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_against_the_definition_word_by_word(kind, step, n_labels, temperature):
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        teacher, student = pair(n=16, n_labels=n_labels, dtype=dtype)
        value = divergence(kind, teacher, student, temperature=temperature, step=step, beta=0.3)
        expected = [
            temperature**2 * reference(kind, row_t, row_u, step=step, beta=0.3)
            for row_t, row_u in zip(
                teacher.double().numpy() / temperature, student.double().numpy() / temperature, strict=True
            )
        ]
        assert value.dtype == dtype
        torch.testing.assert_close(
            value.double(), torch.tensor(expected, dtype=torch.float64), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("mu", [0.01, 0.3, 0.8, 0.99])
def test_adaptive_heads_of_every_size(mu):
    teacher, student = pair(n=64, scale=1.0)
    expected = [reference("adaptive", t, u, mu=mu) for t, u in zip(teacher.numpy(), student.numpy(), strict=True)]
    torch.testing.assert_close(adaptive_kl(teacher, student, mu=mu), torch.tensor(expected, dtype=torch.float64))


def test_adaptive_weights_carry_no_gradient():
    teacher, student = pair()
    share = torch.tensor(
        [reference_share(softmax(t), softmax(u), 0.5) for t, u in zip(teacher.numpy(), student.numpy(), strict=True)]
    )
    expected = gradient(lambda x: share * forward_kl(teacher, x) + (1 - share) * reverse_kl(teacher, x), student)
    torch.testing.assert_close(gradient(lambda x: adaptive_kl(teacher, x), student), expected)


def test_the_dispatcher_passes_everything_on():
    teacher, student = pair()
    for kind, function in (("forward", forward_kl), ("reverse", reverse_kl), ("jeffreys", jeffreys)):
        assert torch.equal(
            divergence(kind, teacher, student, temperature=2.0), function(teacher, student, temperature=2.0)
        )
    assert torch.equal(
        divergence("jensen-shannon", teacher, student, temperature=2.0, beta=0.3),
        jensen_shannon(teacher, student, temperature=2.0, beta=0.3),
    )
    assert torch.equal(
        divergence("adaptive", teacher, student, temperature=2.0), adaptive_kl(teacher, student, temperature=2.0)
    )


# --- hand values ------------------------------------------------------------------------------------------------------

TEACHER = torch.tensor([[3.0, 1.0]], dtype=torch.float64).log()  # t = (3/4, 1/4)
STUDENT = torch.tensor([[1.0, 1.0]], dtype=torch.float64).log()  # u = (1/2, 1/2)
FORWARD = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
REVERSE = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("forward", FORWARD),
        ("reverse", REVERSE),
        ("jeffreys", (FORWARD + REVERSE) / 2),
        (  # the mixture is 5/8 and 3/8
            "jensen-shannon",
            (0.75 * math.log(6 / 5) + 0.25 * math.log(2 / 3)) / 2 + (0.5 * math.log(4 / 5) + 0.5 * math.log(4 / 3)) / 2,
        ),
    ],
)
def test_hand_values(kind, expected):
    assert divergence(kind, TEACHER, STUDENT).item() == pytest.approx(expected)


def test_adaptive_by_hand():
    """t = (.4, .3, .2, .1), head {0, 1} at mu = .5; gaps .2 and .0 in it, .1 and .1 outside: half and half."""
    t, u = torch.tensor([[0.4, 0.3, 0.2, 0.1]]), torch.tensor([[0.2, 0.3, 0.3, 0.2]])
    forward = float((t * (t / u).log()).sum())
    reverse = float((u * (u / t).log()).sum())
    assert adaptive_kl(t.log(), u.log()).item() == pytest.approx((forward + reverse) / 2, rel=1e-5)
    # mu = .35: the likeliest label alone is the head, still gap .2 of .4; mu = .8: three labels, .3 of .4
    assert adaptive_kl(t.log(), u.log(), mu=0.35).item() == pytest.approx((forward + reverse) / 2, rel=1e-5)
    assert adaptive_kl(t.log(), u.log(), mu=0.8).item() == pytest.approx(0.75 * forward + 0.25 * reverse, rel=1e-5)


# --- gradients and extremes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "step"), CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_finite_at_logit_gaps_of_300(kind, step, dtype, temperature):
    """Probabilities of exactly 0 on either side, agreeing and disagreeing: no 0 * log 0."""
    teacher = torch.tensor([[300.0, 0.0, -300.0], [300.0, 0.0, -300.0], [0.0, 0.0, 0.0]], dtype=dtype)
    student = torch.tensor([[-300.0, 0.0, 300.0], [300.0, 0.0, -300.0], [0.0, 300.0, 0.0]], dtype=dtype)
    options = {"temperature": temperature, "step": step}
    value = divergence(kind, teacher, student, **options)
    assert value.dtype == torch.float32
    assert value.isfinite().all()
    assert value[1].abs() < 1e-6
    assert gradient(lambda x: divergence(kind, teacher, x, **options), student).isfinite().all()


def test_large_gaps_are_exact():
    teacher, student = torch.tensor([[300.0, 0.0]]), torch.tensor([[0.0, 300.0]])
    assert forward_kl(teacher, student).item() == pytest.approx(300)
    assert reverse_kl(teacher, student).item() == pytest.approx(300)


@pytest.mark.parametrize(("kind", "step"), [case for case in CASES if case[0] != "adaptive"])
def test_gradcheck(kind, step):
    """Not for adaptive, whose weights are constants by definition; see `test_adaptive_weights_carry_no_gradient`."""
    teacher, student = pair(n=5, n_labels=4, scale=1.0)
    student.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: divergence(kind, teacher, x, temperature=1.7, step=step, beta=0.3), student
    )


@pytest.mark.parametrize(("kind", "step"), CASES)
def test_no_words(kind, step):
    student = torch.zeros(0, 4, requires_grad=True)
    value = divergence(kind, torch.zeros(0, 4), student, step=step)
    assert value.shape == (0,)
    assert value.sum().item() == 0
    (grad,) = torch.autograd.grad(value.sum(), student)
    assert grad.shape == (0, 4)


@pytest.mark.parametrize(("kind", "step"), CASES)
def test_half_precision_student_of_a_float32_teacher(kind, step):
    teacher, student = pair(dtype=torch.float32)
    value = divergence(kind, teacher, student.bfloat16(), step=step)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, divergence(kind, teacher, student.bfloat16().float(), step=step))


@pytest.mark.parametrize(("kind", "step"), CASES)
def test_autocast_does_not_lower_the_precision(kind, step):
    teacher, student = pair(dtype=torch.float32)
    plain = divergence(kind, teacher, student, temperature=2.0, step=step)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(divergence(kind, teacher, student, temperature=2.0, step=step), plain)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("teacher", "student", "temperature", "message"),
    [
        (torch.zeros(3, 4), torch.zeros(3, 5), 1.0, r"must have one shape, got \(3, 4\) and \(3, 5\)"),
        (torch.zeros(1, 4), torch.zeros(3, 4), 1.0, r"must have one shape, got \(1, 4\) and \(3, 4\)"),
        (torch.zeros(3, 1), torch.zeros(3, 1), 1.0, r"n_labels >= 2\), got shape \(3, 1\)"),
        (torch.zeros(3, 0), torch.zeros(3, 0), 1.0, r"n_labels >= 2\), got shape \(3, 0\)"),
        (torch.zeros(4), torch.zeros(4), 1.0, r"n_labels >= 2\), got shape \(4,\)"),
        (torch.zeros(3, 4), torch.zeros(3, 4), 0.0, "temperature must be above 0 and finite, got 0.0"),
        (torch.zeros(3, 4), torch.zeros(3, 4), -1.0, "temperature must be above 0"),
        (torch.zeros(3, 4), torch.zeros(3, 4), math.inf, "temperature must be above 0"),
        (torch.zeros(3, 4), torch.zeros(3, 4), math.nan, "temperature must be above 0"),
    ],
)
def test_errors_name_rule_and_value(kind, teacher, student, temperature, message):
    with pytest.raises(ValueError, match=message):
        divergence(kind, teacher, student, temperature=temperature)


@pytest.mark.parametrize("beta", [-0.1, 0.0, 1.0, math.nan])
def test_beta_outside_its_range(beta):
    with pytest.raises(ValueError, match=r"beta must lie in \(0, 1\).*forward and reverse"):
        jensen_shannon(TEACHER, STUDENT, beta=beta)


@pytest.mark.parametrize("mu", [0.0, 1.0, math.nan])
def test_mu_outside_its_range(mu):
    with pytest.raises(ValueError, match=r"mu must lie in \(0, 1\), got"):
        adaptive_kl(TEACHER, STUDENT, mu=mu)


def test_unknown_kind():
    with pytest.raises(ValueError, match=r"kind must be one of forward, .*adaptive, got 'kld'"):
        divergence("kld", TEACHER, STUDENT)


@pytest.mark.parametrize(
    ("step", "period", "message"),
    [(-1, 1, "step must be at least 0, got -1"), (0, 0, "period must be at least 1, got 0")],
)
def test_turns_outside_their_range(step, period, message):
    with pytest.raises(ValueError, match=message):
        alternating_turn(step, period)
