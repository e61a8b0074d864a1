"""CLIP4Clip's join of frames against a plain computation over the published keys; its towers are CLIP's (test_clip.py)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from mplug2.checkpoints import ForeignWeights
from mplug2.checkpoints.formats.adapter import from_model_keys
from mplug2.model import MPlug2
from mplug2.networks import Features
from mplug2.projects.clip4clip import Clip4ClipFormat
from mplug2.structures import Batch, Tokens
from tests.projects.hub import check_round_trip, gradients_of, randomize

LAYERS, HEADS = 2, 2


def build(temporal: dict | None) -> MPlug2:
    layer = dict(width=16, num_layers=1, num_heads=HEADS, ffn_dim=24)
    network = dict(
        type='Clip4ClipNetwork',
        vision_encoder=dict(type='DualVisionEncoder', image_size=16, patch_size=8, **layer),
        text_encoder=dict(type='CausalTextEncoder', vocab_size=30, max_positions=8, **layer),
        projection_dim=12,
        temporal=temporal,
    )
    task = dict(type='Retrieval', projection_dim=12, head=dict(type='LogitScaleHead'), contrastive=dict(type='InBatchContrast'))
    return MPlug2(network, dict(retrieval=task))


def published_join(frames: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Embeddings of frames (B, T, E) -> of the clips, of length one."""
    x = frames + state['frame_position_embeddings.weight'][: frames.shape[1]]
    for layer in range(LAYERS):
        start = f'transformerClip.resblocks.{layer}.'
        block = {key.removeprefix(start): value for key, value in state.items() if key.startswith(start)}

        def norm(y: Tensor, name: str, block: dict[str, Tensor] = block) -> Tensor:
            return F.layer_norm(y, (12,), block[f'{name}.weight'], block[f'{name}.bias'], 1e-12)

        qkv = F.linear(norm(x, 'ln_1'), block['attn.in_proj_weight'], block['attn.in_proj_bias']).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in qkv)
        scores = query @ key.transpose(-1, -2) / 6**0.5
        y = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        x = x + F.linear(y, block['attn.out_proj.weight'], block['attn.out_proj.bias'])
        y = F.linear(norm(x, 'ln_2'), block['mlp.c_fc.weight'], block['mlp.c_fc.bias'])
        x = x + F.linear(y * torch.sigmoid(1.702 * y), block['mlp.c_proj.weight'], block['mlp.c_proj.bias'])
    return F.normalize(F.normalize(x + frames, dim=-1).mean(1), dim=-1)


def test_frames_are_joined_as_published() -> None:
    temporal = dict(type='FrameTransformer', width=12, num_layers=LAYERS, num_heads=HEADS, ffn_dim=48, max_positions=8)
    model = randomize(build(temporal))
    state = Clip4ClipFormat().from_mplug2(from_model_keys(model.state_dict()))
    assert {'clip.visual.proj', 'frame_position_embeddings.weight', 'transformerClip.resblocks.1.mlp.c_fc.weight'} <= set(state)
    again = build(temporal)
    ForeignWeights(state)(again)
    check_round_trip(Clip4ClipFormat(), state, again)

    generator = torch.Generator().manual_seed(1)
    frames = torch.randn(3, 4, 3, 16, 16, generator=generator)
    text = Tokens(torch.randint(1, 30, (3, 6), generator=generator), torch.ones(3, 6, dtype=torch.bool))
    batch = Batch(frames=frames, text=text, media_id=torch.arange(3))
    network, task = model.network, model.tasks['retrieval']
    loss = task.loss(Features(network, batch), batch)['loss_contrastive']
    loss.backward()
    ours = gradients_of(model, Clip4ClipFormat())
    leaves = {key: value.clone().requires_grad_() for key, value in state.items() if not key.startswith('clip.')}
    with torch.no_grad():
        tokens = network.vision_encoder(frames.flatten(0, 1)[:, None]).tokens[:, 0]
        images = network.vision_projection(tokens).unflatten(0, (3, 4))
        words = task.embed_text(network.encode_text(text))
    clips = published_join(images, leaves)
    logits = state['clip.logit_scale'].exp() * words @ clips.T
    theirs = sum(-x.log_softmax(1).diag().mean() for x in (logits, logits.T)) / 2
    theirs.backward()
    assert_close(loss.detach(), theirs.detach(), rtol=1e-4, atol=1e-5)
    for key, leaf in leaves.items():
        assert_close(ours[key], leaf.grad, rtol=1e-3, atol=1e-5, msg=key)


def test_the_mean_of_frames() -> None:
    model = randomize(build(None))
    assert not Clip4ClipFormat().from_mplug2(from_model_keys(model.state_dict())).keys() & {'frame_position_embeddings.weight'}
    frames = torch.randn(2, 3, 3, 16, 16)
    with torch.no_grad():
        images = model.network.encode_vision(frames.flatten(0, 1)[:, None]).pooled.unflatten(0, (2, 3))
        assert_close(model.network.encode_vision(frames).pooled, F.normalize(images, dim=-1).mean(1))
