import io
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcl_ext.fileio.safe_pickle import load_pickle


def _dump(path: Path, content: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('dtype', ['<f2', '<f4', '>f8', 'i8', 'u1', '?', 'c8', 'U3', 'S2'])
def test_arrays_of_every_protocol(tmp_path: Path, protocol: int, dtype: str) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    content = dict(
        c_order=values,
        f_order=np.asfortranarray(values),
        nested=[(values[0], 'text')],
        empty=values[:0],
    )
    loaded = load_pickle(_dump(tmp_path / 'a.pkl', content, protocol))
    for key in ('c_order', 'f_order', 'empty'):
        assert type(loaded[key]) is np.ndarray
        assert loaded[key].dtype.newbyteorder('=') == values.dtype.newbyteorder('=')
        np.testing.assert_array_equal(loaded[key], content[key])
    assert type(loaded['nested'][0][0]) is np.ndarray
    np.testing.assert_array_equal(loaded['nested'][0][0], values[0])


@pytest.mark.parametrize('protocol', [2, 4, 5])
def test_plain_containers_and_scalars(tmp_path: Path, protocol: int) -> None:
    content = dict(
        scalar=np.float32(1.5),
        integer=np.int64(-3),
        ordered=OrderedDict(a=1),
        valid={0.5: 150},
        names={'x', 'y'},
        shape=(320, 570),
        none=None,
        text='é',
        data=b'\x00\xff',
        big=2**80,
    )
    assert load_pickle(_dump(tmp_path / 'a.pkl', content, protocol)) == content


@pytest.mark.parametrize('package', [b'numpy.core', b'numpy._core'])
def test_names_of_both_numpy_generations(tmp_path: Path, package: bytes) -> None:
    content = pickle.dumps(np.arange(3, dtype=np.float16), protocol=2)
    written = b'numpy._core' if b'numpy._core' in content else b'numpy.core'
    path = tmp_path / 'a.pkl'
    path.write_bytes(content.replace(written, package))
    np.testing.assert_array_equal(load_pickle(path), [0, 1, 2])


class _Attack:
    """Pickles as a call that leaves a file behind."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple:
        return self._call


def test_hostile_pickle_does_not_run(tmp_path: Path) -> None:
    import os

    trace = tmp_path / 'ran'
    attack = _dump(tmp_path / 'a.pkl', dict(split={}, annotations=[_Attack(os.mkdir, str(trace))]))
    with pytest.raises(ValueError, match=r'a\.pkl.*refused (posix|nt)\.mkdir'):
        load_pickle(attack)
    assert not trace.exists()
    pickle.loads(attack.read_bytes())  # the same bytes do run where nobody watches
    assert trace.exists()


@pytest.mark.parametrize(
    ('function', 'arguments'),
    [
        (eval, ('1',)),
        (getattr, ('x', 'upper')),
        (subprocess.Popen, (['true'],)),
        (np.load, ('x.npy',)),
        (np.array, ([1],)),
        (sys.exit, (0,)),
    ],
)
def test_other_names_are_refused(tmp_path: Path, function: Any, arguments: tuple) -> None:
    with pytest.raises(ValueError, match='refused'):
        load_pickle(_dump(tmp_path / 'a.pkl', _Attack(function, *arguments)))


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    """Their buffer would be pointers of the file's choosing."""
    array = np.array([dict(a=1)], dtype=object)
    with pytest.raises(ValueError, match="refused the array type 'O8'"):
        load_pickle(_dump(tmp_path / 'a.pkl', array))


def test_structured_types_are_refused(tmp_path: Path) -> None:
    array = np.zeros(2, [('a', 'f4'), ('b', 'i4')])
    with pytest.raises(ValueError, match='refused the array type'):
        load_pickle(_dump(tmp_path / 'a.pkl', array))


def _crafted(*opcodes: bytes) -> bytes:
    return b'\x80\x02' + b''.join(opcodes) + b'.'


@pytest.mark.parametrize(
    'content',
    [
        # ndarray called with an object type and a buffer of our own
        _crafted(b'cnumpy\nndarray\n', b'(K\x01\x85U\x01OU\x08', b'A' * 8, b't', b'R'),
        # an array whose buffer is shorter than its shape
        _crafted(
            b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR',
            b'(K\x01(K\x09tcnumpy\ndtype\n(U\x02f4K\x00K\x01tR\x89U\x04AAAAtb',
        ),
        # a plain type turned into an object type afterwards
        _crafted(
            b'cnumpy\ndtype\n(U\x02V8K\x00K\x01tR',
        ),
        _crafted(b'cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01|N(U\x01atNK\x08K\x01K\x3ftb'),
    ],
    ids=['called class', 'short buffer', 'void type', 'fields added'],
)
def test_crafted_arrays_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'a.pkl'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='cannot be read as plain data'):
        load_pickle(path)


def test_self_reference_ends(tmp_path: Path) -> None:
    loop: list = []
    loop.append(loop)
    loaded = load_pickle(_dump(tmp_path / 'a.pkl', loop))
    assert loaded[0] is loaded


@pytest.mark.parametrize('content', [b'', b'garbage', pickle.dumps([1] * 100)[:-20]])
def test_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'broken.pkl'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'broken\.pkl: cannot be read'):
        load_pickle(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_pickle(tmp_path / 'absent.pkl')


def test_real_annotations(shared: Path) -> None:
    """MMAction2's own sample: bytes written by protocol 2, numpy 1."""
    path = shared / 'datasets' / 'mmaction2_samples' / 'sample.pkl'
    loaded = load_pickle(path)
    wanted = pickle.load(io.BytesIO(path.read_bytes()))
    assert loaded['split'] == wanted['split']
    assert len(loaded['annotations']) == 100
    for ours, theirs in zip(loaded['annotations'], wanted['annotations'], strict=True):
        assert list(ours) == list(theirs)
        np.testing.assert_array_equal(ours['box_score'], theirs['box_score'])
        assert ours['valid'] == theirs['valid']


@pytest.mark.parametrize('kind', ['bytes', 'bytearray'])
def test_a_number_makes_no_zeros(tmp_path, kind):
    path = tmp_path / 'bomb.pkl'
    path.write_bytes(f'c__builtin__\n{kind}\n(I4000000000\ntR.'.encode())
    with pytest.raises(ValueError, match=rf'bomb\.pkl.*refused a {kind} of a int'):
        load_pickle(path)
