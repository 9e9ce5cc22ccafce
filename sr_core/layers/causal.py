"""Causal convolutions with explicit state, and a sequence of modules that passes states on.

Every layer here is called as `y, state = layer(x, state)`, with None where a stream begins. A state
is a value: it is never written into, holds nothing but what the next call needs, and may be used
again for another future.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Stateful:
    """Marks a module called as `y, state = module(x, state)`."""


class CausalConv1d(Stateful, nn.Conv1d):
    """Convolution over this and earlier samples, with zeros before a stream's first sample.

    Its state is the last (kernel - 1) * dilation + 1 - stride inputs, or () where that is none.
    Raises ValueError for a piece that is not whole strides long.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ):
        super().__init__(
            inputs, outputs, kernel, stride=stride, dilation=dilation, groups=groups, bias=bias
        )
        self.tail = (kernel - 1) * dilation + 1 - stride
        if self.tail < 0:
            raise ValueError(f"got kernel {kernel}, stride {stride}; expected kernel >= stride")

    def forward(  # (b c s) -> (b c' s/stride)
        self, x: Tensor, state: Tensor | tuple | None = None
    ) -> tuple[Tensor, Tensor | tuple]:
        samples, stride = x.shape[-1], self.stride[0]
        if samples % stride:
            raise ValueError(f"got {samples} samples; expected whole strides of {stride}; pad them")
        if self.tail == 0:
            return super().forward(x), ()
        x = F.pad(x, (self.tail, 0)) if state is None else torch.cat([state, x], dim=-1)
        # A view would keep all of x alive for as long as the state lives.
        return super().forward(x), x[..., x.shape[-1] - self.tail :].clone()


class CausalConvTranspose1d(Stateful, nn.ConvTranspose1d):
    """Transposed convolution whose every input adds to its own and later outputs only.

    Its state is the kernel - stride outputs, without bias, that later inputs still add to, or ()
    where that is none.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, bias: bool = True):
        super().__init__(inputs, outputs, kernel, stride=stride, bias=bias)
        self.tail = kernel - stride
        if self.tail < 0:
            raise ValueError(f"got kernel {kernel}, stride {stride}; expected kernel >= stride")

    def forward(  # (b c s) -> (b c' s*stride)
        self, x: Tensor, state: Tensor | tuple | None = None
    ) -> tuple[Tensor, Tensor | tuple]:
        if self.tail == 0:
            return super().forward(x), ()
        y = F.conv_transpose1d(x, self.weight, stride=self.stride)
        if state is not None:
            y[..., : self.tail] += state  # y is our own, fresh from the line above
        done = x.shape[-1] * self.stride[0]
        # Bias joins here, not in the convolution: subtracted from the tail it would cost bf16 bits.
        ready = y[..., :done] if self.bias is None else y[..., :done] + self.bias[:, None]
        return ready, y[..., done:].clone()


class StatefulSequence(Stateful, nn.Sequential):
    """Modules in a row; its state is the tuple of theirs, () where a member has none."""

    def forward(  # (b c s) -> (b c' s')
        self, x: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        before: tuple[Any, ...] = (None,) * len(self) if state is None else state
        if len(before) != len(self):
            raise ValueError(
                f"got a state of {len(before)} members; expected {len(self)}; "
                "pass on the state that this very module returned"
            )
        after = []
        for member, own in zip(self, before, strict=True):
            if isinstance(member, Stateful):
                x, own = member(x, own)
            else:
                x, own = member(x), ()
            after.append(own)
        return x, tuple(after)
