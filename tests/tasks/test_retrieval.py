import copy

import pytest
import torch
import torch.nn.functional as F

from mplug2.networks import Features
from mplug2.objectives import HardNegativeMatching, InBatchContrast, MomentumContrast, SigmoidContrast
from mplug2.objectives.losses import hard_negatives
from mplug2.structures import Tokens
from mplug2.tasks import Retrieval

from .models import small_model, some_batch

IDS = torch.tensor([3, 9, 3, 7])


def task_cfg(**kwargs):
    contrastive = dict(type=MomentumContrast, queue_size=6, momentum=0.9)
    matching = dict(type=HardNegativeMatching)
    return dict(type=Retrieval, media='image', projection_dim=16, contrastive=contrastive, matching=matching) | kwargs


def run(model, batch):
    torch.manual_seed(0)
    if model.training:
        model.tasks['task'].begin_step(model.network)
    return model(batch, mode='loss')


def one_step_on():
    """A model that has seen a batch, whose momentum encoder and queues it fills, and has moved since."""
    model = small_model(task_cfg())
    run(model, some_batch(4, media_id=IDS))
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(1.05)
    return model


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_losses_equal_the_recipe_written_out(form):
    model = small_model(task_cfg(), form)
    task, network = model.tasks['task'], model.network
    shifts = (0, 1, 1)  # the third batch has the items of the second, which are positives in the queue
    batches = [some_batch(4, seed=seed, media_id=IDS + shift) for seed, shift in enumerate(shifts)]
    queue_v, queue_t, queue_ids = [], [], []
    momentum_encoder, momentum_head = copy.deepcopy(network), copy.deepcopy(task.head)
    for batch in batches:
        found = run(model, batch)
        ids = batch['media_id']
        with torch.no_grad():  # the momentum encoder moves first; at the first step it is the network
            for slow, fast in ((momentum_encoder, network), (momentum_head, task.head)):
                for a, b in zip(slow.parameters(), fast.parameters(), strict=True):
                    a.copy_(0.9 * a + 0.1 * b)

        def embed(net, head, batch=batch):
            features = Features(net, batch)
            return head.vision(features.vision().memory[:, 0]), head.text(features.text().tokens[:, 0])

        v, t = embed(network, task.head)
        with torch.no_grad():
            mv, mt = embed(momentum_encoder, momentum_head)
        all_ids = torch.cat([*queue_ids, ids])[-10:]
        total = 0.0
        for rows, slow_rows, columns in (
            (v, mv, torch.cat([*queue_t, mt])[-10:]),
            (t, mt, torch.cat([*queue_v, mv])[-10:]),
        ):
            hard = (ids[:, None] == all_ids).float()
            hard /= hard.sum(1, keepdim=True)
            soft = (slow_rows @ columns.T / task.head.temperature).softmax(1)
            target = 0.4 * soft + 0.6 * hard
            total = total - (target * (rows @ columns.T / task.head.temperature).log_softmax(1)).sum(1).mean() / 2
        assert found['loss_contrastive'].item() == pytest.approx(total.item(), rel=1e-4)
        queue_v, queue_t, queue_ids = [*queue_v, mv], [*queue_t, mt], [*queue_ids, ids]

        torch.manual_seed(0)
        logits, same = v @ t.T / task.head.temperature, ids[:, None] == ids
        wrong_t, _ = hard_negatives(logits, same)
        wrong_v, _ = hard_negatives(logits.T, same)
        features = Features(network, batch)
        losses = []
        for row in range(4):
            for media, text, right in ((row, row, 1), (row, wrong_t[row], 0), (wrong_v[row], row, 0)):
                pair = network.fuse(
                    features.text().select(torch.tensor([text])), features.vision().select(torch.tensor([media]))
                )
                losses.append(F.cross_entropy(task.matching(pair.text[:, 0]), torch.tensor([right])))
                assert right or ids[media] != ids[text]
        assert found['loss_matching'].item() == pytest.approx(torch.stack(losses).mean().item(), rel=1e-4)
        with torch.no_grad():  # as an optimizer step would
            for parameter in network.parameters():
                parameter.mul_(1.01)


