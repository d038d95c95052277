"""How far a student is from its teacher, in the directions and mixtures that distillation chooses from.

Throughout, t = softmax(teacher / tau) and u = softmax(student / tau) are one word's distributions over K labels at
temperature tau. Every divergence is multiplied by tau**2: its gradient in the student's logits shrinks as 1 / tau**2
when tau grows, and the factor keeps it comparable with a loss on tags beside it (Hinton et al. 2015, arXiv 1503.02531).

    kind             divergence, before tau**2
    forward          KL(t || u)
    reverse          KL(u || t)
    alternating      forward on even turns, reverse on odd ones
    jeffreys         (KL(t || u) + KL(u || t)) / 2
    jensen-shannon   beta * KL(t || m) + (1 - beta) * KL(u || m),    m = beta * t + (1 - beta) * u
    adaptive         a * KL(t || u) + (1 - a) * KL(u || t),    a from where t and u differ

Each is 0, with zero gradient, exactly where student and teacher agree. All take raw scores of shape (n, K), finite,
K at least 2, compute in float32 (float64 stays float64) and return one value per word, shape (n,). The teacher is data:
its logits come from a file and carry no gradient.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

KINDS = ("forward", "reverse", "alternating", "jeffreys", "jensen-shannon", "adaptive")


def divergence(
    kind: str,
    teacher_logits: Tensor,
    student_logits: Tensor,
    *,
    temperature: float = 1.0,
    step: int = 0,
    period: int = 1,
    beta: float = 0.5,
) -> Tensor:
    """Compute the divergence of this name; see the module's table.

    Args:
        kind: one of `KINDS`.
        teacher_logits: shape (n, K).
        student_logits: shape (n, K).
        temperature: tau > 0.
        step: the optimiser step, or the epoch, that "alternating" takes its turn from; others ignore it.
        period: how many steps a turn of "alternating" lasts; others ignore it.
        beta: the teacher's share in "jensen-shannon", in (0, 1); others ignore it.

    Returns:
        The divergence of each word times tau**2, shape (n,).

    Raises:
        ValueError: unknown kind, a parameter out of range, shapes that do not fit.
    """
    if kind == "alternating":
        kind = alternating_turn(step, period)
    match kind:
        case "forward":
            return forward_kl(teacher_logits, student_logits, temperature=temperature)
        case "reverse":
            return reverse_kl(teacher_logits, student_logits, temperature=temperature)
        case "jeffreys":
            return jeffreys(teacher_logits, student_logits, temperature=temperature)
        case "jensen-shannon":
            return jensen_shannon(teacher_logits, student_logits, temperature=temperature, beta=beta)
        case "adaptive":
            return adaptive_kl(teacher_logits, student_logits, temperature=temperature)
    raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")


def alternating_turn(step: int, period: int = 1) -> Literal["forward", "reverse"]:
    """Say whose turn it is: turn = floor(step / period) mod 2, forward on 0, reverse on 1.

    A function of the step alone, so that a resumed run goes on exactly where it stopped, and every micro-batch of one
    optimiser step takes the same direction. It costs no more than one KL: the other is not computed.

    Args:
        step: the optimiser step, or the epoch to alternate by epochs; at least 0.
        period: how many steps a turn lasts, at least 1.

    Raises:
        ValueError: step below 0 or period below 1.

    Example:
        >>> [alternating_turn(step, period=2) for step in range(5)]
        ['forward', 'forward', 'reverse', 'reverse', 'forward']
    """
    if step < 0:
        raise ValueError(f"step must be at least 0, got {step}")
    if period < 1:
        raise ValueError(f"period must be at least 1, got {period}")
    return "forward" if step // period % 2 == 0 else "reverse"


def forward_kl(teacher_logits: Tensor, student_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Charge the student for every label the teacher believes in and it does not.

        tau**2 * KL(t || u) = tau**2 * sum_k t_k * (log t_k - log u_k)

    Zero-avoiding: u_k near 0 is dear wherever t_k is not, so the student covers all the teacher considers. A true KL,
    0 at agreement: cross-entropy against t differs from it by the teacher's entropy, a constant for the gradient but
    not for the curve.

    Args:
        teacher_logits: shape (n, K).
        student_logits: shape (n, K).
        temperature: tau > 0.

    Returns:
        Shape (n,).

    Raises:
        ValueError: shapes that do not fit, temperature not above 0.

    Example:
        >>> teacher, student = torch.tensor([[3.0, 1.0]]).log(), torch.tensor([[1.0, 1.0]]).log()
        >>> forward_kl(teacher, student)  # 3/4 log 3/2 + 1/4 log 1/2
        tensor([0.1308])

    References:
        Hinton et al. 2015, arXiv 1503.02531.
    """
    log_t, log_u = _log_probabilities(teacher_logits, student_logits, temperature)
    return temperature**2 * _kl(log_t, log_u)


