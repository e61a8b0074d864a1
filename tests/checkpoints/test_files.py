"""Reading and writing of weight files."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mplug2.checkpoints import CheckpointError, find_weights, load_checkpoint, read_state, write_state
from mplug2.checkpoints.find import write_best


def test_slices_and_tied_tensors_are_written_apart(tmp_path: Path) -> None:
    fused = torch.arange(12.0).view(6, 2)
    query, key = fused.chunk(2)
    write_state(dict(query=query, key=key, again=key, turned=fused.T), tmp_path / 'w.safetensors')
    state = read_state(tmp_path / 'w.safetensors')
    assert_close(state, dict(query=query, key=key, again=key, turned=fused.T.contiguous()))
    assert [file.name for file in tmp_path.iterdir()] == ['w.safetensors']


def test_weights_are_written_as_safetensors_only(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r'needs that ending'):
        write_state(dict(a=torch.zeros(1)), tmp_path / 'w.pth')


@pytest.mark.parametrize('wrapper', ['state_dict', 'model', 'module'])
def test_wrappers_and_prefixes_of_parallel_training_are_taken_off(tmp_path: Path, wrapper: str) -> None:
    torch.save({wrapper: {'module.weight': torch.ones(2), 'version': 1}, 'epoch': 3}, tmp_path / 'w.pth')
    assert_close(read_state(tmp_path / 'w.pth'), dict(weight=torch.ones(2)))


@pytest.mark.parametrize('prefix', ['_orig_mod.', 'module._orig_mod.', 'model.', 'model._orig_mod.'])
def test_prefixes_of_compiling_and_lightning_are_taken_off(prefix: str) -> None:
    state = {f'{prefix}network.weight': torch.ones(2), f'{prefix}tasks.bias': torch.ones(1)}
    assert read_state(dict(state_dict=state)).keys() == {'network.weight', 'tasks.bias'}
    inner = {'network._orig_mod.weight': torch.ones(2), 'model.weight': torch.ones(2)}  # a module that is called so
    assert read_state(inner).keys() == {'network.weight', 'model.weight'}


def test_weights_in_several_files_are_read_by_their_index(tmp_path: Path) -> None:
    for number, key in enumerate('ab'):
        write_state({key: torch.full((2,), float(number))}, tmp_path / f'model-{number}.safetensors')
    weight_map = {'a': 'model-0.safetensors', 'b': 'model-1.safetensors'}
    index = tmp_path / 'model.safetensors.index.json'
    index.write_text(json.dumps(dict(weight_map=weight_map)))
    assert find_weights(tmp_path) == index
    assert_close(read_state(tmp_path), dict(a=torch.zeros(2), b=torch.ones(2)))
    (tmp_path / 'model-1.safetensors').unlink()
    with pytest.raises(CheckpointError, match=r'cannot read the checkpoint .*index\.json'):
        read_state(tmp_path)


def test_a_folder_holds_one_file_or_one_by_the_usual_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r'no checkpoint in .*: has training run there'):
        find_weights(tmp_path)
    write_state(dict(a=torch.zeros(1)), tmp_path / 'b.safetensors')
    assert find_weights(tmp_path).name == 'b.safetensors'
    write_state(dict(a=torch.zeros(1)), tmp_path / 'c.safetensors')
    with pytest.raises(CheckpointError, match=r'b\.safetensors, c\.safetensors; name one file'):
        find_weights(tmp_path)
    write_state(dict(a=torch.zeros(1)), tmp_path / 'model.safetensors')
    assert find_weights(tmp_path).name == 'model.safetensors'


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='no checkpoint'):
        read_state(tmp_path / 'none.pth')
    with pytest.raises(CheckpointError, match=r'neither a local file or folder, nor on the hub'):
        find_weights('someone/no-such-model')


@pytest.mark.filterwarnings('ignore:.*looks like a TorchScript archive')
def test_a_program_and_pickled_objects_are_refused(tmp_path: Path) -> None:
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(tmp_path / 'ViT.pt')
    with pytest.raises(CheckpointError, match=r'TorchScript archive.*torchscript_to_safetensors\.py'):
        read_state(tmp_path / 'ViT.pt')
    torch.save(dict(model=nn.Linear(2, 2)), tmp_path / 'objects.pth')
    with pytest.raises(
        CheckpointError, match=r'\(torch\.nn\.modules\.linear\.Linear\).*not loaded for safety.*write its weights'
    ):
        read_state(tmp_path / 'objects.pth')
    (tmp_path / 'half.safetensors').write_bytes(b'\x08\0\0\0\0\0\0\0{"a":')
    with pytest.raises(CheckpointError, match='damaged'):
        read_state(tmp_path / 'half.safetensors')
    with pytest.raises(CheckpointError, match=r"no tensors in the given dict; it has the keys \['epoch'\]"):
        read_state(dict(epoch=3))


def test_arguments_and_numbers_of_numpy_beside_weights_are_data(tmp_path: Path) -> None:
    beside = dict(args=argparse.Namespace(lr=0.1), best=np.float64(0.5), random=np.random.get_state(), epoch=np.int64(3))
    torch.save(dict(model=dict(weight=torch.ones(2)), **beside), tmp_path / 'theirs.pth')
    assert read_state(tmp_path / 'theirs.pth')['weight'].tolist() == [1, 1]
    content = load_checkpoint(tmp_path / 'theirs.pth')
    assert (content['args'], content['best'], content['epoch']) == (beside['args'], 0.5, 3)


def test_an_array_of_objects_runs_nothing(tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / 'ran'),)

    for number, value in enumerate((np.array([Runs()], dtype=object), argparse.Namespace(lr=Runs()))):
        torch.save(dict(model=dict(weight=torch.ones(2)), args=value), tmp_path / f'{number}.pth')
        with pytest.raises(CheckpointError, match='not loaded for safety'):
            load_checkpoint(tmp_path / f'{number}.pth')
    assert not (tmp_path / 'ran').exists()


def test_of_a_work_directory_it_is_the_best_checkpoint_or_the_latest(tmp_path: Path) -> None:
    for name in ('iter_9.pth', 'iter_10.pth', 'best_x_iter_9.pth'):
        torch.save({'w': torch.ones(1)}, tmp_path / name)
    assert find_weights(tmp_path).name == 'iter_10.pth'
    write_best(tmp_path, dict(file='best_x_iter_9.pth', metric='x', score=1.0, iter=9))
    assert find_weights(tmp_path).name == 'best_x_iter_9.pth'
    (tmp_path / 'best_x_iter_9.pth').unlink()
    (tmp_path / 'iter_11.shards').mkdir()
    assert find_weights(tmp_path).name == 'iter_11.shards'
    with pytest.raises(CheckpointError, match=r'iter_11\.shards is no sharded checkpoint: it has no training\.pth'):
        read_state(tmp_path)  # it has nothing in it
