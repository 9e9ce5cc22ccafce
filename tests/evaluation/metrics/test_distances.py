import auraloss
import pytest
import torch

from sr_core.evaluation.metrics.distances import (
    RESOLUTIONS,
    frechet_distance,
    frechet_from_moments,
    mel_distance,
    mel_spread,
    mmd,
    stft_distance,
)

from ..conftest import bursts


def cloud(count, width=4, shift=0.0, scale=1.0, seed=0):
    points = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return points * scale + shift


@pytest.mark.torchaudio
def test_anything_has_no_distance_from_itself():
    waveform, points = bursts([0.3], 1.0), cloud(50)
    assert stft_distance(waveform, waveform) == 0
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-9)
    assert mmd(points, points) == pytest.approx(0, abs=1e-9)


@pytest.mark.torchaudio
def test_frechet_distance_has_the_closed_form_of_normal_distributions():
    apart = frechet_distance(cloud(20_000, shift=3.0), cloud(20_000, scale=2.0, seed=1))
    assert apart == pytest.approx(4 * (3.0**2 + (2 - 1) ** 2), rel=0.03)


@pytest.mark.torchaudio
def test_frechet_distance_needs_no_more_points_than_dimensions():
    same, other = cloud(5, 48), cloud(5, 48, shift=1.0)
    assert frechet_distance(same, other) == pytest.approx(48, rel=1e-6)


def normal(variances, seed):
    """A covariance (d d) of these variances along random axes."""
    draw = torch.randn(
        len(variances), len(variances), generator=torch.Generator().manual_seed(seed)
    )
    axes = torch.linalg.qr(draw.double()).Q
    return axes @ torch.tensor(variances).double().diag() @ axes.T


def root(covariance):
    values, vectors = torch.linalg.eigh(covariance)
    return vectors @ values.clamp_min(0).sqrt().diag() @ vectors.T


@pytest.mark.torchaudio
@pytest.mark.parametrize(
    ("one", "two"),
    [
        ([4.0, 1.0, 0.25], [1.0, 9.0, 2.0]),
        ([4.0, 1.0, 0.0], [0.0, 9.0, 2.0]),
        ([1.0] * 3 + [0.0] * 45, [2.0] * 5 + [0.0] * 43),
        ([1.0] + [0.0] * 127, [1e-3] * 128),
    ],
)
def test_frechet_distance_is_heusels_also_of_flat_clouds(one, two):
    """|m - w|^2 + tr(C + D - 2 (C^1/2 D C^1/2)^1/2), symmetric roots, as our own lines took it."""
    cov_x, cov_y, mean = normal(one, 0), normal(two, 1), torch.zeros(len(one)).double()
    shared = root(root(cov_x) @ cov_y @ root(cov_x)).trace()
    expected = 0.5**2 * len(one) + cov_x.trace() + cov_y.trace() - 2 * shared
    found = frechet_from_moments(mean, cov_x, mean + 0.5, cov_y)
    assert found == pytest.approx(float(expected), abs=1e-7 * float(cov_x.trace() + cov_y.trace()))


@pytest.mark.torchaudio
def test_a_flat_cloud_has_no_distance_from_itself_and_none_below_zero():
    cov, mean = normal([2.0] * 5 + [0.0] * 43, 0), torch.zeros(48).double()
    assert 0 <= frechet_from_moments(mean, cov, mean, cov) < 1e-6


def test_mmd_grows_with_the_shift_to_its_limit():
    values = [mmd(cloud(300), cloud(300, shift=shift, seed=1)) for shift in (0, 2, 10, 1000)]
    assert values == sorted(values) and values[0] < 10
    assert 1900 < values[-1] <= 2000


def test_too_few_points_have_no_distance():
    assert frechet_distance(cloud(1), cloud(9)) is None
    assert mmd(cloud(0), cloud(9)) is None


def test_a_gain_is_seen_by_the_mel_distance_and_not_by_the_spread():
    mel = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
    assert mel_distance(mel + 6, mel) == pytest.approx(6, abs=1e-5)
    assert mel_spread(mel + 6) == pytest.approx(mel_spread(mel), abs=1e-5)
    assert mel_spread(torch.full((64, 100), -20.0)) == 0


def test_stft_distance_hears_left_and_right_exchanged():
    waveform = bursts([0.3], 1.0, [1.0])
    assert stft_distance(waveform.flip(0), waveform) > 0.5


def test_stft_distance_is_that_of_auraloss():
    """On left, right, mid and side as one; silent ends, as it pads with the mirrored sound."""
    silence = torch.zeros(2, max(RESOLUTIONS))
    x, y = (torch.cat([silence, bursts(at, 0.5, [0.4]), silence], dim=1) for at in ([0.1], [0.2]))
    hops = [size // 4 for size in RESOLUTIONS]
    official = auraloss.freq.MultiResolutionSTFTLoss(RESOLUTIONS, hops, RESOLUTIONS)

    def four(waveform):
        left, right = waveform
        return torch.stack([left, right, (left + right) / 2, (left - right) / 2])[None]

    expected = float(official(four(x), four(y)))
    assert stft_distance(x, y) == pytest.approx(expected, rel=1e-5)
    assert expected > 0.5
