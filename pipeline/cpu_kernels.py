"""Dropout and attention as a CPU computes them fastest in training.

Beside matrix products, a small encoder on a CPU spends most of a training step in drawing dropout masks one number at a
time, and in a fused attention that is slower in bf16 than separate products, above all in its backward pass.
`CpuKernels` replaces both while it is active, for whatever model calls them:

    with CpuKernels():
        model(...)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

LEVELS = 1 << 16  # a mask compares 16 random bits with p, so p is rounded to a multiple of 1/65,536


class CpuKernels(TorchFunctionMode):
    """While active, `F.dropout` and `F.scaled_dot_product_attention` on CPU tensors mean the functions below."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call one function, or its replacement."""
        replacement = _REPLACEMENTS.get(func) if args and getattr(args[0], "is_cpu", False) else None
        return (replacement or func)(*args, **(kwargs or {}))


def dropout(input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:  # noqa: ARG001
    """Zero each element with probability p and scale the others by 1/(1 − p).

    Four elements share one 64-bit number of torch's generator, so a mask costs a quarter of the draws of `F.dropout`;
    the masks are other ones. A pure function of the generator's state.

    Args:
        input: any shape, floating point.
        p: in [0, 1]; rounded to a multiple of 2⁻¹⁶, and the scale with it, so that the mean is kept exactly.
        training: without it, the input is returned.
        inplace: accepted as `F.dropout` does; a new tensor is returned all the same.

    Returns:
        Same shape and dtype.
    """
    dropped = round(p * LEVELS)
    if not training or dropped == 0:
        return input
    if dropped == LEVELS:
        return input * 0
    n = input.numel()
    # Not random_, which torch.compile cannot trace; that 2⁶³ − 1 itself is never drawn does not matter.
    bits = torch.randint(-(2**63), 2**63 - 1, ((n + 3) // 4,)).view(torch.int16)[:n]
    kept = bits.view(input.shape) >= dropped - LEVELS // 2
    return input * kept.to(input.dtype).mul_(LEVELS / (LEVELS - dropped))


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Scaled dot-product attention, softmax(Q Kᵀ · scale + mask) V, with dropout on the softmax.

    Takes (B, L, L) more numbers per head than the fused kernel; at the lengths of sentences that is little. In
    float32 without gradients, or where keys are shared or hidden by order, torch's own kernel is called.

    Args:
        query: shape (B, heads, L, d).
        key: same shape.
        value: same shape.
        attn_mask: boolean, true where a query may look, or added to the scores; broadcastable to (B, heads, L, L).
        dropout_p: probability that an attention weight is zeroed.
        is_causal: left to torch.
        scale: default 1/√d.
        enable_gqa: left to torch.

    Returns:
        Shape (B, heads, L, d).
    """
    fused_is_faster = query.dtype == torch.float32 and not torch.is_grad_enabled()
    if is_causal or enable_gqa or fused_is_faster:
        return F.scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale=scale)
    scores = (query * (scale or query.shape[-1] ** -0.5)) @ key.transpose(-2, -1)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, torch.finfo(scores.dtype).min)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return dropout(scores.softmax(dim=-1), dropout_p) @ value


_REPLACEMENTS: dict[Callable[..., Any], Callable[..., Any]] = {
    F.dropout: dropout,
    F.scaled_dot_product_attention: attention,
}
