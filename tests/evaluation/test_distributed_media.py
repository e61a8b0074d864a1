"""Captions, boxes and ranks: two processes score every sample once, as one does, whatever the size of the data set."""

import json
import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.dataset import DefaultSampler

from mplug2.evaluation import CaptionMetric, GroundingMetric, RetrievalMetric

pytestmark = pytest.mark.distributed

# The first sample, which the sampler repeats to fill the last round, is the only one that is wholly right.
SAMPLES = [
    dict(
        sample_id=number,
        pred_caption='a red dog runs home' if number else 'a blue cat sits there',
        captions=['a blue cat sits there', f'cat number {number} sits'],
        box=(0, 0, 2, 2),
        pred_box=(0, 0, 2, 2) if number == 0 else (0, 0, 2, 0.5 + 0.1 * number),
        direction='text_to_image' if number % 2 else 'image_to_text',
        rank=number + 1,
        dual_rank=2 * number + 1,
        query=number,
        best=[number, 1, 2],
    )
    for number in range(7)
]


def evaluate(folder, indices):
    results = {}
    for metric in (
        CaptionMetric(meteor=False, out_file=f'{folder}/captions.json'),
        GroundingMetric(out_file=f'{folder}/boxes.json'),
        RetrievalMetric(out_file=f'{folder}/best.json'),
    ):
        for start in range(0, len(indices), 2):
            metric.process(None, [SAMPLES[index] for index in indices[start : start + 2]])
        results |= metric.evaluate(len(SAMPLES))
    return results


def work(rank, folder):
    os.chdir(folder)  # MMEngine exchanges results through a folder below the current one
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2)
    results = evaluate(folder, list(DefaultSampler(SAMPLES, shuffle=False)))
    with open(f'{folder}/results_{rank}.json', 'w') as file:
        json.dump(results, file)
    dist.destroy_process_group()


def test_two_processes_equal_one_bit_for_bit(tmp_path):
    (tmp_path / 'alone').mkdir()
    (tmp_path / 'two').mkdir()
    alone = evaluate(tmp_path / 'alone', list(range(7)))
    assert alone['accuracy@0.5'] == pytest.approx(100 * 2 / 7)  # an overlap of exactly one half is wrong
    assert alone['exact_match'] == pytest.approx(100 / 7)
    assert alone['image_to_text_R@1'] == 25
    mp.start_processes(work, (str(tmp_path / 'two'),), nprocs=2, start_method='fork')
    for rank in (0, 1):
        assert json.loads((tmp_path / f'two/results_{rank}.json').read_text()) == alone
    for name in ('captions', 'boxes', 'best'):
        assert (tmp_path / f'two/{name}.json').read_text() == (tmp_path / f'alone/{name}.json').read_text()
