"""The network as the backbone of a detector."""

from __future__ import annotations

from typing import Any

from mmengine.model import BaseModule
from torch import Tensor

from ..model import MPlug2
from ..networks import Features, Network
from ..registry import MODELS, TASKS
from ..structures import Batch
from ..tasks.base import Task
from ..tasks.spec import TaskSpec, vision_spec


@TASKS.register_module()
class DenseMap(Task):
    """The detection and segmentation rows of Table 2. It has no loss of its own: the detector's heads have.

    A network without universal layers gives the vision encoder's own map.
    """

    spec = vision_spec('image')

    def __init__(self, network: Network, tokenizer: Any = None) -> None:
        super().__init__()

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        raise NotImplementedError("a backbone has no loss: the detector's heads have")

    def predict(self, features: Features, batch: Batch) -> list:
        raise NotImplementedError("a backbone predicts nothing: the detector's heads do")


@MODELS.register_module()
class VisionBackbone(BaseModule):
    """Vision encoder and universal layers for any detector of mmdet and recognizer of mmaction2.

    The dense map is the vision tokens after both.

    It holds an `MPlug2`, so pre-trained weights are loaded as everywhere: ``init_cfg=dict(type='MPlug2Weights', source=...,
    parts=['vision_encoder', 'universal'])``, positions and patch kernel resampled; another task takes them from a detector's
    checkpoint by ``MPlug2Weights(prefix='backbone.model.')``.

    Args:
        network: configs of ``vision_encoder`` (``window`` and ``global_blocks`` for large images) and ``universal``; other
            modules are not built. blocks, init_cfg: as in `MPlug2`.
    """

    def __init__(self, network: dict, blocks: dict | None = None, init_cfg: dict | list | None = None) -> None:
        super().__init__()
        self.model = MPlug2(network, dict(detection=dict(type=DenseMap)), blocks=blocks, init_cfg=init_cfg)

    @property
    def spec(self) -> TaskSpec:
        """The row of Table 2."""
        return self.model.tasks['detection'].spec

    def forward(self, images: Tensor) -> tuple[Tensor] | Tensor:
        """images: (B, 3, H, W), normalised. Returns one map (B, C, H / patch, W / patch), in a tuple as mmdet asks.

        Clips (B, 3, T, H, W) of mmaction2's recognizers become one map (B, C, T, H / patch, W / patch), without a tuple.

        Raises:
            ValueError: H or W is not a multiple of the patch size: pad the images.
        """
        clips = images.dim() == 5
        frames = images.transpose(1, 2) if clips else images[:, None]
        vision = self.model(Batch(frames=frames), mode='tensor').vision()
        patch = self.model.network.vision_encoder.patch_size
        grid = (frames.shape[1], frames.shape[3] // patch, frames.shape[4] // patch)
        dense = vision.memory[:, vision.num_prefix_tokens :].transpose(1, 2).unflatten(2, grid)
        return dense if clips else (dense.squeeze(2),)
