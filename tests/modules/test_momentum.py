"""The momentum encoder and the feature queue."""

from __future__ import annotations

import io

import pytest
import torch
from torch.testing import assert_close

from mplug2.modules import FeatureQueue, MomentumEncoder
from mplug2.objectives.gather import gather_features
from tests.modules.helpers import randomize, small_network


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_the_momentum_encoder_follows_slowly() -> None:
    source = torch.nn.Linear(3, 2)
    momentum_encoder = MomentumEncoder(source, momentum=0.9)
    randomize(source, seed=1)  # weights loaded after the momentum encoder was built
    momentum_encoder.update(source)  # first: becomes its source
    assert_close(momentum_encoder.module.weight, source.weight)
    before = source.weight.detach().clone()
    randomize(source, seed=2)
    momentum_encoder.update(source)
    momentum_encoder.update(source)
    assert_close(momentum_encoder.module.weight, 0.81 * before + 0.19 * source.weight)


def test_the_momentum_encoder_has_no_gradients_and_no_dropout() -> None:
    network = small_network(dropout=0.5).train()
    momentum_encoder = MomentumEncoder(network).train()
    assert not any(parameter.requires_grad for parameter in momentum_encoder.parameters())
    assert not any(module.training for module in momentum_encoder.modules())
    assert network.training
    assert not {p.data_ptr() for p in momentum_encoder.parameters()} & {p.data_ptr() for p in network.parameters()}


def test_a_momentum_encoder_of_some_parts_follows_the_whole_network() -> None:
    network = small_network()
    momentum_encoder = MomentumEncoder(network.subset(['vision_encoder', 'text_encoder', 'universal']))
    assert momentum_encoder.module.decoder is None
    randomize(network, seed=5)
    momentum_encoder.update(network)
    for name, parameter in momentum_encoder.module.named_parameters():
        assert_close(parameter, network.get_parameter(name))
    network.universal = None
    with pytest.raises(KeyError, match=r"lacks .* of its parameters, first 'universal"):
        momentum_encoder.update(network)


def test_a_loaded_momentum_encoder_is_not_overwritten() -> None:
    source = randomize(torch.nn.Linear(3, 2), seed=1)
    momentum_encoder = MomentumEncoder(source, momentum=0.5)
    momentum_encoder.update(source)
    saved = torch.nn.ModuleDict({'momentum_encoder': momentum_encoder}).state_dict()
    resumed = MomentumEncoder(torch.nn.Linear(3, 2), momentum=0.5)
    torch.nn.ModuleDict({'momentum_encoder': resumed}).load_state_dict(saved)
    randomize(source, seed=2)
    for each in (momentum_encoder, resumed):
        each.update(source)
    assert_close(resumed.module.weight, momentum_encoder.module.weight)
    assert not torch.allclose(resumed.module.weight, source.weight)


def test_a_stored_momentum_encoder_that_never_moved_is_none() -> None:
    source, empty = randomize(torch.nn.Linear(3, 2), seed=1), MomentumEncoder(torch.nn.Linear(3, 2))
    momentum_encoder = MomentumEncoder(torch.nn.Linear(3, 2))
    momentum_encoder.update(empty.module)
    momentum_encoder.load_state_dict(empty.state_dict())
    assert not momentum_encoder.has_weights
    momentum_encoder.update(source)
    assert_close(momentum_encoder.module.weight, source.weight)


def test_buffers_are_copied() -> None:
    source = torch.nn.BatchNorm1d(3)
    momentum_encoder = MomentumEncoder(source)
    source(torch.randn(8, 3) + 5)
    momentum_encoder.update(source)
    assert_close(momentum_encoder.module.running_mean, source.running_mean)
    assert momentum_encoder.module.num_batches_tracked == 1


# Queue


