"""Text classification, text QA and summarization: losses and predictions worked by hand, windows, and that they learn."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mplug2.datasets.collate import multimodal_collate
from mplug2.datasets.transforms import AnswerWindows, PackInputs, TokenizePair
from mplug2.preprocessor import MultiModalDataPreprocessor
from mplug2.structures import Batch, MultiModalDataSample, Tokens
from mplug2.text import BertTokenizer

from .models import small_model

TOKENIZER = BertTokenizer('mini')
PREPARE = MultiModalDataPreprocessor()


class Given:
    """Features whose tokens are given."""

    def __init__(self, tokens: Tensor, mask: Tensor) -> None:
        self.tokens, self.mask = tokens, mask

    def text(self) -> Given:
        return self


def reader(**how):
    """A text QA task whose logits are the first two channels of the tokens."""
    task = small_model(dict(type='TextQA', **how)).tasks['task']
    with torch.no_grad():
        task.head.ends.weight.zero_()
        task.head.ends.bias.zero_()
        task.head.ends.weight[0, 0] = task.head.ends.weight[1, 1] = 1
    return task


def given(start: list[list[float]], end: list[list[float]], lengths: list[int]) -> Given:
    tokens = torch.zeros(len(start), len(start[0]), 32)
    tokens[..., 0], tokens[..., 1] = torch.tensor(start), torch.tensor(end)
    return Given(tokens, torch.arange(len(start[0])) < torch.tensor(lengths)[:, None])


PLACES = [None, (0, 1), (2, 5), (6, 10), None]  # of the tokens of [CLS] a red nine [SEP]


def ask(task, features: Given, windows: list[list]) -> MultiModalDataSample:
    sample = MultiModalDataSample(metainfo=dict(sample_id='q'))
    sample.context, sample.windows = 'a red nine', windows
    (found,) = task.predict(features, Batch(samples=[sample]))
    return found


def test_the_best_span_in_the_original_text():
    #        [CLS]  a  red nine [SEP] padding
    start = [[1.0, 1.0, 5.0, 0.0, 9.0, 30.0]]
    end = [[1.0, 7.0, 3.5, 4.0, 9.0, 30.0]]
    # red nine 5 + 4; 'red' to 'a' would be 5 + 7 but runs backwards; special tokens and padding are no answer
    found = ask(reader(), given(start, end, [5]), [PLACES])
    assert found.pred_answer == found.pred_span == 'red nine'
    assert found.pred_null == pytest.approx(2.0 - 9.0)
    assert ask(reader(max_answer=1), given(start, end, [5]), [PLACES]).pred_answer == 'red'


def test_no_answer_by_the_threshold():
    start, end = [[4.0, 0.0, 3.0, 0.0, 0.0]], [[4.0, 0.0, 3.0, 0.0, 0.0]]
    found = ask(reader(), given(start, end, [5]), [PLACES])
    assert (found.pred_answer, found.pred_span, found.pred_null) == ('', 'red', 2.0)
    assert ask(reader(null_threshold=2.5), given(start, end, [5]), [PLACES]).pred_answer == 'red'
    assert ask(reader(unanswerable=False), given(start, end, [5]), [PLACES]).pred_answer == 'red'


def test_windows_compete():
    """The best span of any window, against the window in which "no answer" is weakest."""
    windows = [PLACES, [None, (6, 10), None]]
    start = [[9.0, 0.0, 3.0, 0.0, 0.0], [1.0, 4.0, 0.0, 0.0, 0.0]]
    found = ask(reader(), given(start, start, [5, 3]), windows)
    assert found.pred_span == 'nine'
    assert found.pred_null == 2.0 - 8.0
    assert found.pred_answer == 'nine'


def test_the_loss_of_spans_by_hand():
    task = reader()
    features = given([[0.0, 1.0, 5.0]], [[0.0, 2.0, 5.0]], [2])  # the last is padding
    loss = task.loss(features, Batch(span=torch.tensor([[1, 0]])))['loss_span']
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def train(model, batch, steps: int = 60, lr: float = 3e-3) -> float:
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    model.train()
    for _ in range(steps):
        losses = model(batch, mode='loss')
        loss = sum(value for name, value in losses.items() if 'loss' in name)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    return loss.item()


def prepared(transforms, records) -> Batch:
    packed = []
    for record in records:
        for transform in transforms:
            record = transform(record)
        packed.append(record)
    return PREPARE(multimodal_collate(packed))['inputs']


def test_classification_learns_pairs():
    pairs = [('the five is red', 'a red five', 0), ('the five is blue', 'a red five', 1), ('the two is red', 'a red five', 1)]
    records = [dict(media='text', sentence1=a, sentence2=b, label=label, test_mode=False) for a, b, label in pairs]
    transforms = [TokenizePair(TOKENIZER, 'sentence1', 'sentence2'), PackInputs(inputs=['label'])]
    batch = prepared(transforms, records)
    assert batch['text'].token_type_ids.max() == 1
    model = small_model(dict(type='TextClassification', num_classes=2, dropout=0.0), std=0.08)
    before = model(batch, mode='loss')['loss_class'].item()
    assert train(model, batch) < 0.1 < before
    found = model(batch, mode='predict')
    assert [sample.pred_label for sample in found] == [0, 1, 1]
    assert all(0.8 < sample.pred_score <= 1 for sample in found)


def test_types_matter():
    """The same tokens as one text or as two are different inputs."""
    model = small_model(dict(type='TextClassification', num_classes=2)).eval()
    ids = torch.randint(5, 60, (1, 6), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids, dtype=torch.bool)
    one, two = (model(Batch(text=Tokens(ids, mask, types))).text().tokens for types in (0 * ids, ids % 2))
    assert not torch.allclose(one, two)


def test_text_qa_learns_and_answers_in_windows():
    context = 'in the first photo there is a small red three . in the second photo there is a large blue four .'
    rows = [('what digit is red ?', 'three'), ('what digit is blue ?', 'four'), ('what digit is green ?', None)]
    records = [
        dict(
            sample_id=question,
            media='text',
            question=question,
            context=context,
            answers=[answer] if answer else [],
            answer_starts=[context.index(answer)] if answer else [],
            test_mode=False,
        )
        for question, answer in rows
    ]
    windows = AnswerWindows(TOKENIZER, max_length=48, stride=20)
    batch = prepared([windows, PackInputs(inputs=['span'])], [dict(record) for record in records])
    model = small_model(dict(type='TextQA'), std=0.2)
    assert train(model, batch, 80) < 0.1
    tests = [record | dict(test_mode=True) for record in records]
    fields = PackInputs(fields=['context', 'windows', 'answers'])
    found = model(prepared([windows, fields], [dict(record) for record in tests]), mode='predict')
    assert [sample.pred_answer for sample in found] == ['three', 'four', '']
    narrow = AnswerWindows(TOKENIZER, max_length=24, stride=9)  # several windows a question
    batch = prepared([narrow, fields], [dict(record) for record in tests])
    assert len(batch['text'].ids) > 3
    assert all(sample.pred_span in context for sample in model(batch, mode='predict'))


def test_rows_of_a_batch_do_not_touch_each_other():
    """A question is answered the same alone and beside a longer one."""
    model = small_model(dict(type='TextQA')).eval()
    windows = AnswerWindows(TOKENIZER, max_length=20, stride=7)
    fields = PackInputs(fields=['context', 'windows'])

    def record(context: str) -> dict:
        return dict(media='text', question='what is red ?', context=context, answers=[], answer_starts=[], test_mode=True)

    short, long = 'a red nine', ' '.join(['a blue four and a red three'] * 4)
    alone = model(prepared([windows, fields], [record(short)]), mode='predict')[0]
    beside = model(prepared([windows, fields], [record(long), record(short)]), mode='predict')[1]
    assert beside.pred_span == alone.pred_span
    assert beside.pred_null == pytest.approx(alone.pred_null, abs=1e-4)
