"""Two processes train on half a batch each as one does on the whole: the same contrastive loss, gradients and queues."""

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from mplug2.objectives import InBatchContrast, MomentumContrast, SigmoidContrast
from mplug2.structures import Tokens
from mplug2.tasks import Retrieval

from .models import small_model, some_batch

pytestmark = pytest.mark.distributed

IDS = torch.tensor([3, 9, 3, 7])
STEPS = 2


CONTRASTS = dict(
    momentum=dict(type=MomentumContrast, queue_size=6, momentum=0.9),
    in_batch=dict(type=InBatchContrast),
    sigmoid=dict(type=SigmoidContrast),
)


def train(rows, contrast):
    """Contrastive losses of two steps, and the gradients and queues after them."""
    model = small_model(dict(type=Retrieval, media='image', projection_dim=16, contrastive=CONTRASTS[contrast]))
    losses = []
    for step in range(STEPS):
        whole = some_batch(4, seed=step, media_id=IDS + step)
        batch = whole.replace(
            frames=whole['frames'][rows],
            text=Tokens(whole['text'].ids[rows], whole['text'].mask[rows]),
            media_id=whole['media_id'][rows],
            samples=whole.samples[rows],
        )
        model.tasks['task'].begin_step(model.network)
        loss = model(batch, mode='loss')['loss_contrastive']
        losses.append(loss.detach())
    loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    state = model.tasks['task'].contrastive
    queues = (state.vision_queue.features, state.text_queue.ids) if contrast == 'momentum' else (torch.zeros(0), torch.zeros(0))
    return torch.stack(losses), gradient, *queues


def work(rank, folder, contrast):
    os.chdir(folder)
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2)
    torch.save(train(slice(2 * rank, 2 * rank + 2), contrast), f'{folder}/{rank}.pt')
    dist.destroy_process_group()


@pytest.mark.parametrize('contrast', CONTRASTS)
def test_halves_make_the_whole(tmp_path, contrast):
    losses, gradient, features, ids = train(slice(None), contrast)
    mp.start_processes(work, (str(tmp_path), contrast), nprocs=2, start_method='fork')
    halves = [torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)]
    torch.testing.assert_close((halves[0][0] + halves[1][0]) / 2, losses, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close((halves[0][1] + halves[1][1]) / 2, gradient, rtol=1e-3, atol=1e-5)
    for half in halves:
        torch.testing.assert_close(half[2], features, rtol=1e-4, atol=1e-5)
        assert torch.equal(half[3], ids)