def test_without_a_momentum_encoder_the_batch_is_contrasted_with_itself():
    model = small_model(task_cfg(contrastive=dict(type=InBatchContrast)))
    task, batch = model.tasks['task'], some_batch(4, media_id=torch.arange(4))
    found = run(model, batch)
    features = Features(model.network, batch)
    logits = task.embed_vision(features.vision()) @ task.embed_text(features.text()).T / task.head.temperature
    own = torch.arange(4)
    clip = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    assert found['loss_contrastive'].item() == pytest.approx(clip.item(), rel=1e-4)
    assert not [key for key in model.state_dict() if 'momentum_encoder' in key or 'queue' in key]


@pytest.mark.parametrize('contrast', [InBatchContrast, SigmoidContrast])
def test_contrast_alone_trains_a_network_without_fusion(contrast):
    model = small_model(task_cfg(contrastive=dict(type=contrast), matching=None))
    assert model.network.fusion is None
    batch = some_batch(4, media_id=torch.arange(4))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
    losses = []
    for _ in range(30):
        found = run(model, batch)
        assert set(found) == {'loss_contrastive', 'temperature'}
        optimizer.zero_grad()
        found['loss_contrastive'].backward()
        optimizer.step()
        losses.append(found['loss_contrastive'].item())
    assert losses[-1] < 0.8 * losses[0]
    samples = model.eval()(batch, mode='predict')
    assert all('pred_match' not in sample for sample in samples)


def test_the_sigmoid_contrast_written_out():
    model = small_model(task_cfg(contrastive=dict(type=SigmoidContrast, bias=-1.5), matching=None))
    task, batch = model.tasks['task'], some_batch(4, media_id=IDS)
    found = run(model, batch)['loss_contrastive']
    features = Features(model.network, batch)
    vision, text = task.embed_vision(features.vision()), task.embed_text(features.text())
    total = 0.0
    for row in range(4):
        for column in range(4):
            sign = 1 if IDS[row] == IDS[column] else -1
            logit = vision[row] @ text[column] / task.head.temperature - 1.5
            total = total + (1 + (-sign * logit).exp()).log()
    assert found.item() == pytest.approx(total.item() / 4, rel=1e-4)
    found.backward()
    assert task.contrastive.bias.grad != 0


def test_a_task_that_learns_nothing_is_refused():
    with pytest.raises(ValueError, match='nothing to learn'):
        small_model(task_cfg(contrastive=None, matching=None))


def test_gradients_reach_every_parameter_but_the_momentum_encoder():
    model = small_model(task_cfg())
    losses = run(model, some_batch(4, media_id=IDS))
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without
    assert all(not p.requires_grad for p in model.tasks['task'].contrastive.momentum_encoder.parameters())


def test_a_checkpoint_holds_momentum_encoder_and_queues():
    model = one_step_on()
    other = small_model(task_cfg(), seed=5)
    other.load_state_dict(model.state_dict())
    batch = some_batch(4, seed=1, media_id=IDS)
    first, second = run(model, batch), run(other, batch)
    assert {k: v.item() for k, v in first.items()} == {k: v.item() for k, v in second.items()}
    for key, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


def test_momentum_encoders_that_never_moved_are_none_in_a_checkpoint():
    task = small_model(task_cfg(), seed=5).tasks['task']
    task.load_state_dict(small_model(task_cfg()).tasks['task'].state_dict())
    assert not task.contrastive.momentum_encoder.has_weights
    assert not task.contrastive.momentum_head.has_weights
    task.load_state_dict(one_step_on().tasks['task'].state_dict())
    assert task.contrastive.momentum_encoder.has_weights
    assert task.contrastive.momentum_head.has_weights


