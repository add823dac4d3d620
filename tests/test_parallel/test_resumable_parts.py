"""Parts of a piece of work: one run at a time, and nothing left of killed ones."""

import os
from pathlib import Path

import numpy as np
import pytest

from mmcl_ext.parallel.resumable_parts import Part, ResumableParts, content_hash
from mmcl_ext.parallel.worker_pool import run_parallel

NAMES = ('b', 'a', 'c')


def make(folder: Path) -> ResumableParts:
    return ResumableParts(folder / 'out', folder / 'out.parts', NAMES, 2)


def compute(index: int) -> Part:
    if index == 1:
        return Part(skipped={'c': 'unreadable'})
    arrays = {
        'b': {'x': np.arange(6).reshape(2, 3).T},
        'a': {'x': np.zeros((0, 2)), 'y': np.float16([1])},
    }
    return Part(arrays, notes={'b': 1, 'a': None})


def test_parts_come_back_as_they_were_written(tmp_path: Path) -> None:
    parts = make(tmp_path)
    with parts.claimed():
        assert parts.todo(lambda index, part: True) == [0, 1]
        parts.run([0, 1], compute, content_hash, progress=False)
        first, second = parts.read_all()
        assert first.names == ['b', 'a']
        assert first.notes == {'b': 1, 'a': None}
        assert first.arrays('x')['a'].shape == (0, 2)
        assert first.arrays('x')['b'].tolist() == [[0, 3], [1, 4], [2, 5]]
        assert first.arrays('y')['a'].dtype == np.float16
        assert list(first.arrays('y')) == ['a']
        assert second.skipped == {'c': 'unreadable'}
        assert second.arrays('x') == {}
        assert parts.count([0, 1]) == 3
        assert parts.todo(lambda index, part: not part.skipped) == [1]
        assert parts.todo(lambda index, part: part.key == content_hash(1)) == [0, 1]
        parts.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_is_told_in_one_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr('mmcl_ext.parallel.resumable_parts._PATIENCE', 0.0)
    with (
        make(tmp_path).claimed(),
        pytest.raises(BlockingIOError, match=r'another process works in .*out\.parts$'),
        make(tmp_path).claimed(),
    ):
        raise AssertionError('not reached')
    with make(tmp_path).claimed():
        assert (tmp_path / 'out.parts/lock').exists()
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    parts = make(tmp_path)
    parts.folder.mkdir()
    for name in ('.out.0123abcd.tmp', 'out.parts/.000001.safetensors.0123abcd.tmp', '.other.tmp'):
        (tmp_path / name).touch()
    with parts.claimed():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ['.other.tmp']


def die(number: int) -> None:
    os.kill(os.getpid(), 9)


def test_a_killed_worker_is_told() -> None:
    with pytest.raises(ChildProcessError, match='a process was killed or ran out of memory'):
        list(run_parallel(die, [1, 2], 2))
