"""Files that are whole or absent."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mmcl_ext.fileio.atomic_file import atomic_file, atomic_path, write_bytes


def test_content_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / 'new/folder/file.bin'
    with atomic_file(path) as file:
        file.write(b'first ')
        assert not path.exists()
        file.write(b'second')
    assert path.read_bytes() == b'first second'
    assert os.listdir(path.parent) == ['file.bin']


@pytest.mark.parametrize('error', [ValueError('no'), KeyboardInterrupt(), SystemExit(3)])
def test_an_error_leaves_the_former_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / 'file.bin'
    write_bytes(path, b'former')

    def fail_in_file() -> None:
        with atomic_file(path) as file:
            file.write(b'half')
            raise error

    def fail_at_path() -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b'half')
            raise error

    for fail in (fail_in_file, fail_at_path):
        with pytest.raises(type(error)):
            fail()
    assert path.read_bytes() == b'former'
    assert os.listdir(tmp_path) == ['file.bin']


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match=r"No space left on device: .*/file\.bin'$"):
        write_bytes(tmp_path / 'file.bin', b'content')
    assert os.listdir(tmp_path) == []
    write_bytes(tmp_path / 'file.bin', b'content', durable=False)
    assert os.listdir(tmp_path) == ['file.bin']


def test_errors_of_the_block_keep_their_file(tmp_path: Path) -> None:
    """What the block reads is not to be confused with what it writes."""
    with pytest.raises(OSError, match='source') as caught, atomic_file(tmp_path / 'target') as file:
        file.write((tmp_path / 'source').read_bytes())
    assert caught.value.filename == str(tmp_path / 'source')
    with pytest.raises(OSError, match='damaged') as caught, atomic_file(tmp_path / 'target'):
        raise OSError(errno.EIO, 'damaged')
    assert caught.value.filename is None


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / 'folder').mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_bytes(tmp_path / 'folder', b'content')
    assert str(caught.value).endswith("/folder'")
    with pytest.raises(OSError, match='File name too long') as caught:
        write_bytes(tmp_path / ('x' * 300), b'content')
    assert str(caught.value).endswith("xxx'")
    assert os.listdir(tmp_path) == ['folder']


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / 'file', b'')
        with atomic_path(tmp_path / 'picture.png') as temporary:
            temporary.write_bytes(b'')
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_path_keeps_name_and_ending(tmp_path: Path) -> None:
    with atomic_path(tmp_path / 'pictures/a.png') as temporary:
        assert temporary.name == 'a.png'
        temporary.write_bytes(b'picture')
    assert (tmp_path / 'pictures/a.png').read_bytes() == b'picture'
    assert os.listdir(tmp_path / 'pictures') == ['a.png']


def test_a_killed_process_leaves_the_former_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / 'file', b'former')
    code = (
        'import os, signal, sys\n'
        'from mmcl_ext.fileio.atomic_file import atomic_file\n'
        'with atomic_file(sys.argv[1]) as file:\n'
        '    file.write(bytes(1 << 20))\n'
        '    os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    done = subprocess.run([sys.executable, '-c', code, tmp_path / 'file'], check=False)
    assert done.returncode == -9
    assert (tmp_path / 'file').read_bytes() == b'former'
    rest = {path.name for path in tmp_path.iterdir()} - {'file'}
    assert len(rest) == 1
    assert all(name.startswith('.file.') and name.endswith('.tmp') for name in rest)
