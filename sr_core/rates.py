"""Rates of files and measurements; a pipeline's own are those of its codec (`Pipeline`)."""

SAMPLE_RATE = 48_000  # Hz: sound is written to files, and measured, at this rate
FRAME_RATE = 30  # Hz: frames of prepared clips, of event logs and of loudness envelopes
HOP = SAMPLE_RATE // FRAME_RATE  # samples of a channel a frame
