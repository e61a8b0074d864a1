import pytest
import torch

from mplug2.evaluation.caption_scores import CiderD, DocumentFrequencies
from mplug2.evaluation.ptb import ptb_tokens
from mplug2.modules.generation import Hypothesis
from mplug2.objectives import SelfCriticalReward
from mplug2.objectives.self_critical import END, as_targets
from mplug2.tasks import Captioning
from mplug2.text import BertTokenizer

from ..tasks.models import small_model, some_batch

TOKENIZER = BertTokenizer('mini')
CAPTIONS = [['a large purple five', 'there is a five'], ['a small red one', 'one red'], ['two blue zeros', 'a zero']]


def task_cfg(**kwargs):
    return dict(
        type=Captioning,
        media='image',
        generation=dict(num_beams=1, min_length=1, max_length=6),
        objective=dict(type=SelfCriticalReward, **dict(dict(num_samples=3), **kwargs)),
    )


def batch_with_captions():
    batch = some_batch(3)
    for sample, captions in zip(batch.samples, CAPTIONS, strict=True):
        sample.captions = captions
    return batch


def hypothesis(text):
    return Hypothesis(TOKENIZER.encode_target(text)[0], 0.0)


@pytest.mark.parametrize('end', [[], [END]])
def test_reward_is_cider_d_with_the_training_captions_frequencies(end):
    model = small_model(task_cfg(reward_end=bool(end)))
    reward = model.tasks['task'].objective
    training = [*CAPTIONS, ['a green four'], ['a large six']]
    reward.set_references(training)
    texts = ['a large purple five', 'a five', 'a small red one']
    values = reward.rewards([[hypothesis(text) for text in texts]] * 3, batch_with_captions())
    scorer = CiderD(DocumentFrequencies.of([[*ptb_tokens(c), *end] for c in captions] for captions in training))
    for row, captions in enumerate(CAPTIONS):
        references = [scorer.cook([*ptb_tokens(caption), *end]) for caption in captions]
        for place, text in enumerate(texts):
            expected = scorer.score([*ptb_tokens(text), *end], references)
            assert values[row, place].item() == pytest.approx(expected, rel=1e-5)
    assert values[0, 0] > values[0, 1] > values[0, 2]
    assert values[1].argmax() == 2


@pytest.mark.parametrize('reward_end', [True, False])
def test_a_caption_that_was_cut_off_is_worth_less_than_one_that_ended(reward_end):
    reward = small_model(task_cfg(reward_end=reward_end)).tasks['task'].objective
    reward.set_references(CAPTIONS)
    ended = hypothesis('a large purple five')
    cut = Hypothesis(ended.ids[:-1], 0.0)
    assert ended.ids[-1] == TOKENIZER.sep_id
    (whole, fragment), *_ = reward.rewards([[ended, cut]] * 3, batch_with_captions()).tolist()
    assert whole > fragment if reward_end else whole == fragment


@pytest.mark.parametrize('baseline', ['others', 'greedy'])
def test_loss_by_hand(baseline, monkeypatch):
    model = small_model(task_cfg(baseline=baseline), std=0.1)
    task, batch = model.tasks['task'], batch_with_captions()
    sampled = [[hypothesis(text) for text in ('a five', 'a large purple five', 'one')]] * 3
    greedy = [[hypothesis('a five')]] * 3
    objective = task.objective
    monkeypatch.setattr(
        objective, '_generate', lambda decoder, memory, settings: sampled if settings is objective.sampling else greedy
    )
    objective.set_references(CAPTIONS)
    losses = model(batch, mode='loss')
    reward = objective.rewards(sampled, batch)
    features = model(batch, mode='tensor')
    decoder, memory = model.network.decoder, task.memory(features)
    total, tokens = 0.0, 0
    for row in range(3):
        for place, text in enumerate(sampled[row]):
            others = [reward[row, other] for other in range(3) if other != place]
            base = sum(others) / 2 if baseline == 'others' else objective.rewards(greedy, batch)[row, 0]
            logits = decoder(torch.tensor([text.ids]), memory.select(torch.tensor([row])))
            log_p = logits[0, :-1].log_softmax(-1)[range(len(text.ids) - 1), text.ids[1:]].sum()
            total = total - (reward[row, place] - base) * log_p
            tokens += len(text.ids) - 1
    assert losses['loss_reward'].item() == pytest.approx((total / tokens).item(), rel=1e-4)
    assert losses['reward'].item() == pytest.approx(reward.mean().item())


@pytest.mark.slow
def test_training_raises_the_reward():
    torch.manual_seed(0)
    model = small_model(task_cfg(), std=0.05)
    batch = batch_with_captions()
    model.tasks['task'].objective.set_references(CAPTIONS)
    # a decoder that knows a few words to begin with, as after cross-entropy
    words = torch.tensor([TOKENIZER.token_id(word) for word in ('five', 'purple', 'red', 'one', 'zero', 'a', '[SEP]')])
    with torch.no_grad():
        model.network.decoder.head.bias.fill_(-8.0)
        model.network.decoder.head.bias[words] = 0.0
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    rewards = []
    for _ in range(70):
        losses = model(batch, mode='loss')
        optimizer.zero_grad()
        losses['loss_reward'].backward()
        optimizer.step()
        rewards.append(losses['reward'].item())
    assert sum(rewards[-10:]) > 1.6 * sum(rewards[:10]) > 0


def test_dropout_is_off_while_sampling_only(monkeypatch):
    model = small_model(task_cfg()).train()
    objective, decoder, rates = model.tasks['task'].objective, model.network.decoder, []
    drops = [part for part in decoder.modules() if isinstance(part, torch.nn.Dropout)]
    for part in drops:
        part.p = 0.5
    objective.set_references(CAPTIONS)
    generate = objective._generate

    def seen(*arguments):
        rates.append({part.training and part.p > 0 for part in drops})
        return generate(*arguments)

    monkeypatch.setattr(objective, '_generate', seen)
    model(batch_with_captions(), mode='loss')
    assert drops
    assert rates == [{False}] * len(rates) != []
    assert decoder.training
    assert all(part.training and part.p == 0.5 for part in drops)


def test_targets_of_generated_texts():
    target = as_targets([[Hypothesis([2, 7, 8, 3], 0.0), Hypothesis([2, 3], 0.0)]], torch.device('cpu'))
    assert target.ids.tolist() == [[2, 7, 8, 3], [2, 3, 0, 0]]
    assert target.loss_mask.tolist() == [[False, True, True, True], [False, True, False, False]]
    assert target.sample.tolist() == [0, 0]


def test_errors():
    with pytest.raises(RuntimeError, match='call before_train with the training set'):
        small_model(task_cfg())(batch_with_captions(), mode='loss')
    with pytest.raises(ValueError, match='leaves no other caption'):
        small_model(task_cfg(num_samples=1))
    with pytest.raises(ValueError, match='baseline is one of'):
        small_model(task_cfg(baseline='mean'))
