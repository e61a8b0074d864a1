"""Extract the weights of a TorchScript archive, such as OpenAI's CLIP (``ViT-L-14.pt``).

Such an archive is a program: load only archives that you trust. The package itself reads only weights.

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
