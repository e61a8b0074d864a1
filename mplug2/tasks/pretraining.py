"""The objectives of pre-training that no downstream task has (Section 3.2); instruction-based language modelling over vision is
`Captioning` and `QuestionAnswering`, and pairs are `Retrieval` over several kinds of media.

Letters in shapes: B samples, L tokens, M masked tokens of a sample, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..modules.heads import LanguageHead
from ..networks import Features, Network
from ..objectives.denominator import count_per_process, learned_tokens
from ..objectives.losses import IGNORED, captioning_loss, masked_language_loss
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .generative import TextGenerator, decode_targets
from .inputs import InputKind
from .spec import TaskSpec


@TASKS.register_module()
class MaskedLanguageModeling(Task):
    """The language loss: masked words, predicted from the text alone and, where the batch has vision, from both fused.

    The head is tied to the text encoder's word table and serves both.

    Args:
        network, tokenizer: given by the model. fused: predict from fused text too.

    Reads what `MaskTokens` makes: ``mlm_ids``, the text; ``mlm_positions`` and ``mlm_labels``, ids (B, M), which tokens are
    masked and what they were. Beside the losses, accuracies are logged. Predictions: ``pred_words`` (list of ids, one for each
    place).
    """

    tokenizer_role = 'text'
    inputs = {'mlm_ids': InputKind.TEXT, 'mlm_positions': InputKind.MASKED, 'mlm_labels': InputKind.MASKED}

    def __init__(self, network: Network, tokenizer, fused: bool = True) -> None:
        super().__init__()
        self.fused = fused
        if fused:
            self.inputs = {'frames': InputKind.FRAMES, **self.inputs}  # of batches that have vision
        if fused:
            self.spec = TaskSpec.of('text image video', 'vision text fused')
        else:
            self.spec = TaskSpec.of('text', 'text')
        self.head = LanguageHead(network.width_of('text'), tokenizer.vocab_size)

    def init_weights(self) -> None:
        self.head.init_weights()

    def _logits(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Logits (B, M, V) at the masked positions, by what they were read from."""
        read = {'text': features.text('mlm_ids').tokens}
        if self.fused and 'frames' in batch:
            read['fused'] = features.fused('mlm_ids').text
        positions, table = batch['mlm_positions'].ids, features.network.text_encoder.word_table
        # Gathered before the head, whose logits over the vocabulary are the largest tensor; and without a wait for the device.
        return {
            name: self.head(tokens.gather(1, positions[..., None].expand(-1, -1, tokens.shape[-1])), table)
            for name, tokens in read.items()
        }

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        if 'mlm_labels' not in batch:
            raise KeyError(
                "masked-language modelling needs 'mlm_ids', 'mlm_positions' and 'mlm_labels' in the batch: add MaskTokens to "
                'the pipeline and the three to PackInputs'
            )
        labelled = batch['mlm_labels']
        labels = labelled.ids.masked_fill(~labelled.mask, IGNORED)
        denominator = count_per_process((labels != IGNORED).sum())
        scalars: dict[str, Tensor] = {}
        for name, logits in self._logits(features, batch).items():
            scalars[f'loss_{name}'] = masked_language_loss(logits, labels, denominator)
            scalars[f'accuracy_{name}'] = (logits.argmax(-1) == labels).sum() / labelled.mask.sum().clamp(min=1)
        return scalars

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        logits = self._logits(features, batch)
        words = logits.get('fused', logits['text']).argmax(-1).tolist()
        counts = batch['mlm_positions'].mask.sum(1).tolist()
        for sample, ids, count in zip(batch.samples, words, counts, strict=True):
            sample.pred_words = ids[:count]
        return batch.samples


@TASKS.register_module()
class TextCompletion(Task):
    """Instruction-based language modelling of text alone: go on with a text that breaks off.

    Args:
        network, tokenizer: given by the model. text: name of the input that the decoder attends to: an instruction and the
            start of a text (`SplitPrefix`). generation: arguments of `Generation`. target: name of the input that holds the
            rest of the text.

    Predictions: ``pred_completion`` (str).
    """

    def __init__(
        self, network: nn.Module, tokenizer, text: str = 'prefix', generation: dict | None = None, target: str = 'target'
    ) -> None:
        super().__init__()
        self.spec = TaskSpec.of('text', 'text decoder')
        self.text, self.target = text, target
        self.inputs = {text: InputKind.TEXT, target: InputKind.TARGET}
        self.generator = TextGenerator(tokenizer, generation or dict(num_beams=1, min_length=1, max_length=64))

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        target = batch[self.target]
        logits = decode_targets(features, features.memory('text', self.text), target)
        return {'loss_completion': captioning_loss(logits, target, count_per_process(learned_tokens(target)))}

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        hypotheses = self.generator.hypotheses(features, features.memory('text', self.text))
        for sample, (best, *_) in zip(batch.samples, hypotheses, strict=True):
            sample.pred_completion = self.generator.text(best)
        return batch.samples
