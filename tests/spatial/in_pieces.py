"""A function of a sound and its keyframes, called piece by piece."""

import torch


def in_pieces(function, sound, keyframes, hop, cuts):
    """Its joined results and last state; `cuts` are numbers of keyframes, `hop` samples each."""
    pieces, state, first = [], None, 0
    for count in cuts:
        part = slice(first * hop, (first + count) * hop)
        piece, state = function(sound[..., part], keyframes[:, first : first + count], state)
        pieces.append(piece)
        first += count
    return torch.cat(pieces, dim=-1), state
