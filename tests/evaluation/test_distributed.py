import json
import os

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.dataset import DefaultSampler

from mplug2.evaluation import ExactMatch, VQAMetric, WordAccuracy

pytestmark = pytest.mark.distributed

# The first samples, which the sampler repeats to fill the last round, are the only wrong ones.
SAMPLES = [
    dict(
        sample_id=f's{i}',
        question_id=i,
        pred_answer='yes',
        answers=['no' if i < 2 else 'yes'] * 10,
        pred_caption='a red dog',
        captions=['a blue dog' if i < 2 else 'a red dog'],
        media='image' if i % 2 else 'video',
    )
    for i in range(5)
]


def metrics(out_file):
    return [
        ExactMatch(),
        VQAMetric(out_file=out_file),
        WordAccuracy(dict(colour=['red', 'blue'])),
    ]


def evaluate(indices, batch_size, out_file):
    results = {}
    for metric in metrics(out_file):
        for start in range(0, len(indices), batch_size):
            metric.process(None, [SAMPLES[i] for i in indices[start : start + batch_size]])
        results.update({f'{type(metric).__name__}.{key}': value for key, value in metric.evaluate(len(SAMPLES)).items()})
    return results


def work(rank, folder):
    os.chdir(folder)  # MMEngine exchanges results through a folder below the current one
    dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2)
    for shuffle in (False, True):
        indices = list(DefaultSampler(SAMPLES, shuffle=shuffle, seed=0))
        assert len(indices) == 3
        results = evaluate(indices, 2, f'{folder}/answers_{shuffle}.json')
        with open(f'{folder}/results_{shuffle}_{rank}.json', 'w') as file:
            json.dump(results, file)
    dist.destroy_process_group()


def test_two_processes_count_every_sample_once(tmp_path):
    alone = evaluate(list(range(5)), 2, str(tmp_path / 'alone.json'))
    assert alone == pytest.approx(
        {'ExactMatch.accuracy': 60, 'VQAMetric.accuracy': 60, 'WordAccuracy.word_accuracy/colour': 60}
    )
    mp.spawn(work, (str(tmp_path),), nprocs=2)
    for shuffle in (False, True):
        for rank in (0, 1):
            assert json.loads((tmp_path / f'results_{shuffle}_{rank}.json').read_text()) == alone
        submitted = [record['question_id'] for record in json.loads((tmp_path / f'answers_{shuffle}.json').read_text())]
        assert sorted(submitted) == [0, 1, 2, 3, 4]
        assert shuffle or submitted == [0, 1, 2, 3, 4]
