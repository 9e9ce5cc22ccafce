"""Sound around a listener: first-order Ambisonics (FOA).

Axes of the listener: X ahead, Y to the left, Z up (right-handed). Azimuth is positive to the left,
elevation is positive upwards, both in radians. A field is a tensor (b 4 s) of the channels W, Y,
Z, X (ACN) with SN3D gains: AmbiX (Nachbar et al., Ambisonics Symposium 2011).
"""
