"""The STATE socket's texts; what it carries is `ClipState` of sr_core."""

TIP = (
    "The clip before this one, from another sampler or Live node: sound goes on from its end "
    "without a seam. The same seed draws what one uncut clip would get, another seed a new take."
)
OUT_TIP = (
    "Where the sound stands at the end of this clip, for the node that makes the next one. It may "
    "be used by several nodes and again later."
)
TEXT_TIP = (
    "Words that lead the sound from here on, for checkpoints that read text. Those of the "
    "SoundReactor family follow the picture alone and refuse it."
)
