import pytest
import torch

from mplug2.datasets.collate import collate_targets
from mplug2.datasets.transforms import BoxTarget
from mplug2.tasks import Grounding
from mplug2.text import BertTokenizer

from .models import small_model, some_batch

TOKENIZER = BertTokenizer('mini')
LOCATIONS = dict(num_bins=17, first='[unused1]', marker='[unused0]')
BOXES = [[0, 4, 16, 32], [8, 8, 24, 20], [2, 0, 32, 30]]


def batch_with_boxes():
    batch = some_batch(3)
    transform = BoxTarget(TOKENIZER, LOCATIONS)
    records = [transform.transform(dict(frames=torch.zeros(1, 32, 32, 3).numpy(), boxes=[box])) for box in BOXES]
    return batch.replace(target=collate_targets([record['target'] for record in records], 0)), records


def test_only_boxes_are_written():
    model = small_model(dict(type=Grounding, locations=LOCATIONS, num_beams=3)).eval()
    samples = model(some_batch(4), mode='predict')
    task = model.tasks['task']
    for sample in samples:
        assert sample.pred_box is None or all(round(side * 16) == pytest.approx(side * 16) for side in sample.pred_box)
    assert task.allowed.sum() == 18


def test_a_few_boxes_are_learnt_by_heart():
    torch.manual_seed(0)
    model = small_model(dict(type=Grounding, locations=LOCATIONS), std=0.05)
    batch, records = batch_with_boxes()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(120):
        loss = model(batch, mode='loss')['loss_box']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    samples = model.eval()(batch, mode='predict')
    assert [list(sample.pred_box) for sample in samples] == [pytest.approx(record['box'], abs=1 / 16) for record in records]


def test_marker_and_corners_are_learnt_the_start_is_not():
    batch, records = batch_with_boxes()
    start = TOKENIZER.token_id('[unused1]')
    assert batch['target'].ids[1].tolist() == [
        TOKENIZER.cls_id,
        start - 1,
        *(start + step for step in (4, 4, 12, 10)),
        TOKENIZER.sep_id,
    ]
    assert batch['target'].loss_mask.tolist() == [[False] + [True] * 6] * 3
    assert records[1]['box'] == [0.25, 0.25, 0.75, 0.625]
