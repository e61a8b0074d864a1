"""Shards: the index, reading by it, damage, URLs, splitting and resuming."""

import errno
import gzip
import io
import itertools
import json
import os
import pickle
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mplug2.datasets import (
    AnnotationError,
    BadSampleError,
    ResumableSampler,
    ShardedPairs,
    ShardSampler,
    TooManyBadSamples,
    multimodal_collate,
)
from mplug2.datasets.shards.files import RangeReader, expand
from mplug2.datasets.shards.index import index_path, load_index, read_members, scan, split_name
from mplug2.datasets.shards.packed_text import read_npy
from mplug2.datasets.transforms import AddMediaId, LoadImage, LoadVideo, PackInputs

from .media import frame_numbers, write_video
from .shards import cut, jpeg, pairs, write_shard

PIPELINE = [LoadImage(), PackInputs(fields=['captions'])]
SIZES = (5, 1, 9)  # uneven


@pytest.fixture
def folder(tmp_path):
    """Three shards of 5, 1 and 9 samples."""
    first = 0
    for number, size in enumerate(SIZES):
        write_shard(tmp_path / f'{number:05d}.tar', pairs(size, first))
        first += size
    return tmp_path


def said(dataset) -> list[str]:
    return [dataset[number]['data_samples'].captions[0] for number in range(len(dataset))]


def test_every_sample_of_uneven_shards_is_found(folder):
    dataset = ShardedPairs(str(folder), pipeline=PIPELINE)
    assert len(dataset) == 15
    assert said(dataset) == [f'sample {number}' for number in range(15)]
    assert [int(dataset[number]['inputs']['frames'].float().mean()) for number in (0, 4, 5, 6, 14)] == [0, 20, 25, 30, 70]
    sample = dataset[6]['data_samples']
    assert (sample.sample_id, sample.path) == (f'{folder}/00002.tar:0', f'{folder}/00002.tar/000020000.jpg')
    assert said(ShardedPairs(str(folder), pipeline=PIPELINE, indices=3)) == ['sample 0', 'sample 1', 'sample 2']
    assert said(ShardedPairs(str(folder), pipeline=PIPELINE, indices=[7, 2])) == ['sample 7', 'sample 2']


def test_the_index_is_built_once_and_again_when_the_shard_changes(folder, monkeypatch):
    shard = folder / '00000.tar'
    load_index(str(shard))
    scanned = []
    monkeypatch.setattr('mplug2.datasets.shards.index.scan', lambda path: scanned.append(path) or scan(path))
    assert len(load_index(str(shard)).starts) == 6
    assert scanned == []
    write_shard(shard, pairs(7))
    assert len(load_index(str(shard)).starts) == 8
    os.utime(shard, ns=(1, 1))  # another time, the same size
    load_index(str(shard))
    assert len(scanned) == 2
    cut(shard.with_suffix('.index.npz'), 100)  # a writer that was killed could not leave this, but a full disk could
    assert len(load_index(str(shard)).starts) == 8
    assert len(scanned) == 3


