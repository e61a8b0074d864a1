"""Any config at a tiny size, on the mini benchmark in place of its data: so that every config is run, not only read.

`shrink` changes a loaded config, never a file. A project with data sets of its own adds them to `STAND_INS`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..config.load import type_name
from ..datasets.benchmarks.text.glue import GLUE_TASKS
from ..datasets.io.annotations import as_list, read_columns, read_json, read_records
from ..registry import TASKS
from .classification import STAND_INS as CLASSIFICATION
from .classification import linked, shrink_action_step, written
from .shards import STAND_INS as SHARDS

PIXELS, FRAMES, SAMPLES = 32, 2, 8
LOCATIONS = dict(num_bins=17, first='[unused1]', marker='[unused0]')
# By the name of an argument, wherever it occurs in the network and its tasks.
SIZES: dict[str, Any] = dict(
    width=32,
    num_heads=2,
    ffn_dim=48,
    num_layers=2,
    image_size=PIXELS,
    patch_size=8,
    vocab_size=1000,
    max_positions=96,
    num_queries=4,
    projection_dim=16,
    queue_size=8,
    num_beams=2,
    min_length=1,
    max_length=6,
    num_samples=2,
    window=None,
    global_blocks=(),
    drop_path=0.0,
)
# Of a detector's heads, proposals and samples.
DETECTOR = dict(in_channels=16, feat_channels=16, out_channels=16, conv_out_channels=16, fc_out_channels=32)
DETECTOR |= dict(nms_pre=50, max_per_img=20, num=16)
DIGITS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
# Those whose defaults are those of the full size, so that they are set where a class takes them.
DEFAULTED = ('vocab_size', 'positions', 'embedding', 'queue_size', 'draws')
ENCODER = dict(model_type='deberta', vocab_size=1000, hidden_size=32, num_hidden_layers=2, num_attention_heads=2)
ENCODER |= dict(intermediate_size=48, max_position_embeddings=96, relative_attention=True, pos_att_type=['c2p', 'p2c'])
COCO = 'coco/annotations/dataset_coco.json'


def _msrvtt(root: Path, cfg: dict) -> dict:
    files = [str(root / f'msrvtt/{name}_videodatainfo.json') for name in ('train_val', 'test')]
    found = dict(ann_file=files, data_prefix=str(root / 'msrvtt/videos'), suffix='.mp4')
    lists = {'9k': 'MSRVTT_train.9k.csv', '1k-A': 'MSRVTT_JSFUSION_test.csv'}
    return found | dict(ids=str(root / 'msrvtt' / lists[cfg['split']]) if cfg['split'] in lists else None)


def _video_qa(name: str, root: Path, cfg: dict) -> dict:
    part = 'train' if 'train' in str(cfg['ann_file']) else 'test'
    return dict(ann_file=str(root / f'{name}_qa/{part}_qa.json'), data_prefix=str(root / f'{name}/videos'), suffix='.mp4') | (
        dict(mapping=str(root / f'{name}_qa/youtube_mapping.txt')) if name == 'msvd' else {}
    )


def _msvd(root: Path, cfg: dict) -> dict:
    file = root / 'msvd' / Path(cfg['split_file']).name
    descriptions = str(root / 'msvd/AllVideoDescriptions.txt')
    return dict(ann_file=descriptions, split_file=str(file), data_prefix=str(root / 'msvd/videos'), suffix='.mp4')


def _vqa(root: Path, cfg: dict) -> dict:
    names = [cfg['questions']] if isinstance(cfg['questions'], str) else cfg['questions']
    parts = ['train2014' if 'train2014' in name else 'val2014' for name in names]
    found = dict(questions=[str(root / f'vqa/v2_OpenEnded_mscoco_{part}_questions.json') for part in parts])
    if cfg.get('annotations'):
        found['annotations'] = [str(root / f'vqa/v2_mscoco_{part}_annotations.json') for part in parts]
    return found | dict(data_prefix=str(root / 'coco'))


def _refcoco(root: Path, cfg: dict) -> dict:
    def moved(files: str | list[str] | None) -> list[str] | None:
        files = [files] if isinstance(files, str) else files
        return files and [str(root / 'refcoco' / Path(file).parent.name / 'refs.json') for file in files]

    instances = [str(root / f'coco/annotations/instances_{name}.json') for name in ('train2014', 'minival2014', 'val2014')]
    return dict(refs=moved(cfg['refs']), exclude=moved(cfg.get('exclude')), instances=instances, data_prefix=str(root / 'coco'))


def _instances(root: Path, cfg: dict) -> dict:
    part = 'train2014' if 'train' in cfg['ann_file'] else 'val2014'
    found = dict(data_root=str(root / 'coco'), ann_file=f'annotations/instances_{part}.json', data_prefix=dict(img=f'{part}/'))
    return found | dict(metainfo=dict(classes=DIGITS))


def _written(folder: Path, name: str, content: Any) -> str:
    return written(folder / name, content if isinstance(content, str) else json.dumps(content))


def _clips(root: Path, train: bool) -> Iterator[tuple[str, str]]:
    """Names and captions of clips."""
    info = read_json(root / f'msrvtt/{"train_val" if train else "test"}_videodatainfo.json')
    for sentence in info['sentences']:
        yield sentence['video_id'], sentence['caption']


def _didemo(root: Path, cfg: dict) -> dict:
    part = 'train' if 'train' in cfg['ann_file'] else 'test'
    moments = [dict(video=f'{video}.mov', description=said) for video, said in _clips(root, part == 'train')]
    file = _written(root / 'tiny', f'didemo_{part}.json', moments)
    return dict(ann_file=file, data_prefix=str(root / 'msrvtt/videos'), suffix='.mp4')


def _lsmdc(root: Path, cfg: dict) -> dict:
    part = 'train' if 'training' in str(cfg['ann_file']) else 'test'
    folder, lines = root / 'tiny/lsmdc/1_Mini', []
    for video, said in list(dict(_clips(root, part == 'train')).items())[:SAMPLES]:
        clip = f'1_Mini_{video}-{video}'
        linked(folder / f'{clip}.mp4', root / f'msrvtt/videos/{video}.mp4')
        lines.append('\t'.join([clip, '0', '1', '0', '1', said]))
    file = _written(root / 'tiny', f'lsmdc_{part}.csv', '\n'.join(lines))
    return dict(ann_file=file, data_prefix=str(root / 'tiny/lsmdc'), suffix='.mp4')


def _tgif(root: Path, cfg: dict) -> dict:
    part = 'test' if cfg['split'] == 'test' else 'train'
    rows = ['gif_name\tquestion\tanswer\ttype\tvid_id']
    for record in read_records(root / f'msrvtt_qa/{part}_qa.json'):
        rows.append(f'video{record["video_id"]}\t{record["question"]}\t{record["answer"]}\t{record["id"] % 4}\tFRAMEQA')
    file = _written(root / 'tiny', f'frameqa_{part}.csv', '\n'.join(rows))
    return dict(ann_file=file, data_prefix=str(root / 'msrvtt/videos'), suffix='.mp4')


def _flickr(root: Path, cfg: dict) -> dict:
    images = [image | dict(filename=f'{image["filepath"]}/{image["filename"]}') for image in read_json(root / COCO)['images']]
    file = _written(root / 'tiny', 'dataset_flickr30k.json', dict(images=images))
    return dict(ann_file=file, data_prefix=str(root / 'coco'))


def _nocaps(root: Path, cfg: dict) -> dict:
    images, annotations = [], []
    for image in read_json(root / COCO)['images']:
        if image['split'] == 'test':
            name = f'{image["filepath"]}/{image["filename"]}'
            images.append(dict(id=image['cocoid'], file_name=name, domain=('in-domain', 'out-domain')[image['cocoid'] % 2]))
            annotations += [dict(image_id=image['cocoid'], caption=said['raw']) for said in image['sentences']]
    file = _written(root / 'tiny', 'nocaps_val.json', dict(images=images, annotations=annotations))
    return dict(ann_file=file, data_prefix=str(root / 'coco'))


def _glue(root: Path, cfg: dict) -> dict:
    """RTE's files under the columns and labels of the task."""
    task, files = GLUE_TASKS[cfg['task']], []
    for number, name in enumerate(as_list(cfg['ann_file'])):
        part = 'train' if 'train' in Path(name).stem else 'dev'
        lines = ['\t'.join(['index', *task.texts, task.label])]
        pairs = read_columns(root / f'glue/RTE/{part}.tsv', ['sentence1', 'sentence2', 'label'], '\t')[:SAMPLES]
        for row, (*texts, label) in enumerate(pairs):
            lines.append('\t'.join([str(row), *texts[: len(task.texts)], task.classes[label != 'entailment']]))
        files.append(_written(root / f'tiny/glue_{cfg["task"]}_{number}', Path(name).name, '\n'.join(lines)))
    return dict(ann_file=files)


