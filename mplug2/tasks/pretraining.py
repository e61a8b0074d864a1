"""The objectives of pre-training that no downstream task has (Section 3.2); instruction-based language modelling over vision is
`Captioning` and `QuestionAnswering`, and pairs are `Retrieval` over several kinds of media.

Letters in shapes: B samples, L tokens, M masked tokens of a sample, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..modules.contracts import Memory
from ..modules.heads import LanguageHead
from ..networks import Features, Network
from ..objectives.language import MaskedLM
from ..objectives.losses import IGNORED
from ..registry import MODELS, TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .generative import GenerativeTask, TextGenerator
from .inputs import InputKind
from .spec import TaskSpec


@TASKS.register_module()
class MaskedLanguageModeling(Task):
    """The language loss: masked words, predicted from the text alone and, where the batch has vision, from both fused.

    The head is tied to the text encoder's word table and serves both.

    Args:
        network, tokenizer: given by the model. fused: predict from fused text too. objective: config; `MaskedLM` if None.

    Reads what `MaskTokens` makes: ``mlm_ids``, the text; ``mlm_positions`` and ``mlm_labels``, ids (B, M), which tokens are
    masked and what they were. Beside the losses, accuracies are logged. Predictions: ``pred_words`` (list of ids, one for each
    place).
    """

    tokenizer_role = 'text'
    inputs = {'mlm_ids': InputKind.TEXT, 'mlm_positions': InputKind.MASKED, 'mlm_labels': InputKind.MASKED}

    def __init__(self, network: Network, tokenizer, fused: bool = True, objective: dict | None = None) -> None:
        super().__init__()
        self.fused = fused
        self.objective = MODELS.build(objective or dict(type=MaskedLM))
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
        denominator = self.objective.denominator(labels)
        scalars: dict[str, Tensor] = {}
        for name, logits in self._logits(features, batch).items():
            scalars[f'loss_{name}'] = self.objective(logits, labels, denominator)
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
class TextCompletion(GenerativeTask):
    """Instruction-based language modelling of text alone: go on with a text that breaks off.

    Args:
        network, tokenizer: given by the model. text: name of the input that the decoder attends to: an instruction and the
            start of a text (`SplitPrefix`). generation: arguments of `Generation`. target: name of the input that holds the
            rest of the text. objective: config of a `TextObjective`; `PrefixLM` if None.

    Predictions: ``pred_completion`` (str).
    """

    loss_name = 'completion'
    spec = TaskSpec.of('text', 'text decoder')

    def __init__(
        self,
        network: nn.Module,
        tokenizer,
        text: str = 'prefix',
        generation: dict | None = None,
        target: str = 'target',
        objective: dict | None = None,
    ) -> None:
        generation = generation or dict(num_beams=1, min_length=1, max_length=64)
        super().__init__(TextGenerator(tokenizer, generation), objective, target)
        self.text = text
        self.inputs = {text: InputKind.TEXT, target: InputKind.TARGET}

    def memory(self, features: Features) -> Memory:
        return features.memory('text', self.text)

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        hypotheses = self.hypotheses(features)
        for sample, (best, *_) in zip(batch.samples, hypotheses, strict=True):
            sample.pred_completion = self.generator.text(best)
        return batch.samples
