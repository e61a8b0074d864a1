"""Writes coca.safetensors: a tiny CoCa of open_clip with random weights, what it computes, and its gradients.

    python tests/data/projects/coca.py   # where open_clip_torch 3.3 is installed
"""

from pathlib import Path

import torch
from open_clip.coca_model import CoCa
from open_clip.loss import CoCaLoss
from safetensors.torch import save_file

START, END, LENGTH = 38, 39, 12
model = CoCa(
    embed_dim=16,
    multimodal_cfg=dict(context_length=LENGTH, vocab_size=40, width=16, heads=2, layers=2),
    text_cfg=dict(context_length=LENGTH, vocab_size=40, width=16, heads=2, layers=2, embed_cls=True, output_tokens=True),
    vision_cfg=dict(
        image_size=16,
        layers=2,
        width=24,
        head_width=12,
        mlp_ratio=2.0,
        patch_size=8,
        attentional_pool=True,
        attn_pooler_queries=8,
        attn_pooler_heads=2,
        output_tokens=True,
    ),
)
generator = torch.Generator().manual_seed(0)
for name, parameter in model.named_parameters():
    noise = torch.randn(parameter.shape, generator=generator)
    is_gain = parameter.ndim == 1 and name.endswith('.weight')
    parameter.data = 1 + 0.1 * noise if is_gain else parameter.data if parameter.ndim == 0 else 0.3 * noise
images = torch.randn(3, 3, 16, 16, generator=generator)
rows = [[START, 5, 6, 7, END], [START, 9, END], [START, 3, 4, 8, 11, 2, END]]
text = torch.tensor([row + [0] * (LENGTH - len(row)) for row in rows])
out = model(images, text)
losses = CoCaLoss(caption_loss_weight=1.0, clip_loss_weight=1.0)(
    out['image_features'], out['text_features'], out['logits'], out['labels'], out['logit_scale']
)
sum(losses).backward()
written = torch.full((3, 1), START)
with torch.no_grad():
    for _ in range(8):
        logits = model(images, written, output_labels=False)['logits'][:, -1]
        written = torch.cat([written, logits.argmax(-1, keepdim=True)], 1)
numbers = {f'weight.{key}': value for key, value in model.state_dict().items()}
numbers |= {f'gradient.{key}': parameter.grad for key, parameter in model.named_parameters()}
numbers |= dict(images=images, text=text, written=written, contrast=losses[0], caption=losses[1])
numbers |= {key: out[key] for key in ('image_features', 'text_features', 'logits')}
save_file(
    {key: value.detach().contiguous().clone() for key, value in numbers.items()}, Path(__file__).with_suffix('.safetensors')
)
