"""Vision encoders of timm. B samples, T frames, P patches per frame, C channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ...registry import MODELS
from ..contracts import VisionTokens, join_frames
from ..wrapped import WrappedLayer
from .vision import resample_patches

if TYPE_CHECKING:
    from ...testing.tiny import TinySize


@MODELS.register_module()
class TimmVisionEncoder(nn.Module):
    """A ViT or ConvNet of timm, frame by frame; of a ConvNet the positions of the last map are the patches.

    Args:
        model: a name that timm knows ('vit_base_patch16_siglip_224', 'convnext_tiny', ...). pretrained: let `init_weights` load
            timm's weights of that name. image_size: side of the frames; the model's own if None.
        temporal: config of a temporal module (its ``width`` is filled in) that comes before each block of a ViT, or None.
        temporal_on_images: run temporal modules on single frames too. options: further arguments of `timm.create_model`.

    Raises:
        ImportError: timm is not installed. ValueError: a temporal module for a model without blocks of one width.
    """

    def __init__(
        self,
        model: str,
        pretrained: bool = False,
        image_size: int | None = None,
        temporal: dict | None = None,
        temporal_on_images: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        self.name, self.pretrained, self.options = model, pretrained, options
        self.model = self._create(image_size)
        for head in ('head', 'fc_norm', 'attn_pool', 'fc', 'classifier'):
            if head in self.model._modules:
                self.model._modules[head] = None  # nothing reads it
        self.width = self.model.num_features
        self.num_prefix_tokens = getattr(self.model, 'num_prefix_tokens', 0)
        self.is_vit = hasattr(self.model, 'num_prefix_tokens')
        self.patch_size = self.model.feature_info[-1]['reduction']
        if self.is_vit:
            self.image_size = self.model.patch_embed.img_size[0]
            for number, block in enumerate(self.model.blocks):
                self.model.blocks[number] = WrappedLayer(block, temporal, self.width, 1e-6, self.num_prefix_tokens)
        elif temporal is not None:
            raise ValueError(f'{model} of timm has no blocks of one width for temporal modules: set temporal=None')
        else:
            self.image_size = image_size or self.model.default_cfg['input_size'][-1]
        self.temporal_on_images = temporal_on_images

    def _create(self, image_size: int | None, pretrained: bool = False) -> nn.Module:
        try:
            import timm
        except ImportError as error:
            raise ImportError("TimmVisionEncoder needs the package timm: pip install 'mplug2[timm]'") from error
        options = dict(pretrained=pretrained, num_classes=0, **self.options)
        sizes = dict(dynamic_img_size=True) | ({} if image_size is None else dict(img_size=image_size))
        try:
            return timm.create_model(self.name, **options, **sizes)
        except TypeError:  # ConvNets read every size and take none
            return timm.create_model(self.name, **options)

    def init_weights(self) -> None:
        """Load timm's weights, if `pretrained`; otherwise the model keeps the random ones that timm gave it."""
        if self.pretrained:
            own = self.model.state_dict()
            for key, value in self._create(self.image_size, pretrained=True).state_dict().items():
                part, _, rest = key.removeprefix('blocks.').partition('.')
                name = f'blocks.{part}.layer.{rest}' if self.is_vit and key.startswith('blocks.') else key
                if name in own:
                    own[name] = value
            self.model.load_state_dict(own)
        for block in self.model.blocks if self.is_vit else ():
            block.init_weights()

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg.update(pretrained=False, image_size=tiny.pixels)

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """As timm groups layers; what follows the last is left out."""
        from timm.models import group_parameters

        matcher = self.model.group_matcher(coarse=False)
        groups: dict[int, list[nn.Parameter]] = {}
        for name, number in group_parameters(self.model, matcher, reverse=True).items():
            if not name.startswith('norm'):
                groups.setdefault(number, []).append(self.model.get_parameter(name))
        return [groups[number] for number in sorted(groups)]

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        """Positions on this encoder's grid and the patch kernel in its patch size; anything else as it is.

        Args:
            name: key in this encoder's state dict. mode: for positions, 'bicubic' if None, as timm resamples them.
        """
        own = self.state_dict().get(name)
        if own is None or own.shape == tensor.shape or tensor.ndim != own.ndim or not self.is_vit:
            return tensor
        if name == 'model.patch_embed.proj.weight':
            return resample_patches(tensor, self.patch_size)
        if name == 'model.pos_embed':
            from timm.layers import resample_abs_pos_embed

            side = self.image_size // self.patch_size
            first = own.shape[1] - side**2
            return resample_abs_pos_embed(tensor, (side, side), num_prefix_tokens=first, interpolation=mode or 'bicubic')
        return tensor

    def forward(self, frames: Tensor) -> VisionTokens:
        """frames: (B, T, 3, H, W). Prefix tokens are the mean over frames."""
        batch, count = frames.shape[:2]
        grid = (frames.shape[-2] // self.patch_size, frames.shape[-1] // self.patch_size)
        if self.is_vit:
            for block in self.model.blocks:
                block.num_frames = count if count > 1 or self.temporal_on_images else 0
        x = self.model.forward_features(frames.flatten(0, 1))
        if x.ndim == 4:
            x = x if x.shape[-1] == self.width else x.permute(0, 2, 3, 1)
            grid = (x.shape[1], x.shape[2])
            x = x.flatten(1, 2)
        x = x.unflatten(0, (batch, count))
        return VisionTokens(join_frames(x, self.num_prefix_tokens), count, grid)
