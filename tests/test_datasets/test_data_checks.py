"""Every fault that ``tools/data/validate.py`` names, planted and found."""

import runpy
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.datasets.store.feature_file import FeatureFile, write_feature_file
from mmcl_ext.datasets.validation.body_measures import measure_body
from mmcl_ext.datasets.validation.check_composites import check_composites
from mmcl_ext.datasets.validation.check_features import check_features
from mmcl_ext.datasets.validation.check_store import check_store
from mmcl_ext.datasets.validation.data_issue import DataIssue
from mmcl_ext.graphs import get_layout

NAMES = [f'clip{i}' for i in range(6)]


def _samples() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        dict(name=name, label=i % 2, keypoint=rng.normal(size=(1, 9, 20, 3)).astype(np.float32))
        for i, name in enumerate(NAMES)
    ]


def _store(folder: Path, samples: list[dict[str, Any]], **changes: Any) -> SkeletonStore:
    arguments = dict(
        layout='kinect_v1',
        classes=('wave', 'kick'),
        splits=dict(xsub_train=NAMES[:4], xsub_val=NAMES[4:], xview_val=NAMES[:2]),
    )
    path = folder / 'clips.safetensors'
    write_store(path, samples, **(arguments | changes))
    return SkeletonStore(path)


def _found(findings: list[DataIssue]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(finding.kind, finding.problem, finding.samples) for finding in findings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A composite of its own for every sample."""
    folder = tmp_path / 'composites'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in NAMES:
        image = rng.integers(0, 255, size=(48, 48, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{name}.jpg'), image)
    return folder


def test_frames_with_nobody(tmp_path: Path) -> None:
    samples = _samples()
    samples[1]['keypoint'][:, :4] = 0
    assert _found(check_store(_store(tmp_path, samples))) == [
        ('empty', 'nobody is in some frames, which are left out', ('clip1 (4 of 9)',)),
    ]


def test_nothing_to_find(tmp_path: Path, folder: Path) -> None:
    assert check_store(_store(tmp_path, _samples())) == []
    assert check_composites(folder, NAMES) == []
    features = tmp_path / 'text.safetensors'
    write_feature_file(features, np.array([[1.0], [2.0]] * 3), NAMES)
    assert check_features(FeatureFile(features), NAMES) == []


def test_faults_of_a_store(tmp_path: Path) -> None:
    samples = _samples()
    samples[0]['keypoint'][0, 3, 5, :2] = np.nan
    samples[1]['keypoint'][:] = 0
    samples[2]['keypoint'][0, :, 7] = 0
    samples[4]['keypoint'] = samples[3]['keypoint']
    splits = dict(xsub_train=NAMES[:3], xsub_test=NAMES[2:], xview_train=[], val=NAMES[:1])
    store = _store(tmp_path, samples, classes=('wave', 'kick', 'sit'), splits=splits)
    assert _found(check_store(store)) == [
        ('empty', 'a split without samples', ('xview_train',)),
        ('few', 'a split of hardly a sample', ('val (1)',)),
        ('missing', "a class without samples in split 'xsub_train'", ('sit',)),
        ('doubled', "in both splits 'xsub_train' and 'xsub_test'", ('clip2',)),
        ('empty', 'nobody is in the sample', ('clip1',)),
        ('missing', 'a joint is zero in all frames of a person', ('clip2',)),
        ('NaN', 'coordinates are not finite', ('clip0 (2 values)',)),
        ('doubled', 'same coordinates', ('clip3 = clip4',)),
    ]


@pytest.mark.parametrize(('mark', 'places'), [(-1, 2), (-999, 30)])
def test_marks_in_place_of_coordinates(tmp_path: Path, mark: int, places: int) -> None:
    samples = _samples()
    samples[2]['keypoint'].reshape(-1, 3)[:places] = mark
    samples[1]['keypoint'][0, 0, 0] = -2  # in one place: may be a position
    samples[1]['keypoint'][0, :, 0, 0] = -1  # in one coordinate
    samples[3]['keypoint'][0, :, 0] = 3
    problem = f'joints that are {mark} in all coordinates; absent ones should be zero'
    found = check_store(_store(tmp_path, samples))
    assert _found(found) == [('missing', problem, (f'clip2 ({places})',))]


def test_a_copy_in_the_other_half_is_named(tmp_path: Path) -> None:
    samples = _samples()
    samples[3]['keypoint'] = samples[0]['keypoint']  # across the halves
    samples[5]['keypoint'] = samples[4]['keypoint']  # within one
    splits = dict(train=NAMES[:3], val=NAMES[3:])
    assert _found(check_store(_store(tmp_path, samples, splits=splits))) == [
        ('doubled', 'same coordinates', ('clip0 = clip3', 'clip4 = clip5')),
        ('doubled', "in 'val' with the coordinates of a sample in 'train'", ('clip3',)),
    ]


def test_absent_second_persons_are_no_fault(tmp_path: Path) -> None:
    samples = _samples()
    for sample in samples:
        sample['keypoint'] = np.concatenate([sample['keypoint'], 0 * sample['keypoint']])
    assert check_store(_store(tmp_path, samples)) == []


def test_faults_of_composites(folder: Path) -> None:
    (folder / 'clip0.jpg').unlink()
    (folder / 'clip1.jpg').write_bytes(b'')
    whole = (folder / 'clip2.jpg').read_bytes()
    (folder / 'clip2.jpg').write_bytes(whole[: len(whole) // 2])
    cv2.imwrite(str(folder / 'clip3.jpg'), np.full((48, 48, 3), 90, np.uint8))
    cv2.imwrite(str(folder / 'clip4.jpg'), np.eye(30, dtype=np.uint8) * 255)
    for extra in ('copy', 'else', 'more'):
        (folder / f'{extra}.jpg').write_bytes((folder / 'clip5.jpg').read_bytes())
    findings = check_composites(folder, [*NAMES, 'copy', 'else'], others=['more'])
    assert _found(findings) == [
        ('missing', 'no image', ('clip0',)),
        ('empty', 'the file has no bytes', ('clip1',)),
        ('empty', 'one colour only', ('clip3',)),
        ('unreadable', 'no image, or cut short', ('clip2',)),
        ('unknown', 'another size than 48x48', ('clip4 (30x30)',)),
        ('doubled', 'same image', ('clip5 = copy = else',)),
    ]
    assert _found(check_composites(folder, ['clip5', 'copy', 'else', *NAMES[1:5]]))[-1] == (
        'unknown',
        'a file that belongs to no sample',
        ('more.jpg',),
    )


def test_faults_of_features(tmp_path: Path) -> None:
    path = tmp_path / 'text.safetensors'
    rows = np.arange(1, 6, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    rows[1] = 0
    write_feature_file(path, rows, [*NAMES[:4], 'stranger'])
    data = path.read_bytes()
    path.write_bytes(data[:-24] + np.float32([np.nan, 1, 1]).tobytes() + data[-12:])
    assert _found(check_features(FeatureFile(path), NAMES[:5])) == [
        ('missing', 'no features', ('clip4',)),
        ('empty', 'features are all zero', ('clip1',)),
        ('NaN', 'features are not finite', ('clip3',)),
        ('unknown', 'a row of no sample', ('stranger',)),
    ]


def test_features_that_tell_nothing(tmp_path: Path) -> None:
    path = tmp_path / 'text.safetensors'
    write_feature_file(path, np.ones((6, 2), np.float32), NAMES)
    findings = check_features(FeatureFile(path), NAMES)
    assert _found(findings) == [('doubled', 'all samples have the same features', tuple(NAMES))]


def test_doubled_rows(tmp_path: Path) -> None:
    path = tmp_path / 'text.safetensors'
    write_feature_file(path, np.arange(6.0)[:, None] + 1, NAMES)
    path.write_bytes(path.read_bytes().replace(b'clip5', b'clip0'))
    with pytest.raises(ValueError, match=r"text.*'names': sample 'clip0' occurs more than once"):
        FeatureFile(path)


def test_long_lists_are_cut() -> None:
    text = DataIssue('missing', 'no image', tuple(NAMES)).describe(num_shown=2)
    assert text.endswith('6  no image: clip0, clip1 and 4 more')
    with pytest.raises(ValueError, match="kind 'odd'"):
        DataIssue('odd', '', ())


def test_tool(
    tmp_path: Path,
    folder: Path,
    repo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    store = _store(tmp_path, _samples())
    features = tmp_path / 'text.safetensors'
    write_feature_file(features, np.array([[1.0], [2.0]] * 2), NAMES[:4])

    def run(*arguments: str) -> tuple[Any, str]:
        """Run the tool on all three; return what it exits with and what it prints."""
        files = [str(store.path), '--composites', str(folder), '--features', str(features)]
        monkeypatch.setattr(sys, 'argv', ['validate.py', *files, *arguments])
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(str(repo / 'tools/data/validate.py'), run_name='__main__')
        return exit_.value.code, capsys.readouterr().out

    code, text = run('--splits', 'xsub_train')
    assert code == 0
    assert 'all is well' in text
    code, text = run('--quiet')
    assert code == 1
    assert 'no features: clip4, clip5\n1 finding' in text
    assert run('--quiet', '--ignore', 'missing')[0] == 0
    assert "has no split 'xset_train'; it has [" in run('--splits', 'xset_train')[0]


KINECT = get_layout('kinect_v1')


def _body(seed: int, up: int = 1, sign: float = 1.0, scale: float = 1.0) -> np.ndarray:
    """A body whose feet are below its head along one axis, moving a little: (1, 12, 20, 3)."""
    rng = np.random.default_rng(seed)
    pose = 0.05 * rng.normal(size=(20, 3))
    height = [1.5 if 'shoulder' in n else 0.1 if 'foot' in n else 1.0 for n in KINECT.joint_names]
    pose[:, up] += sign * np.array(height)
    moving = pose + 0.01 * rng.normal(size=(1, 12, 20, 3))
    return (scale * moving).astype(np.float32)


def _bodies(*bodies: np.ndarray) -> list[dict[str, Any]]:
    return [dict(name=NAMES[i], label=i % 2, keypoint=body) for i, body in enumerate(bodies)]


def test_millimetres_among_metres(tmp_path: Path) -> None:
    bodies = [_body(i, scale=1000.0 if i == 4 else 1.0) for i in range(6)]
    (issue,) = check_store(_store(tmp_path, _bodies(*bodies)))
    assert issue.kind == 'scale'
    assert len(issue.samples) == 1
    name, times = issue.samples[0].split(' ', 1)
    assert name == 'clip4'
    assert 700 < float(times.strip('( times)')) < 1400


def test_half_in_millimetres(tmp_path: Path) -> None:
    bodies = [_body(i, scale=1000.0 if i % 2 else 1.0) for i in range(6)]
    (issue,) = check_store(_store(tmp_path, _bodies(*bodies)))
    assert [name.split()[0] for name in issue.samples] == ['clip1', 'clip3', 'clip5']


def test_another_up_axis(tmp_path: Path) -> None:
    bodies = [_body(i, *((2, 1.0) if i == 3 else (1, 1.0))) for i in range(6)]
    (issue,) = check_store(_store(tmp_path, _bodies(*bodies)))
    assert (issue.kind, issue.samples) == ('axes', ('clip3 (+z)',))
    assert 'along +y as most do' in issue.problem


def test_all_bodies_upside_down(tmp_path: Path) -> None:
    bodies = [_body(i, 1, -1.0) for i in range(6)]
    (issue,) = check_store(_store(tmp_path, _bodies(*bodies)))
    assert (issue.kind, issue.problem) == ('axes', 'bodies stand along -y, not +y')
    assert issue.samples == tuple(NAMES)


def test_a_body_on_the_ground_or_without_names_stands_along_nothing() -> None:
    tilted = _body(0) @ np.array([[1, 0, 0], [0, 0.7, 0.7], [0, -0.7, 0.7]])
    assert measure_body(tilted, KINECT).up == ''
    unnamed = replace(KINECT, joint_names=tuple(f'joint_{i}' for i in range(20)))
    assert measure_body(_body(0), unnamed).up == ''
    absent = measure_body(np.zeros_like(_body(0)), KINECT)
    assert (str(absent.bone), absent.up) == ('nan', '')


def test_misspelt_classes_and_splits(tmp_path: Path) -> None:
    names = [f'clip{i:02}' for i in range(24)]
    samples = [
        dict(name=n, label=2 if i == 23 else i % 2, keypoint=_body(i)) for i, n in enumerate(names)
    ]
    splits = dict(train=names[:12], trian=names[12:13], val=names[13:])
    store = _store(tmp_path, samples, classes=('wave', 'kick', 'wavee'), splits=splits)
    assert _found(check_store(store)) == [
        ('few', 'a split of hardly a sample', ('trian (1, near train)',)),
        ('few', 'a class of hardly a sample', ('wavee (1, near wave)',)),
        ('missing', "a class without samples in split 'train'", ('wavee',)),
    ]


def test_numbered_names_are_no_slips(tmp_path: Path) -> None:
    names = [f'clip{i:02}' for i in range(24)]
    samples = [dict(name=n, label=int(i > 21), keypoint=_body(i)) for i, n in enumerate(names)]
    splits = dict(fold1_train=names[1:], fold1_val=names[:1], fold2_train=names, fold2_val=names)
    found = _found(check_store(_store(tmp_path, samples, classes=('a1', 'a2'), splits=splits)))
    assert ('few', 'a split of hardly a sample', ('fold1_val (1)',)) in found
    assert not any('classes' in problem for kind, problem, _ in found if kind == 'few')


def test_a_class_that_is_not_tested_and_splits_that_are_not_there(tmp_path: Path) -> None:
    samples = _bodies(*(_body(i) for i in range(6)))
    splits = dict(train=NAMES[:4], val=NAMES[4:5])
    (few, missing) = check_store(_store(tmp_path, samples, splits=splits))
    assert few.samples == ('val (1)',)
    assert missing.problem == "a class without samples in split 'val'"
    assert missing.samples == ('kick',)

    (none,) = check_store(_store(tmp_path, samples, splits={}))
    assert (none.kind, none.samples) == ('missing', tuple(NAMES))
    assert none.problem.startswith('no split')

    (one,) = check_store(_store(tmp_path, samples, splits=dict(train=NAMES)))
    assert one.problem.startswith('one split only')
