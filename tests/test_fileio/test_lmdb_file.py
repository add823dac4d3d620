"""LMDB files with forged pages, which would end the process, are refused."""

import struct
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import lmdb
import pytest

from mmcl_ext.fileio.lmdb_file import check_lmdb

ROOT = 128
"""Where a head page names the root of the entries; the flags stand at 92."""


def write(path: Path, sizes: list[int]) -> bytearray:
    with lmdb.open(str(path), subdir=False) as file, file.begin(write=True) as transaction:
        for i, size in enumerate(sizes):
            transaction.put(f'{i:04}.jpg'.encode(), bytes(size))
    return bytearray(path.read_bytes())


@pytest.mark.parametrize('sizes', [[], [3], [3, 9000, 5], [50] * 500])
def test_sound_databases(tmp_path: Path, sizes: list[int]) -> None:
    """Without entries, with values in the leaves, on pages of their own, and with a tree."""
    write(tmp_path / 'a.lmdb', sizes)
    check_lmdb(tmp_path / 'a.lmdb')


def test_cut_short(tmp_path: Path) -> None:
    size = len(write(tmp_path / 'a.lmdb', SMALL))
    (tmp_path / 'a.lmdb').write_bytes((tmp_path / 'a.lmdb').read_bytes()[:-1])
    message = rf'a\.lmdb: cut short: {size - 1} bytes, its pages take {size}'
    with pytest.raises(ValueError, match=message):
        check_lmdb(tmp_path / 'a.lmdb')


class Forged:
    """The pages of a database, and its newest head page."""

    def __init__(self, data: bytearray) -> None:
        self.data = data
        (self.page,) = struct.unpack_from('<I', data, 40)
        changes = [struct.unpack_from('<Q', data, at + 144)[0] for at in (0, self.page)]
        self.head = self.page * (changes[1] > changes[0])
        self.root = struct.unpack_from('<Q', data, self.head + ROOT)[0] * self.page
        (self.node,) = struct.unpack_from('<H', data, self.root + 16)

    def put(self, at: int, kind: str, value: int) -> None:
        struct.pack_into(f'<{kind}', self.data, at, value)

    def put_in_node(self, at: int, value: int) -> None:
        self.put(self.root + self.node + at, 'H', value)


SMALL, LARGE, TREE = [3, 4, 5], [9000], [50] * 500
FORGED: dict[str, tuple[list[int], Callable[[Forged], None]]] = {
    'root': (SMALL, lambda f: f.put(f.head + ROOT, 'Q', 10**6)),
    'root in the head': (SMALL, lambda f: f.put(f.head + ROOT, 'Q', 1)),
    'other order': (SMALL, lambda f: f.put(f.head + 92, 'H', 4)),
    'fixed address': (SMALL, lambda f: f.put(f.head + 44, 'H', 9)),
    'no page': (SMALL, lambda f: f.put(f.root + 10, 'H', 3)),
    'no entries': (SMALL, lambda f: f.put(f.root + 12, 'H', 16)),
    'too many entries': (SMALL, lambda f: f.put(f.root + 12, 'H', 65000)),
    'place of an entry': (SMALL, lambda f: f.put(f.root + 16, 'H', 4095)),
    'size of a value': (SMALL, lambda f: f.put_in_node(0, 60000)),
    'kind of an entry': (SMALL, lambda f: f.put_in_node(4, 4)),
    'size of a key': (SMALL, lambda f: f.put_in_node(6, 60000)),
    'size of a large value': (LARGE, lambda f: f.put_in_node(2, 4000)),
    'page of a large value': (LARGE, lambda f: f.put(f.root + f.node + 16, 'Q', 2**40)),
    'page of the tree': (TREE, lambda f: f.put_in_node(0, 60000)),
    'page in itself': (TREE, lambda f: f.put_in_node(0, f.root // f.page)),
    'branch with one page': (TREE, lambda f: f.put(f.root + 12, 'H', 18)),
}


@pytest.mark.parametrize('name', FORGED)
def test_forged_pages_are_refused(tmp_path: Path, name: str) -> None:
    sizes, forge = FORGED[name]
    forged = Forged(write(tmp_path / 'a.lmdb', sizes))
    forge(forged)
    (tmp_path / 'a.lmdb').write_bytes(forged.data)
    with pytest.raises(ValueError, match=r'a\.lmdb: ') as caught:
        check_lmdb(tmp_path / 'a.lmdb')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('number', 'is_sound'), [(1, False), (2, True)])
def test_values_begin_behind_the_head_pages(tmp_path: Path, number: int, is_sound: bool) -> None:
    forged = Forged(write(tmp_path / 'a.lmdb', [4000]))
    forged.put(forged.root + forged.node + 16, 'Q', number)
    (tmp_path / 'a.lmdb').write_bytes(forged.data)
    with nullcontext() if is_sound else pytest.raises(ValueError, match='a value lies outside'):
        check_lmdb(tmp_path / 'a.lmdb')
