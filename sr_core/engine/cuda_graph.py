"""CUDA graphs: a step that is captured once and replayed without launching kernels one by one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

CHECKED = 2  # replays that are compared with the eager call
TOLERANCE = 0.02  # of the largest number; bfloat16 kernels may differ in their order of adding


class Graphed:
    """A function of tensors, captured at its first call and replayed on buffers of its own.

    A call may be repeated with the same inputs without harm. Inputs on the CPU travel through
    pinned memory without waiting; results are copies. Calls with inputs of another shape, or with
    anything but tensors, run eagerly, and so do all where the replay does not agree.
    """

    def __init__(self, function: Callable[..., Any], device: torch.device):
        self.function, self.device = function, device
        self._buffers: list[tuple[Tensor, Tensor]] = []  # on the device; where inputs are put
        self._replay: Callable[[], None] | None = None
        self._outputs: Any = None
        self._checked, self._given_up = 0, False
        self._travelled = torch.cuda.Event() if device.type == "cuda" else None

    def __call__(self, *inputs: Any) -> Any:
        leaves, tree = pytree.tree_flatten(inputs)
        if self._given_up or not all(torch.is_tensor(leaf) for leaf in leaves):
            return self._eagerly(*inputs)
        if self._replay is None:
            self._begin(leaves, tree)
        if self._given_up or not self._fits(leaves):
            return self._eagerly(*inputs)
        self._bring(leaves)
        self._replay()
        result = pytree.tree_map_only(Tensor, torch.clone, self._outputs)
        return self._agreed(result, inputs) if self._checked < CHECKED else result

    def _eagerly(self, *inputs: Any) -> Any:
        return self.function(*pytree.tree_map_only(Tensor, lambda x: x.to(self.device), inputs))

    def _fits(self, leaves: list[Tensor]) -> bool:
        shapes = [(buffer.shape, buffer.dtype) for buffer, _ in self._buffers]
        return shapes == [(leaf.shape, leaf.dtype) for leaf in leaves]

    def _bring(self, leaves: list[Tensor]) -> None:
        if self._travelled is not None:
            self._travelled.synchronize()  # before pinned memory is overwritten; long since done
        for (buffer, entry), leaf in zip(self._buffers, leaves, strict=True):
            entry.copy_(leaf)
            if entry is not buffer:
                buffer.copy_(entry, non_blocking=True)
        if self._travelled is not None:
            self._travelled.record()

    def _begin(self, leaves: list[Tensor], tree: pytree.TreeSpec) -> None:
        for leaf in leaves:
            buffer = leaf.to(self.device, copy=True)
            outside = leaf.device.type == "cpu" and self.device.type == "cuda"
            self._buffers.append((buffer, leaf.pin_memory() if outside else buffer))
        static = pytree.tree_unflatten([buffer for buffer, _ in self._buffers], tree)
        try:
            self._replay, self._outputs = self._capture(lambda: self.function(*static))
        except RuntimeError as error:
            self._give_up(f"could not be captured ({error})")

    def _capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        aside = torch.cuda.Stream(self.device)
        aside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(aside):
            for _ in range(3):  # libraries choose their kernels now, not while capturing
                work()
        torch.cuda.current_stream(self.device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = work()
        return graph.replay, outputs

    def _agreed(self, result: Any, inputs: tuple) -> Any:
        self._checked += 1
        expected = self._eagerly(*inputs)
        pairs = zip(pytree.tree_leaves(result), pytree.tree_leaves(expected), strict=True)
        for got, right in pairs:
            # Not `>`: every comparison with NaN is false.
            if not ((got - right).abs().max() <= TOLERANCE * right.abs().max()):
                self._give_up("did not agree with the eager call")
                return expected
        return result

    def _give_up(self, why: str) -> None:
        self._given_up = True
        name = getattr(self.function, "__name__", "a step")
        warnings.warn(f"CUDA graph of {name} {why}; it runs eagerly, slower", stacklevel=4)
