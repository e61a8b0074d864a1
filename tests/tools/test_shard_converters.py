"""Data sets' own files -> shards -> what `ShardedPairs` and `PackedText` read."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from mplug2.datasets import AnnotationError, BadSampleError, PackedText, ShardedPairs
from mplug2.datasets.shards import writing as shards_write
from mplug2.datasets.shards.packed_text import Packer
from mplug2.datasets.shards.writing import Item, UnreachableError, check_image, fetch, write_shards
from mplug2.datasets.transforms import LoadImage, LoadVideo, PackInputs
from mplug2.text import BertTokenizer
from tests.datasets.media import write_image, write_video
from tests.datasets.shards import jpeg

PIPELINE = [LoadImage(), PackInputs(fields=['captions'])]


def captions(folder: Path, media: str = 'image') -> list[list[str]]:
    pipeline = [LoadImage() if media == 'image' else LoadVideo(2, 'pyav'), PackInputs(fields=['captions'])]
    dataset = ShardedPairs(str(folder), media=media, pipeline=pipeline)
    return [dataset[number]['data_samples'].captions for number in range(len(dataset))]


@pytest.fixture
def convert(script):
    """Runs shards_pairs.py; returns what it printed at the end."""
    module = script('tools/data/shards_pairs')

    def run(*words, capsys: pytest.CaptureFixture) -> str:
        module.main([*map(str, words), '--workers', '2'])
        return capsys.readouterr().out.splitlines()[-1]

    return run


def test_coco(convert, tmp_path, capsys):
    images = []
    for number, split in enumerate(['train', 'restval', 'test', 'train']):
        name = f'{number}.jpg'
        if number != 3:
            write_image(tmp_path / 'coco/train2014' / name)
        sentences = [dict(raw=f' caption {number} {place}') for place in range(2)]
        images.append(dict(cocoid=number, filepath='train2014', filename=name, split=split, sentences=sentences))
    (tmp_path / 'dataset_coco.json').write_text(json.dumps(dict(images=images)))
    printed = convert('coco', tmp_path / 'dataset_coco.json', tmp_path / 'coco', tmp_path / 'out', capsys=capsys)
    assert printed == f'{tmp_path}/out: 2 of 3 (left out: 1 no such file)'
    assert captions(tmp_path / 'out') == [['caption 0 0', 'caption 0 1'], ['caption 1 0', 'caption 1 1']]


def test_visual_genome(convert, tmp_path, capsys):
    write_image(tmp_path / 'vg/VG_100K_2/7.jpg')
    regions = [dict(phrase=' a dog'), dict(phrase='a tree'), dict(phrase='a dog')]
    (tmp_path / 'region_descriptions.json').write_text(json.dumps([dict(id=7, regions=regions)]))
    url = 'https://example.org/rak248/VG_100K_2/7.jpg'
    (tmp_path / 'image_data.json').write_text(json.dumps([dict(image_id=7, url=url)]))
    convert('visual_genome', tmp_path / 'region_descriptions.json', tmp_path / 'vg', tmp_path / 'out', capsys=capsys)
    assert captions(tmp_path / 'out') == [['a dog', 'a tree']]
    (tmp_path / 'image_data.json').write_text('[]')
    with pytest.raises(AnnotationError, match=r'describes image 7, which .*image_data\.json does not list'):
        convert('visual_genome', tmp_path / 'region_descriptions.json', tmp_path / 'vg', tmp_path / 'two', capsys=capsys)


class Images(http.server.BaseHTTPRequestHandler):
    """/1.jpg and so on are images; /gone is not there; /text is no image; /busy2 gives one the third time; /drip gives a
    byte now and then, and /cut less than it says.

    asked: the paths so far.
    """

    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == '/gone':
            return self.send_error(404)
        if self.path.startswith('/busy') and self.asked.count(self.path) <= int(self.path[5:]):
            return self.send_error(503)
        self.send_response(200)
        if self.path == '/cut':
            self.send_header('Content-Length', '100000')
        self.end_headers()
        if self.path == '/drip':
            with contextlib.suppress(OSError):  # the client leaves
                for _ in range(100):
                    self.wfile.write(b'x')
                    time.sleep(0.05)
            return None
        return self.wfile.write(b'<html>' if self.path == '/text' else jpeg(side=64))

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Images) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{serving.server_port}'
        serving.shutdown()


@pytest.mark.parametrize('kind', ['cc3m', 'cc12m', 'sbu'])
def test_lists_of_urls(convert, server, tmp_path, capsys, kind):
    urls = [f'{server}/{name}' for name in ('1.jpg', 'gone', 'text', '4.jpg', '5.jpg')]
    said = ['first', 'second', 'third', ' ', 'größer']
    listed = tmp_path / 'list_urls.txt'
    if kind == 'sbu':
        listed.write_text('\n'.join(urls) + '\n')
        (tmp_path / 'list_captions.txt').write_text('\n'.join(said) + '\n')
    else:
        lines = [f'{text}\t{url}' if kind == 'cc3m' else f'{url}\t{text}' for text, url in zip(said, urls, strict=True)]
        listed.write_text('\n'.join(lines) + '\n')
    printed = convert(kind, listed, '-', tmp_path / 'out', '--per-shard', 2, '--short-side', 32, capsys=capsys)
    assert printed == f'{tmp_path}/out: 2 of 5 (left out: 1 HTTP 404, 1 no image, or a damaged one, 1 no caption)'
    assert captions(tmp_path / 'out') == [['first'], ['größer']]
    dataset = ShardedPairs(str(tmp_path / 'out'), pipeline=PIPELINE)
    assert dataset.shard_sizes.tolist() == [1, 0, 1]
    assert dataset[0]['inputs']['frames'].shape[-2:] == (32, 32)


@pytest.mark.parametrize('kind', ['cc3m', 'cc12m', 'sbu'])
def test_a_list_with_odd_lines_is_read_to_its_end(convert, tmp_path, capsys, kind):
    """Carriage returns within captions and at the ends of lines, and lines of one column and of three."""
    for number in (1, 4, 5):
        write_image(tmp_path / f'in/{number}.jpg')
    urls, said = ['u1', 'u2', 'u3', 'u4', 'u5'], ['one\rand more', 'two', 'three', 'four\r', 'five']
    listed = tmp_path / 'list_urls.txt'
    if kind == 'sbu':
        listed.write_bytes('\n'.join(urls).encode())
        (tmp_path / 'list_captions.txt').write_bytes('\n'.join(said).encode())
    else:
        lines = [f'{text}\t{url}' if kind == 'cc3m' else f'{url}\t{text}' for text, url in zip(said, urls, strict=True)]
        lines[1:3] = ['two', 'three\tu3\tmore']
        listed.write_bytes('\n'.join(lines).encode())
    printed = convert(kind, listed, tmp_path / 'in', tmp_path / 'out', capsys=capsys)
    assert printed.endswith('3 of 5 (left out: 2 no such file)' if kind == 'sbu' else '3 of 5 (left out: 2 malformed line)')
    assert captions(tmp_path / 'out') == [['one and more'], ['four'], ['five']]


def test_what_may_pass_is_tried_again(server, monkeypatch):
    monkeypatch.setattr(shards_write, 'PAUSE', 0.0)
    Images.asked.clear()
    assert fetch(f'{server}/busy2') == jpeg(side=64)
    with pytest.raises(UnreachableError, match='HTTP 503'):
        fetch(f'{server}/busy9')
    with pytest.raises(BadSampleError, match='HTTP 404') as found:
        fetch(f'{server}/gone')
    assert not isinstance(found.value, UnreachableError)
    assert [Images.asked.count(path) for path in ('/busy2', '/busy9', '/gone')] == [3, 3, 1]
    with pytest.raises(UnreachableError, match='ConnectionRefusedError'):
        fetch('http://127.0.0.1:9/x')


def test_a_fetch_ends_in_its_time_and_has_all_of_the_file(server, monkeypatch):
    monkeypatch.setattr(shards_write, 'TRIES', 1)
    start = time.monotonic()
    with pytest.raises(UnreachableError, match='timed out'):
        fetch(f'{server}/drip', timeout=0.3)
    assert time.monotonic() - start < 3  # of five seconds
    with pytest.raises(UnreachableError, match='IncompleteRead'):
        fetch(f'{server}/cut')


def test_a_shard_is_not_written_while_the_network_is_down(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shards_write, 'PAUSE', 0.0)
    Images.asked.clear()
    there, out, quiet = [f'{server}/{number}.jpg' for number in range(4)], tmp_path / 'out', dict(report=lambda line: None)
    down = [url if number < 3 else 'http://127.0.0.1:9/x' for number, url in enumerate(there)]
    down[2] = f'{server}/gone'  # which no time will mend, so it does not count
    listed = [[Item(url, ['said'], {}) for url in urls] for urls in (down, there)]
    with pytest.raises(
        ConnectionError, match=r'00001\.tar: 2 of 2 items could not be fetched \(the last: ConnectionRefusedError'
    ):
        write_shards(listed[0], out, 'image', per_shard=2, max_unreachable=0.4, **quiet)
    assert [file.name for file in sorted(out.glob('*.tar*'))] == ['00000.tar']
    assert write_shards(listed[1], out, 'image', per_shard=2, max_unreachable=0.4, **quiet)['written'] == 4
    counts = write_shards(listed[0], tmp_path / 'two', 'image', per_shard=2, max_unreachable=1.0, **quiet)
    assert dict(counts) == {'listed': 4, 'written': 2, 'HTTP 404': 1, 'ConnectionRefusedError': 1}


def test_lists_that_are_not_as_published(convert, tmp_path, capsys):
    (tmp_path / 'x_urls.txt').write_text('one\ntwo\n')
    (tmp_path / 'x_captions.txt').write_text('first\n')
    with pytest.raises(AnnotationError, match=r'line 1 has 1 columns, not 2 separated by tabs'):
        convert('cc3m', tmp_path / 'x_urls.txt', '-', tmp_path / 'out', capsys=capsys)
    with pytest.raises(AnnotationError, match=r'x_captions\.txt ends before line 2'):
        convert('sbu', tmp_path / 'x_urls.txt', tmp_path, tmp_path / 'two', capsys=capsys)
    with pytest.raises(BadSampleError, match='nowhere is not fetched: http and https are'):
        fetch('nowhere://x')


def test_webvid(convert, tmp_path, capsys):
    write_video(tmp_path / 'videos/000_050/42.mp4', frames=6)
    header = 'videoid,contentUrl,duration,page_dir,name\n'
    rows = '42,https://example.org/42.mp4,PT01S,000_050,"A dog, running"\n43,https://example.org/43.mp4,PT01S,000_050,Gone\n'
    (tmp_path / 'results_2M_train.csv').write_text(header + rows + '44,https://example.org/44.mp4\n')
    printed = convert('webvid', tmp_path / 'results_2M_train.csv', tmp_path / 'videos', tmp_path / 'out', capsys=capsys)
    assert printed.endswith('1 of 3 (left out: 1 no such file, 1 malformed line)')
    assert captions(tmp_path / 'out', 'video') == [['A dog, running']]


def items(folder: Path, count: int) -> list[Item]:
    return [Item(str(write_image(folder / f'{n}.jpg', value=n)), [f'caption {n}'], dict(id=n)) for n in range(count)]


def test_a_stopped_conversion_goes_on(tmp_path):
    listed, out, reported = items(tmp_path / 'in', 7), tmp_path / 'out', []

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(listed, out, 'image', per_shard=3, workers=2, report=stop)
    first = (out / '00000.tar').stat().st_mtime_ns
    (out / '.00001.tar.0f.tmp').write_bytes(b'half')  # as a killed process leaves it
    total = write_shards(listed, out, 'image', per_shard=3, workers=2, report=reported.append)
    assert (out / '00000.tar').stat().st_mtime_ns == first
    assert [line.split('  ')[0] for line in reported] == ['00000.tar: 3 of 3', '00001.tar: 3 of 3', '00002.tar: 1 of 1']
    assert reported[0].endswith('(there already)')
    assert dict(total) == dict(listed=7, written=7)
    assert captions(out) == [[f'caption {number}'] for number in range(7)]
    assert not list(out.glob('*.tmp'))
    assert len(list(out.glob('*.index.npz'))) == 3
    with pytest.raises(AnnotationError, match=r'shards made with other arguments \(per_shard was 3 and is 4\)'):
        write_shards(listed, out, 'image', per_shard=4)
    with pytest.raises(AnnotationError, match=r"shards made with other arguments \(source was '' and is 'cc12m'\)"):
        write_shards(listed, out, 'image', per_shard=3, source='cc12m')
    with pytest.raises(AnnotationError, match=r'00002\.tar was made of 1 items, but the source has 2 there'):
        write_shards([*listed, listed[0]], out, 'image', per_shard=3, report=reported.append)


@pytest.mark.parametrize('note', ['shards', '00000_stats'])
def test_a_conversion_stopped_within_its_notes_goes_on(tmp_path, monkeypatch, note):
    listed, out, flush = items(tmp_path / 'in', 2), tmp_path / 'out', os.fsync

    def stop(descriptor: int) -> None:
        if Path(os.readlink(f'/proc/self/fd/{descriptor}')).name.startswith(f'.{note}'):
            raise KeyboardInterrupt
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', stop)
        with pytest.raises(KeyboardInterrupt):
            write_shards(listed, out, 'image')
    assert not (out / f'{note}.json').exists()
    assert dict(write_shards(listed, out, 'image')) == dict(listed=2, written=2)


def test_images_are_kept_shrunk_or_made_jpegs(tmp_path):
    assert check_image('x', jpeg(side=40)) == ('jpg', jpeg(side=40))
    suffix, small = check_image('x', jpeg(side=40), short_side=20)
    assert (suffix, len(small) < len(jpeg(side=40))) == ('jpg', True)
    from PIL import Image

    Image.new('P', (8, 8)).save(tmp_path / 'x.gif')
    assert check_image('x', (tmp_path / 'x.gif').read_bytes())[0] == 'jpg'


TOKENIZER = BertTokenizer('mini')
DOCUMENTS = ['a small purple two and a small red eight', 'a large green nine', 'one red zero', 'two small blue sixes'] * 5


def packed(documents: list[str], length: int) -> list[list[int]]:
    packer = Packer(TOKENIZER, length)
    return [row for document in documents for row in packer.add(document)] + packer.finish()


@pytest.mark.parametrize('form', ['line', 'blank', 'jsonl', 'json.gz'])
def test_corpora(script, tmp_path, form, capsys):
    corpus = tmp_path / f'corpus.{"txt" if form in ("line", "blank") else form}'
    if form == 'line':
        corpus.write_text('\n'.join(DOCUMENTS))
    elif form == 'blank':
        corpus.write_text('\n\n'.join(document.replace(' and', '\nand') for document in DOCUMENTS) + '\n\n')
    else:
        lines = '\n'.join(json.dumps(dict(text=document)) for document in DOCUMENTS).encode()
        corpus.write_bytes(gzip.compress(lines) if form == 'json.gz' else lines)
    words = ['--vocab', 'mini', '--length', '7', '--per-shard', '6', '--documents', 'blank' if form == 'blank' else 'line']
    module = script('tools/data/shards_text')
    module.main([str(corpus), str(tmp_path / 'out'), *words])
    rows = packed(DOCUMENTS, 7)
    assert f'{len(DOCUMENTS)} documents, {len(rows)} rows' in capsys.readouterr().out
    dataset = PackedText(str(tmp_path / 'out'), TOKENIZER, pipeline=[PackInputs()])
    assert [dataset[number]['inputs']['text'] for number in range(len(dataset))] == rows
    assert len(dataset.shard_sizes) > 2

    shards = sorted((tmp_path / 'out').glob('*.tar'))
    for path in shards[1:]:  # stopped after the first shard
        path.unlink()
    module.main([str(corpus), str(tmp_path / 'out'), *words])
    dataset = PackedText(str(tmp_path / 'out'), TOKENIZER, pipeline=[PackInputs()])
    assert [dataset[number]['inputs']['text'] for number in range(len(dataset))] == rows
    module.main([str(corpus), str(tmp_path / 'out'), *words])
    assert '(there already)' in capsys.readouterr().out


def test_no_file_of_a_corpus_is_lost(script, tmp_path, monkeypatch):
    """Files of the same name in several folders, without an ending, and that differ in the ending alone."""
    names = ['AA/wiki_00', 'AB/wiki_00', 'AA/part.txt', 'AA/part.text', 'AA/part.txt.gz']
    for name, document in zip(names, DOCUMENTS, strict=False):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        content = document.encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith('.gz') else content)
    module, words = script('tools/data/shards_text'), ['--vocab', 'mini', '--length', '64']
    monkeypatch.chdir(tmp_path)
    module.main([*names, names[0], 'out', *words])
    rows = sorted(row for _, document in zip(names, DOCUMENTS, strict=False) for row in packed([document], 64))
    dataset = PackedText('out', TOKENIZER, pipeline=[PackInputs()])
    assert sorted(dataset[number]['inputs']['text'] for number in range(len(dataset))) == rows
    assert (tmp_path / 'out/AB-wiki_00-00000.tar').is_file()

    for place in ('a.b.txt', 'a-b.txt', 'other/AA/part.txt'):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(DOCUMENTS[0])
    with pytest.raises(AnnotationError, match=r'shards of \S+/a\.b\.txt and of \S+/a-b\.txt would both be .*-a-b-txt-\*\.tar'):
        module.main(['a.b.txt', 'a-b.txt', 'out', *words])
    with pytest.raises(AnnotationError, match=r'part-txt-\*\.tar are of \S+/AA/part\.txt, not of \S+/other/AA/part\.txt'):
        module.main(['other/AA/part.txt', 'out', *words])


def test_a_broken_corpus_is_named(script, tmp_path):
    corpus = tmp_path / 'c.jsonl'
    corpus.write_text('{"text": "a"}\n{"words": "b"}\n')
    with pytest.raises(AnnotationError, match=r"c\.jsonl: line 2 is not a JSON object with a key 'text'"):
        list(script('tools/data/shards_text').read_documents(corpus))


def test_the_other_files_of_a_corpus_are_packed_beside_a_damaged_one(script, tmp_path, capsys):
    whole = gzip.compress('\n'.join(json.dumps(dict(text=document)) for document in DOCUMENTS).encode())
    (tmp_path / 'a.json.gz').write_bytes(whole[:-40])
    (tmp_path / 'b.json.gz').write_bytes(whole)
    (tmp_path / 'c.txt').write_bytes('größer'.encode('latin-1'))
    files = [str(tmp_path / name) for name in ('a.json.gz', 'b.json.gz', 'c.txt')]
    module = script('tools/data/shards_text')
    for workers in ('1', '2'):
        out = tmp_path / f'out{workers}'
        words = ['--vocab', 'mini', '--length', '7', '--workers', workers]
        with pytest.raises(AnnotationError, match=r'2 of 3 files could not be packed'):
            module.main([*files, str(out), *words])
        printed = capsys.readouterr()
        assert f'b.json.gz: {len(DOCUMENTS)} documents' in printed.out
        assert re.search(r'a\.json\.gz: cannot be read after line \d+', printed.err)
        assert 'c.txt: not UTF-8 after line 0' in printed.err
        dataset = PackedText(str(out), TOKENIZER, pipeline=[PackInputs()])
        assert [dataset[number]['inputs']['text'] for number in range(len(dataset))] == packed(DOCUMENTS, 7)


def test_a_wrong_folder_makes_no_shards(tmp_path: Path) -> None:
    listed = [Item(str(tmp_path / f'{number}.jpg'), ['a dog'], {}) for number in range(3)]
    with pytest.raises(ConnectionError, match=r'2 of 3 items could not be fetched \(the last: no such file, .*1\.jpg\)'):
        write_shards(listed, tmp_path / 'out', 'image', report=lambda line: None)
    assert not list((tmp_path / 'out').glob('*.tar'))


def test_what_no_item_can_be_had_of_makes_no_shards(server, tmp_path: Path) -> None:
    """Each for a reason of its own kind, not to be asked again: a proxy's refusals, rights, certificates."""
    (tmp_path / 'folder').mkdir()
    refused = [Item(f'{server}/gone', ['a dog'], {}) for _ in range(3)]
    with pytest.raises(ConnectionError, match=r'3 of 3 items could not be fetched \(the last: HTTP 404'):
        write_shards(refused, tmp_path / 'a', 'image', per_shard=3)
    assert write_shards(refused, tmp_path / 'last', 'image', per_shard=4)['HTTP 404'] == 3  # the last of some
    rights = [Item(str(tmp_path / 'folder'), ['a dog'], {}) for _ in range(3)]  # no file can be read, as without the rights
    with pytest.raises(ConnectionError, match=r'2 of 3 items could not be fetched \(the last: IsADirectoryError'):
        write_shards(rights, tmp_path / 'b', 'image')
    assert write_shards(refused, tmp_path / 'c', 'image', per_shard=3, max_unreachable=1.0)['HTTP 404'] == 3