def reverse_kl(teacher_logits: Tensor, student_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Charge the student for every label it believes in and the teacher does not.

        tau**2 * KL(u || t) = tau**2 * sum_k u_k * (log u_k - log t_k)

    Zero-forcing: u_k is dear wherever t_k is near 0, so a student that cannot match everything keeps to what the
    teacher is surest of, and tends to be overconfident (arXiv 2604.00223).

    Args, Returns, Raises: as `forward_kl`.

    Example:
        >>> teacher, student = torch.tensor([[3.0, 1.0]]).log(), torch.tensor([[1.0, 1.0]]).log()
        >>> reverse_kl(teacher, student)  # 1/2 log 2/3 + 1/2 log 2
        tensor([0.1438])

    References:
        Gu et al. 2024, arXiv 2306.08543 (MiniLLM).
    """
    log_t, log_u = _log_probabilities(teacher_logits, student_logits, temperature)
    return temperature**2 * _kl(log_u, log_t)


def jeffreys(teacher_logits: Tensor, student_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Average the forward and the reverse KL: tau**2 * (KL(t || u) + KL(u || t)) / 2.

    Symmetric in teacher and student, but unbounded, unlike `jensen_shannon`.

    Args, Returns, Raises: as `forward_kl`.

    Example:
        >>> teacher, student = torch.tensor([[3.0, 1.0]]).log(), torch.tensor([[1.0, 1.0]]).log()
        >>> jeffreys(teacher, student)
        tensor([0.1373])

    References:
        Jeffreys 1946, whose divergence is the sum; halved here to keep the size of one KL.
    """
    log_t, log_u = _log_probabilities(teacher_logits, student_logits, temperature)
    return temperature**2 * (_kl(log_t, log_u) + _kl(log_u, log_t)) / 2


def jensen_shannon(
    teacher_logits: Tensor, student_logits: Tensor, *, temperature: float = 1.0, beta: float = 0.5
) -> Tensor:
    """Compare teacher and student with a mixture of the two: a divergence that stays bounded.

        tau**2 * (beta * KL(t || m) + (1 - beta) * KL(u || m)),    m = beta * t + (1 - beta) * u

    beta is the teacher's share of the mixture. Symmetric at beta = 1/2. At most
    tau**2 * (-beta * log beta - (1 - beta) * log(1 - beta)), that is log 2 at beta = 1/2 and tau = 1.

    The ends: divided by beta it tends to the forward KL as beta goes to 0, and divided by 1 - beta to the reverse KL
    as beta goes to 1; undivided it tends to 0, so that near an end beta acts like a smaller learning rate. At 0 and 1
    themselves there is nothing to learn from, and they are refused.

    TRL's `GKDTrainer` has the same beta and the same value for 0 < beta < 1 (before tau**2, which it leaves out), since
    its pull request 3043 corrected the shares. At beta = 0 and beta = 1 it switches to the forward and the reverse KL:
    ask for those by name here.

    Args:
        teacher_logits: shape (n, K).
        student_logits: shape (n, K).
        temperature: tau > 0.
        beta: in (0, 1).

    Returns:
        Shape (n,).

    Raises:
        ValueError: beta not in (0, 1), and as `forward_kl`.

    Example:
        >>> teacher, student = torch.tensor([[300.0, 0.0]]), torch.tensor([[0.0, 300.0]])
        >>> jensen_shannon(teacher, student)  # the bound, log 2: KL would be 300
        tensor([0.6931])

    References:
        Lin 1991, "Divergence measures based on the Shannon entropy". Agarwal et al. 2024, arXiv 2306.13649 (GKD).
    """
    if not 0 < beta < 1:
        raise ValueError(f"beta must lie in (0, 1), got {beta}; its ends are the kinds forward and reverse")
    log_t, log_u = _log_probabilities(teacher_logits, student_logits, temperature)
    log_m = torch.logaddexp(log_t + math.log(beta), log_u + math.log1p(-beta))
    return temperature**2 * (beta * _kl(log_t, log_m) + (1 - beta) * _kl(log_u, log_m))


def adaptive_kl(teacher_logits: Tensor, student_logits: Tensor, *, temperature: float = 1.0, mu: float = 0.5) -> Tensor:
    """Weigh forward against reverse KL by whether the student errs on the teacher's likely or unlikely labels.

        tau**2 * (a * KL(t || u) + (1 - a) * KL(u || t)),    a = g_head / (g_head + g_tail)
        g_head = sum over the head of |t_k - u_k|,    g_tail = sum over the other labels of |t_k - u_k|

    The head is the smallest set of labels with teacher mass mu or more, earlier labels winning ties. Early in training
    forward KL mends the head and reverse KL the tail, so each word leans to the one it needs. a is a constant for the
    gradient, as in the authors' code, and does not matter where teacher and student agree: both terms are 0 there.

    The authors' code leaves the label whose mass reaches mu out of the head, unless it is the likeliest; here it is in.

    Args:
        teacher_logits: shape (n, K).
        student_logits: shape (n, K).
        temperature: tau > 0.
        mu: in (0, 1), the teacher mass that the head must reach.

    Returns:
        Shape (n,).

    Raises:
        ValueError: mu not in (0, 1), and as `forward_kl`.

    Example:
        The head holds labels 0 and 1, with half of the gap in it, so both directions weigh the same:

        >>> teacher, student = torch.tensor([[4.0, 3.0, 2.0, 1.0]]).log(), torch.tensor([[2.0, 3.0, 3.0, 2.0]]).log()
        >>> adaptive_kl(teacher, student)  # as jeffreys(teacher, student)
        tensor([0.1242])

    References:
        Wu et al. 2024, arXiv 2404.02657 (AKL).
    """
    if not 0 < mu < 1:
        raise ValueError(f"mu must lie in (0, 1), got {mu}")
    log_t, log_u = _log_probabilities(teacher_logits, student_logits, temperature)
    share = _share_of_head(log_t.detach().exp(), log_u.detach().exp(), mu)
    return temperature**2 * (share * _kl(log_t, log_u) + (1 - share) * _kl(log_u, log_t))


def _share_of_head(t: Tensor, u: Tensor, mu: float) -> Tensor:
    """Return the part of sum |t - u| that lies in the teacher's head, shape (n,); 0 where there is no gap at all."""
    t, order = t.sort(dim=-1, descending=True, stable=True)
    gaps = (t - u.gather(-1, order)).abs()
    # A label is in the head as long as those before it have not reached mu: so the label that reaches it still is.
    in_head = t.cumsum(dim=-1) - t < mu
    return (gaps * in_head).sum(dim=-1) / gaps.sum(dim=-1).clamp(min=torch.finfo(t.dtype).tiny)


def _kl(log_a: Tensor, log_b: Tensor) -> Tensor:
    """KL(a || b) over the last dimension. In log space, since log of an underflowed a would give 0 * inf."""
    return (log_a.exp() * (log_a - log_b)).sum(dim=-1)


def _log_probabilities(teacher_logits: Tensor, student_logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return log t and log u in float32 or wider."""
    if student_logits.ndim != 2 or student_logits.shape[-1] < 2:
        raise ValueError(f"logits must have shape (n_words, n_labels >= 2), got shape {tuple(student_logits.shape)}")
    if teacher_logits.shape != student_logits.shape:
        raise ValueError(
            "teacher and student logits must have one shape, "
            f"got {tuple(teacher_logits.shape)} and {tuple(student_logits.shape)}"
        )
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be above 0 and finite, got {temperature}")
    dtype = torch.promote_types(student_logits.dtype, torch.float32)
    log_t = F.log_softmax(teacher_logits.to(dtype) / temperature, dim=-1)
    log_u = F.log_softmax(student_logits.to(dtype) / temperature, dim=-1)
    return log_t, log_u
