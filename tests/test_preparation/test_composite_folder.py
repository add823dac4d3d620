import errno
import json
import os
import re
import time

import cv2
import numpy as np
import pytest
from tool_module import load_tool, run_main
from utd_raw import save_sample

from mmcl_ext.datasets.converters.utdmhad import convert_utdmhad
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.preparation.composites import composite
from mmcl_ext.preparation.composites.composite import write_contact_sheets
from mmcl_ext.preparation.composites.composite_folder import (
    CompositeFolder,
    CompositeReport,
    SampleNames,
)
from mmcl_ext.preparation.videos.utdmhad_clips import UTDDepthSource

NAMES = ('a1_s1_t1', 'a1_s2_t1', 'a2_s1_t1', 'a2_s2_t1', 'a3_s1_t1')


@pytest.fixture
def raw(tmp_path):
    for index, name in enumerate(NAMES):
        save_sample(tmp_path / 'raw', name, frames=30 + index)
    convert_utdmhad(tmp_path / 'raw', tmp_path / 'utd.safetensors', progress=False)
    return tmp_path / 'raw'


@pytest.fixture
def store(raw, tmp_path):
    return SkeletonStore(tmp_path / 'utd.safetensors')


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def fill(path, raw, store, **options):
    return CompositeFolder(path).fill(UTDDepthSource(raw), store, progress=False, **options)


def test_every_sample_gets_its_composite(raw, store, tmp_path):
    report = fill(tmp_path / 'out', raw, store)
    assert (report.made, report.present, report.complete) == (5, 0, True)
    assert sorted(contents(tmp_path / 'out')) == [*(f'{n}.jpg' for n in NAMES), 'recipe.json']
    image = cv2.imread(str(tmp_path / 'out/a1_s1_t1.jpg'))
    assert image.shape == (480, 480, 3)
    for tile in range(5):  # the figure of 1.6 m fills most of each tile's height
        bright = (image[:, 96 * tile : 96 * tile + 96] > 60).any((1, 2))
        assert 0.7 < bright.mean() < 0.95


def test_processes_do_not_change_the_images(raw, store, tmp_path):
    fill(tmp_path / 'one', raw, store)
    fill(tmp_path / 'two', raw, store, jobs=2)
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two')


def test_second_run_makes_only_what_is_absent(raw, store, tmp_path):
    fill(tmp_path / 'out', raw, store)
    before = contents(tmp_path / 'out')
    (tmp_path / 'out/a2_s1_t1.jpg').unlink()
    kept = (tmp_path / 'out/a1_s1_t1.jpg').stat().st_mtime_ns
    report = fill(tmp_path / 'out', raw, store)
    assert (report.made, report.present) == (1, 4)
    assert (tmp_path / 'out/a1_s1_t1.jpg').stat().st_mtime_ns == kept
    assert contents(tmp_path / 'out') == before


def test_interrupted_run_leaves_whole_images_and_goes_on(raw, store, tmp_path, monkeypatch):
    fill(tmp_path / 'whole', raw, store)
    real, calls = os.fsync, []

    def power_cut(descriptor):
        calls.append(descriptor)
        if len(calls) == 4:  # the recipe and two images are through
            raise KeyboardInterrupt
        real(descriptor)

    monkeypatch.setattr(composite.os, 'fsync', power_cut)
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / 'out', raw, store)
    monkeypatch.undo()
    left = contents(tmp_path / 'out')
    assert len(left) == 3
    assert left.items() <= contents(tmp_path / 'whole').items()
    assert fill(tmp_path / 'out', raw, store).present == 2
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


def test_leftovers_of_killed_runs_are_swept(raw, store, tmp_path):
    fill(tmp_path / 'out', raw, store)
    before = contents(tmp_path / 'out')
    for name, age in (('old', 3600), ('of_another_run', -3600)):
        rest = tmp_path / f'out/.{name}.jpg.abc.tmp'
        rest.write_bytes(b'half')
        os.utime(rest, (time.time() - age,) * 2)
    fill(tmp_path / 'out', raw, store)
    assert contents(tmp_path / 'out').keys() - before.keys() == {'.of_another_run.jpg.abc.tmp'}


