"""``mplug2 bench search``: search in an index of many embeddings, and the ranking of a large gallery."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...config.command_line import positive

CENTRES = 10_000  # of the synthetic embeddings, which are about them as those of similar images do
NOISE = 0.7  # length of a row's offset from its centre, whose length is 1
CHUNK = 8192  # rows that are made at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--only', choices=['gallery', 'index'], help='one of the two measurements (default both)')
    parser.add_argument('--rows', type=positive, default=1_000_000, help='embeddings of the index (default 1,000,000)')
    parser.add_argument('--gallery', type=positive, default=100_000, help='images of the largest gallery (default 100,000)')
    parser.add_argument('--channels', type=positive, default=256, help='of an embedding (default 256)')
    parser.add_argument('--queries', type=positive, default=1000, help='texts of a gallery; a tenth are asked of the index')
    parser.add_argument('--top-k', type=positive, default=256, help='items of a query that are re-ranked (default 256)')


def embeddings(rows: int, channels: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Unit vectors about `CENTRES` random ones, in chunks."""
    random = np.random.default_rng(seed)
    centres = _unit(np.random.default_rng(0).standard_normal((CENTRES, channels), np.float32))
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        offsets = random.standard_normal((count, channels), np.float32) * np.float32(NOISE / channels**0.5)
        yield _unit(centres[random.integers(CENTRES, size=count)] + offsets)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note seconds of the processor; threads count each."""
    start = time.process_time()
    yield
    seconds[name] = time.process_time() - start


def _peak() -> str:
    from ...engine.logs import peak_memory

    memory = peak_memory()
    return 'not known' if memory is None else f'{memory / 2**10:.2f} GiB'


def run(args: argparse.Namespace) -> None:
    from .measure import describe_run

    print(describe_run())
    print('seconds are those of the processor; peak is the resident memory of the process until then')
    with tempfile.TemporaryDirectory() as folder:
        measured = dict(gallery=lambda: measure_gallery(args), index=lambda: measure_index(args, Path(folder) / 'index'))
        for name in [args.only] if args.only else measured:
            for line in measured[name]():
                print(line, flush=True)


def measure_index(args: argparse.Namespace, folder: Path) -> Iterator[str]:
    import torch

    from ...apis.index import EmbeddingIndex, IndexedPart
    from ...apis.results import Result

    seconds: dict[str, float] = {}
    index, row = EmbeddingIndex(folder), 0
    folder.mkdir()
    for chunk in embeddings(args.rows, args.channels):
        parts = [IndexedPart(f'{number:08d}.jpg', 'image', 0, 0) for number in range(row, row + len(chunk))]
        index._append(parts, list(chunk))
        row += len(chunk)
    queries = next(embeddings(max(1, args.queries // 10), args.channels, seed=1))
    model: Any = SimpleNamespace(embed_text=lambda text, kind: Result(text, embedding=queries[int(text)]))

    def ask() -> list[set[str]]:
        return [{result.source for result in index.find(model, str(number))} for number in range(len(queries))]

    index.find(model, '0')  # which reads the lines' kinds
    yield f'index of {args.rows:,} rows of {args.channels} channels, {len(queries)} queries, the 10 nearest'
    with _timed(seconds, 'exact'):
        exact = ask()
    yield _line('exact', seconds['exact'], len(queries))
    whole = torch.from_numpy(np.concatenate(list(embeddings(args.rows, args.channels))))
    with _timed(seconds, 'plain'):
        plain = [{f'{best:08d}.jpg' for best in (whole @ torch.from_numpy(query)).topk(10).indices} for query in queries]
    agree = np.mean([len(ours & theirs) / 10 for ours, theirs in zip(exact, plain, strict=True)])
    yield _line('plain: matmul and topk in memory', seconds['plain'], len(queries)) + f'   same rows: {agree:.1%}'
    yield f'  plain / exact        {seconds["plain"] / seconds["exact"]:8.2f} x'
    del whole
    with _timed(seconds, 'build'):
        built = index.build_faiss()
    if not built:
        yield '  FAISS: too few rows, which are searched exactly'
        return
    size = (folder / f'{built[0]}.faiss').stat().st_size / args.rows
    yield f'  FAISS: built in      {seconds["build"]:8.1f} s   {size:.0f} bytes a row'
    with _timed(seconds, 'faiss'):
        near = ask()
    recall = np.mean([len(ours & right) / len(right) for ours, right in zip(near, exact, strict=True)])
    yield _line('by FAISS', seconds['faiss'], len(queries)) + f'   recall of the 10: {recall:.1%}'
    yield f'  exact / FAISS        {seconds["exact"] / seconds["faiss"]:8.2f} x'
    yield f'  peak                 {_peak()}'


def _line(name: str, seconds: float, queries: int) -> str:
    return f'  {name:<33}{1000 * seconds / queries:8.1f} ms a query'


def measure_gallery(args: argparse.Namespace) -> Iterator[str]:
    """Galleries of growing size, ranked for the same number of texts; then the re-ranking of the largest one, with a network
    that computes nothing, so that what is left is the work around it."""
    import torch

    from ...evaluation.gallery import Gallery, GalleryOptions, rank_by_cosine, rerank

    options = GalleryOptions(args.top_k, 1024, 2**24, 2**34, torch.device('cpu'))
    text = torch.from_numpy(np.concatenate(list(embeddings(args.queries, args.channels, seed=1))))
    yield f'gallery, {args.queries:,} texts, the best {args.top_k} of each'
    for size in [args.gallery // 2**halvings for halvings in (3, 2, 1, 0)]:
        media = torch.from_numpy(np.concatenate(list(embeddings(size, args.channels))))
        relevant = [[number % size] for number in range(args.queries)]
        seconds: dict[str, float] = {}
        with _timed(seconds, 'ours'):
            _, best = rank_by_cosine(text, media, relevant, args.top_k, options.block, options.device)
        with _timed(seconds, 'plain'):
            similarity = text @ media.T
            plain = similarity.topk(min(args.top_k, size), 1).indices
            right = similarity[torch.arange(args.queries), [row[0] for row in relevant]]
            (similarity >= right[:, None]).sum(1)
        del similarity
        same = (best == plain).float().mean().item()
        yield (
            f'  rank {size:>9,}       {seconds["ours"]:8.2f} s   plain: the whole matrix {seconds["plain"]:.2f} s '
            f'({seconds["plain"] / seconds["ours"]:.2f} x)   same: {same:.2%}   peak {_peak()}'
        )
    of_media = media @ text.T
    best_of_media = of_media.topk(min(args.top_k, args.queries), 1).indices.int()
    del of_media
    texts = [[1, 2]] * args.queries
    gallery = Gallery(media, text, list(range(size)), texts, [number % size for number in range(args.queries)], {})
    gallery.rows.update((number, number) for number in range(size))
    network, task, encode = _without_work()
    with _timed(seconds, 'rerank'):
        scores = rerank(network, task, gallery, best, best_of_media, encode, options)
    pairs = sum(part.numel() for part in scores)
    yield (
        f'  re-rank {size:>9,}    {seconds["rerank"]:8.2f} s   {pairs:,} pairs, '
        f'{1e6 * seconds["rerank"] / pairs:.2f} us each beside the network   peak {_peak()}'
    )


def _without_work() -> tuple[Any, Any, Callable[[list[int]], Iterator]]:
    """A network, a task and an encoding that take no time."""
    import torch

    from ...networks import TextFeatures, VisionFeatures

    def encode_text(tokens: Any) -> TextFeatures:
        zeros = torch.zeros(*tokens.ids.shape, 1)
        return TextFeatures(zeros, zeros, tokens.mask)

    nothing = torch.zeros(1, 1, 1)
    vision = VisionFeatures(nothing, None, nothing)
    network = SimpleNamespace(reads_across=True, width_of=lambda part: 1, encode_text=encode_text)
    task = SimpleNamespace(
        match=lambda network, text, vision: torch.zeros(len(text.mask), 2),
        relevance=lambda match, media, text: text @ media,
    )
    return network, task, lambda indices: ((index, vision) for index in indices)
