"""The retrieval loop: a gallery is embedded once, ranked by cosine in blocks, and the best are re-ranked by matching.

Letters in shapes: N images or clips, M texts, Q queries and I items of one direction, E channels of an embedding, k items
re-ranked for a query, L text tokens, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from mmengine.dist import all_gather_object, all_reduce, get_dist_info
from mmengine.evaluator import Evaluator
from mmengine.model import is_model_wrapper
from mmengine.runner import TestLoop, ValLoop
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from ...datasets.collate import pad
from ...evaluation.retrieval import ranks_of_relevant
from ...modules.layers import full_precision
from ...networks import Network, TextFeatures, VisionFeatures
from ...registry import LOOPS
from ...structures import Tokens
from ...tasks.retrieval import Retrieval

_GIB = 2**30


class Media(NamedTuple):
    """One image or clip of the gallery with its texts.

    projection_dim: (E,). texts: token ids. text_embeddings: (texts, E).
    """

    sample_id: Any
    embedding: Tensor
    texts: list[list[int]]
    text_embeddings: Tensor


@dataclass
class Gallery:
    """All of it, on every rank, in the data set's order.

    media: (N, E) and text: (M, E) embeddings. ids: of the media. texts: token ids. media_of_text: (M,). rows: of each of the
    data set's samples that this rank embedded first, its place among the N.
    """

    media: Tensor
    text: Tensor
    ids: list
    texts: list[list[int]]
    media_of_text: list[int]
    rows: dict[int, int]

    @property
    def texts_of_media(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in self.ids]
        for text, media in enumerate(self.media_of_text):
            found[media].append(text)
        return found


def gather_gallery(own: dict[int, Media]) -> Gallery:
    """Bring together what the ranks embedded.

    Args:
        own: index in the data set -> what this rank embedded. What several ranks embedded (samplers repeat samples to fill the
            last round) counts once, for the first of them.
    """
    rank, _ = get_dist_info()
    owner: dict[int, int] = {}
    everything: dict[int, Media] = {}
    for source, part in enumerate(all_gather_object(own)):
        for index, media in part.items():
            if index not in everything:
                everything[index], owner[index] = media, source
    order = sorted(everything)
    media = [everything[index] for index in order]
    return Gallery(
        media=torch.stack([one.embedding for one in media]),
        text=torch.cat([one.text_embeddings for one in media]),
        ids=[one.sample_id for one in media],
        texts=[ids for one in media for ids in one.texts],
        media_of_text=[place for place, one in enumerate(media) for _ in one.texts],
        rows={index: place for place, index in enumerate(order) if owner[index] == rank},
    )


def rank_by_cosine(
    queries: Tensor, items: Tensor, relevant: list[list[int]], top_k: int, block: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Rank all items for every query; queries are shared out over the ranks and scored in blocks.

    Args:
        num_queries: (Q, E). items: (I, E). relevant: for each query, the items that are right. top_k: how many items to name.
            block: scores that exist at once. device: where they are computed.

    Returns:
        The rank of each query's best relevant item (Q,), and the best items (Q, k), best first; the same on every rank.
    """
    rank, world = get_dist_info()
    own = torch.arange(rank, len(queries), world)
    top_k = min(top_k, len(items))
    ranks = torch.zeros(len(queries), dtype=torch.long)
    best = torch.zeros(len(queries), top_k, dtype=torch.int32)
    items = items.to(device)
    for rows in own.split(max(1, block // len(items))):
        with full_precision(items):
            scores = (queries[rows].to(device) @ items.T).cpu()
        ranks[rows] = ranks_of_relevant(scores, [relevant[row] for row in rows.tolist()])
        best[rows] = scores.topk(top_k, 1).indices.int()
    all_reduce(ranks)
    all_reduce(best)
    return ranks, best


def ranks_after(scores: Tensor, best: Tensor, relevant: list[list[int]], before: Tensor) -> Tensor:
    """Ranks once each query's best k items are reordered by new scores; items beyond them keep their places.

    Args:
        scores: (Q, k) of `best` (Q, k). relevant: right items of each query. before: (Q,) ranks by cosine.
    """
    ranks = before.clone()
    for row, (items, right) in enumerate(zip(best, relevant, strict=True)):
        wanted = set(right)
        places = [place for place, item in enumerate(items.tolist()) if item in wanted]
        if places:
            rest = torch.ones(len(items), dtype=torch.bool)
            rest[places] = False
            ranks[row] = (scores[row][rest] >= scores[row][places].max()).sum() + 1
    return ranks


class Matcher:
    """Matching scores of one image or clip at a time with many texts, which share its keys and values.

    Args:
        network, task: of the model. texts: token ids of all M. device: of the network. pairs: texts at a time.
        limit: bytes of text features that may be kept on the host; if they are more, texts are encoded whenever they are
            matched.
    """

    def __init__(
        self, network: Network, task: Retrieval, texts: list[list[int]], device: torch.device, pairs: int, limit: int
    ) -> None:
        self.network, self.task, self.device, self.pairs = network, task, device, pairs
        self.ids, self.mask = pad(texts)
        parts = 2 if network.reads_across else 1
        size = self.ids.numel() * network.width_of('text') * parts * 4
        self.bank = self._encode_all() if size <= limit else None

    def _encode_all(self) -> TextFeatures:
        """Of all texts, on the host; each part goes to its place at once, for joining them would take the memory twice."""
        bank: TextFeatures | None = None
        for rows in torch.arange(len(self.ids)).split(self.pairs):
            found = lean_text(self._encode(rows), self.network)
            if bank is None:
                bank = TextFeatures(*(part.new_empty(len(self.ids), *part.shape[1:], device='cpu') for part in found))
            for whole, part in zip(bank, found, strict=True):
                whole[rows[0] : rows[-1] + 1] = part
        return bank

    def _encode(self, rows: Tensor) -> TextFeatures:
        return self.network.encode_text(Tokens(self.ids[rows].to(self.device), self.mask[rows].to(self.device)))

    def _text(self, rows: Tensor) -> TextFeatures:
        length = int(self.mask[rows].sum(1).max())
        if self.bank is None:
            text = self._encode(rows)
        else:
            text = TextFeatures(*(part[rows].to(self.device) for part in self.bank))
        return TextFeatures(text.encoded[:, :length], text.tokens[:, :length], text.mask[:, :length])

    def __call__(self, vision: VisionFeatures, texts: Tensor) -> Tensor:
        """vision: of one image or clip. texts: (K,) rows. Returns matching logits (K, 2)."""
        return torch.cat([self.task.match(self.network, self._text(rows), vision) for rows in texts.split(self.pairs)])


def lean_text(text: TextFeatures, network: Network) -> TextFeatures:
    """What fusion reads of a text, with nothing kept alive beside it."""
    return text if network.reads_across else TextFeatures(text.tokens[:, :, :0], text.tokens, text.mask)


def lean_vision(vision: VisionFeatures, row: int, network: Network) -> VisionFeatures:
    """What fusion reads of one sample's vision, on the host."""
    memory = vision.memory[row : row + 1].cpu().clone()
    if not network.reads_across:
        return VisionFeatures(memory[:, :0], None, memory)
    return VisionFeatures(vision.tokens[row : row + 1].cpu().clone(), vision.queries[row : row + 1].cpu().clone(), memory)


def _bytes(vision: VisionFeatures) -> int:
    return sum(part.numel() * part.element_size() for part in vision if isinstance(part, Tensor))


class _RetrievalLoop:
    """Mixed into MMEngine's loops; the arguments are theirs and these.

    Args:
        top_k: items of each query that matching re-ranks (published relatives: 256); 0 leaves the order by cosine.
        pairs: texts matched at a time. block: cosines that exist at once. keep_gib: GiB of vision features, and as many of text
            features, that each process keeps on the host between embedding and re-ranking; what does not fit is encoded again.
        dtype: 'bfloat16' runs the network under autocast.

    The data set gives each image or clip once, and its data samples carry ``texts``, the token ids of all of its texts
    (`TokenizeTexts`). Each metric receives a record a query: ``direction``, ``query``, ``rank`` and ``dual_rank`` (after and
    before re-ranking), and ``best``, the ids of the first ten (for text queries the ids of media; else the numbers of texts).
    They stay as ``queries``.
    """

    def __init__(
        self,
        *args: Any,
        top_k: int = 256,
        pairs: int = 128,
        block: int = 2**24,
        keep_gib: float = 16.0,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if dtype not in (None, 'bfloat16'):
            raise ValueError(f"{type(self).__name__}: dtype is None or 'bfloat16', not {dtype!r}")
        self.top_k, self.pairs, self.block, self.limit = top_k, pairs, block, int(keep_gib * _GIB)
        self.dtype = None if dtype is None else torch.bfloat16

    def score(self, stage: str) -> dict[str, float]:
        """Embed, rank, re-rank, and have the evaluator count. stage: 'val' or 'test', whose hooks are called."""
        model = self.runner.model
        self._model = model.module if is_model_wrapper(model) else model
        tasks = [task for task in self._model.tasks.values() if isinstance(task, Retrieval)]
        if len(tasks) != 1:
            raise ValueError(f'{type(self).__name__}: the model needs one retrieval task, and has {len(tasks)}')
        self._task, self._network = tasks[0], self._model.network
        self._device = next(self._model.parameters()).device
        self._model.eval()
        autocast = nullcontext() if self.dtype is None else torch.autocast(self._device.type, self.dtype)
        with torch.no_grad(), autocast:
            self.queries = self._records(stage)
        rank, world = get_dist_info()
        self._feed(self.evaluator, self.queries, rank, world)
        return self.evaluator.evaluate(len(self.queries))

    @staticmethod
    def _feed(evaluator: Evaluator, records: list[dict], rank: int, world: int) -> None:
        """Give each rank's metrics its share, as samplers would: in turn, and the first again to fill the last round."""
        rounds = -(-len(records) // world)
        evaluator.process([records[(step * world + rank) % len(records)] for step in range(rounds)], None)

    def _records(self, stage: str) -> list[dict]:
        own, kept = self._embed(stage)
        gallery = gather_gallery(own)
        del own
        self.runner.logger.info(f'retrieval: {len(gallery.ids)} images or clips and {len(gallery.texts)} texts are embedded')
        relevant = ([[media] for media in gallery.media_of_text], gallery.texts_of_media)
        sides = ((gallery.text, gallery.media), (gallery.media, gallery.text))
        before = [
            rank_by_cosine(*side, right, max(self.top_k, 10), self.block, self._device)
            for side, right in zip(sides, relevant, strict=True)
        ]
        best = [found[:, : self.top_k] if self.top_k else found for _, found in before]
        ranks = [found for found, _ in before]
        named = [found for _, found in before]
        if self.top_k:
            scores = self._rerank(gallery, best[0], best[1], kept)
            for side in (0, 1):
                ranks[side] = ranks_after(scores[side], best[side], relevant[side], before[side][0])
                named[side] = best[side].gather(1, scores[side].argsort(dim=1, descending=True, stable=True))
        names = [gallery.ids, list(range(len(gallery.texts)))]
        media = self.dataloader.dataset.record(0).get('media', 'image')
        records = []
        for side, direction in enumerate((f'text_to_{media}', f'{media}_to_text')):
            for query, (rank, dual, found) in enumerate(
                zip(ranks[side].tolist(), before[side][0].tolist(), named[side][:, :10].tolist(), strict=True)
            ):
                query_id = names[1 - side][query]
                best_ids = [names[side][item] for item in found]
                records.append(dict(direction=direction, query=query_id, rank=rank, dual_rank=dual, best=best_ids))
        return records

    def _embed(self, stage: str) -> tuple[dict[int, Media], dict[int, VisionFeatures]]:
        """Index in the data set -> embeddings, and vision features as far as they may be kept."""
        dataset = self.dataloader.dataset
        places = {dataset.record(index)['sample_id']: index for index in range(len(dataset))}
        if len(places) < len(dataset):
            raise ValueError(f'{type(dataset).__name__}: {len(dataset)} samples share {len(places)} values of sample_id')
        own: dict[int, Media] = {}
        kept: dict[int, VisionFeatures] = {}
        size = 0
        for number, batch in enumerate(self.dataloader):
            self.runner.call_hook(f'before_{stage}_iter', batch_idx=number, data_batch=batch)
            samples, vision = self._vision(batch)
            embeddings = self._task.embed_vision(vision).cpu()
            texts = [list(map(list, sample.texts)) for sample in samples]
            text_embeddings = self._embed_texts([ids for one in texts for ids in one]).split([len(one) for one in texts])
            for row, sample in enumerate(samples):
                index = places[sample.sample_id]
                # Clones, for a view is pickled with the storage of its whole batch when the ranks exchange them.
                own[index] = Media(sample.sample_id, embeddings[row].clone(), texts[row], text_embeddings[row].clone())
                if self.top_k and index not in kept and size < self.limit:
                    kept[index] = lean_vision(vision, row, self._network)
                    size += _bytes(kept[index])
            self.runner.call_hook(f'after_{stage}_iter', batch_idx=number, data_batch=batch, outputs=[])
        return own, kept

    def _vision(self, batch: dict) -> tuple[list, VisionFeatures]:
        data = self._model.data_preprocessor(batch, False)
        return data['data_samples'], self._network.encode_vision(data['inputs'].frames)

    def _embed_texts(self, texts: list[list[int]]) -> Tensor:
        found = []
        for start in range(0, len(texts), self.pairs):
            ids, mask = pad(texts[start : start + self.pairs])
            text = self._network.encode_text(Tokens(ids.to(self._device), mask.to(self._device)))
            found.append(self._task.embed_text(text).cpu())
        return torch.cat(found)

    def _rerank(
        self, gallery: Gallery, best_of_text: Tensor, best_of_media: Tensor, kept: dict[int, VisionFeatures]
    ) -> tuple[Tensor, Tensor]:
        """`Retrieval.relevance` of each query's best: (M, k) and (N, k'), the same on every rank.

        Each rank goes through the images or clips that it embedded and scores all pairs in which they occur.
        """
        scores = torch.zeros(best_of_text.shape), torch.zeros(best_of_media.shape)
        matcher = Matcher(self._network, self._task, gallery.texts, self._device, self.pairs, self.limit)
        width = best_of_text.shape[1]
        slots, media_of_slot = _slots_of(best_of_text, sorted(gallery.rows.values()))
        bounds = torch.searchsorted(media_of_slot, torch.arange(len(gallery.ids) + 1, dtype=media_of_slot.dtype))
        for index, vision in self._again(gallery, kept):
            media = gallery.rows[index]
            places = slots[bounds[media] : bounds[media + 1]]
            asking, offered = places // width, best_of_media[media].long()
            texts, back = torch.cat([asking, offered]).unique(return_inverse=True)
            near = gallery.media[media].to(self._device), gallery.text[texts].to(self._device)
            found = self._task.relevance(matcher(vision, texts), *near).cpu()[back]
            scores[0].view(-1)[places] = found[: len(asking)]
            scores[1][media] = found[len(asking) :]
        all_reduce(scores[0])
        all_reduce(scores[1])
        return scores

    def _again(self, gallery: Gallery, kept: dict[int, VisionFeatures]) -> Iterator[tuple[int, VisionFeatures]]:
        """This rank's vision features, one image or clip at a time: those that were kept, then the others, encoded again."""
        rest = []
        for index in gallery.rows:
            if index in kept:
                vision = kept.pop(index)
                yield index, VisionFeatures(*(None if part is None else part.to(self._device) for part in vision))
            else:
                rest.append(index)
        if not rest:
            return
        self.runner.logger.info(f'retrieval: {len(rest)} of {len(gallery.rows)} images or clips are encoded again')
        loader = DataLoader(
            Subset(self.dataloader.dataset, rest),
            batch_size=self.dataloader.batch_size,
            num_workers=self.dataloader.num_workers,
            collate_fn=self.dataloader.collate_fn,
        )
        places = {gallery.ids[place]: index for index, place in gallery.rows.items()}
        for batch in loader:
            samples, vision = self._vision(batch)
            for row, sample in enumerate(samples):
                one = VisionFeatures(*(None if part is None else part[row : row + 1] for part in vision))
                yield places[sample.sample_id], one


def _slots_of(best: Tensor, media: list[int]) -> tuple[Tensor, Tensor]:
    """Where media of this rank stand in `best` (M, k): flat places, and the media there, sorted by media."""
    wanted = torch.isin(best.flatten(), torch.tensor(media, dtype=best.dtype)).nonzero()[:, 0]
    order = best.flatten()[wanted].sort(stable=True)
    return wanted[order.indices], order.values


@LOOPS.register_module()
class RetrievalValLoop(_RetrievalLoop, ValLoop):
    __doc__ = f'Validation by retrieval.\n\n{_RetrievalLoop.__doc__}'

    def run(self) -> dict[str, float]:
        """Validate."""
        self.runner.call_hook('before_val')
        self.runner.call_hook('before_val_epoch')
        metrics = self.score('val')
        self.runner.call_hook('after_val_epoch', metrics=metrics)
        self.runner.call_hook('after_val')
        return metrics


@LOOPS.register_module()
class RetrievalTestLoop(_RetrievalLoop, TestLoop):
    __doc__ = f'Testing by retrieval.\n\n{_RetrievalLoop.__doc__}'

    def run(self) -> dict[str, float]:
        """Test."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        metrics = self.score('test')
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics
