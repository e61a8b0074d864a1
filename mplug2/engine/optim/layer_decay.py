"""Layer-wise decay of the learning rate: the deeper a layer is below the head, the smaller its rate."""

from __future__ import annotations

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from ...modules.contracts import VisionEncoder
from ...registry import OPTIM_WRAPPER_CONSTRUCTORS


def vision_depths(model: nn.Module) -> dict[int, int]:
    """Depth of the parameters of vision encoders, by their id: 0 the embedding, n the n-th layer; none behind all layers."""
    depths: dict[int, int] = {}
    for module in model.modules():
        if isinstance(module, VisionEncoder):
            for depth, group in enumerate(module.layer_groups()):
                for part in group:
                    parameters = [part] if isinstance(part, nn.Parameter) else part.parameters()
                    depths.update({id(parameter): depth for parameter in parameters})
    return depths


def token_ids(model: nn.Module) -> set[int]:
    """Ids of the parameters that are tokens or positions, as modules name their own in ``token_parameters``."""
    return {id(getattr(module, name)) for module in model.modules() for name in getattr(module, 'token_parameters', ())}


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, whose rates fall by a factor with each block of the vision encoder towards its embedding (BEiT,
    ViTDet, EVA); what comes after the last block has the full rate.

    ``paramwise_cfg=dict(layer_decay=0.7, norm_decay_mult=0.0, ...)``. Its ``token_decay_mult`` is of the weight decay of what
    modules name in ``token_parameters``, positions, class token and queries among others: 0, none, if not given.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', is_dcn_module: int | float | None = None
    ) -> None:
        super().add_params(params, module, prefix, is_dcn_module)
        if prefix:  # the method calls itself for every child
            return
        depths, tokens = vision_depths(module), token_ids(module)
        num_layers = max(depths.values(), default=0)
        decay, token_decay = self.paramwise_cfg['layer_decay'], self.paramwise_cfg.get('token_decay_mult', 0.0)
        for group in params:
            (parameter,) = group['params']
            depth = depths.get(id(parameter))
            if depth is not None:
                group['lr'] = group.get('lr', self.base_lr) * decay ** (num_layers + 1 - depth)
            if id(parameter) in tokens:
                group['weight_decay'] = self.base_wd * token_decay
