"""Devices without float64 (MPS) are never given any: shown on a stand-in for such a device.

The device is PyTorch's "meta", which knows dtypes and shapes and no numbers; whatever makes a
float64 tensor there fails, as on a Mac, and what comes from there to the CPU is zero.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from sr_core.engine.session import Session
from sr_core.pipeline import Pipeline
from sr_core.sampling.settings import Settings
from sr_core.spatial.binaural import binaural, load_filters
from sr_core.spatial.decode import stereo
from sr_core.spatial.encode import encode
from sr_core.spatial.erp import rotated, turned
from sr_core.spatial.intensity import field_direction
from sr_core.spatial.rotation import quaternion, rotate
from sr_core.spatial.views import cube_faces, from_cube_faces, perspective
from sr_core.training.data.statistics import Moments

aten = torch.ops.aten
# The latter is `bool(tensor)` in inference mode.
TO_A_NUMBER = (aten._local_scalar_dense.default, aten.is_nonzero.default)


class WithoutFloat64(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in TO_A_NUMBER and args[0].is_meta:
            return 1
        if func is aten._to_copy.default and args[0].is_meta and _goes_to_cpu(kwargs):
            return torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if func is aten.copy_.default and args[1].is_meta and not args[0].is_meta:
            return args[0].zero_()
        result = func(*args, **kwargs)
        for tensor in tree_flatten(result)[0]:
            if isinstance(tensor, torch.Tensor) and tensor.is_meta:
                if tensor.dtype in (torch.float64, torch.complex128):
                    raise TypeError(f"{func} makes float64 on a device that has none")
        return result


def _goes_to_cpu(kwargs) -> bool:
    return kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cpu"


@pytest.fixture
def pipeline(tiny_config):
    with torch.device("meta"):
        return Pipeline(tiny_config).eval().requires_grad_(False)


def test_the_stand_in_refuses_float64():
    with WithoutFloat64():
        torch.ones(2, device="meta")
        for make in (
            lambda: torch.ones(2, device="meta").double(),
            lambda: torch.ones(2, dtype=torch.float64).to("meta"),
        ):
            with pytest.raises(TypeError, match="makes float64"):
                make()


@pytest.mark.parametrize("method", ["consistency", "heun"])
@pytest.mark.parametrize("context", ["window", "ntk", "interpolate"])
def test_generating_makes_none(pipeline, method, context):
    settings = Settings(steps=2, method=method, context=context, length=9)
    frame = torch.zeros(1, 1, 3, 48, 64, dtype=torch.uint8)
    with WithoutFloat64(), torch.inference_mode():
        state = pipeline.start(settings, 1)
        waveform, state = pipeline.step(frame, state)
        assert waveform.is_meta and waveform.dtype == torch.float32
        waveform = Session(pipeline, state).step(frame)
        assert waveform.is_meta and waveform.dtype == torch.float32


def test_spatial_sound_makes_none():
    source, places = torch.zeros(1, 1, 96, device="meta"), torch.zeros(1, 4, 3, device="meta")
    with WithoutFloat64():
        field, _ = encode(source, places)
        field, _ = rotate(field, quaternion(*places.unbind(-1)))
        heard, _ = binaural(field, load_filters(48_000))
        assert heard.is_meta and stereo(field).is_meta
        assert field_direction(field, 48_000, 0.001).azimuth.shape == (1, 2)


def test_pictures_of_the_sphere_make_none():
    picture, turn = torch.zeros(1, 3, 16, 32, device="meta"), torch.zeros(3, 3, device="meta")
    with WithoutFloat64():
        assert turned(rotated(picture, turn), 0.3).is_meta
        assert perspective(picture, turn, 1.0, (4, 4)).dtype == torch.float32
        assert from_cube_faces(cube_faces(picture, 8), 16, 32).shape == picture.shape


def test_statistics_of_training_data_make_none():
    moments = Moments()
    with WithoutFloat64():
        moments.update(torch.ones(3, 4, 5, device="meta"))
    assert moments.count == 12 and moments.mean.dtype == torch.float64