def _gigaword(root: Path, cfg: dict) -> dict:
    part = next((part for part in ('train', 'valid') if part in Path(cfg['source']).name), 'test').replace('valid', 'dev')
    return {
        key: str(root / f'gigaword/{part}.{key[:1]}{"rc" if key == "source" else "gt"}.txt') for key in ('source', 'target')
    }


def _visual_genome(root: Path, cfg: dict) -> dict:
    listed = read_json(root / 'vqa/v2_OpenEnded_mscoco_train2014_questions.json')['questions'][:SAMPLES]
    images = {
        question['image_id']: f'http://mini/train2014/COCO_train2014_{question["image_id"]:012d}.jpg' for question in listed
    }
    asked = [
        dict(
            id=image,
            qas=[dict(qa_id=q['question_id'], question=q['question'], answer='red.') for q in listed if q['image_id'] == image],
        )
        for image in images
    ]
    return dict(
        questions=_written(root / 'tiny', 'vg_questions.json', asked),
        images=_written(root / 'tiny', 'vg_images.json', [dict(image_id=image, url=url) for image, url in images.items()]),
        data_prefix=str(root / 'coco'),
    )


# Name of a data set's class -> (root of the mini benchmark, the config) -> what to change of the config.
STAND_INS: dict[str, Callable[[Path, dict], dict]] = {
    'CocoCaption': lambda root, cfg: dict(ann_file=str(root / COCO), data_prefix=str(root / 'coco')),
    'CocoDetection': _instances,
    'DiDeMoParagraph': _didemo,
    'Flickr30K': _flickr,
    'GLUE': _glue,
    'Gigaword': _gigaword,
    'LSMDC': _lsmdc,
    'MSRVTTCaption': _msrvtt,
    'MSRVTTQA': lambda root, cfg: _video_qa('msrvtt', root, cfg),
    'MSRVTTRetrieval': lambda root, cfg: dict(
        ann_file=str(root / 'msrvtt/MSRVTT_JSFUSION_test.csv'), data_prefix=str(root / 'msrvtt/videos'), suffix='.mp4'
    ),
    'MSVDCaption': _msvd,
    'MSVDQA': lambda root, cfg: _video_qa('msvd', root, cfg),
    'NoCaps': _nocaps,
    'RefCOCO': _refcoco,
    'SQuAD': lambda root, cfg: dict(
        ann_file=str(root / f'squad/{"train" if "train" in str(cfg["ann_file"]) else "dev"}-v2.0.json')
    ),
    'TGIFFrameQA': _tgif,
    'TextCorpus': lambda root, cfg: dict(files=str(root / 'corpus/corpus.txt')),
    'VQAv2': _vqa,
    'VisualGenomeQA': _visual_genome,
    **CLASSIFICATION,
    **SHARDS,
}


