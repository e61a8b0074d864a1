"""Layer-wise decay of the learning rate: the deeper a layer lies below the head, the smaller its rate."""

from __future__ import annotations

import re

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from ...registry import OPTIM_WRAPPER_CONSTRUCTORS

_ENCODER = re.compile(
    r'(?:^|\.)vision_encoder\.(?:blocks\.(\d+)\.|patch_embedding|class_embedding|position_embedding|norm_before)'
)


def vision_depth(name: str) -> int | None:
    """Where a parameter lies in the vision encoder: 0 its embedding, n + 1 block n, None behind all blocks."""
    found = _ENCODER.search(name)
    if found is None:
        return None
    return 0 if found[1] is None else int(found[1]) + 1


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, whose rates fall by a factor with each block of the vision encoder towards its embedding (BEiT,
    ViTDet, EVA); what comes after the last block has the full rate.

    ``paramwise_cfg=dict(layer_decay=0.7, norm_decay_mult=0.0, ...)``. Its ``token_decay_mult`` is of the weight decay of
    positions, class token and queries: 0, none, if not given.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', is_dcn_module: int | float | None = None
    ) -> None:
        super().add_params(params, module, prefix, is_dcn_module)
        if prefix:  # the method calls itself for every child
            return
        names = {id(parameter): name for name, parameter in module.named_parameters()}
        depths = {name: vision_depth(name) for name in names.values()}
        blocks = max((depth for depth in depths.values() if depth is not None), default=0)
        decay, tokens = self.paramwise_cfg['layer_decay'], self.paramwise_cfg.get('token_decay_mult', 0.0)
        for group in params:
            (parameter,) = group['params']
            name = names[id(parameter)]
            depth = depths[name]
            if depth is not None:
                group['lr'] = group.get('lr', self.base_lr) * decay ** (blocks + 1 - depth)
            if name.endswith(('.class_embedding', '.position_embedding', '.queries')):
                group['weight_decay'] = self.base_wd * tokens
