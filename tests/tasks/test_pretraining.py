"""The objectives of pre-training: what they read, what they cost, and what they learn from."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mplug2.datasets.collate import collate_targets, pad
from mplug2.datasets.transforms.packing import TargetText
from mplug2.model import MPlug2
from mplug2.objectives.denominator import count_per_process
from mplug2.structures import Batch, MultiModalDataSample, Tokens
from mplug2.tasks import TaskSpec

from ..modules.helpers import some_text
from .models import small_model, some_batch
from .test_specs import recording

CONTRAST = dict(type='MomentumContrast', queue_size=8, momentum=0.9)
MATCHING = dict(type='HardNegativeMatching')
PAIRS = dict(type='Retrieval', media=('image', 'video'), projection_dim=8, contrastive=CONTRAST, matching=MATCHING)
OBJECTIVES = dict(
    retrieval=PAIRS,
    mlm=dict(type='MaskedLanguageModeling'),
    captioning=dict(type='Captioning', media='video', text='instruction'),
    completion=dict(type='TextCompletion'),
)
PLACES, WORDS = [[1], [2, 4], [1, 2]], [[9], [17, 8], [30, 31]]


def ready(model: MPlug2) -> MPlug2:
    for task in model.tasks.values():
        task.begin_step(model.network)
    return model.train()


def pair_batch(media: str = 'video', seed: int = 0) -> Batch:
    """Three clips or images with all that their objectives read."""
    batch = some_batch(3, frames=2 if media == 'video' else 1, seed=seed, media_id=torch.arange(3))
    for sample in batch.samples:
        sample.set_metainfo(dict(media=media))
    extra = dict(mlm_ids=some_text(3, 6, seed + 1), instruction=some_text(3, 4, seed + 2))
    extra |= dict(mlm_positions=Tokens(*pad(PLACES)), mlm_labels=Tokens(*pad(WORDS)))
    targets = [[TargetText([2, 40 + row, 50, 3], [False, True, True, True])] for row in range(3)]
    return batch.replace(
        **extra,
        target=collate_targets(targets, 0),
        task=('retrieval', 'mlm', 'captioning'),
    )


def text_batch() -> Batch:
    batch = pair_batch()
    return batch.replace(
        frames=None,
        text=None,
        prefix=some_text(3, 5, 7),
        **{key: batch[key] for key in ('mlm_ids', 'mlm_positions', 'mlm_labels')},
        samples=[MultiModalDataSample(metainfo=dict(sample_id=row, media='text')) for row in range(3)],
        task=('mlm', 'completion'),
    )


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_each_input_runs_once_through_each_parameter_set_for_all_objectives(form: str) -> None:
    model = ready(small_model(OBJECTIVES, form))
    batch = pair_batch()
    with recording(model.network) as seen:
        losses = model(batch, mode='loss')
    assert set(seen['encoded'].values()) == {1}
    runs = Counter(network for network, _ in seen['encoded'])
    momentum_encoder = model.tasks['retrieval'].contrastive.momentum_encoder.module
    assert runs == {id(model.network): 4, id(momentum_encoder): 2}  # frames, text, masked text, instruction; frames, text
    # Matching, masked text and instruction, each fused once; the momentum encoder fuses nothing.
    assert len(seen['fused']) == 3
    assert set(seen['fused'].values()) == {1}
    assert seen['inputs'] == {'frames', 'text', 'mlm_ids', 'instruction'}
    assert seen['modules'] == {'vision_encoder', 'text_encoder', 'universal', 'fusion', 'decoder'}
    assert [key for key in losses if 'loss' in key] == [
        'retrieval/loss_contrastive',
        'retrieval/loss_matching',
        'mlm/loss_text',
        'mlm/loss_fused',
        'captioning/loss_caption',
    ]


def test_the_losses_together_are_those_of_each_alone() -> None:
    batch = pair_batch()
    together = ready(small_model(OBJECTIVES))(batch, mode='loss')
    for name in batch.task:
        alone = ready(small_model(OBJECTIVES))
        torch.manual_seed(0)
        found = alone(batch.replace(task=name), mode='loss')
        for key, value in found.items():
            if key != 'loss_matching':  # draws its negatives
                assert_close(together[f'{name}/{key}'], value)


def test_text_alone_needs_neither_vision_nor_fusion() -> None:
    model = ready(small_model(OBJECTIVES))
    with recording(model.network) as seen:
        losses = model(text_batch(), mode='loss')
    assert seen['modules'] == {'text_encoder', 'universal', 'decoder'}
    assert seen['inputs'] == {'mlm_ids', 'prefix'}
    assert set(seen['encoded'].values()) == {1}
    assert set(losses) == {'mlm/loss_text', 'mlm/accuracy_text', 'completion/loss_completion'}


def test_masked_words_are_read_at_their_places() -> None:
    """Against the head on every token, and cross-entropy written out."""
    model = ready(small_model(OBJECTIVES))
    batch = pair_batch()
    losses = model(batch.replace(task='mlm'), mode='loss')
    features, head = model(batch), model.tasks['mlm'].head
    table = model.network.text_encoder.word_table
    for name, tokens in (('text', features.text('mlm_ids').tokens), ('fused', features.fused('mlm_ids').text)):
        logits = head(tokens, table)
        wanted = [(row, place, word) for row in range(3) for place, word in zip(PLACES[row], WORDS[row], strict=True)]
        each = [F.cross_entropy(logits[row, place], torch.tensor(word)) for row, place, word in wanted]
        assert_close(losses[f'loss_{name}'], torch.stack(each).mean())
        right = [int(logits[row, place].argmax()) == word for row, place, word in wanted]
        assert float(losses[f'accuracy_{name}']) == pytest.approx(sum(right) / 5)
    model.eval()
    predicted = model(batch.replace(task='mlm'), mode='predict')
    assert [len(sample.pred_words) for sample in predicted] == [1, 2, 2]
    assert model.tasks['mlm'].spec == TaskSpec.of('text image video', 'vision text fused')


def test_missing_inputs_are_named() -> None:
    batch = pair_batch().replace(task='mlm', mlm_labels=None)
    with pytest.raises(KeyError, match='add MaskTokens to the pipeline'):
        ready(small_model(OBJECTIVES))(batch, mode='loss')


def test_the_loss_is_that_of_retrieval() -> None:
    """Same seed, same network: the task over one kind of media and the task over both agree, step by step."""
    ours = small_model(dict(retrieval=PAIRS))
    theirs = small_model(dict(retrieval=dict(PAIRS, media='video')))
    for step in range(3):
        batch = pair_batch(seed=step).replace(task='retrieval')
        losses = []
        for model in (ready(ours), ready(theirs)):
            torch.manual_seed(step)
            losses.append(model(batch, mode='loss'))
        assert losses[0].keys() == losses[1].keys()
        for key, value in losses[0].items():
            assert_close(value, losses[1][key])


def test_images_and_clips_have_queues_of_their_own() -> None:
    model = ready(small_model(dict(retrieval=PAIRS)))
    model(pair_batch('image').replace(task='retrieval'), mode='loss')
    task = model.tasks['retrieval'].contrastive
    assert task.image_vision_queue.ids.tolist()[:3] == [0, 1, 2] == task.image_text_queue.ids.tolist()[:3]
    assert set(task.video_vision_queue.ids.tolist()) == {-1} == set(task.video_text_queue.ids.tolist())
    with pytest.raises(ValueError, match='has queues for image and video; the batch shows text'):
        model(pair_batch('text').replace(task='retrieval'), mode='loss')


def test_the_momentum_encoder_moves_once_a_step() -> None:
    model = small_model(dict(retrieval=PAIRS))
    task = model.tasks['retrieval']
    batch = pair_batch().replace(task='retrieval')
    with pytest.raises(RuntimeError, match='use TrainLoop or PretrainLoop'):
        model(batch, mode='loss')
    task.begin_step(model.network)
    before = {name: value.clone() for name, value in task.contrastive.momentum_encoder.module.named_parameters()}
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter += 1
    for _ in range(2):  # two sources of a step
        model(batch, mode='loss')
    assert all(torch.equal(value, before[name]) for name, value in task.contrastive.momentum_encoder.module.named_parameters())
    task.begin_step(model.network)
    for name, value in task.contrastive.momentum_encoder.module.named_parameters():
        assert_close(value, before[name] + 0.1)  # momentum 0.9


@pytest.mark.parametrize(('left_out', 'stays'), [('contrastive', 'loss_matching'), ('matching', 'loss_contrastive')])
@pytest.mark.parametrize('media', ['video', ('image', 'video')])
@pytest.mark.parametrize('weight', [0.0, None])
def test_either_half_of_pairs_can_be_left_out(media: str, weight: float | None, left_out: str, stays: str) -> None:
    """By a weight of 0, or by not having it."""
    objective = None if weight is None else PAIRS[left_out] | dict(weight=weight)
    model = ready(small_model(dict(retrieval=PAIRS | {'media': media, left_out: objective})))
    with recording(model.network) as seen:
        losses = model(pair_batch().replace(task='retrieval'), mode='loss')
    assert [key for key in losses if 'loss' in key] == [stays]
    assert len(seen['fused']) == (left_out == 'contrastive')
    momentum_encoders = {network for network, _ in seen['encoded']} - {id(model.network)}
    assert len(momentum_encoders) == (left_out == 'matching')  # without the contrastive loss the momentum encoder does not run
    losses[stays].backward()


def test_pretrained_pairs_start_retrieval() -> None:
    ours, theirs = (
        {key for key in small_model(dict(retrieval=cfg)).state_dict() if '_queue' not in key}
        for cfg in (PAIRS, dict(PAIRS, media='image'))
    )
    assert ours == theirs


def test_completion_goes_on_after_the_start() -> None:
    model = small_model(OBJECTIVES).eval()
    with recording(model.network) as seen:
        predicted = model(text_batch().replace(task='completion'), mode='predict')
    assert (
        seen['modules']
        == {'text_encoder', 'universal', 'decoder'}
        == model.network.modules_of(model.tasks['completion'].spec.stages)
    )
    assert all(isinstance(sample.pred_completion, str) for sample in predicted)


def test_tokens_are_counted_over_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes with 3 and 9 tokens, each divides by 6; one that has none still divides by something."""
    monkeypatch.setattr('mplug2.objectives.denominator.get_world_size', lambda: 2)
    monkeypatch.setattr('mplug2.objectives.denominator.all_reduce', lambda total: total.add_(9))
    assert count_per_process(torch.tensor(3)) == 6
    monkeypatch.setattr('mplug2.objectives.denominator.all_reduce', lambda total: None)
    assert count_per_process(torch.tensor(0)) == 0.5
    with torch.no_grad():
        assert count_per_process(torch.tensor(3)) == 3
