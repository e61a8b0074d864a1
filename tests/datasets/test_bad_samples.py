"""The bad-sample policy, in this process and in workers."""

import logging

import pytest
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from mplug2.datasets import (
    BadSampleError,
    BadSamples,
    JsonlDataset,
    MultiModalDataset,
    StreamIndex,
    TooManyBadSamples,
    multimodal_collate,
)
from mplug2.datasets.io.files import check_inside
from mplug2.datasets.io.video import read_video
from mplug2.datasets.transforms import LoadImage, PackInputs

from .media import write_image


class Images(MultiModalDataset):
    def __init__(self, size, **kwargs):
        self.size = size
        super().__init__(pipeline=[LoadImage(), PackInputs()], **kwargs)

    def load_records(self):
        return [dict(sample_id=number, media='image', path=f'{number}.jpg') for number in range(self.size)]


@pytest.fixture
def folder(tmp_path):
    """Twenty images; 3 is missing, 7 is empty."""
    for number in range(20):
        if number not in (3, 7):
            write_image(tmp_path / f'{number}.jpg', side=16)
    (tmp_path / '7.jpg').touch()
    return tmp_path


def loaded(dataset, workers) -> list[int]:
    loader = DataLoader(dataset, batch_size=5, num_workers=workers, collate_fn=multimodal_collate)
    try:
        return [sample.sample_id for batch in loader for sample in batch['data_samples']]
    except Exception as error:
        # A traceback that holds the loader's iterator leaves it to the garbage collector, which waits 5 s for each worker.
        raise error.with_traceback(None) from None


def test_raising_is_the_default(folder):
    dataset = Images(20, data_prefix=folder)
    with pytest.raises(BadSampleError, match=r'^sample 3: .*/3\.jpg: no such file$'):
        dataset[3]
    with pytest.raises(BadSampleError, match=r'sample 7: .*/7\.jpg: the file is empty \(0 bytes\)'):
        dataset[7]
    assert dataset.bad_samples.count == 0
    with pytest.raises(BadSampleError, match=r'sample 3: .*/3\.jpg: no such file'):
        loaded(dataset, workers=1)


@pytest.mark.parametrize('workers', [0, 2])
def test_skipping(folder, workers):
    dataset = Images(20, data_prefix=folder, bad_samples=dict(policy='skip', max_bad=2))
    for _ in range(2):  # met twice, counted once
        assert loaded(dataset, workers) == [number for number in range(20) if number not in (3, 7)]
        assert dataset.bad_samples.count == 2


def test_several_processes_skip_nothing(folder, monkeypatch):
    monkeypatch.setattr('mplug2.datasets.base.get_world_size', lambda: 2)
    policy = dict(policy='skip', max_bad=2)
    with pytest.raises(ValueError, match=r"bad_samples='skip' would make the batches of the 2 processes differ .* 'replace'"):
        Images(20, data_prefix=folder, bad_samples=policy)
    with pytest.raises(ValueError, match=r"what fills the last round would count twice; in their tests the policy is 'raise'"):
        Images(20, data_prefix=folder, bad_samples=policy, test_mode=True)
    assert loaded(Images(20, data_prefix=folder, bad_samples=policy | dict(policy='replace')), 0)


@pytest.mark.parametrize('workers', [0, 2])
def test_replacing(folder, workers):
    dataset = Images(20, data_prefix=folder, bad_samples=dict(policy='replace', max_bad=0.1))
    first = loaded(dataset, workers)
    assert len(first) == 20
    assert not {3, 7} & set(first)
    assert loaded(dataset, 1) == first
    assert dataset.bad_samples.count == 2


def test_a_replacement_depends_on_seed_and_position_alone(folder):
    dataset = Images(20, data_prefix=folder, bad_samples=dict(policy='replace', max_bad=2))

    def ids(seed):
        return [dataset[StreamIndex(3, seed, position)]['data_samples'].sample_id for position in range(30)]

    assert ids(0) == ids(0)
    assert ids(0) != ids(1)
    assert len(set(ids(0))) > 10


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('policy', ['skip', 'replace'])
def test_the_bound_ends_the_run(folder, workers, policy):
    dataset = Images(20, data_prefix=folder, bad_samples=dict(policy=policy, max_bad=1))
    with pytest.raises(TooManyBadSamples, match=r'2 of 20 samples are bad, and max_bad allows 1; the last: sample [37]'):
        loaded(dataset, workers)