def test_training_brings_a_temperature_back_to_its_bounds():
    model = small_model(task_cfg())
    temperature = model.tasks['task'].head.temperature
    temperature.data.fill_(1e-5)
    with torch.no_grad():
        run(model.eval(), some_batch(4, media_id=IDS))
    assert temperature.item() == pytest.approx(1e-5), 'a validation changes nothing'
    run(model.train(), some_batch(4, media_id=IDS))['loss_contrastive'].backward()
    assert temperature.item() == pytest.approx(0.001)
    assert temperature.grad != 0


def test_momentum_encoder_that_was_never_filled_is_finite():
    assert all(value.isfinite().all() for value in small_model(task_cfg()).state_dict().values())


@pytest.mark.parametrize('form', ['release', 'paper'])
def test_many_texts_share_the_vision_of_one(form):
    model = small_model(task_cfg(), form).eval()
    features = Features(model.network, some_batch(6))
    text, vision = features.text(), features.vision()
    shared = model.tasks['task'].match(model.network, text, vision.select(torch.tensor([1, 4])))
    tiled = model.tasks['task'].match(model.network, text, vision.select(torch.tensor([1, 1, 1, 4, 4, 4])))
    torch.testing.assert_close(shared, tiled, rtol=1e-4, atol=1e-5)


def test_predictions_of_single_pairs():
    model = small_model(task_cfg()).eval()
    batch = some_batch(3)
    with torch.no_grad():
        samples = model(batch, mode='predict')
        one = Features(
            model.network, batch.replace(frames=batch['frames'][1:2], text=Tokens(*(x[1:2] for x in batch['text'][:2])))
        )
        task = model.tasks['task']
        cosine = (task.embed_vision(one.vision()) @ task.embed_text(one.text()).T).item()
        match = task.match(model.network, one.text(), one.vision()).softmax(-1)[0, 1].item()
    assert samples[1].pred_similarity == pytest.approx(cosine, abs=1e-5)
    assert samples[1].pred_match == pytest.approx(match, abs=1e-5)


def test_a_batch_without_identities_is_refused():
    with pytest.raises(KeyError, match='add AddMediaId'):
        small_model(task_cfg())(some_batch(2), mode='loss')


def test_a_validation_loss_leaves_momentum_encoder_and_queues_alone():
    model = one_step_on()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.eval()
    with torch.no_grad():
        assert run(model, some_batch(4, seed=1, media_id=IDS + 20))['loss_contrastive'].isfinite()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_failed_forward_pass_is_told_by_the_loss():
    batch = some_batch(4, media_id=IDS)
    model = small_model(task_cfg())
    with torch.no_grad():
        model.network.vision_encoder.patch_embedding.weight.fill_(float('nan'))
    assert all(value.isnan() for key, value in run(model, batch).items() if key.startswith('loss_'))


def test_a_batch_without_negatives_is_told() -> None:
    model = small_model(task_cfg()).train()
    with pytest.warns(UserWarning, match="one sample here, so that it learns 'yes' alone"):
        run(model, some_batch(1, media_id=IDS[:1]))


def test_soft_targets_grow_over_the_first_steps():
    """Step n of the warm-up has the share (n - 1) / warm-up of `distill_alpha`, as in ALBEF, and a checkpoint goes on there."""

    def losses(**cfg):
        contrastive = dict(type=MomentumContrast, queue_size=6, momentum=0.9, **cfg)
        torch.manual_seed(0)
        model = small_model(task_cfg(contrastive=contrastive))
        return model, [run(model, some_batch(4, seed=seed, media_id=IDS))['loss_contrastive'] for seed in range(4)]

    model, ramped = losses(distill_alpha=0.6, distill_warmup=2)
    for step, share in enumerate((0.0, 0.5, 1.0, 1.0)):
        assert torch.allclose(ramped[step], losses(distill_alpha=0.6 * share)[1][step])
    assert model.state_dict()['tasks.task.contrastive.distill_steps'] == 4
    assert not [key for key in losses()[0].state_dict() if 'distill' in key]
