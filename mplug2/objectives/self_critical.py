"""CIDEr optimisation of captions: self-critical sequence training (Rennie et al., 2017), Appendix B.2.3.

Letters in shapes: B samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from ..evaluation.caption_scores import CiderD, DocumentFrequencies
from ..evaluation.ptb import ptb_tokens
from ..modules.contracts import Decoder, Memory
from ..modules.generation import Generation, Hypothesis, generate
from ..networks import Features
from ..registry import MODELS
from ..structures import Batch, TargetBatch
from .denominator import count_per_process
from .language import TextObjective
from .losses import token_losses

BASELINES = ('others', 'greedy')
END = '<end>'  # no word that the tokenization of captions makes


@MODELS.register_module()
class SelfCriticalReward(TextObjective):
    """Makes a decoder's own samples likelier the more their CIDEr-D exceeds a baseline; it follows `PrefixLM`.

    Training needs the captions of the sample, ``captions``, on the data samples, and no target. The reward takes its document
    frequencies from those of the whole training set (`before_train`). It has no weights, so checkpoints of either objective
    load into the other.

    Args:
        generator: as in `TextObjective`; its maximum length bounds the samples. num_samples: captions sampled for each image or
            clip. baseline: 'others': the mean reward of the other samples; 'greedy': the reward of the greedy caption.
        reward_end: the end of a caption is a word of the reward, of references and of samples that ended. Without it a caption
            that breaks off ("a man riding a wave on a") is worth as much as its words, and training learns such fragments
            (Rennie et al., 2017, appendix on the end token; reports: ruotianluo/self-critical.pytorch#43 and #283,
            aimagelab/meshed-memory-transformer#46, microsoft/Oscar#80).

    Raises:
        ValueError: another baseline, or no other sample to take it from.
    """

    name = 'reward'

    def __init__(self, generator, num_samples: int = 5, baseline: str = 'others', reward_end: bool = True) -> None:
        super().__init__(generator)
        if baseline not in BASELINES:
            raise ValueError(f'baseline is one of {", ".join(map(repr, BASELINES))}, not {baseline!r}')
        if num_samples < 1 + (baseline == 'others'):
            raise ValueError(f'num_samples={num_samples} leaves no other caption for the baseline {baseline!r}')
        self.generator = generator
        self.num_samples, self.baseline, self.reward_end = num_samples, baseline, reward_end
        length = generator.settings.max_length
        # No minimum: samples must be distributed as the decoder says, or the gradient is that of something else.
        self.sampling = Generation(num_beams=1, num_return=num_samples, min_length=0, max_length=length, temperature=1.0)
        self.greedy = Generation(num_beams=1, min_length=0, max_length=length)
        self.scorer: CiderD | None = None

    def before_train(self, dataset: Dataset) -> None:
        """Take the document frequencies of the reward from the captions of each training sample."""
        self.set_references(dataset.record(index)['captions'] for index in range(len(dataset)))
        print_log(f'CIDEr-D reward: document frequencies of the captions of {len(dataset)} training samples', logger='current')

    def set_references(self, captions: Iterable[Sequence[str]]) -> None:
        """Take document frequencies from the captions of each sample."""
        self.scorer = CiderD(DocumentFrequencies.of([self._words(caption) for caption in of_sample] for of_sample in captions))

    def _words(self, caption: str, ended: bool = True) -> list[str]:
        """The words of the reward. ended: whether the end token was reached."""
        return [*ptb_tokens(caption), *[END] * (self.reward_end and ended)]

    def rewards(self, hypotheses: list[list[Hypothesis]], batch: Batch) -> Tensor:
        """CIDEr-D of each sample's hypotheses against its captions, (B, num_samples), on the host."""
        if self.scorer is None:
            raise RuntimeError(
                'the CIDEr-D reward has no document frequencies: call before_train with the training set, as TrainLoop does'
            )
        rewards = []
        for sample, of_sample in zip(batch.samples, hypotheses, strict=True):
            references = [self.scorer.cook(self._words(caption)) for caption in sample.captions]
            texts = [self._words(self.generator.text(h), h.ids[-1] == self.generator.tokenizer.sep_id) for h in of_sample]
            rewards.append([self.scorer.score(words, references) for words in texts])
        return torch.tensor(rewards)

    def forward(self, features: Features, memory: Memory, batch: Batch, target: str) -> dict[str, Tensor]:
        decoder = features.network.decoder
        with without_dropout(decoder):
            hypotheses = self._generate(decoder, memory, self.sampling)
            texts = as_targets(hypotheses, memory.tokens.device)
            reward = self.rewards(hypotheses, batch).to(texts.ids.device)
            if self.baseline == 'others':
                base = (reward.sum(1, keepdim=True) - reward) / (self.num_samples - 1)
            else:
                base = self.rewards(self._generate(decoder, memory, self.greedy), batch).to(reward.device)
            advantage = (reward - base).flatten()
            losses = token_losses(decoder(texts.ids, memory), texts)  # minus log-probabilities
        loss = (losses * advantage[:, None]).sum() / count_per_process(texts.loss_mask.sum())
        return {'loss': loss, 'reward': reward.mean(), 'advantage': advantage.abs().mean()}

    def _generate(self, decoder: Decoder, memory: Memory, settings: Generation) -> list[list[Hypothesis]]:
        tokenizer = self.generator.tokenizer
        hypotheses = generate(decoder, memory, settings, tokenizer.cls_id, tokenizer.sep_id)
        torch.clear_autocast_cache()  # before torch 2.10 it keeps weights that were cast without a graph
        return hypotheses


def as_targets(hypotheses: list[list[Hypothesis]], device: torch.device) -> TargetBatch:
    """Generated texts as targets, those of a sample next to each other; all but the start token is learned."""
    ids = [torch.tensor(h.ids) for of_sample in hypotheses for h in of_sample]
    sample = torch.tensor([row for row, of_sample in enumerate(hypotheses) for _ in of_sample])
    padded = pad_sequence(ids, batch_first=True)
    mask = torch.arange(padded.shape[1]) < torch.tensor([len(row) for row in ids])[:, None]
    loss_mask = mask.clone()
    loss_mask[:, 0] = False
    return TargetBatch(*(part.to(device) for part in (padded, mask, loss_mask, sample, torch.ones(len(ids)))))


@contextmanager
def without_dropout(module: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode for a while."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
