"""Conversion in parts: resuming, processes, report."""

import functools
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from gloo import run_in_two_processes

from mmcl_ext.datasets.converters.conversion import Conversion, DroppedSampleError, SampleInfo
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.fileio.archive_file import ArchiveFile, find_files

NAMES = [f'clip{i:02d}' for i in range(20)]


class Reader:
    """Makes a sequence out of a number; notes every read in a folder."""

    def __init__(self, log: Path, stop_at: int | None = None) -> None:
        self.log, self.stop_at = log, stop_at
        log.mkdir(exist_ok=True)

    def __call__(self, number: int) -> np.ndarray:
        (self.log / f'{number}-{os.getpid()}').touch()
        if number == self.stop_at:
            time.sleep(60)
        if number == 7:
            raise DroppedSampleError('nobody there')
        rng = np.random.default_rng(number)
        return rng.normal(size=(1 + number % 2, 3 + number, 25, 3)).astype(np.float32)

    def reads(self) -> list[int]:
        return sorted(int(path.name.partition('-')[0]) for path in self.log.iterdir())


def conversion(out: Path, read: object, **changes: object) -> Conversion:
    options = dict(
        out=out,
        items=[SampleInfo(name, i % 3, i) for i, name in enumerate(NAMES)],
        read=read,
        layout='nturgb+d',
        classes=('wave', 'kick', 'sit'),
        splits=dict(train=NAMES[:12], val=NAMES[:11:-1]),
        metadata=dict(dataset='numbers'),
        processes=1,
        progress=False,
        part_size=4,
    )
    return Conversion(**(options | changes))


def test_store_and_report(tmp_path):
    report = conversion(tmp_path / 'out', Reader(tmp_path / 'log')).run(
        missing=['clip99'], dropped={SampleInfo('clip98', 1, None): 'on a list'}, notes=['a remark']
    )
    store = SkeletonStore(tmp_path / 'out')
    assert list(store.names) == [name for name in NAMES if name != 'clip07']
    assert [store.names[i] for i in store.splits['val']] == NAMES[:11:-1]
    assert store.metadata['dropped'] == {'clip98': 'on a list', 'clip07': 'nobody there'}
    for i, name in enumerate(store.names):
        expected = Reader(tmp_path / 'other')(NAMES.index(name))
        np.testing.assert_array_equal(store.keypoint(i), expected)
    assert report.class_counts['1 kick'] == dict(kept=6, dropped=2, train=3, val=3)
    assert sum(row['kept'] for row in report.class_counts.values()) == report.num_samples == 19
    assert report.num_frames == sum(3 + i for i in range(20) if i != 7)
    lines = str(report).splitlines()
    assert lines[0].split() == ['class', 'kept', 'dropped', 'train', 'val']
    assert lines[2].split() == ['1', 'kick', '6', '2', '3', '3']
    assert 'splits: train 11 (1 dropped), val 8' in lines
    assert 'dropped 1 sample, nobody there: clip07' in lines
    assert 'MISSING 1 sample: clip99' in lines
    assert lines[-1] == 'a remark'
    assert not list(tmp_path.glob('*.parts'))


def test_marks_in_place_of_coordinates_are_told(tmp_path):
    def read(number):
        keypoint = np.random.default_rng(number).normal(size=(1, 5, 25, 2))
        keypoint[0, :number, 3] = -1
        return keypoint

    items = [SampleInfo(name, 0, i) for i, name in enumerate(NAMES[:3])]
    splits = dict(train=NAMES[:3])
    found = conversion(tmp_path / 'out', read, items=items, splits=splits, classes=('a',)).run()
    assert found.notes == (
        'joints that are -1 in all coordinates; absent ones should be zero: clip01 (1) clip02 (2)',
    )
    items = items[:2]
    one = conversion(tmp_path / 'one', read, items=items, splits={}, classes=('a',)).run()
    assert one.notes == ()


