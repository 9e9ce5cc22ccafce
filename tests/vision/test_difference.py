import torch
from einops import rearrange

from sr_core.vision.difference import TemporalDifference, is_cut, novelty

difference = TemporalDifference()


def test_each_grid_stands_beside_its_step_from_the_last():
    grid = torch.tensor([1.0, 4.0, 2.0]).reshape(1, 3, 1, 1)
    result, state = difference(grid)
    assert result[0, :, 0].tolist() == [[1, 0], [4, 3], [2, -2]]
    assert state.tolist() == [[[2]]]


def test_the_first_difference_is_zero():
    result, _ = difference(torch.randn(2, 1, 5, 4))
    assert (result[..., 4:] == 0).all()


def test_pieces_equal_the_whole():
    grid = torch.randn(2, 9, 5, 4, dtype=torch.float64)
    whole, last = difference(grid)
    for sizes in ([1] * 9, [3] * 3, [2, 1, 5, 1]):
        state, pieces = None, []
        for piece in grid.split(sizes, dim=1):
            result, state = difference(piece, state)
            pieces.append(result)
        assert (torch.cat(pieces, dim=1) - whole).abs().max() < 1e-9
        assert torch.equal(state, last)


def test_no_gradient_comes_from_the_future():
    grid = torch.randn(1, 6, 5, 4, requires_grad=True)
    difference(grid)[0][:, 3].square().sum().backward()
    assert grid.grad[:, 4:].abs().max() == 0
    assert grid.grad[:, 2:4].abs().min() > 0


def test_the_same_state_twice_gives_the_same_result():
    first, second = torch.randn(1, 3, 5, 4), torch.randn(1, 2, 5, 4)
    _, state = difference(first)
    kept = state.clone()
    once, after = difference(second, state)
    after.add_(1)  # what a caller does with a later state changes nothing either
    assert torch.equal(difference(second, state)[0], once)
    assert torch.equal(state, kept)


def test_a_state_keeps_only_one_grid_in_memory():
    _, state = difference(torch.randn(1, 50, 5, 4))
    assert state.untyped_storage().nbytes() == state.nbytes


def scene(seed: int, frames: int = 6, speed: int = 6, size: int = 98) -> torch.Tensor:
    """A camera that moves over a drawn scene: (1 t 3 h w) in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 16, 40, generator=generator) ** (1 + seed % 3)
    wide = torch.nn.functional.interpolate(coarse, size=(size, 4 * size), mode="bilinear")
    return torch.stack([wide[0, ..., n * speed : n * speed + size] for n in range(frames)])[None]


def grids(pixels):  # (1 t 3 h w) -> (1 t n d), means of patches of 7
    return rearrange(pixels, "b t c (h y) (w x) -> b t (h w) (y x c)", y=7, x=7)


def test_a_cut_is_seen_and_motion_flashes_and_fades_are_not():
    for seed in range(8):
        one, other = scene(seed), scene(seed + 8)
        cut = grids(torch.cat([one, other], dim=1))
        assert is_cut(cut[:, 1:], cut[:, :-1]).tolist() == [[n == 5 for n in range(11)]]
        flash = one.clone()
        flash[:, 3] = 0.25 + 0.75 * flash[:, 3]
        fade = one * torch.linspace(1, 0.3, 6).reshape(1, 6, 1, 1, 1)
        for calm in (one, flash, fade, one[:, :1].expand(1, 6, 3, 98, 98)):
            grid = grids(calm)
            assert not is_cut(grid[:, 1:], grid[:, :-1]).any()


def test_a_scene_that_begins_has_no_difference_in_pieces_and_as_a_whole():
    grid = grids(torch.cat([scene(1), scene(9)], dim=1)).double()
    module = TemporalDifference()
    whole, _ = module(grid, None, True)
    plain, _ = module(grid)
    width = grid.shape[-1]
    assert not whole[:, 6, :, width:].any() and plain[:, 6, :, width:].any()
    others = [n for n in range(12) if n != 6]
    assert torch.equal(whole[:, others], plain[:, others])
    state, pieces = None, []
    for piece in grid.split([5, 1, 1, 5], dim=1):
        result, state = module(piece, state, True)
        pieces.append(result)
    assert torch.equal(torch.cat(pieces, dim=1), whole)


def test_one_video_of_a_batch_can_be_cut_alone():
    grid = torch.cat([grids(torch.cat([scene(1), scene(9)], 1)), grids(scene(2, 12))])
    result, _ = TemporalDifference()(grid, None, True)
    change = result[..., grid.shape[-1] :].abs().amax(dim=(2, 3)) > 0
    assert change.tolist() == [[n not in (0, 6) for n in range(12)], [n > 0 for n in range(12)]]


def test_a_black_picture_is_no_number_that_is_not():
    black = torch.zeros(1, 3, 4, 5)
    assert novelty(black, black).isfinite().all() and not is_cut(black, black).any()


def test_novelty_is_its_formula():
    """(1 - r) (sum of sorted differences squared / power)^(1/4), channels about their means."""
    x, y = torch.randn(2, 3, 10, 4), torch.randn(2, 3, 10, 4)
    found = novelty(x, y)
    for row in range(2):
        for t in range(3):
            a, b = (g[row, t] - g[row, t].mean(dim=0) for g in (x, y))
            r = (a * b).sum() / (a.norm() * b.norm())
            ordered = x[row, t].sort(dim=0).values - y[row, t].sort(dim=0).values
            left = ordered.square().sum() / (a.square().sum() + b.square().sum())
            torch.testing.assert_close(found[row, t], (1 - r) * left**0.25)
