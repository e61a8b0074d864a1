"""The rows of the results on the mini benchmark: what `mini_results.py` runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

THREE, ONE = (0, 1, 2), (0,)  # seeds; three for runs under five minutes
PRETRAINED = 'mplug2_tiny'  # the shipped weights

# Comparisons have at most three minutes a run, less than the main rows: number of steps, and samples of a step.
# (Many small steps teach more in a minute than a few large ones.)
BRIEF = {
    'video_captioning': (450, 8),
    'video_qa': (420, 8),
    'video_text_retrieval': (280, 16),
    'image_captioning': (700, 16),
    'image_qa': (800, 16),
    'image_text_retrieval': (500, 16),
    'visual_grounding': (700, 16),
    'video_classification': (450, 8),
    'image_classification': (900, 16),
    'detection': (90, 8),
    'text_classification': (1500, 16),
    'text_qa': (1000, 16),
    'summarization': (700, 16),
    'pretrain': (900, None),
}


@dataclass(frozen=True)
class Row:
    """One config to train and test.

    Args:
        name: of the row and its folder. task: its name in the results. config: name of a shipped config. metrics: test metrics
            to report. seeds: the default seeds. options: overrides of the config. group: heading on the
            page; its rows with equal metrics and chance share a table. title: label in that table. start: row from whose
            last checkpoint it starts, of the same seed or else of the first finished one; or the name of shipped weights.
            chance: kind of guess of `mini_chance.py`. start_key: the config's key for the start: ``load_from`` loads what
            fits, an initialiser's source the parts that it names. trained: False tests the start untrained. tests: names of the
            configs that test it, with overrides; by default the config itself.
    """

    name: str
    task: str
    config: str
    metrics: tuple[str, ...]
    seeds: tuple[int, ...] = ONE
    options: dict[str, Any] = field(default_factory=dict)
    group: str = 'Tasks'
    title: str = ''
    start: str | None = None
    chance: str = 'sampled'
    start_key: str = 'load_from'
    trained: bool = True
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)


PARTS = dict(start_key='model.init_cfg.source')
CONTROLS = 'Controls: one frame, the statement alone, questions alone'
ABLATIONS = 'Tables 14 and 15 and Figure 4: one thing changed at a time'
DOWNSTREAM = 'Some minutes of each task, with and without pre-training'


def _brief(name: str) -> dict[str, Any]:
    """The overrides that give a config its brief number of steps."""
    steps, samples = BRIEF[name]
    options = _steps(steps)
    return options if samples is None else options | {'train_dataloader.batch_size': samples}


def _steps(count: int) -> dict[str, Any]:
    """`count` steps, and a validation after the last."""
    return {'train_cfg.max_iters': count, 'train_cfg.val_interval': count}


def _recalls(medium: str) -> tuple[str, ...]:
    """Recall in both directions, and recall at 1 of the embeddings alone, before re-ranking."""
    ways = (f'text_to_{medium}', f'{medium}_to_text')
    return *(f'{way}_R@{k}' for way in ways for k in (1, 5, 10)), *(f'dual_{way}_R@1' for way in ways)


CAPTION = ('CIDEr-D', 'exact_match')
VIDEO_CAPTION = (*CAPTION, *(f'word_accuracy/{group}' for group in ('colour', 'motion', 'digit')))
VIDEO_CAPTION += ('one_digit/word_accuracy/digit',)
TOP, ANSWERS, READ = ('top1',), ('accuracy',), ('F1', 'exact_match')
_ABLATED = dict(
    video_classification=(TOP, 'class'),
    video_captioning=(VIDEO_CAPTION, 'sampled'),
    video_qa=(ANSWERS, 'majority'),
    video_text_retrieval=(_recalls('video'), 'ranking'),
)


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
        Row('image_qa', 'image_qa', 'mini/image_qa', ANSWERS, start='image_captioning', chance='majority', **PARTS),
        Row('video_qa', 'video_qa', 'mini/video_qa', ANSWERS, start='video_captioning', chance='majority', **PARTS),
        Row('video_classification', 'video_classification', 'mini/video_classification', TOP, chance='class'),
        Row('image_classification', 'image_classification', 'mini/image_classification', TOP, chance='class'),
        Row(
            'detection',
            'detection',
            'mini/detection',
            ('bbox_AP50', 'segm_AP50', 'bbox_mAP_50', 'segm_mAP_50', 'bbox_mAP', 'segm_mAP'),
            chance='none',
        ),
        Row('text_classification', 'text_classification', 'mini/text_classification', ('accuracy',), chance='class'),
        Row(
            'text_qa_short',
            'text_qa_short',
            'mini/text_qa_short',
            READ,
            group='Text question answering, first stage',
            title='short texts',
            start='text_classification',
            chance='majority',
        ),
        Row('text_qa', 'text_qa', 'mini/text_qa', READ, start='text_qa_short', chance='majority'),
        Row('summarization', 'summarization', 'mini/summarization', ('ROUGE-L', 'ROUGE-1', 'ROUGE-2')),
    ]


def _classification() -> list[Row]:
    name = 'video_classification_single_frame'
    rows = [Row(name, name, f'mini/{name}', TOP, group=CONTROLS, chance='class')]
    name = 'text_classification_hypothesis'
    rows.append(Row(name, name, f'mini/{name}', ('accuracy',), THREE, group=CONTROLS, chance='class'))
    for task in ('image_classification', 'video_classification'):
        name = f'{task}_no_universal'
        options = {'model.network.universal': None}
        group = 'Table 16: classification without universal layers'
        rows.append(Row(name, f'ablation_universal/{name}', f'mini/{task}', TOP, ONE, options, group, chance='class'))
    name = 'image_classification_linear'
    probe = 'A linear probe of the weights of the package'
    rows.append(Row(name, name, f'mini/{name}', TOP, THREE, group=probe, start=PRETRAINED, chance='class', **PARTS))
    return rows


def _comparisons() -> list[Row]:
    rows = []
    for medium in ('image', 'video'):
        name = f'{medium}_qa_blind'
        small = {'train_dataloader.batch_size': 16}  # enough to learn what the most frequent answers are
        rows.append(Row(name, name, f'mini/{name}', ANSWERS, THREE, small, CONTROLS, chance='majority'))
    for suffix, title in dict(demo='local temporal modelling', demo_no_temporal='no temporal module').items():
        name = f'video_captioning_{suffix}'
        rows.append(Row(name, name, f'mini/{name}', VIDEO_CAPTION, THREE, group='The demonstration', title=title))
    return rows


def _ablations() -> list[Row]:
    """Tables 14 and 15: the full model for the brief number of steps, and one thing changed.

    Captions alone teach motions so slowly that in minutes no temporal module is better than none. So each captioning variant
    starts with the vision encoder of motion classification by the same modules, and each answering variant from captioning.
    """
    rows = []
    variants = dict(
        brief=('ablation', 'the full model: local temporal modelling, instructions, universal layers', {}),
        no_instruction=('ablation_instruction', 'no instructions', {}),
        no_temporal=('ablation_temporal', 'no temporal module', {'model.network.vision_encoder.temporal': None}),
        temporal_attention=('ablation_temporal', 'temporal self-attention', {}),
        temporal_convolution=('ablation_temporal', 'temporal convolution', {}),
    )
    for variant, (kind, title, changes) in variants.items():
        for task, (metrics, chance) in _ABLATED.items():
            options, start = _brief(task) | changes, {}
            if task == 'video_classification':
                if variant == 'no_instruction':
                    continue  # the task reads no text
            elif task == 'video_captioning':
                start = dict(start=f'video_classification_{variant.replace("no_instruction", "brief")}', **PARTS)
                options |= _initialiser('model', ['vision_encoder'])
            elif task == 'video_qa':
                start = dict(start=f'video_captioning_{variant}', **PARTS)
            config = f'mini/{task}' if variant in ('brief', 'no_temporal') else f'mini/{task}_{variant}'
            name = f'{task}_{variant}'
            rows.append(Row(name, f'{kind}/{name}', config, metrics, THREE, options, ABLATIONS, title, chance=chance, **start))
    return rows


def _initialiser(part: str, parts: list[str] | None = None) -> dict[str, Any]:
    """Overrides that initialise a part of a config's model from the shipped weights, or from the row's start."""
    options = {f'{part}.init_cfg.type': 'MPlug2Weights', f'{part}.init_cfg.source': PRETRAINED}
    return options if parts is None else options | {f'{part}.init_cfg.parts': parts}


def _universal() -> list[Row]:
    """Table 17's vision-language column and Figure 4: the effect of universal layers that text and vision share."""
    switch = 'model.network.universal.shared'
    variants = dict(single=('image_qa_single', {}), joint=('image_qa_joint', {}), universal=('image_qa_joint', {switch: True}))
    titles = dict(
        single='question answering alone', joint='joint training, layers for text alone', universal='joint training, universal'
    )
    rows = [
        Row(
            f'image_qa_table17_{variant}',
            f'ablation_universal/{variant}',
            f'mini/{config}',
            ('accuracy',),
            THREE,
            options,
            'Table 17, vision-language column',
            titles[variant],
            PRETRAINED,
            'majority',
            **PARTS,
        )
        for variant, (config, options) in variants.items()
    ]
    name = 'video_text_retrieval_unshared'
    options = _brief('video_text_retrieval') | {switch: False}
    unshared = Row(
        name,
        f'ablation_universal/{name}',
        'mini/video_text_retrieval',
        _recalls('video'),
        THREE,
        options,
        ABLATIONS,
        'layers for text alone',
        chance='ranking',
    )
    return [*rows, unshared]


