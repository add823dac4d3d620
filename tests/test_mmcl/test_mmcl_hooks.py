import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from toy_data import (
    TEXT_WIDTH,
    branch_cfg,
    build,
    mmcl_cfg,
    runner,
    side_transforms,
    skeleton_cfg,
    write_data,
)

from mmcl_ext.checkpoints.strip import plain, strip_checkpoint
from mmcl_ext.mmcl import MMCLRecognizer, write_feature_file

CHECK = [dict(type='CoLearningDataCheckHook')]
STRIP = [dict(type='StripCheckpointHook')]


class NoStep(Hook):
    """Fails when a training step happens."""

    def before_train_iter(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError('a step was taken')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_data(tmp_path)
    return tmp_path


def message(run: Any) -> str:
    """Start a training that has to stop before its first step."""
    run.register_hook(NoStep())
    with pytest.raises(ValueError, match='co-learning data are not ready') as error:
        run.train()
    return str(error.value)


def test_complete_data_train(data: Path) -> None:
    run = runner(data, CHECK, validate=True)
    run.train()
    assert run.epoch == 2


def test_missing_image_is_named(data: Path) -> None:
    for name in ('sample003', 'sample006'):
        (data / 'images' / f'{name}.jpg').unlink()
    text = message(runner(data, CHECK))
    assert f"{data}/images: field 'image' is missing for 2 of 8 training samples" in text
    assert 'sample003, sample006' in text
    assert 'text' not in text


def test_missing_samples_of_validation_do_not_matter(data: Path) -> None:
    for number in range(8, 12):
        (data / 'images' / f'sample{number:03d}.jpg').unlink()
    run = runner(data, CHECK, validate=True)
    run.train()
    assert run.epoch == 2


def test_missing_folder_and_file(data: Path) -> None:
    shutil.rmtree(data / 'images')
    run = runner(data, CHECK)
    (data / 'text.safetensors').unlink()
    text = message(run)
    assert "field 'image' is missing for 8 of 8" in text
    assert "text.safetensors: field 'text' is missing for 8 of 8" in text


def test_text_features_of_another_data_set(data: Path) -> None:
    names = [f'other{i}' for i in range(40)]
    write_feature_file(data / 'text.safetensors', np.zeros((40, TEXT_WIDTH), 'f4'), names)
    text = message(runner(data, CHECK))
    assert "text.safetensors: field 'text' is missing for 8 of 8" in text
    assert 'another data set?' in text


def test_long_lists_are_cut(tmp_path: Path) -> None:
    names = write_data(tmp_path, num_samples=30, num_train=25)
    shutil.rmtree(tmp_path / 'images')
    text = message(runner(tmp_path, CHECK))
    assert f'{names[9]}, ...' in text
    assert names[10] not in text
    assert 'missing for 25 of 25' in text


def test_text_of_another_width(data: Path) -> None:
    cfg = mmcl_cfg(frm=dict(type='FRM', text_channels=768))
    text = message(runner(data, CHECK, model=cfg))
    assert "field 'text' has 5 values per sample, but FRM was built for 768" in text


def test_image_features_of_another_width(data: Path) -> None:
    names = [f'sample{i:03d}' for i in range(12)]
    write_feature_file(data / 'image.safetensors', np.zeros((12, 6), 'f4'), names)
    side = [
        dict(type='LoadImageFeature', file=str(data / 'image.safetensors')),
        side_transforms(data)[1],
    ]
    cached = dict(image_encoder=None, fam=dict(type='FAM', in_channels=7))
    text = message(runner(data, CHECK, model=mmcl_cfg(**cached), side=side))
    assert "field 'image' has 6 values per sample, but FAM was built for 7" in text
    cached['fam'] = dict(type='FAM', in_channels=str(data / 'image.safetensors'))
    runner(data, CHECK, model=mmcl_cfg(**cached), side=side).train()


def test_pipeline_without_text(data: Path) -> None:
    text = message(runner(data, CHECK, side=side_transforms(data)[:1], keys=('keypoint', 'image')))
    assert "delivers no field 'text' (it delivers ['image', 'keypoint'])" in text


def test_text_that_is_not_packed(data: Path) -> None:
    text = message(runner(data, CHECK, keys=('keypoint', 'image')))
    assert "delivers no field 'text'" in text


def test_wrapped_data_sets_are_checked(data: Path) -> None:
    (data / 'images' / 'sample003.jpg').unlink()
    run = runner(data, CHECK)
    dataset = run._train_dataloader['dataset']
    twice = dict(type='RepeatDataset', times=2, dataset=dataset)
    run._train_dataloader['dataset'] = dict(type='ConcatDataset', datasets=[twice, dataset])
    assert message(run).count("field 'image' is missing for 1 of 8") == 1


def checkpoint(path: Path) -> dict:
    return torch.load(path, weights_only=True)


def test_stripped_checkpoint(data: Path) -> None:
    run = runner(data, STRIP, validate=True)
    run.train()
    full = run.model.state_dict()
    stripped = checkpoint(data / 'work' / 'epoch_2_skeleton.pth')
    assert set(stripped) == {'meta', 'state_dict'}
    assert stripped['meta']['epoch'] == 2
    assert stripped['meta']['dataset_meta']['classes'] == ('class0', 'class1', 'class2')
    model = build(skeleton_cfg())
    model.load_state_dict(stripped['state_dict'], strict=True)
    for key, value in model.state_dict().items():
        assert torch.equal(value, full[key]), key


def test_only_the_last_and_the_best_are_stripped(data: Path) -> None:
    saver = dict(type='CheckpointHook', interval=1, save_best='acc/top1', max_keep_ckpts=1)
    run = runner(data, STRIP, validate=True, default_hooks=dict(checkpoint=saver))
    run.train()
    names = {path.name for path in (data / 'work').glob('*_skeleton.pth')}
    best = Path(run.message_hub.get_info('best_ckpt')).stem
    assert names == {'epoch_2_skeleton.pth', f'{best}_skeleton.pth'}


def test_every_checkpoint_is_stripped(data: Path) -> None:
    run = runner(data, [dict(type='StripCheckpointHook', every_checkpoint=True, suffix='.s')])
    run.train()
    assert {p.name for p in (data / 'work').glob('*.s.pth')} == {'epoch_1.s.pth', 'epoch_2.s.pth'}


def test_iteration_checkpoints_are_stripped(data: Path) -> None:
    saver = dict(type='CheckpointHook', interval=2, by_epoch=False)
    run = runner(
        data,
        [dict(type='StripCheckpointHook', every_checkpoint=True)],
        default_hooks=dict(checkpoint=saver),
        train_cfg=dict(by_epoch=False, max_iters=4),
    )
    run.train()
    names = {path.name for path in (data / 'work').glob('*_skeleton.pth')}
    assert names == {'iter_2_skeleton.pth', 'iter_4_skeleton.pth'}


def test_skeleton_test_needs_no_side_data(data: Path) -> None:
    """Train, delete images and texts, test the deployable model from either checkpoint."""
    trained = runner(data, CHECK + STRIP, validate=True)
    trained.train()
    expected = trained.val()
    shutil.rmtree(data / 'images')
    (data / 'text.safetensors').unlink()
    deployed = MMCLRecognizer.deploy_cfg(mmcl_cfg())
    for name in ('epoch_2.pth', 'epoch_2_skeleton.pth'):
        run = runner(data, [], model=dict(deployed), validate=True)
        run.load_checkpoint(str(data / 'work' / name), strict=True)
        assert run.val() == expected


def test_training_without_checkpoints_warns(data: Path) -> None:
    saver = dict(type='CheckpointHook', interval=-1, save_last=False)
    runner(data, STRIP, default_hooks=dict(checkpoint=saver)).train()
    [log] = (data / 'work').rglob('*.log')
    assert 'no local checkpoint to strip: None' in log.read_text()
    assert list((data / 'work').glob('*_skeleton.pth')) == []


def test_strip_refuses_to_write_nothing(tmp_path: Path) -> None:
    torch.save({'state_dict': {'co_learning.fam': torch.zeros(1)}}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='no keys besides'):
        strip_checkpoint(tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['a.pth']


def test_interrupted_strip_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    torch.save({'state_dict': {'fc': torch.zeros(1)}}, tmp_path / 'a.pth')
    monkeypatch.setattr(torch, 'save', interrupted)
    with pytest.raises(KeyboardInterrupt):
        strip_checkpoint(tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['a.pth']


def test_plain_values() -> None:
    meta = {'a': np.float32(1.5), 'b': (np.arange(2), {'c': Path('x')}), 'd': None, 'e': [True]}
    assert plain(meta) == {'a': 1.5, 'b': ([0, 1], {'c': 'x'}), 'd': None, 'e': [True]}


def test_empty_suffix_is_refused(data: Path) -> None:
    with pytest.raises(ValueError, match='suffix is empty'):
        runner(data, [dict(type='StripCheckpointHook', suffix='')])


def test_check_ignores_skeleton_only_models(data: Path) -> None:
    run = runner(data, CHECK, model=skeleton_cfg(), side=[], keys=('keypoint',))
    run.train()
    assert run.epoch == 2


def test_branch_of_toy_data_is_complete() -> None:
    branch = build(branch_cfg(embed_channels=4, num_classes=3))
    assert branch.required_inputs == ('image', 'text')