@pytest.mark.parametrize('jobs', [1, 2])
def test_full_disk_stops_also_where_errors_are_skipped(raw, store, tmp_path, monkeypatch, jobs):
    real = os.fsync

    def full(descriptor):
        if '.a2_' in os.readlink(f'/proc/self/fd/{descriptor}'):
            raise OSError(errno.ENOSPC, 'No space left on device')
        real(descriptor)

    monkeypatch.setattr(composite.os, 'fsync', full)
    with pytest.raises(OSError, match=r'No space left on device.*a2_s1_t1\.jpg'):
        fill(tmp_path / 'out', raw, store, on_error='skip', jobs=jobs)
    monkeypatch.undo()
    assert not {'a2_s1_t1.jpg', 'a2_s2_t1.jpg'} & contents(tmp_path / 'out').keys()
    assert not list((tmp_path / 'out').glob('.*'))
    assert fill(tmp_path / 'out', raw, store).complete


def test_disk_that_fills_while_an_archive_is_unpacked(raw, store, tmp_path):
    class Full(UTDDepthSource):
        def load(self, *args):
            raise OSError(errno.ENOSPC, 'No space left on device', '/scratch/x.avi')

    with pytest.raises(OSError, match='scratch'):
        CompositeFolder(tmp_path / 'out').fill(Full(raw), store, progress=False, on_error='skip')


def test_problems_are_listed_until_they_are_solved(raw, store, tmp_path):
    depth = raw / 'Depth/a1_s2_t1_depth.mat'
    whole = depth.read_bytes()
    depth.write_bytes(b'half')
    (raw / 'Depth/a3_s1_t1_depth.mat').rename(tmp_path / 'kept.mat')
    fill(tmp_path / 'out', raw, store, on_error='skip')
    problems = json.loads((tmp_path / 'out/problems.json').read_text())
    assert problems.keys() == {'a1_s2_t1', 'a3_s1_t1'}
    assert problems['a3_s1_t1'] == 'no clip in the source'
    depth.write_bytes(whole)
    (tmp_path / 'kept.mat').rename(raw / 'Depth/a3_s1_t1_depth.mat')
    assert fill(tmp_path / 'out', raw, store).complete
    assert not (tmp_path / 'out/problems.json').exists()


@pytest.mark.parametrize(
    ('names', 'message'),
    [(('a', 'b', 'a'), "'a' occurs more than once"), (('a', '../b'), r"'\.\./b' cannot be")],
)
def test_names_unfit_for_files_are_refused(raw, tmp_path, names, message):
    with pytest.raises(ValueError, match=message):
        fill(tmp_path / 'out', raw, SampleNames(names))


def test_order_is_part_of_the_recipe_but_old_recipes_hold(raw, store, tmp_path):
    fill(tmp_path / 'out', raw, store)
    assert 'order' not in json.loads((tmp_path / 'out/recipe.json').read_text())['composite']
    with pytest.raises(ValueError, match="'order': 'rtl'"):
        CompositeFolder(tmp_path / 'out', order='rtl').fill(
            UTDDepthSource(raw), store, progress=False
        )
    with pytest.raises(ValueError, match="unknown order 'up'"):
        CompositeFolder(tmp_path / 'out', order='up')


def test_progress_tells_rate_and_time_left(raw, store, tmp_path, capsys):
    CompositeFolder(tmp_path / 'out').fill(UTDDepthSource(raw), store)
    assert re.fullmatch(
        r'5/5 samples, [\d.]+/s, 0:00:00 left *', capsys.readouterr().out.splitlines()[-1]
    )


