import json
import os
import pickle
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from torch.utils.data import DataLoader

from mplug2.datasets import MultiModalDataset, multimodal_collate
from mplug2.datasets.transforms import PackInputs
from mplug2.engine.loops import retrieval
from mplug2.engine.loops.retrieval import RetrievalTestLoop
from mplug2.evaluation import RetrievalMetric, ranks_of_relevant, recall_at_k
from mplug2.evaluation.gallery import gather_gallery, rank_by_cosine, ranks_after
from mplug2.evaluation.matcher import Matcher
from mplug2.networks import Features
from mplug2.objectives import HardNegativeMatching, InBatchContrast, MomentumContrast
from mplug2.structures import Batch, Tokens
from mplug2.tasks import Retrieval

from ..tasks.models import small_model

PAIRS = dict(contrastive=dict(type=MomentumContrast, queue_size=4), matching=dict(type=HardNegativeMatching))


class Images(MultiModalDataset):
    """Noise with one to three texts each."""

    def load_records(self):
        rng = np.random.default_rng(0)
        return [
            dict(
                sample_id=f'p{number}',
                media='image',
                frames=rng.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8),
                texts=[rng.integers(5, 900, int(rng.integers(2, 7))).tolist() for _ in range(int(rng.integers(1, 4)))],
            )
            for number in range(11)
        ]


def evaluate(form='release', top_k=4, out_file=None, **kwargs):
    model = small_model(dict(type=Retrieval, media='image', projection_dim=16, **PAIRS), form).eval()
    with torch.no_grad():
        model.tasks['task'].matching.classifier.weight.mul_(50)  # or the cosine would decide alone
    return model, *run_loop(model, top_k, out_file, **kwargs)


def run_loop(model, top_k, out_file=None, **kwargs):
    dataset = Images(pipeline=[PackInputs(fields=['texts'])], test_mode=True)
    loader = DataLoader(dataset, 3, sampler=DefaultSampler(dataset, shuffle=False), collate_fn=multimodal_collate)
    runner = MagicMock(model=model)
    metric = RetrievalMetric(out_file=out_file, collect_device='cpu')
    loop = RetrievalTestLoop(runner, loader, Evaluator(metric), top_k=top_k, pairs=5, block=30, **kwargs)
    return dataset, loop.run()


def by_hand(model, dataset, top_k):
    """Every pair by itself, whole matrices, no caches."""
    task = model.tasks['task']
    records = [dataset.record(index) for index in range(len(dataset))]
    texts = [(place, ids) for place, record in enumerate(records) for ids in record['texts']]
    frames = [torch.from_numpy(record['frames'].transpose(0, 3, 1, 2))[None] for record in records]
    batches = [model.data_preprocessor(dict(inputs=dict(frames=one), data_samples=[]))['inputs'] for one in frames]
    vision = [Features(model.network, batch).vision() for batch in batches]

    def tokens(ids):
        return Tokens(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool))

    text = [Features(model.network, Batch(text=tokens(ids))).text() for _, ids in texts]
    cosine = torch.cat([task.embed_text(one) for one in text]) @ torch.cat([task.embed_vision(one) for one in vision]).T
    odds = torch.tensor([[task.match(model.network, t, v)[0].diff().item() for v in vision] for t in text])
    temperature = task.head.temperature.double()
    owner = [place for place, _ in texts]
    of_media = [[row for row, place in enumerate(owner) if place == media] for media in range(len(records))]
    found = {}
    for name, near, match, right in (
        ('text_to_image', cosine, odds, [[place] for place in owner]),
        ('image_to_text', cosine.T, odds.T, of_media),
    ):
        near, match = near.double(), match.double()
        final = near - 1e4  # behind whatever was re-ranked
        best = near.topk(top_k, 1).indices
        final = final.scatter(1, best, (near / temperature + match).gather(1, best))
        found |= {f'{name}_{key}': value for key, value in recall_at_k(ranks_of_relevant(final, right)).items()}
        found |= {f'dual_{name}_{key}': value for key, value in recall_at_k(ranks_of_relevant(near, right)).items()}
    return found


@pytest.mark.parametrize('form', ['release', 'paper'])
@torch.no_grad()
def test_loop_equals_scoring_every_pair_alone(form, tmp_path):
    model, dataset, found = evaluate(form, out_file=str(tmp_path / 'best.json'))
    expected = by_hand(model, dataset, 4)
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    assert any(found[key] != found[f'dual_{key}'] for key in expected if f'dual_{key}' in expected)
    best = json.loads((tmp_path / 'best.json').read_text())
    assert len(best['image_to_text']) == 11
    assert best['text_to_image'][0]['query'] == 0
    right = sum(record['best'][0] == f'p{place}' for place, record in zip(owners(dataset), best['text_to_image'], strict=True))
    assert 100 * right / len(best['text_to_image']) == pytest.approx(found['text_to_image_R@1'])


