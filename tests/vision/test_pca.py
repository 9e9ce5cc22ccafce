import pytest
import torch

from sr_core.vision.pca import StreamingPCA


@pytest.fixture
def tokens():
    """Tokens of width 12 with distinct variances along tilted axes, far from the origin."""
    torch.manual_seed(0)
    tilt = torch.linalg.qr(torch.randn(12, 12, dtype=torch.float64))[0]
    spread = torch.linspace(3, 0.5, 12, dtype=torch.float64)
    return torch.randn(3000, 12, dtype=torch.float64) * spread @ tilt + 1e4


def assert_is_pca_of(result, tokens):
    channels = result.basis.shape[1]
    centred = tokens - tokens.mean(dim=0)
    _, values, axes = torch.linalg.svd(centred, full_matrices=False)
    signs = (result.basis * axes[:channels].T).sum(dim=0).sign()
    assert torch.allclose(result.mean, tokens.mean(dim=0), rtol=1e-12)
    assert torch.allclose(result.basis * signs, axes[:channels].T, atol=1e-8)
    shares = values.square() / values.square().sum()
    assert torch.allclose(result.explained, shares[:channels], atol=1e-10)


def test_streaming_equals_the_svd_of_all_tokens(tokens):
    fit = StreamingPCA(12)
    for piece in tokens.split([1, 700, 2, 1297, 1000]):
        fit.update(piece)
    assert_is_pca_of(fit.result(5), tokens)


def test_tokens_that_drift_far_away_lose_no_digits():
    torch.manual_seed(0)
    pieces = [torch.randn(500, 4, dtype=torch.float64) + shift for shift in (0, 1e6, -3e6, 2e6)]
    fit = StreamingPCA(4)
    for piece in pieces:
        fit.update(piece)
    centred = torch.cat(pieces) - torch.cat(pieces).mean(dim=0)
    assert torch.allclose(fit.scatter, centred.T @ centred, rtol=1e-12)


def test_axes_are_orthonormal_and_their_sign_is_settled(tokens):
    fit = StreamingPCA(12)
    fit.update(tokens)
    basis = fit.result(7).basis
    assert torch.allclose(basis.T @ basis, torch.eye(7, dtype=torch.float64), atol=1e-10)
    assert (basis.gather(0, basis.abs().argmax(dim=0, keepdim=True)) > 0).all()


def test_all_shares_together_are_the_whole_variance(tokens):
    fit = StreamingPCA(12)
    fit.update(tokens.float())
    explained = fit.result(12).explained
    assert explained.sum().item() == pytest.approx(1)
    assert (explained.diff() < 0).all()


def test_tokens_that_never_change_explain_nothing():
    fit = StreamingPCA(3)
    fit.update(torch.ones(10, 3))
    result = fit.result(2)
    assert result.basis.isfinite().all() and (result.explained == 0).all()


def test_wrong_tokens_are_refused():
    fit = StreamingPCA(3)
    with pytest.raises(ValueError, match=r"expected \(n, 3\)"):
        fit.update(torch.ones(2, 5, 3))
    with pytest.raises(ValueError, match="NaN"):
        fit.update(torch.tensor([[0.0, float("nan"), 0.0]]))
    assert fit.count == 0


def test_more_axes_than_the_data_can_tell_are_refused():
    fit = StreamingPCA(3)
    fit.update(torch.rand(2, 3))
    with pytest.raises(ValueError, match="more tokens"):
        fit.result(2)
    with pytest.raises(ValueError, match="1 to 3"):
        fit.result(4)


@pytest.mark.parametrize("shape", [(5, 11), (5, 3, 12), (12,)], ids=str)
def test_tokens_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(n, 12\)"):
        StreamingPCA(12).update(torch.zeros(shape))


@pytest.mark.parametrize("channels, fits", [(0, False), (1, True), (12, True), (13, False)])
def test_a_basis_has_one_to_all_axes(tokens, channels, fits):
    fit = StreamingPCA(12)
    fit.update(tokens)
    if fits:
        assert fit.result(channels).basis.shape == (12, channels)
        return
    with pytest.raises(ValueError, match="expected 1 to 12"):
        fit.result(channels)
