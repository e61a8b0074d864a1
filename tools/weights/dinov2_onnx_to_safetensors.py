"""Extract a DINOv2 backbone's weights from an ONNX file, under the keys of transformers' ``Dinov2Model``.

An exporter folds constants: a linear layer's weight becomes a nameless, transposed operand of a MatMul, to whose result a bias
that kept its name is added; and the table of positions is cut into its class row and its grid. Both are undone here.

Needs the packages onnx, numpy and safetensors, and nothing else of this project:

    python tools/weights/dinov2_onnx_to_safetensors.py vit_s_focus.onnx dinov2_small.safetensors
    mplug2 convert dinov2_small.safetensors vit_small.safetensors
"""

from __future__ import annotations

import argparse

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file


def read_backbone(path: str, prefix: str = 'backbone.') -> dict[str, np.ndarray]:
    """The backbone's weights by their keys without the prefix.

    Raises:
        ValueError: the file has no such backbone, or its position embeddings have another form.
    """
    graph = onnx.load(path).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    if 'embeddings.cls_token' not in weights:
        raise ValueError(f'{path} has no {prefix}embeddings.cls_token: its tensors are named like {sorted(tensors)[:3]}')

    products = {node.output[0]: node for node in graph.node if node.op_type == 'MatMul'}
    for node in graph.node:
        if node.op_type != 'Add':
            continue
        biases = [name for name in node.input if name.startswith(prefix) and name.endswith('.bias')]
        factors = [products[name] for name in node.input if name in products]
        if biases and factors:
            operand = next(name for name in factors[0].input if name in tensors)
            key = biases[0].removeprefix(prefix).removesuffix('bias') + 'weight'
            weights[key] = np.ascontiguousarray(tensors[operand].T)

    width = weights['embeddings.cls_token'].shape[-1]
    nameless = [value for name, value in tensors.items() if not name.startswith(prefix) and value.shape[:1] == (1,)]
    rows = sorted(
        (value for value in nameless if value.ndim == 3 and value.shape[2] == width), key=lambda value: value.shape[1]
    )
    if len(rows) != 2 or rows[0].shape[1] != 1:
        raise ValueError(f'{path}: expected a class row and a grid of positions, found tensors of {[r.shape for r in rows]}')
    weights['embeddings.position_embeddings'] = np.concatenate(rows, 1)
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('onnx', help='the ONNX file')
    parser.add_argument('out', help='the .safetensors file to write')
    parser.add_argument('--prefix', default='backbone.', help="of the backbone's tensors")
    args = parser.parse_args()
    weights = read_backbone(args.onnx, args.prefix)
    save_file(weights, args.out)
    print(f'{args.out}: {len(weights)} tensors, {sum(value.size for value in weights.values()):,} values')


if __name__ == '__main__':
    main()
