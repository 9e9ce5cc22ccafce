"""Distance of distributions over all frames, whatever frame has which value."""

from __future__ import annotations

from torch import Tensor


def marginal_distance(drawn: Tensor, real: Tensor) -> Tensor:  # (n*b t d), (b t d) -> ()
    """Wasserstein-1 distance of the values of each feature over all rows and frames, averaged.

    In one dimension it is the mean difference of sorted values. Every real value stands for `n`
    drawn ones.
    """
    real = real.repeat(len(drawn) // len(real), 1, 1)
    ours, theirs = (x.flatten(0, 1).sort(dim=0).values for x in (drawn, real))
    return (ours - theirs).abs().mean()
