"""Where a model looks: attention and Grad-CAM over the frames, for each word or query.

Letters in shapes: B samples, H heads, L rows (words or queries), N memory tokens, T frames, M maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.collate import pad
from ..modules.contracts import VisionEncoder, VisionTokens
from ..modules.recording import cross_attentions, record_attention
from ..networks import Features, Network
from ..structures import Batch
from ..tasks import GenerativeTask, Retrieval
from .results import AttentionMaps

KINDS = ('grad_cam', 'attention')
PARTS = {'fusion': 'fusion', 'decoder': 'decoder', 'queries': 'universal'}  # part -> module whose attention it is
Row = tuple[str, int]  # a name, and its row of the recorded weights


class Question(NamedTuple):
    """What attention is asked of. texts: of each input, its caption, question or phrase, or None. offset: of a kind of media,
    how many tokens of the task's text come before the caller's own. tokenizer: of the text."""

    part: str
    kind: str
    layer: int | None
    texts: Sequence[str | None]
    offset: Callable[[str], int]
    tokenizer: Any


def check(part: str, kind: str) -> None:
    """Raises:
    ValueError: an unknown part or kind.
    """
    if part not in PARTS or kind not in KINDS:
        raise ValueError(f'part is one of {", ".join(PARTS)} and kind {" or ".join(KINDS)}, not {part!r} and {kind!r}')


def explain(task: GenerativeTask | Retrieval, features: Features, batch: Batch, question: Question) -> list[AttentionMaps]:
    """Run a task with attention recorded, and read off the maps of each sample.

    Raises:
        ValueError: the network has no such part or layer, or its attention is not over the patches of the frames.
    """
    network, part = features.network, question.part
    module = network._modules.get(PARTS[part])
    if module is None:
        raise ValueError(f'the model has no {PARTS[part]} module, so no attention of its {part}')
    ids = _written(task, features, question.texts) if isinstance(task, GenerativeTask) else []
    if part == 'decoder' and not isinstance(task, GenerativeTask):
        raise ValueError('matching goes without the decoder: ask for the attention of fusion or queries, or for a caption')
    with torch.inference_mode(False), torch.enable_grad(), record_attention(cross_attentions(module)) as calls:
        features = Features(network, batch.replace(**{name: _clone(value) for name, value in batch.inputs.items()}))
        grid = _encode(network, features)
        if isinstance(task, GenerativeTask):
            scores = _likelihoods(task, features, ids, one_by_one=part == 'decoder')
        else:
            scores = [_match(task, features)]
        layer, weights = _choose(calls.values(), features, question)
        rows = _rows(weights, scores, question.kind).cpu().numpy()
    vision = features.vision()
    if vision.memory.shape[1] != vision.num_prefix_tokens + int(np.prod(grid)):
        raise ValueError('a projector changes the number of vision tokens, so attention is not over the patches of the frames')
    if part == 'queries':
        names, wholes = [[(f'query {row + 1}', row) for row in range(rows.shape[1])]] * len(rows), ['all queries'] * len(rows)
    elif part == 'decoder' and isinstance(task, GenerativeTask):
        read = [task.read_tokens(sample[1:]) for sample in ids]  # without the start token
        names, wholes = [_words(tokens) for tokens, _ in read], [whole for _, whole in read]
    else:
        names = _words_of_text(batch[getattr(task, 'text', 'text')], batch.samples, question)
        wholes = [text or 'instruction' for text in question.texts]
    patches = rows[..., vision.num_prefix_tokens : vision.memory.shape[1]].reshape(*rows.shape[:2], *grid)
    return [_maps(*sample, question, layer) for sample in zip(patches, names, wholes, strict=True)]


def _written(task: GenerativeTask, features: Features, texts: Sequence[str | None]) -> list[list[int]]:
    """Ids whose likelihood is explained, from the start token on: the given captions, or what the decoder writes itself."""
    generator = task.generator
    if 'caption' in task.methods and all(text is not None for text in texts):
        return [generator.tokenizer.encode_target(text, generator.prompt)[0] for text in texts]
    return [list(map(int, hypotheses[0].ids)) for hypotheses in task.hypotheses(features)]


def _encode(network: Network, features: Features) -> tuple[int, int, int]:
    """Compute the vision features; returns T, and rows and columns of the patches of a frame."""
    seen: list[VisionTokens] = []
    encoder: nn.Module = next(module for module in network.children() if isinstance(module, VisionEncoder))
    handle = encoder.register_forward_hook(lambda module, args, output: seen.append(output))
    try:
        features.vision()
    finally:
        handle.remove()
    return seen[0].num_frames, *seen[0].grid


def _match(task: Retrieval, features: Features) -> Tensor:
    """(B,): log-odds that the text belongs to the input; without matching, the cosine of their embeddings."""
    if task.matching is None:
        return task.similarity(features)
    logits = task.matching(features.fused().pooled)
    return logits[:, 1] - logits[:, 0]


def _likelihoods(task: GenerativeTask, features: Features, ids: list[list[int]], one_by_one: bool) -> list[Tensor]:
    """Log-probabilities (B,) of the texts, or of their first token, their second, ..."""
    memory = task.memory(features)
    padded, mask = (part.to(memory.tokens.device) for part in pad(ids, value=task.generator.tokenizer.pad_id))
    logits = features.network.decoder(padded[:, :-1], memory).float().log_softmax(-1)
    tokens = logits.gather(-1, padded[:, 1:, None])[..., 0] * mask[:, 1:]
    return list(tokens.T) if one_by_one else [tokens.sum(1)]


def _choose(calls: Any, features: Features, question: Question) -> tuple[int, Tensor]:
    """The layer that is asked for, and its weights (B, H, L, N); default: the first for queries (Figure 5), else the middle."""
    vision = features.vision()
    layers = [weights for layer in calls for weights in layer if weights.shape[-1] >= vision.memory.shape[1]]
    if question.part == 'queries' and vision.queries is not None:
        layers = [weights for weights in layers if weights.shape[-2] == vision.queries.shape[1]]
    if not layers:
        raise ValueError(f'nothing was recorded of the {question.part}: the task passes it over, or its attention is not ours')
    layer = question.layer
    if layer is None:
        layer = 0 if question.part == 'queries' else (len(layers) - 1) // 2
    if not -len(layers) <= layer < len(layers):
        raise ValueError(f'layer {layer} of the {question.part}: there are {len(layers)}')
    return layer % len(layers), layers[layer]


def _rows(weights: Tensor, scores: list[Tensor], kind: str) -> Tensor:
    """(B, L, N), mean over heads: attention, or attention times the positive gradient of the score (row i of score i, if there
    is one for each row), which is how Grad-CAM is taken of attention."""
    if kind == 'attention':
        return weights.detach().float().mean(1)
    rows = []
    for score in scores:
        (gradient,) = torch.autograd.grad(score.sum(), weights, retain_graph=True, allow_unused=True)
        rows.append(torch.zeros_like(weights[:, 0]) if gradient is None else (weights * gradient.clamp(min=0)).mean(1))
    cam = rows[0] if len(rows) == 1 else torch.stack([row[:, number] for number, row in enumerate(rows)], 1)
    return cam.detach().float()


def _words_of_text(tokens: Any, samples: Sequence[Any], question: Question) -> list[list[Row]]:
    """Words of each text, without the instruction before it."""
    names = []
    for ids, mask, sample in zip(tokens.ids.tolist(), tokens.mask.tolist(), samples, strict=True):
        first = question.offset(sample.media)
        names.append(_words((question.tokenizer.decode([token]) for token in ids[first : sum(mask)]), first))
    return names


def _words(names: Iterable[str], first: int = 0) -> list[Row]:
    """What tokens read as, and their rows, from `first` on; special tokens read as nothing and are left out."""
    return [(name, row) for row, name in enumerate(names, first) if name]


def _maps(patches: np.ndarray, rows: list[Row], whole: str, question: Question, layer: int) -> AttentionMaps:
    """Of one sample, patches (L, T, rows, columns): the whole's map, then one for each word, whose pieces are added up.

    Where a class token alone is read, words have no gradient, and the whole's map is the only one.
    """
    names: list[str] = []
    maps: list[np.ndarray] = []
    for word, row in rows:
        if word.startswith('##') and names:
            names[-1] += word[2:]
            maps[-1] = maps[-1] + patches[row]
        else:
            names.append(word)
            maps.append(patches[row])
    if question.kind == 'grad_cam':
        names, maps = (names, maps) if np.any(maps) else ([], [])
        first = patches.sum(0)
    else:
        first = np.mean(maps or [patches.mean(0)], 0)
    stacked = np.stack([first, *maps]).astype(np.float32)
    return AttentionMaps([whole, *names], stacked, question.part, question.kind, layer)


def _clone(value: Any) -> Any:
    """A tensor, or a tuple of them, that gradients may flow from: those of inference mode may not."""
    if isinstance(value, Tensor):
        return value.clone()
    return type(value)(*map(_clone, value)) if isinstance(value, tuple) else value
