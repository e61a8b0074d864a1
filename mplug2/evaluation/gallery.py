"""Retrieval over a gallery: embed everything once, rank by cosine in blocks, re-rank the best by matching.

Letters in shapes: N images or clips, M texts, Q queries and I items of one direction, E channels of an embedding, k items
re-ranked for a query, K texts for one image or clip, L text tokens, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from mmengine.dist import all_gather_object, all_reduce, get_dist_info
from torch import Tensor

from ..modules.layers import full_precision
from ..networks import Network, TextFeatures, VisionFeatures
from ..structures import Tokens
from .matcher import Matcher, lean_vision, pad_ids
from .retrieval import ranks_of_relevant

EncodedBatch = tuple[list, VisionFeatures]  # data samples with their vision features


@runtime_checkable
class EmbeddingTask(Protocol):
    """A task whose embeddings rank a gallery by cosine.

    One that can also re-rank has ``match(network, text, vision)``, logits (K, 2), and ``relevance(match, vision_embedding,
    text_embeddings)``, scores (K,), as `Retrieval` has; without them ``relevance`` is None or absent.
    """

    def embed_vision(self, vision: VisionFeatures) -> Tensor:
        """Unit vectors (B, E)."""

    def embed_text(self, text: TextFeatures) -> Tensor:
        """Unit vectors (B, E)."""


class GalleryOptions(NamedTuple):
    """top_k: items of each query that are re-ranked; 0 for none. pairs: texts encoded or matched at a time. block: cosines in
    memory at a time. limit: bytes of vision features, and as many of text features, that a process keeps on the host between
    embedding and re-ranking. device: of the network.
    """

    top_k: int
    pairs: int
    block: int
    limit: int
    device: torch.device


class Media(NamedTuple):
    """One image or clip of the gallery with its texts.

    embedding: (E,). texts: token ids. text_embeddings: (texts, E).
    """

    sample_id: Any
    embedding: Tensor
    texts: list[list[int]]
    text_embeddings: Tensor


@dataclass
class Gallery:
    """The whole gallery, on every rank, in the data set's order.

    media: (N, E) and text: (M, E) embeddings. ids: of the media. texts: token ids. media_of_text: (M,). rows: index in the
    data set -> row among the N, of each sample that this rank embedded first.
    """

    media: Tensor
    text: Tensor
    ids: list
    texts: list[list[int]]
    media_of_text: list[int]
    rows: dict[int, int]

    @property
    def texts_of_media(self) -> list[list[int]]:
        texts: list[list[int]] = [[] for _ in self.ids]
        for text, media in enumerate(self.media_of_text):
            texts[media].append(text)
        return texts

    @property
    def relevant(self) -> tuple[list[list[int]], list[list[int]]]:
        """The right items of each query: of the texts, and of the images or clips."""
        return [[media] for media in self.media_of_text], self.texts_of_media


class Ranking(NamedTuple):
    """One direction. ranks: (Q,) of each query's best relevant item. dual_ranks: (Q,), by cosine alone. best: (Q, k), the
    top items, best first.
    """

    ranks: Tensor
    dual_ranks: Tensor
    best: Tensor


def records_of(gallery: Gallery, rankings: tuple[Ranking, Ranking], media: str) -> list[dict]:
    """One record for each query, for `RetrievalMetric`. media: 'image' or 'video', for the names of the directions."""
    names = (gallery.ids, range(len(gallery.texts)))
    records = []
    for side, (direction, ranking) in enumerate(zip((f'text_to_{media}', f'{media}_to_text'), rankings, strict=True)):
        for query, (rank, dual_rank, best) in enumerate(zip(*(column.tolist() for column in ranking), strict=True)):
            best_ids = [names[side][item] for item in best]
            records.append(
                dict(direction=direction, query=names[1 - side][query], rank=rank, dual_rank=dual_rank, best=best_ids)
            )
    return records


# Embed


def embed_gallery(
    network: Network, task: EmbeddingTask, batches: Iterable[EncodedBatch], index_of: dict[Any, int], options: GalleryOptions
) -> tuple[dict[int, Media], dict[int, VisionFeatures]]:
    """Embed this rank's share of a gallery.

    Args:
        batches: samples, with ``texts`` (token ids), and their vision features. index_of: sample id -> index in the data set.

    Returns:
        By index in the data set: embeddings, and vision features for re-ranking up to the limit.
    """
    own: dict[int, Media] = {}
    kept: dict[int, VisionFeatures] = {}
    size = 0
    for samples, vision in batches:
        embeddings = task.embed_vision(vision).cpu()
        texts = [list(map(list, sample.texts)) for sample in samples]
        flat = [ids for of_sample in texts for ids in of_sample]
        text_embeddings = embed_texts(network, task, flat, options).split([len(of_sample) for of_sample in texts])
        for row, sample in enumerate(samples):
            index = index_of[sample.sample_id]
            # Clones: when the ranks exchange a view, it is pickled with the storage of its whole batch.
            own[index] = Media(sample.sample_id, embeddings[row].clone(), texts[row], text_embeddings[row].clone())
            if options.top_k and index not in kept and size < options.limit:
                kept[index] = lean_vision(vision, row, network)
                size += sum(part.numel() * part.element_size() for part in kept[index] if isinstance(part, Tensor))
    return own, kept


def embed_texts(network: Network, task: EmbeddingTask, texts: list[list[int]], options: GalleryOptions) -> Tensor:
    """Token ids of M texts -> embeddings (M, E) on the host."""
    parts = []
    for start in range(0, len(texts), options.pairs):
        ids, mask = pad_ids(texts[start : start + options.pairs])
        text = network.encode_text(Tokens(ids.to(options.device), mask.to(options.device)))
        parts.append(task.embed_text(text).cpu())
    return torch.cat(parts)


def gather_gallery(own: dict[int, Media]) -> Gallery:
    """Gather the embeddings of all ranks.

    Args:
        own: index in the data set -> embeddings of this rank. A sample of several ranks (samplers repeat samples to fill the
            last round) counts once, for the first rank.
    """
    rank, _ = get_dist_info()
    owner: dict[int, int] = {}
    everything: dict[int, Media] = {}
    for source, part in enumerate(all_gather_object(own)):
        for index, media in part.items():
            if index not in everything:
                everything[index], owner[index] = media, source
    order = sorted(everything)
    gallery = [everything[index] for index in order]
    return Gallery(
        media=torch.stack([media.embedding for media in gallery]),
        text=torch.cat([media.text_embeddings for media in gallery]),
        ids=[media.sample_id for media in gallery],
        texts=[ids for media in gallery for ids in media.texts],
        media_of_text=[row for row, media in enumerate(gallery) for _ in media.texts],
        rows={index: row for row, index in enumerate(order) if owner[index] == rank},
    )


# Rank


def rank_gallery(
    network: Network,
    task: EmbeddingTask,
    gallery: Gallery,
    encode: Callable[[list[int]], Iterable[tuple[int, VisionFeatures]]],
    options: GalleryOptions,
    named: int = 10,
) -> tuple[Ranking, Ranking]:
    """Rank the images or clips for every text, and the texts for every image or clip; the same on every rank.

    Args:
        encode: indices in the data set -> (index, its vision features), in any order. Called only if re-ranking is on.
        named: number of best items to return.
    """
    relevant = gallery.relevant
    sides = ((gallery.text, gallery.media), (gallery.media, gallery.text))
    before = [
        rank_by_cosine(*side, right, max(options.top_k, named), options.block, options.device)
        for side, right in zip(sides, relevant, strict=True)
    ]
    if not options.top_k or getattr(task, 'relevance', None) is None:
        text_to_media, media_to_text = (Ranking(ranks, ranks, best[:, :named]) for ranks, best in before)
        return text_to_media, media_to_text
    best = [items[:, : options.top_k] for _, items in before]
    scores = rerank(network, task, gallery, best[0], best[1], encode, options)
    rankings = []
    for (ranks, _), items, new, right in zip(before, best, scores, relevant, strict=True):
        order = new.argsort(dim=1, descending=True, stable=True)
        rankings.append(Ranking(ranks_after(new, items, right, ranks), ranks, items.gather(1, order)[:, :named]))
    return rankings[0], rankings[1]


def rank_by_cosine(
    queries: Tensor, items: Tensor, relevant: list[list[int]], top_k: int, block: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Rank all items for every query. Queries are split over the ranks and scored in blocks.

    Args:
        queries: (Q, E). items: (I, E). relevant: for each query, the right items. top_k: number of items to return.
            block: scores in memory at a time. device: where they are computed.

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
    """Ranks after each query's best k items are reordered by new scores; the other items keep their ranks.

    Args:
        scores: (Q, k) of `best` (Q, k). relevant: right items of each query. before: (Q,) ranks by cosine.
    """
    ranks = before.clone()
    for row, (items, right) in enumerate(zip(best, relevant, strict=True)):
        relevant_items = set(right)
        positions = [position for position, item in enumerate(items.tolist()) if item in relevant_items]
        if positions:
            rest = torch.ones(len(items), dtype=torch.bool)
            rest[positions] = False
            ranks[row] = (scores[row][rest] >= scores[row][positions].max()).sum() + 1
    return ranks


# Re-rank


def rerank(
    network: Network,
    task: EmbeddingTask,
    gallery: Gallery,
    best_of_text: Tensor,
    best_of_media: Tensor,
    encode: Callable[[list[int]], Iterable[tuple[int, VisionFeatures]]],
    options: GalleryOptions,
) -> tuple[Tensor, Tensor]:
    """The task's ``relevance`` of each query's best: (M, k) and (N, k'), the same on every rank.

    Each rank goes through the images or clips that it embedded and scores all pairs in which they occur.

    Args:
        best_of_text: (M, k) rows of images or clips. best_of_media: (N, k') rows of texts. encode: see `rank_gallery`.
    """
    scores = torch.zeros(best_of_text.shape), torch.zeros(best_of_media.shape)
    matcher = Matcher(network, task, gallery.texts, options.device, options.pairs, options.limit)
    width = best_of_text.shape[1]
    flat_positions, media_of_slot = _positions_of(best_of_text, sorted(gallery.rows.values()))
    bounds = torch.searchsorted(media_of_slot, torch.arange(len(gallery.ids) + 1, dtype=media_of_slot.dtype))
    for index, vision in encode(list(gallery.rows)):
        media = gallery.rows[index]
        positions = flat_positions[bounds[media] : bounds[media + 1]]
        query_texts, best_texts = positions // width, best_of_media[media].long()
        texts, back = torch.cat([query_texts, best_texts]).unique(return_inverse=True)
        embeddings = gallery.media[media].to(options.device), gallery.text[texts].to(options.device)
        relevance = task.relevance(matcher(vision, texts), *embeddings).cpu()[back]
        scores[0].view(-1)[positions] = relevance[: len(query_texts)]
        scores[1][media] = relevance[len(query_texts) :]
    all_reduce(scores[0])
    all_reduce(scores[1])
    return scores


def _positions_of(best: Tensor, media: list[int]) -> tuple[Tensor, Tensor]:
    """Positions of this rank's media in the flattened `best` (M, k), and the media there, sorted by media."""
    positions = torch.isin(best.flatten(), torch.tensor(media, dtype=best.dtype)).nonzero()[:, 0]
    order = best.flatten()[positions].sort(stable=True)
    return positions[order.indices], order.values


def vision_from_host(kept: dict[int, VisionFeatures], device: torch.device) -> Iterator[tuple[int, VisionFeatures]]:
    """The kept vision features, one image or clip at a time. Each is dropped from `kept` when it is taken."""
    for index in list(kept):
        vision = kept.pop(index)
        yield index, vision.map(lambda part: part.to(device))
