"""Grounding without boxes to learn from: where matching looks (ALBEF's weakly supervised grounding).

Letters in shapes: B samples, H heads, L text tokens, N vision tokens, P patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from mplug2.modules.recording import record_attention
from mplug2.networks import Features, Network
from mplug2.registry import TASKS
from mplug2.structures import Batch, MultiModalDataSample
from mplug2.tasks import Retrieval

Box = tuple[float, float, float, float]


@TASKS.register_module()
class GradCamGrounding(Retrieval):
    """Find what a phrase refers to by Grad-CAM: attention of a fusion layer to the image, times the positive part of the
    gradient of "these two belong together".

    It is trained as `Retrieval`, on images and phrases without boxes. Of a sample with ``proposals``, boxes as shares of the
    image, the one with most heat for the root of its area is the prediction, as published; without, the box around the
    hottest region.

    Args:
        network, tokenizer, options: as in `Retrieval`, with ``matching``. layer: of the fusion layers, whose attention is read
            (published: the third of six). share: of the maximum, above which a place belongs to a region.

    Predictions: ``pred_box``, corners x1 y1 x2 y2 as shares of the image's width and height, and ``pred_score``, the
    probability that phrase and image belong together.
    """

    methods = ('ground', *Retrieval.methods)

    def __init__(self, network: Network, tokenizer: Any, layer: int = 2, share: float = 0.5, **options: Any) -> None:
        super().__init__(network, tokenizer, **{'media': 'image', **options})
        if self.matching is None:
            raise ValueError('GradCamGrounding looks where matching looks: give matching=dict(type=HardNegativeMatching)')
        if not 0 <= layer < len(network.fusion.layers):
            raise ValueError(f'GradCamGrounding: layer is {layer}, but there are {len(network.fusion.layers)} fusion layers')
        self.layer, self.share = layer, share

    @torch.inference_mode(False)
    @torch.enable_grad()
    def heat(self, features: Features, batch: Batch) -> tuple[Tensor, Tensor]:
        """Heat of the patches (B, P), and the log-odds of matching (B,); in evaluation mode."""
        network = features.network
        # Inference mode's tensors take no part in a backward pass; copies do.
        frames, text = batch['frames'].clone(), batch['text']
        text = text._replace(ids=text.ids.clone(), mask=text.mask.clone())
        again = Features(network, Batch(frames=frames, text=text))
        with record_attention({'fusion': network.fusion.layers[self.layer].cross_attention}) as recorded:
            logits = self.matching(again.fused().pooled)
        (weights,) = recorded['fusion']  # (B, H, L, N)
        (gradient,) = torch.autograd.grad(logits[:, 1].sum(), weights)
        patches = slice(again.vision().num_prefix_tokens, None)
        heat = weights.detach() * gradient.clamp(min=0) * text.mask[:, None, :, None]
        return heat[..., patches].mean((1, 2)), (logits[:, 1] - logits[:, 0]).detach()

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        heat, odds = self.heat(features, batch)
        side = features.network.vision_encoder.patch_size
        grid = [pixels // side for pixels in batch['frames'].shape[-2:]]
        maps = heat.unflatten(1, grid).float().cpu().numpy()
        for sample, each, score in zip(batch.samples, maps, odds.sigmoid().tolist(), strict=True):
            proposals = sample.get('proposals')
            sample.pred_box = hottest_region(each, self.share) if proposals is None else hottest_proposal(each, proposals)
            sample.pred_score = score
        return batch.samples


def hottest_region(heat: np.ndarray, share: float) -> Box | None:
    """The box around the connected places above a share of the maximum that hold most heat; None where all is cold.

    Args:
        heat: (rows, columns), not negative.
    """
    if heat.max() <= 0:
        return None
    rows, columns = heat.shape
    _, regions = cv2.connectedComponents((heat >= share * heat.max()).astype(np.uint8), connectivity=4)
    hottest = max(range(1, regions.max() + 1), key=lambda region: heat[regions == region].sum())
    down, right = np.nonzero(regions == hottest)
    corners = (right.min() / columns, down.min() / rows, (right.max() + 1) / columns, (down.max() + 1) / rows)
    return tuple(map(float, corners))


def hottest_proposal(heat: np.ndarray, proposals: Sequence[Box], side: int = 384) -> Box | None:
    """The box whose heat, over the root of its area, is largest.

    Args:
        heat: (rows, columns). side: pixels to which heat is resampled, so that small boxes have some.
    """
    heat = cv2.resize(heat, (side, side), interpolation=cv2.INTER_CUBIC)

    def score(box: Box) -> float:
        left, top, right, bottom = (round(side * share) for share in box)
        area = max(1, right - left) * max(1, bottom - top)
        return float(heat[top : max(bottom, top + 1), left : max(right, left + 1)].sum()) / area**0.5

    return max((tuple(box) for box in proposals), key=score, default=None)
