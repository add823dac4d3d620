from types import SimpleNamespace

import numpy as np
import pytest
from tiny_data import tiny_samples, write_tiny_store
from torch.utils.data import DataLoader, IterableDataset

from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.engine import DataCheckHook
from mmcl_ext.engine.hooks.data_check_hook import check_steps, compare_classes, find_oddities
from mmcl_ext.graphs import SkeletonGraph


def make_dataset(path, *, num_person=2, stream='joint', **kwargs):
    if not path.exists():
        write_tiny_store(path, **kwargs)
    pipeline = [
        dict(type='SkeletonStream', stream=stream),
        dict(type='FormatSkeleton', num_person=num_person),
        dict(type='PackActionInputs', collect_keys=('keypoint',)),
    ]
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        return SkeletonDataset(str(path), 'xsub_train', pipeline)


def make_model(num_classes=3, layout='nturgb+d', **backbone):
    graph = SkeletonGraph(layout=layout)
    settings = dict(num_person=2, in_channels=3) | backbone
    return SimpleNamespace(
        cls_head=SimpleNamespace(num_classes=num_classes),
        backbone=SimpleNamespace(graph=graph, **settings),
    )


def check(dataset, model, stream=None):
    runner = SimpleNamespace(
        model=model,
        cfg=dict(stream=stream),
        test_dataloader=SimpleNamespace(dataset=SimpleNamespace(dataset=dataset)),
    )
    DataCheckHook().before_test(runner)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'store.safetensors'


def test_sound_data_pass(path):
    check(make_dataset(path), make_model(), stream='joint')


def test_layouts_that_differ_in_edges_only_agree(path):
    check(make_dataset(path), make_model(layout='nturgb+d-ctrgcn'))


def test_label_outside_the_classes(path):
    with pytest.raises(ValueError, match='field label') as error:
        check(make_dataset(path), make_model(num_classes=2))
    message = str(error.value)
    assert str(path) in message
    assert "sample 'sample002'" in message  # labels go 0, 1, 2, 0, 1, 2, ...
    assert '(and 1 more sample)' in message  # samples 2 and 5 of 8


def test_nan_coordinates(path):
    samples = list(tiny_samples())
    samples[5]['keypoint'][0, 3, 4, 1] = np.nan
    samples[11]['keypoint'][0, 3, 4, 1] = np.inf  # not in this split
    dataset = make_dataset(path, samples=samples)
    with pytest.raises(ValueError, match='field keypoint: 1 coordinate is NaN') as error:
        check(dataset, make_model())
    assert str(path) in str(error.value)
    assert "sample 'sample005'" in str(error.value)
    assert 'more sample' not in str(error.value)


def test_other_skeleton_than_the_backbones(path):
    with pytest.raises(ValueError, match='field layout') as error:
        check(make_dataset(path), make_model(layout='kinect_v1'))
    assert "'nturgb+d' with 25 joints" in str(error.value)
    assert "'kinect_v1' with 20 joints" in str(error.value)


def test_number_of_persons(path):
    dataset = make_dataset(path, num_person=1)
    with pytest.raises(ValueError, match=r'num_person is 1, but .* num_person=2'):
        check(dataset, make_model())
    check(dataset, make_model(data_bn_type='VC'))  # normalises all persons alike


def test_number_of_channels(path):
    with pytest.raises(ValueError, match=r'in_channels is 3, but .* in_channels=2'):
        check(make_dataset(path), make_model(in_channels=2))


def test_stream_variable_that_the_pipeline_does_not_follow(path):
    with pytest.raises(ValueError, match=r"stream='bone'.*computes 'joint'"):
        check(make_dataset(path), make_model(), stream='bone')
    check(make_dataset(path, stream='bone'), make_model(), stream='bone')


def test_other_datasets_are_left_alone():
    check([1, 2, 3], make_model(), stream='bone')


def test_a_training_without_a_step():
    with pytest.raises(ValueError, match='3 samples make no whole batch of 4'):
        check_steps(DataLoader([1, 2, 3], batch_size=4, drop_last=True))
    check_steps(DataLoader([1, 2, 3], batch_size=4))
    check_steps(DataLoader([1, 2, 3, 4], batch_size=4, drop_last=True))


def test_a_stream_of_unknown_length_has_steps():
    class Endless(IterableDataset):
        def __iter__(self):
            yield from iter(int, 1)

    check_steps(DataLoader(Endless(), batch_size=4, drop_last=True))


def test_it_stops_the_run_before_the_first_step():
    loader = DataLoader([1, 2, 3], batch_size=4, drop_last=True)
    with pytest.raises(ValueError, match='training has no step'):
        DataCheckHook().before_train(SimpleNamespace(train_dataloader=loader))


def test_a_collected_key_that_no_transform_makes(path):
    dataset = make_dataset(path)
    dataset.pipeline.transforms[-1].collect_keys = ('keypoint', 'image')
    with pytest.raises(ValueError, match="PackActionInputs collects 'image', which no transform"):
        check(dataset, make_model())


def test_a_key_error_within_a_transform_is_no_collected_key(path):
    dataset = make_dataset(path)
    dataset.pipeline.transforms.insert(0, lambda results: results['depth'])
    with pytest.raises(KeyError, match='depth'):
        check(dataset, make_model())


def test_other_numbers_of_class_names_than_the_heads(path):
    dataset = make_dataset(path)
    assert compare_classes(dataset, make_model().cls_head) == ''
    assert compare_classes(dataset, None) == ''
    for size in (2, 4):
        note = compare_classes(dataset, make_model(num_classes=size).cls_head)
        assert note.startswith(f'{path} names 3 classes, the head has {size}')


def test_what_a_person_would_see_is_said_before_a_training(path):
    assert find_oddities([make_dataset(path)]) == []
    path.unlink()
    samples = list(tiny_samples())
    samples[5]['keypoint'] = samples[5]['keypoint'] * 1000
    samples[4]['keypoint'][0, :3, 2] = -1
    scale, mark = find_oddities([SimpleNamespace(dataset=make_dataset(path, samples=samples))])
    assert scale.startswith(f'{path}: scale 1 bones far from the usual')
    assert 'sample005 (' in scale
    assert mark.startswith(f'{path}: missing 1 joints that are -1 in all coordinates')
    assert mark.endswith('sample004 (3)')
