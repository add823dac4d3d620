"""One process at a time in a folder."""

from pathlib import Path

import pytest

from mmcl_ext.fileio.lock import locked


def test_a_second_one_is_told(tmp_path: Path) -> None:
    folder = tmp_path / 'new'
    message = f'another process works in {folder}'
    with locked(folder), pytest.raises(BlockingIOError, match=message), locked(folder):
        raise AssertionError('not reached')
    with locked(folder, patience=1.0) as descriptor:
        assert descriptor > 2
