"""Dropout and attention on a CPU, against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from pipeline.cpu_kernels import CpuKernels, attention, dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_zeroes_a_share_and_scales_the_rest(p, dtype):
    torch.manual_seed(0)
    x = torch.ones(401, 251, dtype=dtype)
    y = dropout(x, p)
    assert (y.dtype, y.shape) == (x.dtype, x.shape)
    zero = (y == 0).double()
    assert zero.mean().item() == pytest.approx(p, abs=0.006)
    torch.testing.assert_close(y[y != 0], torch.full_like(y[y != 0], 1 / (1 - p)), rtol=5e-3, atol=0)
    # Elements that share a random number are independent: neighbours are zero together as often as chance has it.
    for lag in (1, 2, 3, 4):
        flat = zero.flatten()
        assert (flat[lag:] * flat[:-lag]).mean().item() == pytest.approx(p * p, abs=0.01)


def test_dropout_keeps_gradients_where_it_keeps_values():
    x = torch.rand(50, 7, requires_grad=True) + 1
    x.retain_grad()
    y = dropout(x, 0.3)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(y == 0, 0.0, y.detach() / x.detach()))


def test_dropout_follows_the_generator():
    torch.manual_seed(3)
    first, second = dropout(torch.ones(999), 0.5), dropout(torch.ones(999), 0.5)
    torch.manual_seed(3)
    assert torch.equal(dropout(torch.ones(999), 0.5), first)
    assert not torch.equal(first, second)


def test_dropout_at_its_limits():
    x = torch.rand(5)
    assert dropout(x, 0.0) is x
    assert dropout(x, 0.5, training=False) is x
    assert torch.equal(dropout(x, 1.0), torch.zeros(5))


@pytest.mark.parametrize("mask", ["none", "boolean", "added"])
def test_attention_is_torchs(mask):
    torch.manual_seed(0)
    query, key, value = (torch.randn(3, 2, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    seen = torch.rand(3, 1, 1, 5) < 0.7
    seen[..., 0] = True
    masks = {"none": None, "boolean": seen, "added": torch.randn(3, 1, 5, 5, dtype=torch.float64)}
    found = attention(query, key, value, masks[mask], scale=0.3)
    expected = F.scaled_dot_product_attention(query, key, value, masks[mask], scale=0.3)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    for ours, theirs in zip(
        torch.autograd.grad((found * weights).sum(), (query, key, value)),
        torch.autograd.grad((expected * weights).sum(), (query, key, value)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_attention_drops_weights_of_its_softmax():
    torch.manual_seed(0)
    query = torch.zeros(64, 4, 8, 2, requires_grad=True)
    found = attention(query, query, torch.ones(64, 4, 8, 2), dropout_p=0.25)
    assert found.mean().item() == pytest.approx(1.0, abs=0.02)
    assert found.std().item() == pytest.approx((0.25 / 0.75 / 8) ** 0.5, rel=0.05)


def test_causal_attention_is_left_to_torch():
    query = torch.randn(1, 1, 6, 4, requires_grad=True)
    found = attention(query, query, query, is_causal=True)
    torch.testing.assert_close(found, F.scaled_dot_product_attention(query, query, query, is_causal=True))


def test_they_stand_in_for_torchs_only_within_the_context():
    x = torch.ones(1000)

    def drawn():
        torch.manual_seed(0)
        return torch.nn.Dropout(0.5)(x)

    torch.manual_seed(0)
    ours = dropout(x, 0.5)
    with CpuKernels():
        within = drawn()
    assert torch.equal(within, ours)
    assert not torch.equal(drawn(), ours)