def _zero_shot() -> list[Row]:
    """Pre-training alone: retrieval of clips and images by text, and MSRVTT-QA's questions, which it has never seen."""
    group = dict(group='Zero-shot, from the weights of the package', start=PRETRAINED, trained=False)
    rows = []
    for medium in ('video', 'image'):
        name, config = f'zero_shot_{medium}_text_retrieval', f'mini/{medium}_text_retrieval'
        rows.append(Row(name, name, config, _recalls(medium), chance='ranking', **group))
    name = 'zero_shot_video_qa'
    return [*rows, Row(name, name, 'mini/video_qa', ANSWERS, chance='majority', **group)]


def _downstream() -> list[Row]:
    """Every task for a few minutes, from the weights of the package and from scratch."""
    rows = []
    trainable = {
        f'optim_wrapper.paramwise_cfg.custom_keys.{part}.lr_mult': 1.0 for part in ('vision_encoder', 'universal', 'decoder')
    }
    for main in [row for row in _main() if row.name in BRIEF]:
        options = _brief(main.name)
        if main.start is not None:  # neither variant has those weights, nor learning-rate multipliers that spare them
            options[main.start_key.removesuffix('.source')] = None
        common = dict(config=main.config, metrics=main.metrics, seeds=THREE, chance=main.chance)
        for variant, title in (('pretrained', 'from the weights of the package'), ('scratch', 'from scratch')):
            if variant == 'scratch' and main.name in ('video_classification', 'video_text_retrieval'):
                continue  # the same as the full model of Tables 14 and 15
            own = options | (trainable if variant == 'scratch' and main.start_key != 'load_from' else {})
            start = PRETRAINED if variant == 'pretrained' else None
            part = {}
            if main.name == 'detection' and start:  # of the model only the backbone is a network of ours
                own, part = own | _initialiser('model.backbone'), dict(start_key='model.backbone.init_cfg.source')
            rows.append(
                Row(
                    f'{main.name}_{variant}',
                    f'downstream/{main.name}_{variant}',
                    options=own,
                    group=DOWNSTREAM,
                    title=title,
                    start=start,
                    **part,
                    **common,
                )
            )
    return rows