@pytest.mark.parametrize('dtype', ['float32', 'float16'])
def test_processes_and_parts_do_not_change_the_store(tmp_path, dtype):
    checksums = set()
    for processes, part_size in ((1, 100), (1, 3), (3, 3)):
        out = tmp_path / f'{processes}-{part_size}'
        read = Reader(tmp_path / 'log')
        conversion(out, read, processes=processes, part_size=part_size, dtype=dtype).run()
        checksums.add(SkeletonStore(out).checksum())
    assert len(checksums) == 1


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize('processes', [1, 2])
def test_a_killed_conversion_goes_on(tmp_path, processes):
    out, log = tmp_path / 'out', tmp_path / 'log'
    stuck = conversion(out, Reader(log, stop_at=13), processes=processes)
    child = multiprocessing.get_context('fork').Process(target=stuck.run)
    child.start()
    # The parts of 0-3, 4-7 and 8-11 get done; that of 12-15 hangs.
    wait_for(lambda: len(list(stuck.folder.glob('00000[012].safetensors'))) == 3)
    wait_for(lambda: list(log.glob('13-*')))
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert not out.exists()
    [worker] = [int(path.name.partition('-')[2]) for path in log.glob('13-*')]
    wait_for(lambda: not is_alive(worker))  # nobody goes on writing behind our back

    first, again = len(list(log.iterdir())), Reader(tmp_path / 'again')
    assert first >= 14
    report = conversion(out, again).run()
    assert 12 in again.reads()
    assert not set(again.reads()) & set(range(12))
    assert report.dropped == {'clip07': 'nobody there'}  # known from the part, not read again
    conversion(tmp_path / 'whole', Reader(tmp_path / 'log2')).run()
    assert SkeletonStore(out).checksum() == SkeletonStore(tmp_path / 'whole').checksum()
    assert not stuck.folder.exists()


def is_alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_an_outdated_part_is_made_anew(tmp_path):
    """After an error: another setting or another file, and the parts concerned are redone."""
    raw = tmp_path / 'raw'
    raw.mkdir()
    for i in range(6):
        (raw / f'{i}.txt').write_text(str(i))
    (raw / '5.txt').write_text('five')
    reads = []

    def read(member: ArchiveFile) -> np.ndarray:
        reads.append(member.name)
        return np.full((1, 2, 25, 3), int(member.read()), np.float32)

    def run(**changes):
        reads.clear()
        items = [SampleInfo(n, 0, m) for n, m in find_files(raw, '.txt').items()]
        names = [item.name for item in items]
        options = dict(items=items, splits=dict(all=names), part_size=2) | changes
        return conversion(tmp_path / 'out', read, **options).run()

    with pytest.raises(ValueError, match='five'):
        run()
    assert len(reads) == 6
    (raw / '2.txt').write_text('20')
    with pytest.raises(ValueError, match='five'):
        run()
    assert reads == ['2.txt', '3.txt', '4.txt', '5.txt']
    (raw / '5.txt').write_text('5')
    run(metadata=dict(dataset='other'))
    assert len(reads) == 6
    store = SkeletonStore(tmp_path / 'out')
    assert [store.keypoint(i)[0, 0, 0, 0] for i in range(6)] == [0, 1, 20, 3, 4, 5]


def test_an_error_in_a_worker_reaches_the_user(tmp_path):
    def read(number: int) -> np.ndarray:
        raise ValueError(f'file {number}, line 3: bad')

    with pytest.raises(ValueError, match=r'file \d+, line 3: bad'):
        conversion(tmp_path / 'out', read, processes=2).run()
    assert not (tmp_path / 'out').exists()
    with pytest.raises(ValueError, match='no sample is left to write: file 0, line 3: bad'):
        conversion(tmp_path / 'out', read, on_error='skip').run()


class Dying:
    """Kills its process, as the system does when memory runs out."""

    def __call__(self, number: int) -> np.ndarray:
        if number == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.ones((1, 2, 25, 3), np.float32)


def test_a_killed_worker_is_told(tmp_path):
    with pytest.raises(ChildProcessError, match='out: a process was killed or ran out of memory'):
        conversion(tmp_path / 'out', Dying(), processes=2).run()
    assert not (tmp_path / 'out').exists()
    report = conversion(tmp_path / 'out', lambda number: np.ones((1, 2, 25, 3), np.float32)).run()
    assert report.num_samples == 20


def test_nothing_is_left_of_a_run_that_did_nothing(tmp_path):
    with pytest.raises(ValueError, match='invalid literal'):
        conversion(tmp_path / 'out', lambda number: int('bad')).run()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / 'out').mkdir()
    read = Reader(tmp_path / 'log')
    with pytest.raises(IsADirectoryError, match='out is a folder'):
        conversion(tmp_path / 'out', read).run()
    assert read.reads() == []


def test_a_name_of_a_pickle_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'a store is no pickle; .*got .*out\.pkl'):
        conversion(tmp_path / 'out.pkl', Reader(tmp_path / 'log'))


