"""Numbers of files: what is odd, but sound, is read without a warning; bombs are refused."""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from mmcl_ext.fileio.as_float32 import MOST_NUMBERS, as_float32
from mmcl_ext.fileio.read_npy import read_npy


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings(action='error'):
        yield


def test_header_of_python_2_is_read(tmp_path: Path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }"
    content = b'\x93NUMPY\1\0' + struct.pack('<H', len(header)) + header + bytes(8)
    (tmp_path / 'a.npy').write_bytes(content)
    np.testing.assert_array_equal(read_npy(tmp_path / 'a.npy'), np.zeros((2, 1), np.float32))


def test_signalling_nan_is_nan():
    assert np.isnan(as_float32(np.array([0x7FF0000000000001], 'u8').view('f8'))).all()


@pytest.mark.parametrize('depth', [3, 10])
def test_lists_that_share_their_parts_are_refused(depth: int):
    """They take a few kilobytes as a pickle, and more than memory holds as an array."""
    values: list = [0.0] * 1000
    for _ in range(depth - 1):
        values = [values] * 1000
    with pytest.raises(ValueError, match=f'more than {MOST_NUMBERS} numbers'):
        as_float32(values)


def test_list_that_holds_itself_is_refused():
    values: list = [0.0]
    values.append(values)
    with pytest.raises(ValueError, match='sequence'):
        as_float32(values)
