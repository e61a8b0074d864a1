"""The rows of the results on the embedded benchmark: what `mini_results.py` runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

THREE, ONE = (0, 1, 2), (0,)  # seeds: three for runs under five minutes

# Comparisons share a budget of at most three minutes a run, below what the main rows have.
BRIEF = {
    'video_captioning': 600,
    'video_qa': 600,
    'video_text_retrieval': 240,
}


@dataclass(frozen=True)
class Row:
    """One config to train and test.

    Args:
        name: of the row and its folder. task: as results call it. config: name of a shipped config. metrics: which of its test
            are reported. seeds: those run if no others are asked for. options: overrides of the config. group: heading in the
            table. start: row from whose last checkpoint it starts, of the
            same seed or else of the first that is done. chance: how `mini_chance.py` guesses.
    """

    name: str
    task: str
    config: str
    metrics: tuple[str, ...]
    seeds: tuple[int, ...] = ONE
    options: dict[str, Any] = field(default_factory=dict)
    group: str = 'Tasks'
    start: str | None = None
    chance: str = 'drawn'

    @property
    def start_key(self) -> str:
        """The config's key that takes the checkpoint: question answering and probes take some parts, other rows all of it."""
        return 'model.init_cfg.source' if 'qa' in self.name or 'linear' in self.name else 'load_from'


def _recalls(medium: str) -> tuple[str, ...]:
    return tuple(f'{way}_R@{k}' for way in (f'text_to_{medium}', f'{medium}_to_text') for k in (1, 5, 10))


CAPTION = ('CIDEr-D', 'exact_match')
VIDEO_CAPTION = (*CAPTION, *(f'word_accuracy/{group}' for group in ('colour', 'motion', 'digit')))
VIDEO_CAPTION += ('one_digit/word_accuracy/digit',)
TOP = ('top1',)
_METRICS = dict(video_captioning=VIDEO_CAPTION, video_qa=('accuracy',), video_text_retrieval=_recalls('video'))
_CHANCE = dict(video_captioning='drawn', video_qa='majority', video_text_retrieval='ranking')


def _main() -> list[Row]:
    return [
        Row(
            'image_text_retrieval',
            'image_text_retrieval',
            'mini/image_text_retrieval',
            _recalls('image'),
            chance='ranking',
        ),
        Row('video_text_retrieval', 'video_text_retrieval', 'mini/video_text_retrieval', _recalls('video'), chance='ranking'),
        Row('visual_grounding', 'visual_grounding', 'mini/visual_grounding', ('accuracy@0.5', 'mean_iou')),
        Row('image_captioning', 'image_captioning', 'mini/image_captioning', CAPTION),
        Row('video_captioning', 'video_captioning', 'mini/video_captioning', VIDEO_CAPTION),
        Row('image_qa', 'image_qa', 'mini/image_qa', ('accuracy',), start='image_captioning', chance='majority'),
        Row('video_qa', 'video_qa', 'mini/video_qa', ('accuracy',), start='video_captioning', chance='majority'),
        Row('video_classification', 'video_classification', 'mini/video_classification', TOP, chance='class'),
        Row('image_classification', 'image_classification', 'mini/image_classification', TOP, chance='class'),
        Row('detection', 'detection', 'mini/detection', ('bbox_AP50', 'segm_AP50', 'bbox_mAP', 'segm_mAP'), chance='none'),
        Row('text_classification', 'text_classification', 'mini/text_classification', ('accuracy',), THREE, chance='class'),
        Row('text_qa', 'text_qa', 'mini/text_qa', ('F1', 'exact_match'), chance='majority'),
        Row('summarization', 'summarization', 'mini/summarization', ('ROUGE-L', 'ROUGE-1', 'ROUGE-2'), THREE),
    ]


