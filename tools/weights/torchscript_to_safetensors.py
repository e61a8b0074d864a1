"""Take the weights out of a TorchScript archive, as OpenAI publishes CLIP (``ViT-L-14.pt``).

Such an archive is a program. It is loaded here, once, by whoever trusts where it came from; the package itself reads weights
only.

    python tools/weights/torchscript_to_safetensors.py ViT-L-14.pt clip_large.safetensors
"""

from __future__ import annotations

import argparse

import torch

from mplug2.checkpoints import write_state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('archive', help='the TorchScript file')
    parser.add_argument('out', help='the .safetensors file to write')
    args = parser.parse_args()
    state = torch.jit.load(args.archive, map_location='cpu').state_dict()
    write_state(state, args.out)
    print(f'{args.out}: {len(state)} tensors, {sum(value.numel() for value in state.values()):,} values')


if __name__ == '__main__':
    main()
