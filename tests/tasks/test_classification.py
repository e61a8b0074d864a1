"""Views, class texts, linear probes: what classification does beyond the row of Table 2."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mplug2.networks import Features
from mplug2.structures import MultiModalDataSample, Tokens
from mplug2.tasks.classification import average_views

from .models import small_model, small_network_cfg, some_batch

HEAD = dict(type='Classification', num_classes=5)
NAMES = ['zero', 'one', 'two']
TEXTS = dict(type='ZeroShotClassification', names=NAMES, templates=['a large red {}', 'a small {}'], projection_dim=8)


def samples_with(views: list[int]) -> list[MultiModalDataSample]:
    return [MultiModalDataSample(metainfo=dict(sample_id=row, num_views=count)) for row, count in enumerate(views)]


def test_loss_is_cross_entropy_of_the_class_token_after_the_universal_layers() -> None:
    model = small_model(HEAD).eval()
    label = torch.tensor([3, 0])
    batch = some_batch(2, label=label)
    losses = model(batch, mode='loss')
    memory = Features(model.network, batch).vision().memory
    logits = model.tasks['task'].head(memory[:, 0])
    assert torch.allclose(losses['loss_class'], F.cross_entropy(logits, label))
    assert losses['accuracy'] == (logits.argmax(1) == label).float().mean()


def test_predictions_are_averaged_over_the_views_of_each_sample() -> None:
    model = small_model(HEAD).eval()
    batch = some_batch(5, frames=2)
    single = torch.stack([sample.pred_score for sample in model(batch, mode='predict')])
    assert torch.allclose(single.sum(1), torch.ones(5))
    few = model(batch.replace(samples=samples_with([2, 3])), mode='predict')
    assert torch.allclose(few[0].pred_score, single[:2].mean(0))
    assert torch.allclose(few[1].pred_score, single[2:].mean(0))
    assert few[1].pred_label == int(single[2:].mean(0).argmax())
    with pytest.raises(ValueError, match='5 views in the batch, but num_views of its samples add up to 4'):
        average_views(torch.zeros(5, 3), samples_with([2, 2]))


def test_without_universal_layers_the_encoder_is_read() -> None:
    from mplug2.model import MPlug2

    full = small_model(HEAD)
    model = MPlug2(dict(small_network_cfg(), universal=None), dict(task=HEAD), tokenizer=full.tokenizers['text'])
    assert model.network.universal is None
    assert model.network.modules_of(model.tasks['task'].spec.stages) == {'vision_encoder'}
    batch = some_batch(2, label=torch.tensor([0, 1]))
    model(batch, mode='loss')['loss_class'].backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_linear_probe_trains_the_head_alone() -> None:
    from mplug2.model import MPlug2

    full = small_model(HEAD)
    cfg = {name: dict(part, dropout=0.5) if name == 'universal' else part for name, part in small_network_cfg().items()}
    model = MPlug2(cfg, dict(task=HEAD), tokenizer=full.tokenizers['text'], frozen=['vision_encoder', 'universal']).train()
    assert model.training
    assert not any(part.training for part in model.network.children())
    batch = some_batch(2, label=torch.tensor([0, 1]))
    losses = [model(batch, mode='loss')['loss_class'] for _ in range(2)]
    assert losses[0] == losses[1]  # no dropout in the trunk
    losses[0].backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None} == {
        'tasks.task.head.weight',
        'tasks.task.head.bias',
    }
    with pytest.raises(ValueError, match="frozen names 'eyes'"):
        MPlug2(cfg, dict(task=HEAD), tokenizer=full.tokenizers['text'], frozen=['eyes'])


def test_fine_tuned_class_texts_bring_the_temperature_back_to_its_bounds() -> None:
    model = small_model(TEXTS).train()
    temperature = model.tasks['task'].head.temperature
    temperature.data.fill_(1e-5)
    model(some_batch(2, label=torch.tensor([0, 1])), mode='loss')['loss_class'].backward()
    assert temperature.item() == pytest.approx(0.001)
    assert temperature.grad.item() != 0


def test_a_batch_without_labels_is_refused() -> None:
    with pytest.raises(KeyError, match="classification needs 'label' in the batch"):
        small_model(HEAD)(some_batch(2), mode='loss')


def test_a_class_is_the_mean_of_its_prompts() -> None:
    model = small_model(TEXTS).eval()
    task, network = model.tasks['task'], model.network
    batch = some_batch(3)
    with torch.no_grad():
        found = model(batch, mode='predict')
        classes = []
        for name in NAMES:
            each = []
            for template in TEXTS['templates']:
                ids = torch.tensor([model.tokenizers['decoder'].encode(f'find the image . {template.format(name)}')])
                each.append(task.head.text(network.encode_text(Tokens(ids, torch.ones_like(ids).bool())).pooled)[0])
            classes.append(F.normalize(torch.stack(each).mean(0), dim=-1))
        vision = task.head.vision(Features(network, batch).vision().pooled)
        expected = (vision @ torch.stack(classes).T / task.head.temperature).softmax(1)
    for sample, scores in zip(found, expected, strict=True):
        assert torch.allclose(sample.pred_score, scores, atol=1e-5)


def test_class_texts_are_embedded_once_a_test_and_anew_after_training() -> None:
    model = small_model(TEXTS).eval()
    with torch.no_grad():
        first = model(some_batch(2), mode='predict')[0].pred_score
        for parameter in model.network.text_encoder.parameters():
            parameter.mul_(1.5)
        assert torch.equal(model(some_batch(2), mode='predict')[0].pred_score, first)
        model.train()
        model.eval()
        assert not torch.allclose(model(some_batch(2), mode='predict')[0].pred_score, first)


def test_templates_need_a_place_for_the_name() -> None:
    with pytest.raises(ValueError, match=r"templates have one '\{\}' each"):
        small_model(dict(TEXTS, templates=['a photo']))