def shrink(cfg: Config, root: str | Path, out: str | Path) -> Config:
    """Make a config tiny: one training step of four samples, and tests of eight, on the mini benchmark.

    Args:
        cfg: changed in place. root: of the mini benchmark, where files in the format of further benchmarks are written
            too. out: folder of results and logs.

    Returns:
        the config.

    Raises:
        KeyError: a data set has no stand-in; names those that have.
    """
    root, out = Path(root), Path(out)
    for node in _nodes({key: cfg[key] for key in ('model',) if key in cfg}):
        _resize_model(node)
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(key):
            _shrink_loader(cfg[key], root)
    for key in ('val_evaluator', 'test_evaluator'):
        for node in _nodes(cfg.get(key) or {}):
            if type_name(node) == 'CaptionMetric':
                node['meteor'] = node['spice'] = False  # start Java
            if node.get('out_file'):  # into the folder of results, wherever the config writes
                node['out_file'] = Path(node['out_file']).name
            if 'ann_file' in node:
                node['ann_file'] = str(root / 'coco/annotations/instances_val2014.json')
    for key in ('val_cfg', 'test_cfg'):
        if cfg.get(key) and 'top_k' in cfg[key]:
            cfg[key].top_k = 3
    if cfg.get('train_cfg'):
        cfg.train_cfg.pop('max_epochs', None)
        cfg.train_cfg.update(max_iters=1, val_interval=1)
        cfg.param_scheduler = None
        cfg.optim_wrapper.dtype = None
    cfg.load_from, cfg.resume, cfg.work_dir = None, False, str(out)
    return cfg


