"""Draw docs/images/architecture.svg: the modules of mPLUG-2, and which of them each task uses (Figure 2 and Table 2).

The table is not written down here: each row asks its task for its spec.

    python tools/docs/draw_architecture.py [--out FILE]
"""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path

from mplug2.config.load import find_config, load_config
from mplug2.networks import MPlug2Network
from mplug2.registry import MODELS, resolve
from mplug2.tasks import TaskSpec

# Row of Table 2 -> a recipe of its task.
ROWS = {
    'video-text retrieval': 'mini/video_text_retrieval',
    'video question answering': 'mini/video_qa',
    'video captioning': 'mini/video_captioning',
    'image-text retrieval': 'mini/image_text_retrieval',
    'image question answering': 'mini/image_qa',
    'image captioning': 'mini/image_captioning',
    'visual grounding': 'mini/visual_grounding',
    'video classification': 'mini/video_classification',
    'image classification': 'mini/image_classification',
    'detection, segmentation': 'mini/detection',
    'text classification': 'mini/text_classification',
    'text question answering': 'mini/text_qa',
    'summarization': 'mini/summarization',
}
COLORS = dict(vision_encoder='#3b82c4', text_encoder='#3a9d6e', universal='#8a63c9', fusion='#d08a2e', decoder='#c4544f')
LABELS = dict(vision_encoder='vision', text_encoder='text', universal='universal', fusion='fusion', decoder='decoder')
ROW, TOP, LEFT = 25, 64, 464


def spec_of(recipe: str) -> TaskSpec:
    """What the task of a recipe needs; a detector's backbone says it itself."""
    model = resolve(load_config(find_config(recipe)).model, MODELS)
    if 'backbone' in model:
        return MODELS.build(model['backbone']).spec
    (task,) = MODELS.build(model).tasks.values()
    return task.spec


def modules_of(spec: TaskSpec) -> set[str]:
    """Names of `COLORS` that the stages of a task go through."""
    return {name for stage in spec.stages for name in MPlug2Network.stages[stage]} & set(COLORS)


def draw() -> str:
    height = TOP + ROW * len(ROWS) + 22
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 {height}" '
        'font-family="Helvetica,Arial,sans-serif" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>',
        f'<rect width="980" height="{height}" rx="10" fill="#ffffff"/>',
    ]
    parts += _network() + _table()
    return '\n'.join([*parts, '</svg>', ''])


def _network() -> list[str]:
    boxes = [
        ('decoder', 110, 40, 200, 44, 'decoder', 'one for text, image and video'),
        ('fusion', 110, 122, 200, 44, 'fusion layers', 'text attends to vision'),
        ('universal', 60, 204, 300, 44, 'universal layers', 'shared by all modalities'),
        ('vision_encoder', 30, 288, 170, 50, 'vision encoder', 'ViT + local temporal'),
        ('text_encoder', 230, 288, 170, 50, 'text encoder', 'BERT'),
    ]
    arrows = [
        'M115 288V250',
        'M315 288V250',
        'M210 204V168',
        'M210 122V86',
        'M88 204C66 160 70 110 108 66',
        'M332 204C354 160 350 110 312 66',
    ]
    drawn = [f'<path d="{path}" fill="none" stroke="#667" stroke-width="1.6" marker-end="url(#tip)"/>' for path in arrows]
    for name, x, y, width, height, title, note in boxes:
        drawn.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{COLORS[name]}"/>')
        drawn.append(_text(x + width / 2, y + 19, title, 'fill="#fff" font-weight="bold"'))
        drawn.append(_text(x + width / 2, y + 35, note, 'fill="#fff" font-size="11"'))
    drawn.append(_text(115, 362, 'frames: an image is a clip of one', 'fill="#445" font-size="11"'))
    drawn.append(_text(315, 362, 'instruction + text', 'fill="#445" font-size="11"'))
    return drawn


def _table() -> list[str]:
    columns = {name: LEFT + 226 + 62 * number for number, name in enumerate(COLORS)}
    drawn = [_text(LEFT, 44, 'task', 'fill="#223" font-weight="bold"', 'start')]
    drawn += [_text(x, 44, LABELS[name], f'fill="{COLORS[name]}" font-weight="bold"') for name, x in columns.items()]
    for number, (row, recipe) in enumerate(ROWS.items()):
        y = TOP + ROW * number
        if number % 2 == 0:
            drawn.append(f'<rect x="{LEFT - 10}" y="{y - 5}" width="510" height="{ROW}" fill="#f1f3f7"/>')
        drawn.append(_text(LEFT, y + 12, row, 'fill="#223"', 'start'))
        used = modules_of(spec_of(recipe))
        drawn += [f'<circle cx="{x}" cy="{y + 8}" r="6" fill="{COLORS[name]}"/>' for name, x in columns.items() if name in used]
    return drawn


def _text(x: float, y: float, text: str, style: str, anchor: str = 'middle') -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" {style}>{escape(text)}</text>'


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('docs/images/architecture.svg'))
    parser.parse_args().out.write_text(draw())