def _second_stage() -> list[Row]:
    """The effect of CIDEr optimisation after the task's own run."""
    name, title = 'image_captioning_cider', "CIDEr optimisation after the task's own run"
    return [Row(name, name, f'mini/{name}', CAPTION, THREE, group='Second stage', title=title, start='image_captioning')]


def _pretraining() -> list[Row]:
    """Brief pre-training, tested zero-shot: all objectives, and with one thing left out."""
    weight = 'train_dataloader.dataset.weights'
    generation = ('image_captioning', 'video_captioning', 'image_answering', 'video_answering', 'completion')
    unshared = {'model.network.universal.shared': False}
    halves = dict(image=16, video=8, image_questions=16, video_questions=8, text=8)  # half of the config's batch sizes
    options = {f'train_dataloader.dataset.sources.{source}.batch_size': samples for source, samples in halves.items()}
    options |= _brief('pretrain')
    # Without generation the sources of questions have no steps. Their 30 in 100 must not go to the other sources.
    as_many_pairs = _steps(round(0.7 * BRIEF['pretrain'][0]))
    variants: dict[str, tuple[str, dict[str, Any]]] = dict(
        all=('all objectives', {}),
        no_mlm=('without masked-language modelling', {f'{weight}.mlm': 0}),
        no_contrastive=('without the contrastive loss', {'model.tasks.retrieval.contrastive.weight': 0}),
        no_matching=('without matching', {'model.tasks.retrieval.matching.weight': 0}),
        no_generation=(
            'without instruction-based language modelling, as many pairs',
            {f'{weight}.{task}': 0 for task in generation} | as_many_pairs,
        ),
        no_instruction=('without instructions', {}),
        no_universal=('layers for text alone', unshared),
        paper=("all objectives, in the form of the paper's equations", {}),
    )
    rows = []
    for variant, (title, changes) in variants.items():
        suffix = f'_{variant}' if variant in ('no_instruction', 'paper') else ''
        ranked: dict[str, Any] = {}
        if variant == 'no_matching':
            ranked = {'test_cfg.top_k': 0}
        elif variant == 'no_contrastive':  # only matching is trained, so it ranks the whole gallery
            ranked = {'test_cfg.top_k': 500, **changes}
        network = unshared if variant == 'no_universal' else {}
        tests = {f'mini/video_text_retrieval{suffix}': network | ranked}
        metrics = _recalls('video')
        if variant != 'no_generation':  # the decoder is not trained
            tests[f'mini/video_qa{suffix}'] = network
            metrics += ANSWERS
        rows.append(
            Row(
                f'pretrain_{variant}',
                f'ablation_pretraining/{variant}',
                f'mini/pretrain{suffix}',
                metrics,
                THREE,
                options | changes,
                'Brief pre-training, zero-shot',
                title,
                chance='none',
                tests=tests,
            )
        )
    return rows


def _forms() -> list[Row]:
    """Captioning after brief pre-training, both in the release's form or both in the paper's."""
    forms = dict(release=('video_captioning', 'pretrain_all'), paper=('video_captioning_paper', 'pretrain_paper'))
    return [
        Row(
            f'video_captioning_form_{form}',
            f'forms/{form}',
            f'mini/{config}',
            VIDEO_CAPTION,
            THREE,
            _brief('video_captioning'),
            "The paper's form beside the release's: captioning after brief pre-training",
            f"the {form}'s form",
            start,
        )
        for form, (config, start) in forms.items()
    ]


_GROUPS = (_main, _classification, _comparisons, _ablations, _universal, _zero_shot, _downstream, _second_stage, _pretraining)
_GROUPS += (_forms,)
ROWS = {row.name: row for group in _GROUPS for row in group()}