def test_indices_go_where_told(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp('indices')
    dataset = ShardedPairs(str(folder), pipeline=PIPELINE, index_dir=str(elsewhere))
    assert len(dataset) == 15
    assert len(list(elsewhere.iterdir())) == 3
    assert not list(folder.glob('*.npz'))
    blocked = folder / 'file'
    blocked.touch()
    with pytest.raises(OSError, match='give index_dir, a folder to write to'):
        load_index(str(folder / '00000.tar'), blocked / 'in')


@pytest.mark.parametrize('style', ['gnu', 'pax'])
def test_names_longer_than_a_header(tmp_path, style):
    import tarfile

    keys = ['deep/' * 30 + f'{"ü" * 60}{number}' for number in range(3)]
    formats = dict(gnu=tarfile.GNU_FORMAT, pax=tarfile.PAX_FORMAT)
    shard = write_shard(tmp_path / 'long.tar', pairs(3), keys, format=formats[style])
    dataset = ShardedPairs(str(shard), pipeline=PIPELINE)
    assert said(dataset) == ['sample 0', 'sample 1', 'sample 2']
    assert dataset[2]['data_samples'].path == f'{shard}/{keys[2]}.jpg'


def test_what_is_no_part_of_a_sample_is_passed_over(tmp_path):
    shard = tmp_path / 'mixed.tar'
    with tarfile.open(shard, 'w') as tar:
        for name, content in [
            ('__notes__.json', b'{}'),
            ('a/0.jpg', jpeg()),
            ('a/0.txt', b'first'),
            ('a/1.jpg', jpeg()),
            ('a/__notes__.txt', b'between'),
            ('a/1.txt', b'second'),
        ]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        folder = tarfile.TarInfo('b')
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    assert said(ShardedPairs(str(shard), pipeline=PIPELINE)) == ['first', 'second']
    assert split_name('a/0001.seg.PNG') == ('a/0001', 'seg.png')
    assert split_name('a.b/c.txt') == ('a.b/c', 'txt')


def test_captions_of_a_json_come_before_the_text(tmp_path):
    captions = json.dumps(dict(captions=['one', ' ', ' two '])).encode()
    shard = write_shard(tmp_path / 'x.tar', [{'jpg': jpeg(), 'txt': b'no', 'json': captions}, {'png': jpeg(), 'txt': b'text'}])
    dataset = ShardedPairs(str(shard), pipeline=PIPELINE)
    assert [dataset[number]['data_samples'].captions for number in (0, 1)] == [['one', 'two'], ['text']]


@pytest.mark.parametrize('backend', ['decord', 'pyav'])
def test_clips(tmp_path, backend):
    clip = write_video(tmp_path / 'clip.mp4', frames=20).read_bytes()
    shard = write_shard(tmp_path / '0.tar', [{'mp4': clip, 'txt': b'a clip'}, {'mp4': clip[:500], 'txt': b'cut'}])
    pipeline = [LoadVideo(num_frames=4, backend=backend)]
    dataset = ShardedPairs(str(shard), media='video', pipeline=pipeline, test_mode=True, bad_samples='raise')
    sample = dataset[0]
    assert frame_numbers(sample['frames']) == [2, 7, 12, 17]
    assert 'content' not in sample  # the bytes are let go of
    with pytest.raises(BadSampleError, match=r'0\.tar/00001\.mp4'):
        dataset[1]


DAMAGE = {
    'no image': ({'jpg': b'\xff\xd8 nothing', 'txt': b'x'}, r'truncated or no image'),
    'empty image': ({'jpg': b'', 'txt': b'x'}, r'the file is empty'),
    'image of 3.6e9 pixels': (
        {'jpg': b'P6 60000 60000 255\n', 'txt': b'x'},
        r'no image \(Image size \(3600000000 pixels\)',
    ),
    'image missing': ({'txt': b'x'}, r'no image among its parts, which are txt; one must end in \.jpg, '),
    'empty caption': ({'jpg': jpeg(), 'txt': b' \n'}, r'its caption is empty'),
    'text missing': ({'jpg': jpeg()}, r"neither a \.txt nor 'captions' or 'caption' in a \.json"),
    'no UTF-8': ({'jpg': jpeg(), 'txt': b'\xff\xfe'}, r'its text is not UTF-8'),
    'no JSON': ({'jpg': jpeg(), 'json': b'{'}, r'its \.json no JSON'),
}


@pytest.mark.parametrize('kind', DAMAGE)
def test_bad_samples_are_named_and_counted(tmp_path, kind):
    parts, message = DAMAGE[kind]
    shard = write_shard(tmp_path / 's.tar', [*pairs(3), parts])
    with pytest.raises(BadSampleError, match=rf'sample \S+/s\.tar:3: {shard}/s0003\S* .*{message}'):
        ShardedPairs(str(shard), pipeline=PIPELINE)[3]
    dataset = ShardedPairs(str(shard), pipeline=PIPELINE, bad_samples=dict(policy='replace', max_bad=1))
    assert dataset[3]['data_samples'].captions[0] in ('sample 0', 'sample 1', 'sample 2')
    assert dataset.bad_samples.count == 1


def test_a_shard_cut_within_a_sample(folder):
    shard = folder / '00002.tar'
    third = scan(str(shard)).starts[2]
    cut(shard, int(third) + 700)  # within the image of the third
    with pytest.raises(BadSampleError, match=r'the shard \S+00002\.tar is cut off or damaged .*: 3 samples before it are kept'):
        ShardedPairs(str(folder), pipeline=PIPELINE)
    dataset = ShardedPairs(str(folder), pipeline=PIPELINE, bad_samples=dict(policy='skip', max_bad=1))
    assert len(dataset) == 5 + 1 + 3
    assert [dataset[number] is None for number in range(9)] == [*[False] * 8, True]
    assert dataset.bad_samples.count == 1


@pytest.mark.parametrize('place', ['between samples', 'in a header', 'at its start'])
def test_other_cuts_are_noticed(folder, place):
    shard = folder / '00002.tar'
    start = int(scan(str(shard)).starts[2])
    cut(shard, {'between samples': start, 'in a header': start + 100, 'at its start': 0}[place])
    index = scan(str(shard))
    assert len(index.starts) - 1 == (0 if place == 'at its start' else 2)
    assert 'cut off or damaged' in index.problem
    policy = dict(policy='skip', max_bad=0)
    assert len(said(ShardedPairs(str(folder), pipeline=PIPELINE, bad_samples=policy))) == 6 + len(index.starts) - 1


def test_a_header_that_is_overwritten_ends_the_shard_with_a_notice(folder):
    shard = folder / '00002.tar'
    content = bytearray(shard.read_bytes())
    start = int(scan(str(shard)).starts[4])
    content[start : start + 512] = os.urandom(512)
    shard.write_bytes(content)
    index = scan(str(shard))
    assert len(index.starts) - 1 == 4
    assert f'no end mark at byte {start}' in index.problem


def test_a_shard_that_shrinks_after_it_was_indexed(folder):
    dataset = ShardedPairs(str(folder), pipeline=PIPELINE, bad_samples=dict(policy='skip', max_bad=0.5))
    cut(folder / '00002.tar', 1000)
    assert [dataset[number] is None for number in (5, 6, 14)] == [False, True, True]


def test_the_bound_holds_over_shards(tmp_path):
    shard = write_shard(tmp_path / 's.tar', [*pairs(8), {'jpg': b'', 'txt': b'x'}, {'jpg': b'', 'txt': b'x'}])
    dataset = ShardedPairs(str(shard), pipeline=PIPELINE, bad_samples=dict(policy='skip', max_bad=0.1))
    assert dataset[8] is None
    with pytest.raises(TooManyBadSamples, match=r'2 of 10 samples .* allows 1; the last: sample \S+/s\.tar:9'):
        dataset[9]


def test_patterns(folder, tmp_path):
    names = [str(folder / f'{number:05d}.tar') for number in range(3)]
    assert expand(str(folder)) == names
    assert expand(f'{folder}/{{00000..00002}}.tar') == names
    assert expand([f'{folder}/0000[12].tar', names[0]]) == [*names[1:], names[0]]
    assert expand('a{8..11}b{0..1}')[:3] == ['a8b0', 'a8b1', 'a9b0']
    with pytest.raises(FileNotFoundError, match=r'no shards: nothing matches .*\*\.tar'):
        expand(str(tmp_path / 'x*.tar'))
    with pytest.raises(FileNotFoundError, match=r'no shard .*00003\.tar'):
        ShardedPairs(f'{folder}/{{00000..00003}}.tar')


def test_shards_behind_a_url(folder, tmp_path_factory):
    import fsspec

    memory = fsspec.filesystem('memory')
    for file in folder.glob('*.tar'):
        memory.pipe(f'/shards/{file.name}', file.read_bytes())
    indices = str(tmp_path_factory.mktemp('indices'))
    dataset = ShardedPairs('memory://shards/*.tar', pipeline=PIPELINE, index_dir=indices)
    assert said(dataset) == [f'sample {number}' for number in range(15)]
    assert said(pickle.loads(pickle.dumps(dataset))) == said(dataset)
    for place in ('memory://shards', 'memory://shards/'):
        assert expand(place) == [f'memory:///shards/{number:05d}.tar' for number in range(3)]
    with pytest.raises(ValueError, match='the indices of shards behind a URL need a local folder: give index_dir'):
        index_path('memory://shards/00000.tar')


def test_reads_behind_a_url_are_tried_again(folder, tmp_path_factory, monkeypatch):
    import fsspec
    from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

    class StoreError(Exception):
        """As stores have them: no OSError."""

    fsspec.filesystem('memory').pipe('/unsure/0.tar', (folder / '00000.tar').read_bytes())
    indices = str(tmp_path_factory.mktemp('indices'))
    policy = dict(policy='skip', max_bad=1)
    dataset = ShardedPairs('memory://unsure/0.tar', pipeline=PIPELINE, index_dir=indices, bad_samples=policy)
    monkeypatch.setattr('mplug2.datasets.shards.files._PAUSES', (0.0, 0.0))
    failures = []

    def unsure(call):
        def answer(*arguments, **options):
            if failures:
                raise failures.pop()
            return call(*arguments, **options)

        return answer

    for method in ('cat_file', 'info', 'open'):
        monkeypatch.setattr(MemoryFileSystem, method, unsure(getattr(MemoryFileSystem, method)))
    failures += [StoreError('busy'), TimeoutError()]
    assert dataset[1]['data_samples'].captions == ['sample 1']
    failures += [StoreError('busy')] * 3
    assert dataset[2] is None
    assert dataset.bad_samples.count == 1
    failures += [StoreError('busy')] * 3
    with pytest.raises(OSError, match='StoreError: busy'):
        RangeReader().read('memory://unsure/0.tar', 0, 10)
    for where in (indices, str(tmp_path_factory.mktemp('none'))):  # at the start of a run, too, with and without an index
        failures += [StoreError('busy')] * 2
        assert len(ShardedPairs('memory://unsure/0.tar', pipeline=PIPELINE, index_dir=where)) == len(dataset)
        assert not failures
    fetch, lost = MemoryFile.read, [StoreError('reset'), StoreError('reset')]

    def breaks(file, *size):
        if lost and file.tell():
            raise lost.pop()
        return fetch(file, *size)

    monkeypatch.setattr(MemoryFile, 'read', breaks)  # while the headers are read
    index = scan('memory://unsure/0.tar')
    assert (len(index.starts) - 1, index.problem, lost) == (len(dataset), '', [])


def test_a_server_without_ranges_is_named(folder, tmp_path_factory, monkeypatch):
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    content = (folder / '00000.tar').read_bytes()
    fsspec.filesystem('memory').pipe('/whole/0.tar', content)
    monkeypatch.setattr(MemoryFileSystem, 'cat_file', lambda *words, **options: content)
    with pytest.raises(OSError, match=rf'0\.tar: the server gives {len(content)} bytes where 10 are asked for'):
        RangeReader().read('memory://whole/0.tar', 0, 10)


def test_a_handle_that_has_gone_stale_is_opened_anew(tmp_path, monkeypatch):
    (tmp_path / 'x').write_bytes(b'0123456789')
    reader, read, opened = RangeReader(), os.pread, []
    assert reader.read(str(tmp_path / 'x'), 2, 4) == b'23'
    stale = reader._handles[str(tmp_path / 'x')]

    def pread(handle, count, start):
        opened.append(handle)
        if len(opened) == 1:
            raise OSError(errno.ESTALE, 'stale')
        return read(handle, count, start)

    monkeypatch.setattr(os, 'pread', pread)
    assert reader.read(str(tmp_path / 'x'), 2, 4) == b'23'
    assert opened[0] == stale
    assert len(opened) == 2
    assert list(reader._handles) == [str(tmp_path / 'x')]


def test_without_fsspec_a_url_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'fsspec', None)
    with pytest.raises(ImportError, match=r's3://bucket/\*\.tar: shards behind a URL are read by fsspec, .*s3fs for s3'):
        expand('s3://bucket/*.tar')