def owners(dataset):
    return [index for index in range(len(dataset)) for _ in dataset.record(index)['texts']]


def test_features_that_do_not_fit_are_encoded_again():
    *_, kept = evaluate()
    *_, nothing_kept = evaluate(keep_gib=0)
    *_, some_kept = evaluate(keep_gib=6000 / 2**30)
    assert kept == nothing_kept == some_kept


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='host and device are one')
@torch.no_grad()
def test_text_features_wait_on_the_host():
    model = small_model(dict(type=Retrieval, media='image', projection_dim=16, **PAIRS), 'release').cuda().eval()
    texts = [[2, 7, 9], [2, 8], [2, 5, 6, 7]]
    bank = Matcher(model.network, model.tasks['task'], texts, torch.device('cuda'), pairs=2, limit=2**20).bank
    assert {part.device.type for part in bank} == {'cpu'}
    assert len(bank.tokens) == 3


def test_what_ranks_exchange_is_each_images_own(monkeypatch):
    sizes = []

    def gather(own):
        for media in own.values():
            alone = media._replace(embedding=media.embedding.clone(), text_embeddings=media.text_embeddings.clone())
            sizes.append((len(pickle.dumps(media)), len(pickle.dumps(alone))))
        return gather_gallery(own)

    monkeypatch.setattr(retrieval, 'gather_gallery', gather)
    evaluate()
    assert len(sizes) == 11
    assert all(sent == needed for sent, needed in sizes)


def test_without_reranking_the_order_is_that_of_cosine():
    *_, found = evaluate(top_k=0)
    assert found['R@mean'] == found['dual_R@mean']


@torch.no_grad()
def test_contrast_alone_is_ranked_by_cosine_without_fusion():
    task = dict(type=Retrieval, media='image', projection_dim=16, contrastive=dict(type=InBatchContrast))
    model = small_model(task)
    assert model.network.fusion is None
    metrics = run_loop(model, top_k=4)[1]
    assert metrics['R@mean'] == metrics['dual_R@mean']
    with_matching, _, expected = evaluate(top_k=0)
    assert with_matching.network.fusion is not None
    assert metrics == pytest.approx(expected), 'the same encoders and head'


def test_blocks_do_not_matter():
    queries, items = torch.randn(13, 8), torch.randn(9, 8)
    right = [[row % 9, (row + 1) % 9] for row in range(13)]
    ranks, best = rank_by_cosine(queries, items, right, 5, 1, torch.device('cpu'))
    assert torch.equal(ranks, ranks_of_relevant(queries @ items.T, right))
    assert torch.equal(best.long(), (queries @ items.T).topk(5, 1).indices)


def test_cosines_are_in_full_precision_under_autocast():
    queries, items = (torch.nn.functional.normalize(torch.randn(40, 64), dim=1) for _ in range(2))
    arguments = (queries, items, [[row] for row in range(40)], 9, 2**20, torch.device('cpu'))
    expected = rank_by_cosine(*arguments)
    with torch.autocast('cpu', torch.bfloat16):
        found = rank_by_cosine(*arguments)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_ranks_after_by_hand():
    best = torch.tensor([[4, 2, 7], [4, 2, 7], [4, 2, 7]])
    scores = torch.tensor([[0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.5, 0.5, 0.5]])
    # item 7 is second now; item 3 was not among the best and stays fourth; equal scores are no success
    assert ranks_after(scores, best, [[7], [3], [2]], torch.tensor([3, 4, 2])).tolist() == [2, 4, 3]


def work(rank, folder):
    os.chdir(folder)  # MMEngine exchanges results through a folder below the current one
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2)
    results = [evaluate()[2], evaluate(keep_gib=0)[2]]
    with open(f'{folder}/results_{rank}.json', 'w') as file:
        json.dump(results, file)
    dist.destroy_process_group()


@pytest.mark.distributed
def test_two_processes_find_what_one_does(tmp_path):
    *_, alone = evaluate()
    mp.start_processes(work, (str(tmp_path),), nprocs=2, start_method='fork')
    for rank in (0, 1):
        assert json.loads((tmp_path / f'results_{rank}.json').read_text()) == [alone, alone]


def test_a_model_without_a_retrieval_task_is_refused():
    loop = RetrievalTestLoop.__new__(RetrievalTestLoop)
    loop._runner = SimpleNamespace(model=SimpleNamespace(tasks={}))
    with pytest.raises(ValueError, match='needs one retrieval task'):
        loop.score('test')
