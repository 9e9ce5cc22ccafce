"""Causal convolutions with explicit state, and a sequence of modules that carries their states.

Every layer here is called as `y, state = layer(x, state)`, with None at the start of a stream. A
state is immutable, contains only what the next call needs, and can be continued more than once.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ConvState: TypeAlias = "Tensor | tuple[()]"


class Stateful:
    """Marks a module that is called as `y, state = module(x, state)`."""


class CausalConv1d(Stateful, nn.Conv1d):
    """Convolution over the current and earlier samples; the stream is preceded by zeros.

    The state is the last (kernel - 1) * dilation + 1 - stride inputs, or () if that number is 0.
    Raises ValueError if the number of samples is not a multiple of the stride.
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

    # The convolution without state is not a use of this class, so its signature differs.
    def forward(  # type: ignore[override]  # (b c s) -> (b c' s/stride)
        self, x: Tensor, state: ConvState | None = None
    ) -> tuple[Tensor, ConvState]:
        samples, stride = x.shape[-1], self.stride[0]
        if samples % stride:
            raise ValueError(f"got {samples} samples; expected whole strides of {stride}; pad them")
        if self.tail == 0:
            return super().forward(x), ()
        x = torch.cat([state, x], dim=-1) if isinstance(state, Tensor) else F.pad(x, (self.tail, 0))
        # A copy: a view would keep all of x in memory as long as the state.
        return super().forward(x), x[..., x.shape[-1] - self.tail :].clone()


class CausalConvTranspose1d(Stateful, nn.ConvTranspose1d):
    """Transposed convolution in which an input contributes only to its own and later outputs.

    The state is the kernel - stride incomplete outputs, without bias, to which later inputs are
    added, or () if that number is 0.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, bias: bool = True):
        super().__init__(inputs, outputs, kernel, stride=stride, bias=bias)
        self.tail = kernel - stride
        if self.tail < 0:
            raise ValueError(f"got kernel {kernel}, stride {stride}; expected kernel >= stride")

    def forward(  # type: ignore[override]  # (b c s) -> (b c' s*stride)
        self, x: Tensor, state: ConvState | None = None
    ) -> tuple[Tensor, ConvState]:
        if self.tail == 0:
            return super().forward(x), ()
        y = F.conv_transpose1d(x, self.weight, stride=self.stride)
        if isinstance(state, Tensor):
            y[..., : self.tail] += state  # in place: y is a new tensor
        done = x.shape[-1] * self.stride[0]
        # The convolution has no bias: subtracting it from the state would lose bfloat16 precision.
        ready = y[..., :done] if self.bias is None else y[..., :done] + self.bias[:, None]
        return ready, y[..., done:].clone()


class StatefulSequence(Stateful, nn.Sequential):
    """Modules in sequence; the state is the tuple of their states, () for one without state."""

    def forward(  # (b c s) -> (b c' s')
        self, x: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple]:
        states = (None,) * len(self) if state is None else state
        if len(states) != len(self):
            raise ValueError(
                f"got a state of {len(states)} members; expected {len(self)}; "
                "pass the state that this module returned"
            )
        after = []
        for member, member_state in zip(self, states, strict=True):
            if isinstance(member, Stateful):
                x, member_state = member(x, member_state)
            else:
                x, member_state = member(x), ()
            after.append(member_state)
        return x, tuple(after)
