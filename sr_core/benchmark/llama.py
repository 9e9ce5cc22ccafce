"""Comparison of a transformer step with a Llama of the same shape and weights, static cache."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..engine.frame_pass import frame_inputs, read_frame
from ..engine.inference_copy import inference_copy
from ..engine.key_value_ring import KeyValueRing
from ..layers.attention import Context
from ..models.soundreactor.transformer import PAIR, Transformer
from .peer import NotAtHand, Peer, transformers

ONE_CALL, TWO_CALLS = "transformer", "transformer, 2 calls"


def llama_peers(transformer: Transformer, device: torch.device) -> dict[str, Peer]:
    """Process a frame's audio and vision token after a full window: theirs in one or two calls.

    Both tokens are known before the pass, so theirs needs one call only. Ours also processes the
    null token of guidance, for which theirs would need a third token and a mask. Raises NotAtHand
    if `transformers` is missing.
    """
    config = transformer.config
    tokens = torch.randn(1, 3, config.width, device=device, dtype=transformer.norm.weight.dtype)
    ring = KeyValueRing(config, 1, config.train_frames, tokens)
    ring.position = 2 * config.train_frames
    fast = inference_copy(transformer)
    context = Context(config.rope_base, window=config.train_frames, group=PAIR)

    def ours() -> Tensor:
        inputs = frame_inputs(fast, ring, context, 3)
        return read_frame(fast, tokens, ring, inputs)[:, :2]

    theirs = Llama(transformer, tokens[:, :2])
    return {ONE_CALL: Peer(ours, theirs.in_one_call), TWO_CALLS: Peer(ours, theirs.in_two_calls)}


class Llama:
    """Llama of `transformers` that processes the same two tokens at the end of a window."""

    def __init__(self, transformer: Transformer, tokens: Tensor, past: int | None = None) -> None:
        """`past` is the number of tokens in the cache; by default the window without `tokens`."""
        module, config = transformers(), transformer.config
        described = module.LlamaConfig(
            vocab_size=1,  # unused: inputs are embeddings
            bos_token_id=None,
            eos_token_id=None,
            hidden_size=config.width,
            intermediate_size=config.hidden,
            num_hidden_layers=config.depth,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=2 * config.train_frames,
            rms_norm_eps=1e-6,
            rope_theta=config.rope_base,
            attn_implementation="sdpa",
        )
        self.model = module.LlamaModel(described).to(tokens).eval().requires_grad_(False)
        _copy(transformer, self.model)
        self.cache = module.StaticCache(config=described, max_cache_len=2 * config.train_frames)
        self.tokens = tokens
        self.past = 2 * config.train_frames - 2 if past is None else past
        if self.past:
            self._step(torch.randn_like(tokens[:, :1]).expand(-1, self.past, -1), 0)

    def in_one_call(self) -> Tensor:  # -> (b 2 d)
        self._rewind()
        return self._step(self.tokens, self.past)

    def in_two_calls(self) -> Tensor:  # -> (b 2 d)
        self._rewind()
        steps = [self._step(self.tokens[:, n : n + 1], self.past + n) for n in range(2)]
        return torch.cat(steps, dim=1)

    def _step(self, tokens: Tensor, start: int) -> Tensor:  # (b t d) -> (b t d)
        places = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        return self.model(
            inputs_embeds=tokens,
            position_ids=places[None],
            past_key_values=self.cache,
            use_cache=True,
        ).last_hidden_state

    def _rewind(self) -> None:
        """Reset the token counter of the cache, which newer releases have."""
        for layer in getattr(self.cache, "layers", []):
            length = getattr(layer, "cumulative_length", None)
            if torch.is_tensor(length):
                length.fill_(self.past)
            elif length is not None:
                layer.cumulative_length = self.past


def _copy(source: Transformer, target: nn.Module) -> None:
    weights = source.state_dict()
    copied = {"norm.weight": weights["norm.weight"]}
    for n in range(source.config.depth):
        ours, theirs = f"blocks.{n}", f"layers.{n}"
        copied[f"{theirs}.input_layernorm.weight"] = weights[f"{ours}.norm1.weight"]
        copied[f"{theirs}.post_attention_layernorm.weight"] = weights[f"{ours}.norm2.weight"]
        qkv = weights[f"{ours}.attention.qkv.weight"].chunk(3)
        for part, weight in zip("qkv", qkv, strict=True):
            copied[f"{theirs}.self_attn.{part}_proj.weight"] = weight
        copied[f"{theirs}.self_attn.o_proj.weight"] = weights[f"{ours}.attention.out.weight"]
        gates = weights[f"{ours}.mlp.gate_up.weight"].chunk(2)
        for part, weight in zip(("gate", "up"), gates, strict=True):
            copied[f"{theirs}.mlp.{part}_proj.weight"] = weight
        copied[f"{theirs}.mlp.down_proj.weight"] = weights[f"{ours}.mlp.down.weight"]
    unknown = target.load_state_dict(copied, strict=False).unexpected_keys
    if unknown:
        raise NotAtHand(f"the Llama of transformers has no {', '.join(unknown[:3])}")
