"""MATLAB files are read as scipy reads them; damaged ones are refused."""

import io
import random
import struct

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from mmcl_ext.datasets.converters.matlab import read_matlab_field
from mmcl_ext.fileio.archive_file import ArchiveFile

TYPES = ('i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f4', 'f8', '>f8')


@pytest.mark.parametrize('compressed', [False, True])
@pytest.mark.parametrize('dtype', TYPES)
def test_every_type_and_shape_as_scipy_reads_it(tmp_path, dtype, compressed):
    rng = np.random.default_rng(0)
    shapes = ((3, 4), (2, 3, 4), (1, 1), (1, 2), (2, 3, 1, 5), (0, 3))
    values = {f'v{i}': rng.integers(0, 100, shape).astype(dtype) for i, shape in enumerate(shapes)}
    path = tmp_path / 'a.mat'
    others = dict(
        text='abc', cells=np.array([1, 'a'], object), fields=dict(a=1), j=np.array([[1j]])
    )
    savemat(path, others | values, do_compression=compressed)
    for name, expected in loadmat(path, variable_names=list(values)).items():
        if name in values:
            found = read_matlab_field(ArchiveFile(path), name)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
    for name, message in (
        ('text', 'expected numbers'),
        ('cells', 'class 1 '),
        ('j', 'numbers'),
        ('no', 'missing'),
    ):
        with pytest.raises(ValueError, match=f'a.mat: field {name}.*{message}'):
            read_matlab_field(ArchiveFile(path), name)


def element(kind: int, content: bytes, order: str) -> bytes:
    return struct.pack(f'{order}II', kind, len(content)) + content + bytes(-len(content) % 8)


@pytest.mark.parametrize(('order', 'mark'), [('<', b'IM'), ('>', b'MI')])
def test_doubles_stored_in_fewer_bytes_and_the_other_order_of_bytes(tmp_path, order, mark):
    """As MATLAB writes whole numbers; scipy writes neither."""
    parts = [
        element(6, struct.pack(f'{order}II', 6, 0), order),
        element(5, struct.pack(f'{order}3i', 2, 1, 3), order),
        struct.pack(f'{order}I', 2 << 16 | 1) + b'SW\0\0',
        element(3, struct.pack(f'{order}6h', *range(-3, 3)), order),
    ]
    version = struct.pack(f'{order}H', 0x0100)
    path = tmp_path / 'a.mat'
    path.write_bytes(
        b'MATLAB 5.0 MAT-file'.ljust(124) + version + mark + element(14, b''.join(parts), order)
    )
    found = read_matlab_field(ArchiveFile(path), 'SW')
    assert found.dtype == np.dtype(f'{order}i2')
    assert found.tolist() == [[[-3, -1, 1]], [[-2, 0, 2]]]
    np.testing.assert_array_equal(found, loadmat(path)['SW'])


def test_damaged_tags_never_end_the_process(tmp_path):
    """One of these 3000 files made scipy's reader end Python with a segmentation fault."""
    path = tmp_path / 'sklWorld.mat'
    outcomes = {'read': 0, 'refused': 0}
    for packed in (False, True):
        file = io.BytesIO()
        savemat(file, dict(SW=np.random.default_rng(0).normal(size=(20, 3, 2))), True, '5', packed)
        sound = file.getvalue()
        for run in range(1500):
            rng = random.Random(run)
            damaged = bytearray(sound)
            for _ in range(rng.randint(1, 3)):
                damaged[124 + rng.randrange(80)] = rng.choice((0, 1, 5, 9, 14, 15, 128, 255))
            path.write_bytes(damaged)
            try:
                read_matlab_field(ArchiveFile(path), 'SW')
                outcomes['read'] += 1
            except ValueError as error:
                outcomes['refused'] += 'sklWorld.mat: field SW' in str(error)
    assert sum(outcomes.values()) == 3000
    assert min(outcomes.values()) > 100
