"""Writes the answers of a config's training data, most frequent first, for `QuestionAnswering(answers=FILE)`.

python tools/data/answer_list.py image_qa/mplug2_base_vqav2 data/vqa/answers.json --least 9
python tools/data/answer_list.py video_qa/mplug2_base_msrvtt data/msrvtt_qa/answers.json --top 1000
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mplug2 import registry
from mplug2.config.load import load_config
from mplug2.registry import resolve
from mplug2.text.answers import common_answers
from mplug2.utils.files import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('out', type=Path)
    parser.add_argument('--top', type=int, help='number of answers to keep')
    parser.add_argument('--least', type=int, default=1, help='keep answers that at least this many samples give')
    args = parser.parse_args()
    cfg = load_config(args.config)
    if not cfg.get('train_dataloader'):
        parser.error(
            f'{args.config} has no training data, so there are no answers to count: name the config that trains on it, '
            'such as video_qa/mplug2_base_msrvtt'
        )
    data = registry.DATASETS.build(resolve(cfg.train_dataloader.dataset | dict(pipeline=[]), registry.DATASETS))
    answers = [data.record(index)['answers'] for index in range(len(data))]
    kept = common_answers(answers, args.top, args.least)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(args.out, json.dumps([answer for answer, _ in kept]))
    names = {answer for answer, _ in kept}
    covered = sum(any(answer in names for answer in sample_answers) for sample_answers in answers)
    print(f'{args.out}: {len(kept)} answers; {100 * covered / len(answers):.1f} % of {len(answers)} samples have one of them')


if __name__ == '__main__':
    main()
