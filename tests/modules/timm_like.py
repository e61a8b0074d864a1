"""A small ViT behind the calls of timm that `TimmVisionEncoder` makes, since timm itself needs torchvision."""

from __future__ import annotations

import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, PATCH = 16, 8


class PatchEmbed(nn.Module):
    def __init__(self, img_size: int) -> None:
        super().__init__()
        self.img_size, self.patch_size = (img_size, img_size), (PATCH, PATCH)
        self.proj = nn.Conv2d(3, WIDTH, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class SmallViT(nn.Module):
    num_features, num_prefix_tokens = WIDTH, 1
    feature_info = [dict(reduction=PATCH)]

    def __init__(self, img_size: int = 48, dynamic_img_size: bool = False) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(img_size)
        self.cls_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + (img_size // PATCH) ** 2, WIDTH))
        self.blocks = nn.Sequential(*(nn.TransformerEncoderLayer(WIDTH, 2, 24, 0.0, batch_first=True) for _ in range(2)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        return self.norm(self.blocks(torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed))

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        return dict(stem=r'^cls_token|pos_embed|patch_embed', blocks=r'^blocks\.(\d+)')


class SmallConvNet(nn.Module):
    num_features, feature_info, default_cfg = WIDTH, [dict(reduction=8)], dict(input_size=(3, 32, 32))

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stage = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, WIDTH, 2, 2)

    def forward_features(self, x: Tensor) -> Tensor:
        return self.stage(self.stem(x))


def create_model(name: str, pretrained: bool = False, num_classes: int = 1000, **options: object) -> nn.Module:
    model = dict(small_vit=SmallViT, small_conv=SmallConvNet)[name](**options)
    if pretrained:
        for number, parameter in enumerate(model.parameters()):
            nn.init.constant_(parameter, 0.1 + number)
    return model


def group_parameters(model: nn.Module, matcher: dict[str, str], reverse: bool) -> dict[str, int]:
    assert reverse  # names of parameters -> numbers of groups
    groups = {}
    for name, _ in model.named_parameters():
        block = re.match(matcher['blocks'], name)
        groups[name] = 1 + int(block[1]) if block else 0 if re.match(matcher['stem'], name) else 3
    return groups


def resample_abs_pos_embed(positions: Tensor, size: tuple[int, int], num_prefix_tokens: int, interpolation: str) -> Tensor:
    first, table = positions[:, :num_prefix_tokens], positions[:, num_prefix_tokens:]
    side = round(table.shape[1] ** 0.5)
    table = F.interpolate(table.transpose(1, 2).unflatten(2, (side, side)), size, mode=interpolation, antialias=True)
    return torch.cat([first, table.flatten(2).transpose(1, 2)], 1)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``import timm`` find this."""
    parts = {
        'timm': SimpleNamespace(create_model=create_model),
        'timm.models': SimpleNamespace(group_parameters=group_parameters),
        'timm.layers': SimpleNamespace(resample_abs_pos_embed=resample_abs_pos_embed),
    }
    for name, content in parts.items():
        module = ModuleType(name)
        vars(module).update(vars(content))
        monkeypatch.setitem(sys.modules, name, module)