def test_the_log_names_each_bad_sample_once(folder):
    dataset = Images(20, data_prefix=folder, bad_samples=dict(policy='skip', max_bad=5))
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        for _ in range(2):
            loaded(dataset, workers=0)
    finally:
        logger.removeHandler(handler)
    assert messages == [
        f'bad sample 1 (at most 5, skip): sample 3: {folder}/3.jpg: no such file',
        f'bad sample 2 (at most 5, skip): sample 7: {folder}/7.jpg: the file is empty (0 bytes)',
    ]


def test_only_bad_samples_are_forgiven():
    def broken(results):
        raise ZeroDivisionError

    dataset = Images(20, bad_samples=dict(policy='skip', max_bad=5))
    dataset.transforms = [broken]
    with pytest.raises(ZeroDivisionError):
        dataset[0]
    dataset.transforms = [lambda results: None]
    assert dataset[0] is None
    assert dataset.bad_samples.count == 1


def test_all_bad(tmp_path):
    dataset = Images(3, data_prefix=tmp_path, bad_samples=dict(policy='replace', max_bad=3))
    with pytest.raises(BadSampleError, match='100 samples taken in place of a bad one were bad as well'):
        dataset[0]


def test_tests_replace_nothing():
    with pytest.raises(ValueError, match='a test scores each sample once'):
        Images(3, test_mode=True, bad_samples='replace')
    assert Images(3, test_mode=True).bad_samples.policy == 'raise'


def test_policy_arguments():
    assert BadSamples(1000, 'skip').bound == 10
    assert BadSamples(1000, 'skip', max_bad=3).bound == 3
    assert f'{BadSamples(20, "skip").bound}' == '1', 'a share allows one at least, and messages say so'
    assert BadSamples(20, 'skip', max_bad=0.0).bound == 0
    with pytest.raises(ValueError, match="'raise', 'skip', 'replace', not 'ignore'"):
        BadSamples(10, 'ignore')
    for bound in (-1, 1.0, 2.5):
        with pytest.raises(ValueError, match='max_bad'):
            BadSamples(10, 'skip', bound)


def test_annotations_name_files_of_their_folder(tmp_path):
    write_image(tmp_path / 'secret.jpg', side=16)
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data/link.jpg').symlink_to(tmp_path / 'secret.jpg')
    (tmp_path / 'a.jsonl').write_text(
        '\n'.join(f'{{"media": "{name}", "caption": "a"}}' for name in ('../secret.jpg', 'link.jpg'))
    )
    cfg = dict(ann_file=str(tmp_path / 'a.jsonl'), data_prefix=str(tmp_path / 'data'), pipeline=[dict(type='LoadImage')])
    for index in (0, 1):
        with pytest.raises(BadSampleError, match=r'secret\.jpg, outside of .*data: annotations name files of their folder'):
            JsonlDataset(**cfg)[index]
        assert JsonlDataset(**cfg, follow_links=True)[index]['frames'].shape == (1, 16, 16, 3)


def test_a_folder_on_another_disk_is_named_with_the_way_to_trust_it(tmp_path):
    (tmp_path / 'disk').mkdir()
    (tmp_path / 'data').mkdir()
    write_image(tmp_path / 'disk/a.jpg', side=16)
    (tmp_path / 'data/train2014').symlink_to(tmp_path / 'disk')
    advice = r'disk/a\.jpg, outside of .*, which the link .*data/train2014 leads out of; .*dataset\.follow_links=True\)'
    with pytest.raises(BadSampleError, match=advice):
        check_inside(str(tmp_path / 'data/train2014/a.jpg'), str(tmp_path / 'data'))
    (tmp_path / 'all').symlink_to(tmp_path / 'data')
    (tmp_path / 'data/b.jpg').touch()
    check_inside(str(tmp_path / 'all/b.jpg'), str(tmp_path / 'all'))


@pytest.mark.parametrize('text', ['#EXTM3U\n/etc/hostname', 'ffconcat version 1.0\nfile x', '<?xml version="1.0"?><MPD/>'])
def test_playlists_are_no_videos(tmp_path, text):
    path = tmp_path / 'a.mp4'
    path.write_text(text)
    for content in (None, path.read_bytes()):
        with pytest.raises(BadSampleError, match=r'a\.mp4: a playlist, which names other files, is no video'):
            read_video(path, lambda length: [0], content=content)
