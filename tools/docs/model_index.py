"""Writes ``model-index.yml``, by which MIM lists models, from ``mplug2/checkpoints/zoo.json``.

    python tools/docs/model_index.py

JSON is YAML, so the file is written as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path

from mplug2.config.load import find_config
from mplug2.pretrained import zoo

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / 'model-index.yml'
COLLECTIONS = {'package': 'mPLUG-2', 'hub': 'Models of the field'}


def model_index() -> str:
    """The content of the file."""
    models = [
        {
            'Name': model['name'],
            'In Collection': COLLECTIONS[model['where']],
            'Config': find_config(model['config']).relative_to(ROOT).as_posix(),
            'Metadata': {'Training Data': model['data'], 'Training': model['training'], 'Measured by': model['measured_by']},
            'Results': [
                {'Task': result['command'], 'Dataset': model['data'], 'Metrics': {result['metric']: result['value']}}
                for result in model['results']
            ],
        }
        for model in zoo()
    ]
    paper = {'Title': 'mPLUG-2: A Modularized Multi-modal Foundation Model', 'URL': 'https://arxiv.org/abs/2302.00402'}
    collections = [{'Name': 'mPLUG-2', 'Paper': paper}, {'Name': COLLECTIONS['hub']}]
    return json.dumps({'Collections': collections, 'Models': models}, indent=1) + '\n'


if __name__ == '__main__':
    INDEX.write_text(model_index(), encoding='utf-8')
