"""Holding out a part of a training split."""

import numpy as np
import pytest
from tiny_data import tiny_samples

from mmcl_ext.datasets import SkeletonStore, write_store
from mmcl_ext.datasets.hold_out import held_samples, held_subjects, hold_out, subjects_of


@pytest.fixture
def store(tmp_path):
    """Six subjects with eight samples each; two of them test."""
    samples = list(tiny_samples(48))
    for i, sample in enumerate(samples):
        sample['name'] = f'a{sample["label"] + 1}_s{i // 8 + 1}_t{i % 8}'
        sample['keypoint_score'] = sample['keypoint'][..., 0]
    names = [sample['name'] for sample in samples]
    write_store(
        tmp_path / 'a.safetensors',
        samples,
        layout='nturgb+d',
        classes=('x', 'y', 'z'),
        splits=dict(train=names[:32], test=names[32:]),
        dtype='float16',
        metadata=dict(made='here'),
    )
    return SkeletonStore(tmp_path / 'a.safetensors')


def names_of(store, split):
    return [store.names[i] for i in store.splits[split]]


def test_whole_subjects(store, tmp_path):
    report = hold_out(store.path, tmp_path / 'b.safetensors', 'train', fraction=0.3)
    new = SkeletonStore(tmp_path / 'b.safetensors')
    fit, held = (names_of(new, f'train_{part}') for part in ('fit', 'held_out'))
    assert report.startswith('splits: train_fit 24, train_held_out 8\n')
    assert {subjects_of([name])[0] for name in held} == {*new.metadata['hold_out']['subjects']}
    assert not {name[3:5] for name in fit} & {name[3:5] for name in held}
    assert sorted(fit + held) == sorted(names_of(store, 'train'))


def test_everything_else_stays(store, tmp_path):
    hold_out(store.path, tmp_path / 'b.safetensors', 'train', by='hash', fraction=0.25)
    new = SkeletonStore(tmp_path / 'b.safetensors')
    assert list(new.splits) == ['train', 'test', 'train_fit', 'train_held_out']
    for split in ('train', 'test'):
        np.testing.assert_array_equal(new.splits[split], store.splits[split])
    assert (new.dtype, new.layout, new.classes) == (store.dtype, store.layout, store.classes)
    assert list(new.names) == list(store.names)
    for i in range(len(store)):
        np.testing.assert_array_equal(new.keypoint(i), store.keypoint(i))
        np.testing.assert_array_equal(new.keypoint_score(i), store.keypoint_score(i))
    assert new.metadata['made'] == 'here'
    assert new.metadata['hold_out']['fraction'] == 0.25


@pytest.mark.parametrize('by', ['subject', 'hash'])
def test_the_seed_alone_decides(store, tmp_path, by):
    found = []
    for run, seed in enumerate((0, 0, 1, 2, 3)):
        path = tmp_path / f'{run}.safetensors'
        hold_out(store.path, path, 'train', by=by, seed=seed, fraction=0.25)
        found.append(tuple(names_of(SkeletonStore(path), 'train_held_out')))
    assert found[0] == found[1]
    assert len(set(found)) > 1


def test_each_class_gives_its_share():
    labels = np.repeat([0, 1, 2], [40, 10, 1])
    names = [f'n{i}' for i in range(51)]
    held = held_samples(names, labels, 0.2)
    assert np.bincount(labels[held], minlength=3).tolist() == [8, 2, 0]
    order = np.random.default_rng(0).permutation(51)
    again = held_samples([names[i] for i in order], labels[order], 0.2)
    np.testing.assert_array_equal(again, held[order])


def test_the_number_of_subjects_is_the_nearest():
    subjects = [str(i // 10) for i in range(100)]
    for fraction, number in ((0.01, 1), (0.1, 1), (0.24, 2), (0.26, 3), (0.99, 9)):
        held = held_subjects(subjects, fraction)
        assert held.sum() == 10 * number
    with pytest.raises(ValueError, match='no subject to hold out'):
        held_subjects(['1', '1'], 0.5)


def test_subjects_of_the_data_sets_known():
    assert subjects_of(['S001C002P003R002A013', 'S001C002P103R002A013']) == ['003', '103']
    assert subjects_of(['a1_s8_t1']) == ['8']
    assert subjects_of(['a01_s04_e00_v01']) == ['04']
    assert subjects_of(['s11_a02']) == ['11']
    assert subjects_of(['S009A01R01']) == ['009']
    assert subjects_of(['x-anna', 'y-ben'], '.*-(.*)') == ['anna', 'ben']


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(split='no'), r"has no split 'no'; it has \['test', 'train'\]"),
        (dict(fraction=0), 'the fraction must be between 0 and 1, got 0'),
        (dict(fraction=1.0, by='hash'), 'the fraction must be between 0 and 1, got 1.0'),
        (dict(by='name'), "by 'name': known are"),
        (dict(subject_pattern='a(b'), r"the subject pattern 'a\(b' is wrong"),
        (dict(subject_pattern='ab'), "the subject pattern 'ab' has no group"),
        (dict(subject_pattern='(x).*'), "sample 'a1_s1_t0': its whole name does not match"),
    ],
)
def test_what_does_not_go(store, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        hold_out(store.path, tmp_path / 'b.safetensors', **(dict(split='train') | options))
    assert not (tmp_path / 'b.safetensors').exists()


def test_the_store_is_not_written_over(store, tmp_path):
    before = store.path.read_bytes()
    link = tmp_path / 'link.safetensors'
    link.symlink_to(store.path)
    for out in (store.path, link):
        with pytest.raises(ValueError, match='is the store to divide'):
            hold_out(store.path, out, 'train')
    assert store.path.read_bytes() == before


def test_lacking_classes_are_named(tmp_path):
    samples = list(tiny_samples(4))
    for i, sample in enumerate(samples):
        sample.update(name=f'a{i}_s{i % 2}_t1', label=i % 2)
    names = [sample['name'] for sample in samples]
    write_store(
        tmp_path / 'a.safetensors', samples, layout='nturgb+d', classes=('x', 'y'),
        splits=dict(train=names),
    )  # fmt: skip
    report = hold_out(tmp_path / 'a.safetensors', tmp_path / 'b.safetensors', 'train')
    assert report.endswith(('WITHOUT TRAINING SAMPLES: x', 'WITHOUT TRAINING SAMPLES: y'))
