import itertools

import pytest
import torch

from sr_core.spatial.conventions import LAYOUTS, convert
from sr_core.spatial.directions import unit_vector
from sr_core.spatial.encode import direction_gains

# A plane wave of pressure 1 from azimuth 30, elevation 60 degrees.
X, Y, Z = 3**0.5 / 4, 1 / 4, 3**0.5 / 2
CLOSED_FORMS = {
    "ambix": (1, Y, Z, X),
    "n3d": (1, 3**0.5 * Y, 3**0.5 * Z, 3**0.5 * X),
    "wxyz": (1, X, Y, Z),
    "fuma": (0.5**0.5, X, Y, Z),
}


def field(name):
    return torch.tensor(CLOSED_FORMS[name], dtype=torch.float64)[None, :, None].repeat(2, 1, 5)


@pytest.mark.parametrize("source, target", list(itertools.product(LAYOUTS, LAYOUTS)))
def test_every_convention_becomes_every_other(source, target):
    assert torch.allclose(convert(field(source), source, target), field(target), rtol=1e-7)


def test_the_encoder_makes_ambix():
    angles = torch.tensor([30.0, 60.0], dtype=torch.float64).deg2rad()
    assert torch.allclose(direction_gains(unit_vector(*angles)), field("ambix")[0, :, 0])


def test_an_unknown_convention_is_named():
    with pytest.raises(ValueError, match="got convention 'sid'; expected one of ambix, n3d"):
        convert(field("ambix"), "sid", "ambix")
