"""The retrieval loops: MMEngine's validation and testing around `mplug2.evaluation.gallery`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from mmengine.dist import get_dist_info
from mmengine.evaluator import Evaluator
from mmengine.runner import TestLoop, ValLoop
from torch.utils.data import DataLoader, Subset

from ...evaluation.gallery import (
    EmbeddingTask,
    EncodedBatch,
    GalleryOptions,
    embed_gallery,
    gather_gallery,
    rank_gallery,
    records_of,
    vision_from_host,
)
from ...networks import VisionFeatures
from ...registry import LOOPS
from ...utils.wrappers import unwrap

_GIB = 2**30


class _RetrievalLoop:
    """Mixed into MMEngine's loops; the arguments are theirs and these.

    Args:
        top_k: items of each query that matching re-ranks (published relatives: 256); 0 leaves the order by cosine, as does a
            task without matching.
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

    def _run(self, stage: str) -> dict[str, float]:
        self.runner.call_hook(f'before_{stage}')
        self.runner.call_hook(f'before_{stage}_epoch')
        metrics = self.score(stage)
        self.runner.call_hook(f'after_{stage}_epoch', metrics=metrics)
        self.runner.call_hook(f'after_{stage}')
        return metrics

    def score(self, stage: str) -> dict[str, float]:
        """Embed, rank, re-rank, and have the evaluator count. stage: 'val' or 'test', whose hooks are called.

        Raises:
            ValueError: the model has not exactly one task that embeds vision and text, or samples share an id.
        """
        model = self.runner.model
        self._model = unwrap(model)
        tasks = [task for task in self._model.tasks.values() if isinstance(task, EmbeddingTask)]
        if len(tasks) != 1:
            raise ValueError(f'{type(self).__name__}: the model needs one retrieval task, and has {len(tasks)}')
        self._model.eval()
        device = next(self._model.parameters()).device
        autocast = nullcontext() if self.dtype is None else torch.autocast(device.type, self.dtype)
        with torch.no_grad(), autocast:
            self.queries = self._records(stage, tasks[0], device)
        rank, world = get_dist_info()
        self._feed(self.evaluator, self.queries, rank, world)
        return self.evaluator.evaluate(len(self.queries))

    @staticmethod
    def _feed(evaluator: Evaluator, records: list[dict], rank: int, world: int) -> None:
        """Give each rank's metrics its share, as samplers would: in turn, and the first again to fill the last round."""
        rounds = -(-len(records) // world)
        evaluator.process([records[(step * world + rank) % len(records)] for step in range(rounds)], None)

    def _records(self, stage: str, task: EmbeddingTask, device: torch.device) -> list[dict]:
        dataset, network = self.dataloader.dataset, self._model.network
        index_of = {dataset.record(index)['sample_id']: index for index in range(len(dataset))}
        if len(index_of) < len(dataset):
            raise ValueError(f'{type(dataset).__name__}: {len(dataset)} samples share {len(index_of)} values of sample_id')
        options = GalleryOptions(self.top_k, self.pairs, self.block, self.limit, device)
        own, kept = embed_gallery(network, task, self._batches(stage), index_of, options)
        gallery = gather_gallery(own)
        del own
        self.runner.logger.info(f'retrieval: {len(gallery.ids)} images or clips and {len(gallery.texts)} texts are embedded')

        def encode(indices: list[int]) -> Iterator[tuple[int, VisionFeatures]]:
            rest = [index for index in indices if index not in kept]
            for index in set(kept).difference(indices):
                del kept[index]  # another rank's to score
            yield from vision_from_host(kept, device)
            if rest:
                self.runner.logger.info(f'retrieval: {len(rest)} of {len(indices)} images or clips are encoded again')
                yield from self._encode_again(rest, index_of)

        rankings = rank_gallery(network, task, gallery, encode, options)
        return records_of(gallery, rankings, dataset.record(0).get('media', 'image'))

    def _batches(self, stage: str) -> Iterator[EncodedBatch]:
        for number, batch in enumerate(self.dataloader):
            self.runner.call_hook(f'before_{stage}_iter', batch_idx=number, data_batch=batch)
            yield self._encode(batch)
            self.runner.call_hook(f'after_{stage}_iter', batch_idx=number, data_batch=batch, outputs=[])

    def _encode(self, batch: dict) -> EncodedBatch:
        data = self._model.data_preprocessor(batch, False)
        return data['data_samples'], self._model.network.encode_vision(data['inputs']['frames'])

    def _encode_again(self, indices: list[int], index_of: dict) -> Iterator[tuple[int, VisionFeatures]]:
        loader = DataLoader(
            Subset(self.dataloader.dataset, indices),
            batch_size=self.dataloader.batch_size,
            num_workers=self.dataloader.num_workers,
            collate_fn=self.dataloader.collate_fn,
        )
        for batch in loader:
            samples, vision = self._encode(batch)
            for row, sample in enumerate(samples):
                part = vision.map(lambda value, row=row: value[row : row + 1])
                yield index_of[sample.sample_id], part


@LOOPS.register_module()
class RetrievalValLoop(_RetrievalLoop, ValLoop):
    __doc__ = f'Validation by retrieval.\n\n{_RetrievalLoop.__doc__}'

    def run(self) -> dict[str, float]:
        """Validate."""
        return self._run('val')


@LOOPS.register_module()
class RetrievalTestLoop(_RetrievalLoop, TestLoop):
    __doc__ = f'Testing by retrieval.\n\n{_RetrievalLoop.__doc__}'

    def run(self) -> dict[str, float]:
        """Test."""
        return self._run('test')
