"""The same quantities by spaudiopy, which is needed for this comparison alone.

It is not in the list of test packages: it brings matplotlib, h5py, resampy (numba) and sounddevice
(PortAudio), and version 0.2.0 calls `scipy.special.sph_harm`, which scipy 1.17 does not have.
"""

import math

import numpy as np
import pytest
import torch

spaudiopy = pytest.importorskip("spaudiopy", exc_type=ImportError)
if not hasattr(pytest.importorskip("scipy.special"), "sph_harm"):
    pytest.skip("spaudiopy needs scipy < 1.17", allow_module_level=True)

from sr_core.spatial.binaural import binaural, load_filters  # noqa: E402
from sr_core.spatial.conventions import convert  # noqa: E402
from sr_core.spatial.decode import cardioid  # noqa: E402
from sr_core.spatial.directions import angle_between, unit_vector  # noqa: E402
from sr_core.spatial.encode import direction_gains  # noqa: E402
from sr_core.spatial.intensity import field_direction  # noqa: E402
from sr_core.spatial.rotation import quaternion, rotate, rotation_matrix  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its use of sph_harm
RNG = np.random.default_rng(0)
AZIMUTH, ELEVATION = RNG.uniform(-np.pi, np.pi, 50), RNG.uniform(-np.pi / 2, np.pi / 2, 50)
ZENITH = np.pi / 2 - ELEVATION
VECTORS = unit_vector(torch.from_numpy(AZIMUTH), torch.from_numpy(ELEVATION))
SIGNAL = RNG.standard_normal(4800)
ORTHONORMAL = math.sqrt(4 * math.pi)  # its harmonics are N3D divided by this


def field(index):  # (1 4 s)
    return direction_gains(VECTORS[index])[None, :, None] * torch.from_numpy(SIGNAL)


def test_gains_are_its_spherical_harmonics():
    harmonics = torch.from_numpy(spaudiopy.sph.sh_matrix(1, AZIMUTH, ZENITH)) * ORTHONORMAL
    gains = direction_gains(VECTORS)[..., None]
    assert torch.allclose(convert(gains, "ambix", "n3d")[..., 0], harmonics, rtol=1e-6, atol=1e-12)
    sn3d = torch.from_numpy(spaudiopy.sph.n3d_to_sn3d(harmonics.numpy(), axis=1))
    assert torch.allclose(gains[..., 0], sn3d, rtol=0, atol=1e-12)


def test_its_b_format_is_wxyz_and_with_a_weaker_w_fuma():
    plain = torch.from_numpy(spaudiopy.sph.src_to_b(SIGNAL, AZIMUTH[:1], ZENITH[:1])).reshape(4, -1)
    assert torch.allclose(convert(field(0), "ambix", "wxyz")[0], plain, rtol=0, atol=1e-12)
    n3d = convert(field(0), "ambix", "n3d")[0].numpy() / ORTHONORMAL
    weaker = torch.from_numpy(spaudiopy.sph.sh_to_b(n3d, W_weight=0.5**0.5))
    assert torch.allclose(convert(field(0), "ambix", "fuma")[0], weaker, rtol=0, atol=1e-6)


@pytest.mark.parametrize("angles", [(0.7, 0, 0), (0, 0.4, 0), (0, 0, -1.1), (2.0, -0.6, 0.9)])
def test_rotations_are_its_with_the_signs_of_yaw_and_roll_reversed(angles):
    """Its Euler matrices turn the axes; ours turn what is heard. Both pitches raise the front."""
    yaw, pitch, roll = angles
    expected = torch.from_numpy(spaudiopy.utils.rotation_euler(-yaw, pitch, -roll))
    turn = torch.tensor(angles, dtype=torch.float64)
    assert torch.allclose(rotation_matrix(*turn), expected, rtol=0, atol=1e-14)
    n3d = convert(field(1), "ambix", "n3d")[0].numpy()
    turned = torch.from_numpy(spaudiopy.sph.rotate_sh(n3d.T, -yaw, pitch, -roll).T)[None]
    ours, _ = rotate(field(1), quaternion(*turn)[None, None])
    assert torch.allclose(ours, convert(turned, "n3d", "ambix"), rtol=0, atol=1e-6)


def test_angles_between_directions_are_its_haversine():
    expected = spaudiopy.utils.haversine(AZIMUTH[:-1], ZENITH[:-1], AZIMUTH[1:], ZENITH[1:])
    assert angle_between(VECTORS[:-1], VECTORS[1:]).numpy() == pytest.approx(expected, abs=1e-9)


def test_a_cardioid_is_its_first_order_beam():
    weights = spaudiopy.sph.cardioid_modal_weights(1)
    steering = spaudiopy.sph.sh_matrix(1, [0.8], [np.pi / 2])[0]
    pattern = spaudiopy.sph.repeat_per_order(weights) * steering
    n3d = convert(field(2), "ambix", "n3d")[0].numpy() / ORTHONORMAL
    beam, ours = pattern @ n3d, cardioid(field(2), 0.8)[0].numpy()
    assert ours / np.abs(ours).max() == pytest.approx(beam / np.abs(beam).max(), abs=1e-6)


def test_the_direction_is_that_of_its_pseudo_intensity(monkeypatch):
    monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)  # its name before numpy 2.4
    plain = convert(field(3), "ambix", "wxyz")[0].numpy()
    signal = spaudiopy.sig.AmbiBSignal(list(plain), fs=48_000)
    azimuth, zenith, strength = spaudiopy.parsa.pseudo_intensity(signal, jobs_count=1)
    at = int(np.argmax(strength))
    found = field_direction(field(3), 48_000, 0.1)
    assert float(found.azimuth) == pytest.approx(azimuth[at], abs=1e-9)
    assert float(found.elevation) == pytest.approx(np.pi / 2 - zenith[at], abs=1e-9)


def test_the_ears_are_those_of_its_decoder():
    filters = load_filters(48_000).double()
    right = filters * torch.tensor([[1.0], [-1.0], [1.0], [1.0]], dtype=torch.float64)
    expected = spaudiopy.decoder.sh2bin(field(3)[0].numpy(), torch.stack([filters, right]).numpy())
    ears, _ = binaural(field(3), filters)
    assert ears[0].numpy() == pytest.approx(expected[:, : len(SIGNAL)], abs=1e-12)
