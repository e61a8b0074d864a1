"""Vision encoders of transformers. B samples, T frames, P patches per frame, C channels."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..contracts import VisionTokens, join_frames
from ..wrapped import WrappedLayer, source_and_config
from .vision import resample_patches, resize_positions

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from ...testing.tiny import TinySize

_PREFIX_TOKENS = ('class_embedding', 'cls_token', 'register_tokens')
_SIZES = ('image_size', 'crop_size')  # what configs call the side of a frame


@MODELS.register_module()
class HuggingFaceVisionEncoder(nn.Module):
    """A ViT of `transformers.AutoModel`: SigLIP (2), CLIP, DINOv2 and v3 frame by frame, VideoMAE and V-JEPA 2 on clips.

    Tokens are those after the model's last layer norm. Heads that pool them are left out; a model without a class token is
    pooled by the mean of its patches.

    Args:
        model: a config as a dict with its ``model_type`` ('siglip_vision_model', 'dinov2', 'videomae', ...), which starts from
            random weights; or a local folder or hub name, whose weights `init_weights` loads.
        image_size: side of the frames; the model's own if None. Its positions are resampled.
        temporal: config of a temporal module (its ``width`` is filled in) that comes before each layer, or None.
        temporal_on_images: run temporal modules on single frames too.

    Raises:
        ImportError: transformers is not installed. ValueError: no model type, or a model without a stack of layers.
    """

    def __init__(
        self,
        model: dict | str,
        image_size: int | None = None,
        temporal: dict | None = None,
        temporal_on_images: bool = True,
    ) -> None:
        super().__init__()
        self.source, config = vision_config(model)
        from transformers import AutoModel

        if image_size is not None:
            setattr(config, next(name for name in _SIZES if hasattr(config, name)), image_size)
        if hasattr(config, 'vision_use_head'):
            config.vision_use_head = False
        whole = AutoModel.from_config(config)
        self.width, self.patch_size = config.hidden_size, _side(config.patch_size)
        self.image_size = _side(next(getattr(config, name) for name in _SIZES if hasattr(config, name)))
        self.tubelet_size = getattr(config, 'tubelet_size', None)
        self.temporal_on_images = temporal_on_images
        # V-JEPA 2's predictor is another network beside its encoder.
        self.model = whole.encoder if getattr(whole, 'predictor', None) is not None else whole
        self.num_prefix_tokens = 0
        for name, parameter in self.model.named_parameters():
            if name.endswith(_PREFIX_TOKENS):
                self.num_prefix_tokens += parameter.numel() // self.width
            if name.endswith('mask_token'):
                parameter.requires_grad_(False)  # of masked image modelling
        self.stack = _stack_of(self.model, config.num_hidden_layers)
        eps = getattr(config, 'layer_norm_eps', 1e-6)
        for number, layer in enumerate(self.layers):
            wrapped = WrappedLayer(layer, temporal, self.width, eps, self.num_prefix_tokens, self.tubelet_size is not None)
            self.layers[number] = wrapped
        inputs = inspect.signature(self.model.forward).parameters
        self.input_name = next(name for name in ('pixel_values', 'pixel_values_videos') if name in inputs)
        self.interpolates = 'interpolate_pos_encoding' in inputs

    @property
    def layers(self) -> nn.ModuleList:
        """Of `WrappedLayer`s."""
        return self.model.get_submodule(self.stack)

    def init_weights(self) -> None:
        """Load the weights of `source`; a model made from a dict keeps the random ones that transformers gave it."""
        if self.source is not None:
            self.model.load_state_dict(self._weights_of(self.source))
        for layer in self.layers:
            layer.init_weights()

    def _weights_of(self, source: str) -> dict[str, Tensor]:
        """Weights by this model's names, resampled to its grid; those of its temporal modules are its own."""
        from transformers import AutoModel

        kind = AutoModel.from_config(vision_config(source)[1])  # a folder may hold a model of which this is a part
        state = type(kind).from_pretrained(source).state_dict()
        own = {key: value for key, value in self.model.state_dict().items() if '.temporal.' in key or '.residual.' in key}
        for key, value in state.items():
            key = key.removeprefix('encoder.') if self.model is not kind and hasattr(kind, 'predictor') else key
            if key.startswith(f'{self.stack}.'):
                number, _, rest = key.removeprefix(f'{self.stack}.').partition('.')
                key = f'{self.stack}.{number}.layer.{rest}'
            if not key.startswith(('head.', 'predictor.')):
                own[key] = self.resample_state(f'model.{key}', value)
        return own

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        kind = cfg['model']['model_type'] if isinstance(cfg['model'], dict) else 'siglip_vision_model'
        sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, mlp_ratio=1.5)
        sizes |= dict(image_size=tiny.pixels, crop_size=tiny.pixels, patch_size=8, num_frames=tiny.frames)
        cfg['model'] = dict(model_type=kind, **sizes)
        cfg.pop('image_size', None)

    def layer_groups(self) -> list[list[nn.Module]]:
        """The embedding, then each layer."""
        stem = [self.model.embeddings, *(self.model._modules[name] for name in ('pre_layrnorm',) if hasattr(self.model, name))]
        return [stem, *([layer] for layer in self.layers)]

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        """Positions on this encoder's grid and the patch kernel in its patch size; anything else as it is.

        Args:
            name: key in this encoder's state dict. mode: for positions, 'bicubic' if None, as transformers resamples them.
        """
        own = self.state_dict().get(name)
        if own is None or own.shape == tensor.shape or tensor.ndim != own.ndim:
            return tensor
        if 'patch_embedding' in name and tensor.ndim == 4:
            return resample_patches(tensor, self.patch_size)
        if 'position_embedding' in name and tensor.shape[-1] == own.shape[-1]:
            first = int(len(own.flatten(0, -2)) - (self.image_size // self.patch_size) ** 2)
            table = tensor.flatten(0, -2)
            side = round((len(table) - first) ** 0.5)
            if side**2 + first == len(table):
                size = self.image_size // self.patch_size
                return resize_positions(table, (size, size), mode or 'bicubic', first).view(own.shape)
        return tensor

    def forward(self, frames: Tensor) -> VisionTokens:
        """frames: (B, T, 3, H, W). Prefix tokens are the mean over frames. A model of clips merges every few frames into one;
        a clip whose length is no multiple of them repeats its last.

        Raises:
            ValueError: H or W is not a multiple of the patch size, or the model has fixed positions for another size or for
                fewer frames.
        """
        batch, count, _, height, width = frames.shape
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(f'frames of {height}x{width} pixels do not divide into patches of {self.patch_size}')
        grid = (height // self.patch_size, width // self.patch_size)
        with_temporal = count > 1 or self.temporal_on_images
        if self.tubelet_size is not None:
            if (height, width) != (self.image_size, self.image_size):
                raise ValueError(f'{type(self.model).__name__} reads frames of {self.image_size} pixels, not {height}x{width}')
            frames = torch.cat([frames, frames[:, -1:].expand(-1, -count % self.tubelet_size, -1, -1, -1)], 1)
            count = frames.shape[1] // self.tubelet_size
            self._fit_positions(count * grid[0] * grid[1])
        else:
            frames = frames.flatten(0, 1)
        for layer in self.layers:
            layer.num_frames = count if with_temporal else 0
        resized = dict(interpolate_pos_encoding=True) if self.interpolates and height * width != self.image_size**2 else {}
        x = self.model(**{self.input_name: frames}, **resized).last_hidden_state
        if hasattr(self.model, 'pre_layrnorm'):
            x = self.model.post_layernorm(x)  # CLIP itself applies it to the class token alone
        x = x.view(batch, -1, *x.shape[1:]) if self.tubelet_size is None else x[:, None]
        return VisionTokens(join_frames(x, self.num_prefix_tokens), count, grid)

    def _fit_positions(self, tokens: int) -> None:
        """VideoMAE's sines do not depend on the number of tokens: a shorter clip has the first of them."""
        embeddings = self.model.embeddings
        if not hasattr(embeddings, 'position_embeddings'):
            return
        if not hasattr(self, 'positions'):
            self.positions = embeddings.position_embeddings
        if tokens > self.positions.shape[1]:
            raise ValueError(
                f'clips of {tokens} tokens, but {type(self.model).__name__} has {self.positions.shape[1]} positions: '
                'read fewer frames'
            )
        embeddings.position_embeddings = self.positions[:, :tokens]


def vision_config(model: dict | str) -> tuple[str | None, PretrainedConfig]:
    """As `source_and_config`; of a model of several towers, the config of the vision tower."""
    source, config = source_and_config(model, 'HuggingFaceVisionEncoder', 'siglip_vision_model')
    return source, getattr(config, 'vision_config', config)


def _side(size: int | list[int] | tuple[int, int]) -> int:
    return size if isinstance(size, int) else size[0]


def _stack_of(model: nn.Module, depth: int) -> str:
    """Name of the list of a model's layers."""
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return name
    raise ValueError(f'{type(model).__name__} has no list of {depth} layers')