def test_report_lists_a_few_and_counts_last():
    missing = tuple(f's{i}' for i in range(30))
    report = CompositeReport('out', present=3, made=1, missing=missing)
    other = CompositeReport('out', made=1, failed={'b': 'torn'})
    report.add_reports([other])
    report.frames_without_person = 3
    lines = str(report).splitlines()
    assert len(lines) == 20 + 1 + 1 + 1
    assert lines[20] == 'and 10 more, see problems.json'
    assert lines[21] == 'FAILED b: torn'
    assert lines[-1] == (
        'out: 2 composites made, 3 were there, 30 without a clip, 1 failed; '
        '3 tiles without a person; 0:00:00'
    )


def test_recipes_do_not_mix(raw, store, tmp_path):
    fill(tmp_path / 'out', raw, store)
    assert json.loads((tmp_path / 'out/recipe.json').read_text())['composite']['margin'] == 0.1
    with pytest.raises(ValueError, match=r"'margin': 0.1.*'margin': 0.3"):
        CompositeFolder(tmp_path / 'out', margin=0.3).fill(
            UTDDepthSource(raw), store, progress=False
        )


def test_absent_clip_is_counted(raw, store, tmp_path):
    (raw / 'Depth/a1_s2_t1_depth.mat').unlink()
    report = fill(tmp_path / 'out', raw, store)
    assert report.missing == ('a1_s2_t1',)
    assert not report.complete
    assert '4 composites made, 0 were there, 1 without a clip' in str(report)


@pytest.mark.parametrize('jobs', [1, 2])
def test_unreadable_clip_stops_or_is_counted(raw, store, tmp_path, jobs):
    (raw / 'Depth/a1_s2_t1_depth.mat').write_bytes(b'half')
    with pytest.raises(ValueError, match=r'a1_s2_t1_depth.mat: field d_depth'):
        fill(tmp_path / 'out', raw, store, jobs=jobs)
    report = fill(tmp_path / 'out', raw, store, jobs=jobs, on_error='skip')
    assert list(report.failed) == ['a1_s2_t1']
    assert report.made + report.present == 4
    assert 'FAILED a1_s2_t1' in str(report)
    with pytest.raises(ValueError, match="got 'ignore'"):
        fill(tmp_path / 'out', raw, store, on_error='ignore')


def test_contact_sheet_per_class(raw, store, tmp_path):
    fill(tmp_path / 'out', raw, store)
    (tmp_path / 'out/a1_s2_t1.jpg').unlink()
    sheets = write_contact_sheets(
        tmp_path / 'out', tmp_path / 'sheets', store.names, store.labels, store.classes
    )
    assert [path.name for path in sheets] == [
        '000_swipe_left.jpg',
        '001_swipe_right.jpg',
        '002_wave.jpg',
    ]
    sheet = cv2.imread(str(sheets[0]))
    assert sheet.shape == (176, 328, 3)
    assert (sheet[:160, 164:324, 2] > 200).any()  # the absent one is a red cross
    assert (sheet[:160, 164:324, 0] > 200).sum() < 50


def test_command_lines(repo, raw, tmp_path, monkeypatch, capsys):
    def run(tool, *arguments):
        return run_main(load_tool(repo / 'tools/data' / tool), arguments, monkeypatch, capsys)

    status, output, _ = run('convert.py', 'utdmhad', raw, tmp_path / 's.safetensors', '--quiet')
    assert not status
    assert 'splits: xsub_train 3, xsub_test 2' in output
    arguments = ('utdmhad', raw, tmp_path / 's.safetensors', tmp_path / 'out')
    status, output, _ = run('make_composites.py', *arguments, '--contact-sheets', tmp_path / 'c')
    assert status == 0
    assert '5 composites made' in output
    assert len(list((tmp_path / 'c').iterdir())) == 3
    status, _, error = run('make_composites.py', *arguments, '--depth-stride', '4')
    assert status == 1
    assert error.startswith('error: ')
    assert "'stride': 1" in error
    assert len(np.unique(list(contents(tmp_path / 'out')))) == 6