def test_few_files_stay_open_and_handles_do_not_travel(tmp_path, monkeypatch):
    monkeypatch.setattr('mplug2.datasets.shards.files._OPEN', 2)
    files = [tmp_path / str(number) for number in range(5)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 10)
    reader = RangeReader()
    for number, file in [*enumerate(files), *enumerate(files)]:
        assert reader.read(str(file), 8, 12) == bytes([number]) * 2
        assert len(reader._handles) <= 2
    assert not pickle.loads(pickle.dumps(reader))._handles


def stream(folder, workers=0, start=0, batches=6, sampler=ResumableSampler, **options) -> list[tuple[str, int]]:
    dataset = ShardedPairs(str(folder), pipeline=PIPELINE, bad_samples=dict(policy='replace', max_bad=2))
    built = sampler(dataset, seed=5, **options)
    built.start_position = start
    loader = DataLoader(dataset, batch_size=4, sampler=built, num_workers=workers, collate_fn=multimodal_collate)
    return [
        (sample.captions[0], int(frames.float().mean()))
        for batch in itertools.islice(loader, batches)
        for sample, frames in zip(batch['data_samples'], batch['inputs']['frames'], strict=True)
    ]


@pytest.mark.parametrize('sampler', [ResumableSampler, ShardSampler])
def test_the_stream_depends_on_neither_workers_nor_resuming(folder, sampler):
    shard = folder / '00001.tar'
    write_shard(shard, [{'jpg': b'', 'txt': b'bad'}])  # its replacement is a function of the place as well
    plain = stream(folder, sampler=sampler)
    assert stream(folder, workers=2, sampler=sampler) == plain
    assert stream(folder, workers=1, start=8, batches=4, sampler=sampler) == plain[8:]
    assert 'bad' not in [caption for caption, _ in plain]


