"""Image and video classification: by a linear head, or by the texts of the classes.

Letters in shapes: B samples, V views of all samples together, K classes, E channels of an embedding, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ..modules.heads import build_head
from ..modules.layers import initialize_transformer
from ..networks import Features, Network
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample, Tokens
from ..text.class_names import read_class_names
from ..text.instructions import instruction as instruction_of
from .base import Task
from .comparison import Comparison
from .inputs import InputKind
from .spec import vision_spec

PROMPTS = 256  # texts encoded at a time


def average_views(scores: Tensor, samples: Sequence[MultiModalDataSample]) -> Tensor:
    """Scores of views, (V, K), -> their mean for each sample, (B, K); a sample says in ``num_views`` how many are its own.

    Raises:
        ValueError: the samples have another number of views than there are scores.
    """
    counts = [sample.get('num_views', 1) for sample in samples]
    if sum(counts) != len(scores):
        raise ValueError(f'{len(scores)} views in the batch, but num_views of its samples add up to {sum(counts)}')
    return torch.stack([part.mean(0) for part in scores.split(counts)])


def set_predictions(scores: Tensor, samples: Sequence[MultiModalDataSample]) -> list[MultiModalDataSample]:
    """Probabilities of views, (V, K), -> predictions of the samples."""
    scores = average_views(scores, samples).cpu()
    for sample, score, label in zip(samples, scores, scores.argmax(1).tolist(), strict=True):
        sample.pred_score, sample.pred_label = score, label
    return list(samples)


@TASKS.register_module()
class Classification(Task):
    """Classify an image or clip (Table 2, "Image / Video Classification") by the class token after the universal layers.

    Trained by cross-entropy. Probabilities of a test's views (clips and crops of one sample) are averaged. With
    ``frozen=['vision_encoder', 'universal']`` in the model, it is a linear probe.

    Args:
        network, tokenizer: given by the model. num_classes: K. media: 'image' or 'video'. dropout: before the head.

    Training reads ``label`` (B,) of the batch. Predictions: ``pred_score`` (K,), probabilities; ``pred_label`` (int).
    """

    methods = ('classify',)
    inputs = {'frames': InputKind.FRAMES, 'label': InputKind.LABEL}

    def __init__(self, network: Network, tokenizer, num_classes: int, media: str = 'image', dropout: float = 0.0) -> None:
        super().__init__()
        self.spec = vision_spec(media)
        self.dropout = nn.Dropout(dropout)
        self.num_classes = num_classes
        self.head = nn.Linear(network.width_of('vision'), num_classes)

    def init_weights(self) -> None:
        initialize_transformer(self, self.head.in_features)

    def logits(self, features: Features) -> Tensor:
        """(V, K), fp32."""
        return self.head(self.dropout(features.vision().pooled)).float()

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        return class_loss(self.logits(features), batch)

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        return set_predictions(self.logits(features).softmax(1), batch.samples)


def class_loss(logits: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy of logits (B, K) against ``label`` of the batch, and the share of right ones.

    Raises:
        KeyError: the batch has no labels.
    """
    if 'label' not in batch:
        raise KeyError("classification needs 'label' in the batch: add it to the inputs of PackInputs")
    label = batch['label']
    return {'loss_class': F.cross_entropy(logits, label), 'accuracy': (logits.argmax(1) == label).float().mean()}


@TASKS.register_module()
class ZeroShotClassification(Comparison, Task):
    """Classify an image or clip by the class whose texts are nearest to it, as image-text and video-text pairs teach.

    A class is the mean of the unit vectors of its prompts, itself brought to length one (CLIP's prompt ensembles). Classes
    are embedded once for a test. Its loss is cross-entropy over the classes, so that the texts may also be fine-tuned as a
    classifier; each step then embeds all prompts.

    Args:
        network, tokenizer: given by the model. names: of the K classes, or a file (`read_class_names`). templates: prompts,
            with ``{}`` where the name goes. media: 'image' or 'video'. instruction: name of the task whose instruction precedes
            a prompt, as it did in pre-training; None puts none. projection_dim: E. temperature: initial. head: as in
            `Retrieval`.

    Predictions as those of `Classification`.
    """

    methods = ('classify',)
    inputs = {'frames': InputKind.FRAMES, 'label': InputKind.LABEL}

    tokenizer_role = 'text'

    def __init__(
        self,
        network: Network,
        tokenizer,
        names: Sequence[str] | str,
        templates: Sequence[str] = ('a photo of a {}',),
        media: str = 'image',
        instruction: str | None = 'retrieval',
        projection_dim: int = 256,
        temperature: float = 0.07,
        head: dict | None = None,
    ) -> None:
        super().__init__()
        self.spec = vision_spec(media, '', 'text')
        wrong = [template for template in templates if template.count('{}') != 1]
        if wrong or not templates:
            raise ValueError(f"ZeroShotClassification: templates have one '{{}}' each, where the name goes; not {wrong}")
        self.names = read_class_names(names) if isinstance(names, str) else list(names)
        start = '' if instruction is None else f'{instruction_of(instruction, media)} '
        texts = [start + template.format(name) for name in self.names for template in templates]
        ids = [torch.tensor(tokenizer.encode(text)) for text in texts]
        self.register_buffer('prompt_ids', pad_sequence(ids, True), persistent=False)
        mask = pad_sequence([torch.ones_like(row, dtype=torch.bool) for row in ids], True)
        self.register_buffer('prompt_mask', mask, persistent=False)
        self.head = build_head(head, network, projection_dim, temperature)
        self._classes: Tensor | None = None

    def init_weights(self) -> None:
        self.head.init_weights()

    def train(self, mode: bool = True) -> ZeroShotClassification:
        self._classes = None  # the weights may have changed since, or are about to
        return super().train(mode)

    def classes(self, network: Network) -> Tensor:
        """What `compare` reads of the classes, (K, E), fp32."""
        if self.training or torch.is_grad_enabled():
            return self._embed(network)
        if self._classes is None:
            self._classes = self._embed(network)
        return self._classes

    def _embed(self, network: Network) -> Tensor:
        parts = [
            self.embed_query(network.encode_text(Tokens(ids, mask)))
            for ids, mask in zip(self.prompt_ids.split(PROMPTS), self.prompt_mask.split(PROMPTS), strict=True)
        ]
        return torch.cat(parts).unflatten(0, (len(self.names), -1)).mean(1)

    def logits(self, features: Features) -> Tensor:
        """(V, K), fp32."""
        network = features.network
        return self.head.scale(self.compare(network, features.vision(), self.classes(network)))

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        if self.training:
            self.head.keep_in_bounds()
        return class_loss(self.logits(features), batch)

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        return set_predictions(self.logits(features).softmax(1), batch.samples)
