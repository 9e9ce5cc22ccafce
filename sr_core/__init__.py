"""SoundReactor: sound for video, frame by frame, online (arXiv 2510.02110).

    video - io > frames - vision > grid - difference > grid+delta
          - model > latents - audio > waveform - io > video

Axis letters, the same everywhere:

    b batch    t time: one clock for frames, tokens and latents (30 Hz)    n patches of a frame
    d width    h heads    k latent channels    c audio channels            s audio samples

One rule for time, at every height from a convolution to the pipeline: `y, state = module(x, state)`
with `state=None` where a stream begins. A state is a value: it is never written into.
"""
