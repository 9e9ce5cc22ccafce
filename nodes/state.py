"""Tooltips of the STATE and text sockets; the value of STATE is `ClipState` of sr_core."""

TIP = (
    "The state at the end of the previous clip, from another sampler or Live node; the sound "
    "continues without a discontinuity. The same seed gives the sound of the unsplit clip, another "
    "seed a new variant."
)
OUT_TIP = (
    "The state at the end of this clip, for the node that generates the next clip. It may be used "
    "by several nodes and repeatedly."
)
TEXT_TIP = (
    "Text prompt from this clip on, for checkpoints with text conditioning. Checkpoints of the "
    "SoundReactor family have none and refuse it."
)