@pytest.mark.parametrize('sizes', [[3, 3, 3, 3], [1, 4, 2, 5, 1], [10], [3, 10, 2], [7, 7], [25]])
def test_the_queue_holds_the_last_features(sizes: list[int]) -> None:
    """Any batch size, larger than the queue too; compared with a plain list."""
    queue, history, count = FeatureQueue(7, 4), [], 0
    for step, size in enumerate(sizes):
        features, ids = unit(size, 4, seed=step), torch.arange(count, count + size)
        queue.enqueue(features, ids)
        history += zip(ids.tolist(), features, strict=True)
        count += size
        kept = dict(history[-7:])
        held = [number for number in queue.ids.tolist() if number != FeatureQueue.EMPTY]
        assert sorted(held) == sorted(kept)
        for place, number in enumerate(queue.ids.tolist()):
            if number != FeatureQueue.EMPTY:
                assert_close(queue.features[place], kept[number])


def test_a_resumed_queue_goes_on_where_it_was() -> None:
    queue, resumed = FeatureQueue(5, 4), FeatureQueue(5, 4)
    queue.enqueue(unit(3, 4), torch.arange(3))
    file = io.BytesIO()
    torch.save(queue.state_dict(), file)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for each in (queue, resumed):
        each.enqueue(unit(4, 4, seed=1), torch.arange(3, 7))
    assert_close(resumed.features, queue.features)
    assert resumed.ids.tolist() == queue.ids.tolist() == [5, 6, 2, 3, 4]
    assert resumed.cursor == 2


def test_columns_are_the_batch_and_then_the_queue() -> None:
    queue = FeatureQueue(4, 3)
    queue.enqueue(unit(2, 3), torch.tensor([8, 9]))
    batch = unit(2, 3, seed=1).requires_grad_()
    features, ids = queue.columns(batch, torch.tensor([1, 2]))
    assert ids.tolist() == [1, 2, 8, 9, FeatureQueue.EMPTY, FeatureQueue.EMPTY]
    assert_close(features[:4], torch.cat([batch, unit(2, 3)]))
    queue.enqueue(unit(2, 3, seed=2), torch.tensor([3, 4]))  # must not disturb what is about to be differentiated
    features.sum().backward()
    assert_close(batch.grad, torch.ones(2, 3))


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_features_that_are_not_finite_are_not_kept(bad: float) -> None:
    """A zero that multiplies one of them would be no zero, so the columns of later steps must be free of them."""
    queue, features = FeatureQueue(5, 4), unit(3, 4)
    features[1, 2] = bad
    queue.enqueue(features, torch.tensor([7, 8, 9]))
    assert queue.ids.tolist() == [7, FeatureQueue.EMPTY, 9, FeatureQueue.EMPTY, FeatureQueue.EMPTY]
    assert_close(queue.features[[0, 2]], features[[0, 2]])
    assert not queue.features[[1, 3, 4]].any()
    rows = unit(2, 4, seed=1).requires_grad_()
    logits = (rows @ queue.features.T).masked_fill(queue.ids == FeatureQueue.EMPTY, float('-inf'))
    logits.logsumexp(1).sum().backward()
    assert rows.grad.isfinite().all()
    queue.enqueue(unit(4, 4, seed=2), torch.arange(4))
    assert queue.ids.tolist() == [2, 3, 9, 0, 1]


def _work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)  # threads do not survive the fork
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=2)
    queue = FeatureQueue(8, 4)
    for step in range(3):
        gathered = gather_features(unit(2, 4, seed=10 * step + rank), torch.arange(2) + 2 * rank + 4 * step)
        queue.enqueue(*gathered)
    torch.save(queue.state_dict(), f'{folder}/{rank}.pth')
    torch.distributed.destroy_process_group()


@pytest.mark.distributed
def test_all_ranks_hold_the_same_queue(tmp_path) -> None:
    torch.multiprocessing.start_processes(_work, (str(tmp_path),), nprocs=2, start_method='fork')
    states = [torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in range(2)]
    assert states[0]['ids'].tolist() == states[1]['ids'].tolist() == [8, 9, 10, 11, 4, 5, 6, 7]
    assert_close(states[0]['features'], states[1]['features'])
    assert_close(states[0]['features'][2:4], unit(2, 4, seed=21))  # of the second rank's last step
