"""Rates of files and measurements; those of a pipeline are in `Pipeline`."""

SAMPLE_RATE = 48_000  # Hz, of sound files and of measurements
FRAME_RATE = 30  # Hz, frames of prepared clips, event logs and loudness envelopes
HOP = SAMPLE_RATE // FRAME_RATE  # samples per channel and frame
