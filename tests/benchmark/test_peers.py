"""A peer does the same work: equal weights give equal numbers."""

import pytest
import torch

from sr_core.audio.vae import AudioVAE, OobleckConfig
from sr_core.benchmark.dinov2 import dinov2_peer
from sr_core.benchmark.llama import ONE_CALL, TWO_CALLS, Llama, llama_peers
from sr_core.benchmark.official_vae import official_vae_peer
from sr_core.benchmark.peer import NotAtHand, transformers
from sr_core.engine.frame_pass import frame_inputs, read_frame
from sr_core.engine.key_value_ring import KeyValueRing
from sr_core.layers.attention import Context
from sr_core.models.soundreactor.transformer import Transformer, TransformerConfig
from sr_core.vision.dinov2 import DINOv2Config
from sr_core.vision.encoder import VisionConfig
from sr_core.vision.patches import PatchesConfig

CPU = torch.device("cpu")
SMALL_VAE = OobleckConfig(latent_channels=4, channels=8, multipliers=(1, 2), strides=(2, 3))


@pytest.fixture
def has_transformers():
    try:
        transformers()
    except NotAtHand as reason:
        pytest.skip(str(reason))


@torch.inference_mode()
def test_our_dinov2_and_that_of_transformers_give_the_same_tokens(has_transformers):
    backbone = DINOv2Config(width=64, depth=2, heads=1, position_grid=5)
    peer = dinov2_peer(VisionConfig(backbone, height=28, width=42, channels=8), CPU)
    torch.testing.assert_close(peer.ours(), peer.theirs(), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_our_two_tokens_and_those_of_llama_in_one_call_and_in_two_give_the_same_outputs(
    has_transformers,
):
    config = TransformerConfig(width=32, depth=2, heads=2, hidden=48, train_frames=4)
    transformer = Transformer(config).eval()
    tokens = torch.randn(1, 3, 32)
    ring = KeyValueRing(config, 1, 4, tokens)
    turn = frame_inputs(transformer, ring, Context(window=4, group=2), 3)
    ours = read_frame(transformer, tokens, ring, turn)[:, :2]
    llama = Llama(transformer, tokens[:, :2], past=0)
    for _ in range(2):  # each is a frame, not a past of the next
        torch.testing.assert_close(llama.in_two_calls(), ours, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(llama.in_one_call(), ours, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_llama_is_measured_after_a_full_window(has_transformers):
    config = TransformerConfig(width=32, depth=1, heads=2, hidden=48, train_frames=4)
    peers = llama_peers(Transformer(config).eval(), CPU)
    llama = peers[ONE_CALL].theirs.__self__
    calls = []
    llama.model.register_forward_pre_hook(lambda *_: calls.append(1))
    for name, count in ((ONE_CALL, 1), (TWO_CALLS, 2)):
        peer = peers[name]
        assert peer.theirs.__self__ is llama and llama.past == 6
        assert peer.ours().shape == (1, 2, 32)
        calls.clear()
        first = peer.theirs()
        assert len(calls) == count and torch.equal(first, peer.theirs())
    both = (peers[name].theirs() for name in (ONE_CALL, TWO_CALLS))
    torch.testing.assert_close(*both, rtol=1e-4, atol=1e-5)  # after the same past


def test_what_is_not_at_hand_says_why(tmp_path):
    vae = AudioVAE(SMALL_VAE)
    with pytest.raises(NotAtHand, match="no DINOv2"):
        dinov2_peer(VisionConfig(PatchesConfig(7), 14, 14, 4), CPU)
    with pytest.raises(NotAtHand, match="--official-vae"):
        official_vae_peer(vae, None, CPU)
    with pytest.raises(NotAtHand, match="holds no streaming decoder"):
        official_vae_peer(vae, tmp_path, CPU)