def test_many_splits_stay_readable(tmp_path):
    """SYSU has 120 of them; the report shows eight, the store has all."""
    splits = {f's{i:02d}': NAMES[: i + 1] for i in range(19)}
    report = conversion(tmp_path / 'out', Reader(tmp_path / 'log'), splits=splits).run()
    lines = str(report).splitlines()
    assert lines[0].split() == ['class', 'kept', 'dropped', *(f's{i:02d}' for i in range(8))]
    wanted = 's00 1, s01 2, s02 3, s03 4, s04 5, s05 6, s06 7, s07 7 (1 dropped)'
    assert f'splits: {wanted} and 11 more' in lines
    assert len(SkeletonStore(tmp_path / 'out').splits) == 19


def test_the_progress_bar_counts_samples(tmp_path, capsys):
    conversion(tmp_path / 'out', Reader(tmp_path / 'log'), progress=True).run()
    assert '20/20' in capsys.readouterr().err


def test_a_damaged_member_of_an_archive_is_named(tmp_path):
    import zipfile

    text = os.urandom(500).hex()
    with zipfile.ZipFile(tmp_path / 'z.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('x.txt', text)
    content = bytearray((tmp_path / 'z.zip').read_bytes())
    content[60:160] = bytes(100)
    (tmp_path / 'z.zip').write_bytes(content)
    member = find_files(tmp_path, '.txt')['x.txt']
    with pytest.raises(ValueError, match=r'z.zip:x.txt: damaged'):
        member.read()


def test_an_archive_that_is_replaced_is_opened_anew(tmp_path):
    import zipfile

    for text in ('first', 'the second'):
        with zipfile.ZipFile(tmp_path / 'z.zip', 'w') as archive:
            archive.writestr('x.txt', text)
        assert find_files(tmp_path, '.txt')['x.txt'].read() == text.encode()


def test_an_entry_that_tells_of_more_than_it_holds_is_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / 'z.zip', 'w', zipfile.ZIP_BZIP2) as archive:
        archive.writestr('x.txt', bytes(10**7))
    with pytest.raises(ValueError, match=r'z.zip:x.txt: \d+ bytes tell of 10000000 unpacked'):
        find_files(tmp_path, '.txt')['x.txt'].read()


def test_files_are_found_in_folders_and_archives(tmp_path):
    import zipfile

    (tmp_path / 'a' / 'b').mkdir(parents=True)
    (tmp_path / 'a' / 'b' / 'x.txt').write_text('unpacked')
    with zipfile.ZipFile(tmp_path / 'a' / 'z.zip', 'w') as archive:
        archive.writestr('deep/x.txt', 'packed')
        archive.writestr('deep/y.txt', 'packed')
    found = find_files(tmp_path, '.txt')
    assert {name: member.read() for name, member in found.items()} == {
        'x.txt': b'unpacked',
        'y.txt': b'packed',
    }
    assert set(find_files(tmp_path / 'a' / 'z.zip', '.txt')) == {'x.txt', 'y.txt'}
    (tmp_path / 'a' / 'x.txt').write_text('twice')
    with pytest.raises(ValueError, match=r'x.txt comes twice'):
        find_files(tmp_path, '.txt')
    with pytest.raises(FileNotFoundError, match='neither a folder nor an archive'):
        find_files(tmp_path / 'nowhere', '.txt')


def convert_in_the_main_process(rank, folder):
    from mmcl_ext.datasets.converters.custom import convert_custom
    from mmcl_ext.parallel.collectives import from_main_process

    report = from_main_process(
        lambda: convert_custom(folder / 'raw', folder / 'out', layout='kinect_v1', processes=1)
    )
    return report.num_samples


@pytest.mark.slow
def test_the_main_process_of_several_converts_all(tmp_path):
    (tmp_path / 'raw').mkdir()
    for i in range(5):
        pose = np.random.default_rng(i).normal(size=(1, 4, 20, 3)).astype('f4')
        np.save(tmp_path / 'raw' / f's{i}.npy', pose)
    table = 'name,label\n' + ''.join(f's{i},{i % 2}\n' for i in range(5))
    (tmp_path / 'raw/labels.csv').write_text(table)
    worker = functools.partial(convert_in_the_main_process, folder=tmp_path)
    assert run_in_two_processes(worker, tmp_path) == [5, 5]