def _resize_model(node: dict) -> None:
    for key in ('init_cfg', 'blocks'):
        if key in node:
            node[key] = None
    if type_name(node) == 'CascadeMaskRCNN':
        node['num_classes'] = len(DIGITS)
    if 'vocab' in node or type_name(node) == 'BertTokenizer':
        node['vocab'] = 'mini'
    if type_name(node) == 'HuggingFaceTextEncoder':
        node['model'] = dict(ENCODER)
    if 'locations' in node:
        node['locations'] = dict(LOCATIONS)
    if isinstance(node.get('answers'), str):
        node['answers'] = ['red', 'blue', 'yes', 'no']
    if isinstance(node.get('names'), str):
        node['names'] = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'red', 'blue']
    taken = inspect.signature(kind).parameters if (kind := _class(node)) is not None else ()
    for key, value in (SIZES | DETECTOR).items():
        if key in node or (key in DEFAULTED and key in taken):
            node[key] = value


def _shrink_loader(loader: dict, root: Path) -> None:
    loader.update(batch_size=4, num_workers=0)
    if sources := loader['dataset'].get('sources'):  # one step takes a batch of each
        loader.update(batch_size=None)
        loader['sampler'].update(strategy='round_robin', batches_per_step=len(sources))
        for source in sources.values():
            source['batch_size'] = 4
    for node in [node for node in _nodes(loader['dataset']) if 'pipeline' in node and node.get('type')]:
        name = type_name(node)
        if name not in STAND_INS:
            raise KeyError(f'no stand-in for the data set {name} in mplug2.tiny; there are {", ".join(STAND_INS)}')
        node.update(STAND_INS[name](root, node))
        node['indices'] = SAMPLES
        for step in _nodes(node['pipeline']):
            _shrink_step(step)


def _shrink_step(step: dict) -> None:
    if type_name(step) == 'BertTokenizer':
        step['vocab'] = 'mini'
    if type_name(step) == 'HuggingFaceTokenizer':
        step.clear()
        step.update(type='BertTokenizer', vocab='mini')
    if type_name(step) == 'AnswerWindows':
        step.update(max_length=60, stride=30)
    if type_name(step) == 'ActionPipeline':
        for part in step['steps']:
            shrink_action_step(part, PIXELS, FRAMES)
    if isinstance(step.get('size'), int):
        step['size'] = PIXELS
    for key in ('size', 'scale', 'crop_size'):  # of mmdet's transforms, in pixels
        if isinstance(step.get(key), (list, tuple)) and all(isinstance(side, int) and side > PIXELS for side in step[key]):
            step[key] = (PIXELS, PIXELS)
    if 'num_frames' in step:
        step.update(num_frames=FRAMES, backend='pyav')
    if 'locations' in step:
        step['locations'] = dict(LOCATIONS)


def _class(node: dict) -> type | None:
    kind = node.get('type')
    return TASKS.get(kind) if isinstance(kind, str) else kind


def _nodes(value: Any) -> Iterator[dict]:
    """Every dict in a config, outermost first."""
    if isinstance(value, dict):
        yield value
        for item in list(value.values()):
            yield from _nodes(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _nodes(item)
