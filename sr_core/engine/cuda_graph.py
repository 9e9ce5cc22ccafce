"""CUDA graphs: capture a step once, then replay it without launching each kernel separately."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

CHECKED = 2  # number of replays that are compared with the eager call
# Allowed difference, relative to the largest value: bfloat16 kernels may sum in another order.
TOLERANCE = 0.02


class Graphed:
    """A function of tensors, captured at its first call and replayed on its own static buffers.

    The function must be free of side effects that accumulate: it is called several times with the
    same inputs. CPU inputs are copied asynchronously through pinned memory; results are copies.
    Calls with other shapes or with non-tensors run eagerly, and so do all calls if capture fails
    or a replay differs from the eager result.
    """

    def __init__(self, function: Callable[..., Any], device: torch.device):
        self.function, self.device = function, device
        # Device buffer and staging buffer (pinned if the input is on the CPU) of each input.
        self._buffers: list[tuple[Tensor, Tensor]] = []
        self._replay: Callable[[], None] | None = None
        self._outputs: Any = None
        self._checked, self._disabled = 0, False
        self._copied = torch.cuda.Event() if device.type == "cuda" else None

    def __call__(self, *inputs: Any) -> Any:
        leaves, tree = pytree.tree_flatten(inputs)
        if self._disabled or not all(torch.is_tensor(leaf) for leaf in leaves):
            return self._run_eagerly(*inputs)
        if self._replay is None:
            self._begin(leaves, tree)
        if self._replay is None or self._disabled or not self._has_shapes_of(leaves):
            return self._run_eagerly(*inputs)
        self._copy_inputs(leaves)
        self._replay()
        result = pytree.tree_map_only(Tensor, torch.clone, self._outputs)
        return self._verified(result, inputs) if self._checked < CHECKED else result

    def _run_eagerly(self, *inputs: Any) -> Any:
        return self.function(*pytree.tree_map_only(Tensor, lambda x: x.to(self.device), inputs))

    def _has_shapes_of(self, leaves: list[Tensor]) -> bool:
        shapes = [(buffer.shape, buffer.dtype) for buffer, _ in self._buffers]
        return shapes == [(leaf.shape, leaf.dtype) for leaf in leaves]

    def _copy_inputs(self, leaves: list[Tensor]) -> None:
        if self._copied is not None:
            # The previous copy must be complete before pinned memory is overwritten; it usually is.
            self._copied.synchronize()
        for (buffer, staging), leaf in zip(self._buffers, leaves, strict=True):
            staging.copy_(leaf)
            if staging is not buffer:
                buffer.copy_(staging, non_blocking=True)
        if self._copied is not None:
            self._copied.record()

    def _begin(self, leaves: list[Tensor], tree: pytree.TreeSpec) -> None:
        for leaf in leaves:
            buffer = leaf.to(self.device, copy=True)
            outside = leaf.device.type == "cpu" and self.device.type == "cuda"
            self._buffers.append((buffer, leaf.pin_memory() if outside else buffer))
        static = pytree.tree_unflatten([buffer for buffer, _ in self._buffers], tree)
        try:
            self._replay, self._outputs = self._capture(lambda: self.function(*static))
        except RuntimeError as error:
            self._disable(f"could not be captured ({error})")

    def _capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        side_stream = torch.cuda.Stream(self.device)
        side_stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side_stream):
            for _ in range(3):  # warm-up: libraries must select their kernels before capture
                work()
        torch.cuda.current_stream(self.device).wait_stream(side_stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = work()
        return graph.replay, outputs

    def _verified(self, result: Any, inputs: tuple) -> Any:
        self._checked += 1
        expected = self._run_eagerly(*inputs)
        pairs = zip(pytree.tree_leaves(result), pytree.tree_leaves(expected), strict=True)
        for got, right in pairs:
            # Not `>`: every comparison with NaN is false.
            if not ((got - right).abs().max() <= TOLERANCE * right.abs().max()):
                self._disable("did not agree with the eager call")
                return expected
        return result

    def _disable(self, why: str) -> None:
        self._disabled = True
        name = getattr(self.function, "__name__", "a step")
        warnings.warn(f"CUDA graph of {name} {why}; it runs eagerly, slower", stacklevel=4)
