import os
import pickle
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from mmcl_ext.fileio.tensor_container import TensorContainer, is_finite, write_tensors

TENSORS = {
    'rows': np.arange(12.0).reshape(4, 3),
    'none': np.zeros((0, 5), np.float32),
    'flags': np.array([True, False, True]),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_tensors(tmp_path / 'new' / 'a.safetensors', TENSORS, {'who': 'é'})
    return tmp_path / 'new' / 'a.safetensors'


def test_reads_what_was_written(path: Path) -> None:
    container = TensorContainer(path)
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(container.read_all(name), tensor)
        np.testing.assert_array_equal(load_file(path)[name], tensor)
    assert container.read_rows('rows', 1, 3).tolist() == [[3, 4, 5], [6, 7, 8]]
    assert container.read_rows('rows', 2, 2).shape == (0, 3)


def test_pickles_as_its_path_and_opens_again(path: Path) -> None:
    container = TensorContainer(path)
    copy = pickle.loads(pickle.dumps(container))
    assert set(vars(copy)) == {'_path'}
    container.close()
    container.close()
    for opened in (container, copy):
        np.testing.assert_array_equal(opened.read_all('rows'), TENSORS['rows'])


def test_a_file_that_is_cut_while_it_is_open_is_named(path: Path) -> None:
    container = TensorContainer(path)
    path.write_bytes(path.read_bytes()[:-60])
    end = path.stat().st_size
    with pytest.raises(OSError, match=rf"a\.safetensors ends at byte {end}, within 'rows'"):
        container.read_all('rows')


def test_the_system_may_read_less_than_it_is_asked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.preadv

    def few(fd: int, buffers: list[memoryview], position: int) -> int:
        return read(fd, [memoryview(buffers[0]).cast('B')[:7]], position)

    container = TensorContainer(path)
    _ = container.read_all('none')
    monkeypatch.setattr(os, 'preadv', few)
    np.testing.assert_array_equal(container.read_all('rows'), TENSORS['rows'])
    assert container.read_rows('rows', 1, 3).tolist() == [[3, 4, 5], [6, 7, 8]]


class Table(TensorContainer):
    @cached_property
    def _opened(self) -> np.ndarray:
        return self._table('rows', 'F64', (None, 4))


def test_another_shape_is_told_beside_the_one_expected(path: Path) -> None:
    with pytest.raises(
        ValueError, match=r'F64 of shape \(4, 3\), expected F64 of shape \(any, 4\)'
    ):
        Table(path)


@pytest.mark.parametrize(
    ('values', 'finite'),
    [([1e30, -1e30], True), ([np.nan, 0], False), ([np.inf, 0], False), ([-np.inf] * 2, False)],
)
def test_finite_values(values: list[float], finite: bool) -> None:
    assert is_finite(np.array(values, np.float32)) is finite


def test_folders_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='no safetensors file at'):
        TensorContainer(tmp_path)
