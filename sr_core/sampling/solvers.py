"""Noise schedules and solvers that draw a latent from noise with `denoise(x, sigma)`."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]  # (... k), noise level -> (... k)

SIGMA_MAX, SIGMA_MIN = 80.0, 0.002  # EDM, arXiv 2206.00364, table 1

# Noise levels of consistency sampling by number of steps, for latents of standard deviation 0.5.
# Those of 1 and 2 steps are ECT's (arXiv 2406.14548, CIFAR-10); those of 3 and 4 are our choice,
# spaced about geometrically.
CONSISTENCY_SIGMAS = {
    1: (SIGMA_MAX,),
    2: (SIGMA_MAX, 0.821),
    3: (SIGMA_MAX, 2.0, 0.5),
    4: (SIGMA_MAX, 5.0, 0.821, 0.2),
}


def consistency_sigmas(steps: int, sigma_data: float) -> list[float]:
    """Noise levels of consistency sampling with 1 to 4 steps, scaled by `sigma_data` / 0.5."""
    if steps not in CONSISTENCY_SIGMAS:
        raise ValueError(
            f"got {steps} steps; expected 1 to 4 with the consistency method; "
            "use method 'heun' for more"
        )
    return [sigma * sigma_data / 0.5 for sigma in CONSISTENCY_SIGMAS[steps]]


def heun_sigmas(steps: int, sigma_data: float, rho: float = 7.0) -> list[float]:
    """Noise levels of EDM (arXiv 2206.00364, eq. 5), scaled by `sigma_data` / 0.5; no final 0."""
    if steps < 1:
        raise ValueError(f"got {steps} steps; expected at least 1; 16 is a good start")
    start, end = SIGMA_MAX ** (1 / rho), SIGMA_MIN ** (1 / rho)
    fractions = [i / max(steps - 1, 1) for i in range(steps)]
    return [(start + part * (end - start)) ** rho * sigma_data / 0.5 for part in fractions]


def sample_consistency(denoise: Denoise, noise: Tensor, sigmas: list[float]) -> Tensor:
    """Multistep consistency sampling (arXiv 2303.01469, alg. 1): (evaluations ... k) -> (... k)."""
    x = denoise(sigmas[0] * noise[0], sigmas[0])
    for sigma, fresh in zip(sigmas[1:], noise[1:], strict=True):
        x = denoise(x + sigma * fresh, sigma)
    return x


def sample_heun(denoise: Denoise, noise: Tensor, sigmas: list[float]) -> Tensor:
    """EDM's deterministic Heun solver (arXiv 2206.00364, alg. 1): (1 ... k) -> (... k)."""
    x = sigmas[0] * noise[0]
    for sigma, following in zip(sigmas, [*sigmas[1:], 0.0], strict=True):
        slope = (x - denoise(x, sigma)) / sigma  # dx/dsigma
        euler = x + (following - sigma) * slope
        if following == 0.0:
            return euler
        corrected = (euler - denoise(euler, following)) / following
        x = x + (following - sigma) * (slope + corrected) / 2
    return x


# Keys are `Settings.method`.
SIGMAS = {"consistency": consistency_sigmas, "heun": heun_sigmas}
SAMPLERS = {"consistency": sample_consistency, "heun": sample_heun}
