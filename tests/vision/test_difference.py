import torch

from sr_core.vision.difference import TemporalDifference

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