def test_ranks_share_a_pass_without_overlap(folder, monkeypatch):
    drawn = []
    for rank in range(4):
        monkeypatch.setattr('mplug2.datasets.sampling.sampler.get_dist_info', lambda rank=rank: (rank, 4))
        for sampler in (ShardSampler(ShardedPairs(str(folder)), shards_open=2, seed=1),):
            drawn += [(draw.position, int(draw)) for draw in itertools.islice(sampler, 4)]
    first_pass = [index for position, index in sorted(drawn) if position < 15]
    assert sorted(first_pass) == list(range(15))


def test_shards_are_read_few_at_a_time():
    class Sizes:
        shard_sizes = np.array([40, 3, 25, 0, 60, 32])

        def __len__(self):
            return 160

    dataset = Sizes()
    shard_of = np.repeat(np.arange(6), dataset.shard_sizes)
    orders = [ShardSampler(dataset, shards_open=2, seed=seed)._order(number) for seed, number in ((0, 0), (0, 1), (1, 0))]
    for order in orders:
        assert sorted(order) == list(range(160))
        shards = shard_of[order]
        # No shard is returned to once two others have been begun after it.
        for shard in set(shards.tolist()):
            places = np.flatnonzero(shards == shard)
            assert len(set(shards[places[0] : places[-1] + 1].tolist())) <= 2
        assert (np.diff(order) == 1).mean() < 0.2  # mixed within
    assert any((orders[0] != other).any() for other in orders[1:])
    with pytest.raises(ValueError, match='shards_open is a number of shards, not 0'):
        ShardSampler(dataset, shards_open=0)


