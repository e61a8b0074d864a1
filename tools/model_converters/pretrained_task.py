"""Makes of a pre-training checkpoint one that a downstream config tests without fine-tuning (Tables 19 and 20).

    python tools/model_converters/pretrained_task.py video_text_retrieval/mplug2_base_msrvtt_zeroshot \\
        work_dirs/pretrain/iter_420000.pth weights/mplug2_base_retrieval.pth \\
        --new 'tasks.retrieval.*_queue*'

Everything that the config's model has must be in the file, under its own name or a renamed one, but for what --new lists.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mplug2.config import load_config
from mplug2.engine import save_checkpoint
from mplug2.registry import MODELS, resolve
from mplug2.weights import MPlug2Weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('source', help='of pre-training')
    parser.add_argument('out', type=Path)
    parser.add_argument('--rename', nargs='*', default=[], metavar='OLD=NEW', help='prefixes of keys')
    parser.add_argument('--new', nargs='*', default=[], metavar='PATTERN', help='keys that a test does not need')
    args = parser.parse_args()
    model = MODELS.build(resolve(load_config(args.config).model | dict(init_cfg=None), MODELS))
    model.init_weights()
    MPlug2Weights(args.source, new=args.new, rename=dict(pair.split('=', 1) for pair in args.rename))(model)
    save_checkpoint(dict(meta=dict(source=args.source), state_dict=model.state_dict()), args.out)
    print(f'{args.out}: {len(model.state_dict())} weights for {args.config}')


if __name__ == '__main__':
    main()
