import os

import pytest
from mmengine.fileio import get_file_backend

from mmcl_ext.engine import AtomicLocalBackend


def test_put_writes_whole_files_under_the_umask(tmp_path):
    backend = get_file_backend(backend_args=dict(backend='atomic_local'))
    assert isinstance(backend, AtomicLocalBackend)
    path = tmp_path / 'new/file.bin'
    backend.put(b'first', path)
    backend.put(b'second', path)
    assert path.read_bytes() == b'second'
    plain = tmp_path / 'plain'
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / 'file.bin'
    backend = AtomicLocalBackend()
    backend.put(b'old', path)

    def fail(descriptor):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OSError, match='disk full'):
        backend.put(b'new', path)
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['file.bin']