def test_archives_one_behind_the_other_are_all_read(tmp_path):
    first, second = (write_shard(tmp_path / f'{name}.tar', pairs(2, start)) for name, start in (('a', 0), ('b', 2)))
    both = tmp_path / 'both.tar'
    both.write_bytes(first.read_bytes() + second.read_bytes())
    assert said(ShardedPairs(str(both), pipeline=PIPELINE)) == [f'sample {number}' for number in range(4)]


def test_a_key_that_comes_twice_is_two_samples_and_said(tmp_path):
    shard = write_shard(tmp_path / 's.tar', pairs(3), ['a', 'b', 'b'])
    with pytest.raises(BadSampleError, match=r"s\.tar has 1 keys twice, such as 'b'"):
        ShardedPairs(str(shard))
    assert said(ShardedPairs(str(shard), bad_samples='skip', pipeline=PIPELINE)) == ['sample 0', 'sample 1', 'sample 2']


def test_a_compressed_shard_is_refused(tmp_path):
    shard = tmp_path / 's.tar.gz'
    shard.write_bytes(gzip.compress(write_shard(tmp_path / 's.tar', pairs(1)).read_bytes()))
    with pytest.raises(AnnotationError, match=r's\.tar\.gz is compressed \(gzip\)'):
        ShardedPairs(str(shard))


