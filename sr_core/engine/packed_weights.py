"""CPU layers with prepacked weights, for few tokens per call.

PyTorch passes plain weights to the CPU's matrix library. For one row these are read at full speed;
for two or more rows the library repacks the weights at every call, which costs several times the
product itself. oneDNN, which is part of PyTorch, accepts weights that are packed once. Each layer
here has the same inputs, outputs and states as the layer it replaces.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..layers.blocks import SnakeBeta
from ..layers.causal import CausalConv1d, CausalConvTranspose1d, ConvState, Stateful

Part = TypeVar("Part", bound=nn.Module)

WIDE = 512  # channels from which reading the weights dominates a short convolution, measured
# Elements of a weight up to which the oneDNN call costs more than repacking, measured: 28 us of 50
# on a processor with AVX2.
SMALL = 256 * 256
SHORT = 16  # samples up to which a depthwise convolution is faster as matrix products, measured


def packed(module: nn.Module) -> nn.Module:
    """A copy for inference with the same parameters, in which slow layers are replaced.

    The original is not modified. Later changes of its weights do not affect packed weights.
    """
    weight = getattr(module, "weight", None)
    if isinstance(module, SnakeBeta):
        return FixedSnakeBeta(module)
    if isinstance(weight, Tensor) and weight.device.type == "cpu":
        replaced = _replaced(module, weight)
        if replaced is not None:
            return replaced
    return packed_members(module)


def packed_members(module: Part) -> Part:
    """The same for the submodules of a module that is not replaced itself."""
    return with_members(module, {name: packed(child) for name, child in module.named_children()})


def _replaced(module: nn.Module, weight: Tensor) -> nn.Module | None:
    """The faster layer for this one on the CPU; None if there is none."""
    if type(module) is CausalConv1d and _is_depthwise(module):
        return ShortDepthwise(module)
    if not packs(weight.dtype):
        return None
    if type(module) is nn.Linear and weight.numel() > SMALL:
        return PackedLinear(module.weight, module.bias)
    if type(module) is CausalConv1d and min(weight.shape[:2]) >= WIDE and _is_plain(module):
        return PackedConv(module)
    if type(module) is CausalConvTranspose1d and module.tail == module.stride[0]:
        return PackedConvTranspose(module)
    return None


def with_members(module: Part, members: Mapping[str, nn.Module]) -> Part:
    """A copy that shares the parameters and has some submodules replaced."""
    clone = copy.copy(module)  # shares the dictionary of parameters
    clone._modules = {**module._modules, **members}
    return clone


def _is_plain(convolution: nn.Conv1d) -> bool:
    return convolution.stride == (1,) and convolution.groups == 1


def _is_depthwise(convolution: nn.Conv1d) -> bool:
    channels = convolution.in_channels
    return (
        convolution.stride == convolution.dilation == (1,)
        and convolution.groups == channels == convolution.out_channels
        and convolution.kernel_size[0] > 1
        and convolution.bias is not None
    )


@functools.cache
def packs(dtype: torch.dtype) -> bool:
    """Whether packed products are correct with this PyTorch and processor; tested once."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    weight, x = torch.linspace(-1, 1, 512).reshape(32, 16), torch.linspace(0, 1, 48).reshape(3, 16)
    try:
        y = PackedLinear(weight.to(dtype), None)(x.to(dtype))
    except (RuntimeError, AttributeError, TypeError):  # operators of another PyTorch version
        return False
    return torch.allclose(y.float(), x @ weight.T, atol=0.1 if dtype == torch.bfloat16 else 1e-5)


class PackedLinear(nn.Module):
    """`F.linear` with a constant weight (d' d), packed once, and a bias (d')."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        super().__init__()
        self.bias = bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous())

    def forward(self, x: Tensor) -> Tensor:  # (... d) -> (... d')
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")


class PackedConv(Stateful, nn.Module):
    """Causal convolution of few samples as one matrix product over all taps."""

    def __init__(self, layer: CausalConv1d):
        super().__init__()
        self.taps, self.dilation, self.tail = layer.kernel_size[0], layer.dilation[0], layer.tail
        self.product = PackedLinear(layer.weight.transpose(1, 2).flatten(1), layer.bias)

    def forward(  # (b c s) -> (b c' s)
        self, x: Tensor, state: ConvState | None = None
    ) -> tuple[Tensor, ConvState]:
        samples = x.shape[-1]
        state_after: ConvState = ()
        if self.tail:
            before = state if isinstance(state, Tensor) else x.new_zeros(*x.shape[:2], self.tail)
            x = torch.cat([before, x], dim=-1)
            state_after = x[..., samples:].clone()
        x = x.transpose(1, 2)
        starts = [tap * self.dilation for tap in range(self.taps)]
        rows = torch.cat([x[:, start : start + samples] for start in starts], dim=-1)
        return self.product(rows).transpose(1, 2), state_after


class ShortDepthwise(Stateful, nn.Module):
    """Causal depthwise convolution, as matrix products for at most SHORT samples."""

    def __init__(self, layer: CausalConv1d):
        super().__init__()
        self.layer, self.taps = layer, layer.weight.transpose(1, 2)  # (d k 1)

    def forward(  # (b d s) -> (b d s)
        self, x: Tensor, state: ConvState | None = None
    ) -> tuple[Tensor, ConvState]:
        layer, samples = self.layer, x.shape[-1]
        if not isinstance(state, Tensor) or samples > SHORT:
            return layer(x, state)
        x = torch.cat([state, x], dim=-1)
        y = (x.unfold(-1, layer.kernel_size[0], 1) @ self.taps)[..., 0]
        if layer.bias is not None:
            y = y + layer.bias[:, None]
        return y, x[..., samples:].clone()


class PackedConvTranspose(Stateful, nn.Module):
    """Causal transposed convolution, kernel = 2 strides: one matrix product, then two additions."""

    def __init__(self, layer: CausalConvTranspose1d):
        super().__init__()
        self.layer = layer

    @functools.cached_property
    def product(self) -> PackedLinear:
        return PackedLinear(self.layer.weight.permute(2, 1, 0).flatten(0, 1), None)

    def forward(  # (b c s) -> (b c' s*stride)
        self, x: Tensor, state: ConvState | None = None
    ) -> tuple[Tensor, ConvState]:
        layer = self.layer
        if x.shape[-1] == 1:  # one row: plain weights are read at full speed
            return layer(x, state)
        y = self.product(x.transpose(1, 2))
        y = y.unflatten(2, (2, layer.stride[0], layer.out_channels))  # (b s half stride c')
        ready, later = y[:, :, 0], y[:, :, 1]
        ready[:, 1:] += later[:, :-1]  # in place: y is a new tensor
        if isinstance(state, Tensor):
            ready[:, 0] += state.transpose(1, 2)
        ready = ready.flatten(1, 2).transpose(1, 2)
        if layer.out_channels < WIDE:  # the layers after it are not packed
            ready = ready.contiguous()
        if layer.bias is not None:
            ready = ready + layer.bias[:, None]
        return ready, later[:, -1].transpose(1, 2).contiguous()


class FixedSnakeBeta(nn.Module):
    """SnakeBeta with both exponentials precomputed and in-place operations."""

    def __init__(self, layer: SnakeBeta):
        super().__init__()
        self.alpha = layer.alpha.detach().exp()[:, None]
        self.scale = 1 / (layer.beta.detach().exp()[:, None] + 1e-9)

    def forward(self, x: Tensor) -> Tensor:  # (b c s) -> (b c s)
        return (x * self.alpha).sin_().square_().mul_(self.scale).add_(x)