def _classification() -> list[Row]:
    name, group, table = 'video_classification_single_frame', 'Motion from one frame', 'Table 16: without universal layers'
    rows = [Row(name, name, f'mini/{name}', TOP, THREE, group=group, chance='class')]
    name, blind = 'text_classification_hypothesis', 'Entailment from the statement alone'
    rows.append(Row(name, name, f'mini/{name}', ('accuracy',), THREE, group=blind, chance='class'))
    for task in ('image_classification', 'video_classification'):
        name = f'{task}_no_universal'
        options = {'model.network.universal': None}
        rows.append(Row(name, f'ablation_universal/{name}', f'mini/{task}', TOP, ONE, options, table, chance='class'))
    name = 'image_classification_linear'
    probe = 'A linear probe of image-text retrieval'
    rows.append(Row(name, name, f'mini/{name}', TOP, THREE, group=probe, start='image_text_retrieval', chance='class'))
    return rows


def _comparisons() -> list[Row]:
    cider, blind, demo = (
        'CIDEr optimisation',
        'Questions without pictures',
        'The demonstration, with and without temporal module',
    )
    rows = [
        Row(
            'image_captioning_cider',
            'image_captioning_cider',
            'mini/image_captioning_cider',
            CAPTION,
            group=cider,
            start='image_captioning',
        ),
        *(
            Row(
                f'{medium}_qa_blind',
                f'{medium}_qa_blind',
                f'mini/{medium}_qa_blind',
                ('accuracy',),
                THREE,
                group=blind,
                start=f'{medium}_captioning',
                chance='majority',
            )
            for medium in ('image', 'video')
        ),
    ]
    for suffix in ('demo', 'demo_no_temporal'):
        name = f'video_captioning_{suffix}'
        rows.append(Row(name, name, f'mini/{name}', VIDEO_CAPTION, THREE, group=demo))
    return rows


def _ablations() -> list[Row]:
    """Tables 14 and 15 over three tasks: the full model at the brief budget, and one thing changed."""
    rows = []
    arms = dict(
        brief=('ablation', 'Tables 14 and 15: local temporal modelling, with instructions', {}),
        no_instruction=('ablation_instruction', 'Table 14: without instructions', {}),
        no_temporal=('ablation_temporal', 'Table 15: no temporal module', {'model.network.vision_encoder.temporal': None}),
        temporal_attention=('ablation_temporal', 'Table 15: temporal self-attention', {}),
        temporal_convolution=('ablation_temporal', 'Table 15: temporal convolution', {}),
    )
    for arm, (kind, group, changes) in arms.items():
        for task, steps in BRIEF.items():
            config = f'mini/{task}' if arm in ('brief', 'no_temporal') else f'mini/{task}_{arm}'
            options = {'train_cfg.max_iters': steps, 'train_cfg.val_interval': steps, **changes}
            name = f'{task}_{arm}'
            start = f'video_captioning_{arm}' if task == 'video_qa' else None  # of the same modules
            row = Row(name, f'{kind}/{name}', config, _METRICS[task], THREE, options, group, start, _CHANCE[task])
            rows.append(row)
    return rows


def _universal() -> list[Row]:
    """Table 17's vision-language column and Figure 4: what universal layers that text and vision share are good for."""
    switch = 'model.network.universal.shared'
    arms = dict(single=('image_qa_single', {}), joint=('image_qa_joint', {}), universal=('image_qa_joint', {switch: True}))
    titles = dict(
        single='question answering alone', joint='joint training, layers for text alone', universal='joint training, universal'
    )
    rows = [
        Row(
            f'image_qa_table17_{arm}',
            f'ablation_universal/{arm}',
            f'mini/{config}',
            ('accuracy',),
            THREE,
            options,
            f'Table 17, vision-language column: {titles[arm]}',
            'image_captioning',
            'majority',
        )
        for arm, (config, options) in arms.items()
    ]
    steps = BRIEF['video_text_retrieval']
    name = 'video_text_retrieval_unshared'
    options = {'train_cfg.max_iters': steps, 'train_cfg.val_interval': steps, switch: False}
    group = 'Figure 4: layers for text alone'
    unshared = Row(
        name,
        f'ablation_universal/{name}',
        'mini/video_text_retrieval',
        _recalls('video'),
        THREE,
        options,
        group,
        chance='ranking',
    )
    return [*rows, unshared]


ROWS = {row.name: row for row in (*_main(), *_classification(), *_comparisons(), *_ablations(), *_universal())}