def test_hidden_files_marks_and_other_encodings_of_names(tmp_path):
    image, text = jpeg(), b'\xef\xbb\xbfone'
    folder = tmp_path / 'x[1]'
    parts = [{'jpg': image, 'txt': text}, {'jpg': image, 'json': b'{"captions": [null, "two"]}'}, {'jpg': image, 'txt': b'no'}]
    shard = write_shard(folder / 's.tar', parts, ['a', 'caf\xe9', './._a'], format=tarfile.GNU_FORMAT, encoding='latin-1')
    dataset = ShardedPairs(str(shard), pipeline=[LoadImage(), AddMediaId(), PackInputs(fields=['captions'])])
    samples = [dataset[index]['data_samples'] for index in range(len(dataset))]
    assert [sample.captions for sample in samples] == [['one'], ['two']]
    assert samples[1].path.endswith('caf\\xe9.jpg')


def test_hidden_files_of_macos_are_no_parts(tmp_path):
    samples = pairs(2)
    keys = [key for number in range(2) for key in (f'./._{number:04d}', f'./{number:04d}')]
    hidden = {suffix: b'\0\5\x16\7' * 40 for suffix in samples[0]}
    path = write_shard(tmp_path / 'a.tar', [hidden, samples[0], hidden, samples[1]], keys)
    data = ShardedPairs(str(path), pipeline=[LoadImage()])
    assert [data[number]['captions'] for number in range(len(data))] == [['sample 0'], ['sample 1']]


def claiming(kind: bytes, size: int) -> bytes:
    """A header of a tar file that claims so many bytes, and an image in whose place it is."""
    member = tarfile.TarInfo('a.jpg')
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(512)


@pytest.mark.parametrize(
    'content',
    [
        claiming(tarfile.REGTYPE, 2**36),
        claiming(tarfile.GNUTYPE_SPARSE, 2**36),
        claiming(tarfile.GNUTYPE_LONGNAME, 2**30),
        claiming(tarfile.XHDTYPE, 2**30),
    ],
)
def test_sizes_that_a_header_claims_are_not_believed(content: bytes) -> None:
    with pytest.raises(BadSampleError, match='cut off or damaged'):
        read_members(content, 'a')


def test_the_shape_of_an_array_is_held_against_its_bytes() -> None:
    stream = io.BytesIO()
    np.save(stream, np.arange(9, dtype=np.uint16))
    assert read_npy(stream.getvalue()).tolist() == list(range(9))
    for content in (stream.getvalue()[:-1], stream.getvalue().replace(b'(9,)', b'(9999999999,)'), b'x'):
        with pytest.raises(ValueError, match=r'claims|magic|EOF|header'):
            read_npy(content)


def test_bytes_and_characters_of_a_sample_are_bounded(tmp_path: Path) -> None:
    write_shard(tmp_path / '0.tar', pairs(2))
    for bounds, message in ((dict(max_bytes=100), 'max_bytes allows 100'), (dict(max_characters=5), 'max_characters allows 5')):
        with pytest.raises(BadSampleError, match=message):
            ShardedPairs(str(tmp_path / '0.tar'), **bounds)[0]
