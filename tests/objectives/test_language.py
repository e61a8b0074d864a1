"""Objectives over words, as tasks take them."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mplug2.datasets.collate import collate_targets
from mplug2.datasets.transforms.packing import TargetText
from mplug2.objectives import MaskedLM, PrefixLM, TextObjective
from mplug2.tasks import Captioning, MaskedLanguageModeling, QuestionAnswering

from ..modules.helpers import some_text
from ..tasks.models import small_model, some_batch


def batch_with_targets():
    rows = [[TargetText([2, 40, 50, 3], [False, True, True, True])], [TargetText([2, 41, 3], [False, True, True])]]
    return some_batch(2).replace(target=collate_targets(rows, 0))


@pytest.mark.parametrize(('task', 'name'), [(Captioning, 'loss_caption'), (QuestionAnswering, 'loss_answer')])
def test_the_mean_of_prefix_lm_is_an_argument(task: type, name: str) -> None:
    batch = batch_with_targets()
    models = {
        mean: small_model(dict(type=task, media='image', objective=mean and dict(type=PrefixLM, mean=mean)))
        for mean in (None, 'tokens', 'samples')
    }
    losses = {mean: model(batch, mode='loss')[name] for mean, model in models.items()}
    assert_close(losses['samples'] * 2, losses['tokens'] * 5)  # 2 samples with 5 tokens
    assert losses[None] == losses['tokens' if task is Captioning else 'samples']
    assert models[None].state_dict().keys() == models['tokens'].state_dict().keys()
    with pytest.raises(ValueError, match="mean is one of 'tokens', 'samples', not 'words'"):
        small_model(dict(type=task, objective=dict(type=PrefixLM, mean='words')))


def test_a_plugin_trains_texts_its_own_way() -> None:
    class Halved(PrefixLM):
        name = 'halved'

        def forward(self, features, memory, batch, target):
            scalars = super().forward(features, memory, batch, target)
            return {'loss': scalars['loss'] / 2, 'whole': scalars['loss'].detach()}

    model = small_model(dict(type=Captioning, media='image', objective=dict(type=Halved)))
    assert isinstance(model.tasks['task'].objective, TextObjective)
    losses = model(batch_with_targets(), mode='loss')
    assert set(losses) == {'loss_halved', 'whole'}
    assert losses['loss_halved'] == losses['whole'] / 2
    assert 'objective' not in Captioning.for_prediction(dict(type=Captioning, objective=dict(type=Halved)))


def test_masked_words_take_an_objective() -> None:
    class Summed(MaskedLM):
        def denominator(self, labels):
            return torch.tensor(1.0)

    ids, labels = some_text(2, 6), torch.tensor([[7, 8], [9, 0]])
    positions = ids._replace(ids=torch.tensor([[1, 2], [3, 0]]), mask=labels > 0)
    inputs = dict(mlm_ids=ids, mlm_positions=positions, mlm_labels=positions._replace(ids=labels), frames=None)
    mean, total = (
        small_model(dict(type=MaskedLanguageModeling, objective=objective))(some_batch(2).replace(**inputs), mode='loss')[
            'loss_text'
        ]
        for objective in (None, dict(type=Summed))
    )
    assert_close(total, 3 * mean)
