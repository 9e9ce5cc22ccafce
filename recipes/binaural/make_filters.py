"""The binaural filters of the package, from the npm package omnitone 1.3.0 (Apache-2.0).

    npm pack omnitone@1.3.0 && tar xzf omnitone-1.3.0.tgz
    python recipes/binaural/make_filters.py package/build/omnitone.esm.js filters.safetensors

Needs scipy. Omnitone carries two WAV files of two channels, 256 samples at 48 kHz, as base64: the
filters of W and Y, and of Z and X (ACN, SN3D), for a head that is the same on both sides. They are
kept as they are, and resampled to 44.1 kHz.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import re
import wave
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.signal import resample

SHA256 = "5ffe6c8ee36884abfb1bb84b1eda16db938c3ebfd8e1b8be573b2463df34fce1"
METADATA = {
    "format": "soundreactor.binaural",
    "channels": "W Y Z X, SN3D; left ear W + Y + Z + X, right ear W - Y + Z + X",
    "source": "npm omnitone 1.3.0, build/omnitone.esm.js; SADIE database, University of York",
    "license": "Apache-2.0",
}


def read(module: Path) -> np.ndarray:
    """The filters of W, Y, Z, X (4 256) at 48 kHz, of Omnitone's JavaScript file."""
    data = module.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise ValueError(f"got a file of sha256 {found}; expected omnitone 1.3.0; pack it again")
    table = data.decode().split("OmnitoneFOAHrirBase64 = [", 1)[1].split("]", 1)[0]
    return np.concatenate([channels(text) for text in re.findall(r'"([^"]+)"', table)])


def channels(text: str) -> np.ndarray:
    """The two channels (2 256) of a 16-bit WAV file in base64."""
    with wave.open(io.BytesIO(base64.b64decode(text))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.reshape(-1, 2).T / 32768


def at_44100(taps: np.ndarray) -> np.ndarray:  # (4 256) -> (4 256)
    """The same response up to 22.05 kHz, from which on the filters are below -40 dB."""
    padded = np.pad(taps, ((0, 0), (0, 3 * 480 - taps.shape[1])))
    return resample(padded, 3 * 441, axis=1)[:, : taps.shape[1]] * 48_000 / 44_100


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the package's binaural filters.")
    parser.add_argument("module", type=Path, help="omnitone.esm.js of omnitone 1.3.0")
    parser.add_argument("target", type=Path, help="safetensors file")
    options = parser.parse_args()
    taps = read(options.module)
    rates = {"48000": taps, "44100": at_44100(taps)}
    rows = {rate: np.ascontiguousarray(row, np.float32) for rate, row in rates.items()}
    save_file(rows, options.target, METADATA)


if __name__ == "__main__":
    main()
