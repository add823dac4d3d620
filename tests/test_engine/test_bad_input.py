"""Bad input stops a training before its first step, with one message."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from mmengine.hooks import Hook
from tiny_data import FAST_OPTIONS, tiny_samples, write_tiny_data, write_tiny_store, write_tiny_text

from mmcl_ext.apis import load_config, train_model
from mmcl_ext.registry import HOOKS

CONFIG = Path(__file__).resolve().parents[2] / 'configs/mmcl/ctrgcn_hdgraph_ntu120.py'
STORE = Path('data/ntu120/ntu120.safetensors')
TEXT = Path('data/ntu120/text/hidden_states.safetensors')
STEPS = []


@HOOKS.register_module()
class RecordSteps(Hook):
    """Notes that a step was about to be taken."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        STEPS.append(batch_idx)


@pytest.fixture(scope='module')
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp('sound')
    write_tiny_data(root)
    return root


@pytest.fixture
def root(sound, tmp_path, monkeypatch):
    """A copy of sound data to spoil."""
    shutil.copytree(sound / 'data', tmp_path / 'data')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(**options):
    STEPS.clear()
    small = FAST_OPTIONS | {
        'model.co_learning.image_encoder.pretrained': None,
        'train_dataloader.dataset.pipeline.0.size': (75, 75),
        'train_cfg.max_epochs': 1,
        'custom_hooks': [dict(type='RecordSteps')],
    }
    cfg = load_config(CONFIG, small | options)
    cfg.work_dir = 'work'
    train_model(cfg)


def test_sound_data_take_steps(root):
    train()
    assert STEPS == [0, 1]


def test_missing_image_folder(root):
    shutil.rmtree('data/ntu120/composites')
    with pytest.raises(ValueError, match="data/ntu120/composites: field 'image'") as error:
        train()
    assert 'sample000' in str(error.value)
    assert STEPS == []


def test_one_missing_image(root):
    Path('data/ntu120/composites/sample003.jpg').unlink()
    with pytest.raises(ValueError, match='missing for 1 of 8 training samples: sample003'):
        train()
    assert STEPS == []


def test_text_features_of_another_data_set(root):
    TEXT.unlink()
    write_tiny_text(TEXT, [f'another{i}' for i in range(12)])
    with pytest.raises(ValueError, match="field 'text' is missing for 8 of 8") as error:
        train()
    assert str(TEXT) in str(error.value)
    assert 'sample000' in str(error.value)
    assert STEPS == []


def test_annotation_without_the_split(root):
    with pytest.raises(ValueError, match=r"ntu120\.safetensors has no split 'xsub'"):
        train(**{'train_dataloader.dataset.split': 'xsub'})
    assert STEPS == []


def test_no_annotation(root):
    STORE.unlink()
    with pytest.raises(FileNotFoundError, match=r'data/ntu120/ntu120\.safetensors'):
        train()
    assert STEPS == []


@pytest.mark.parametrize(
    ('spoil', 'field'),
    [
        pytest.param(lambda s: s.update(label=120), 'field label: 120', id='label'),
        pytest.param(
            lambda s: np.put(s['keypoint'], 7, np.nan), 'field keypoint: 1 coordinate', id='NaN'
        ),
    ],
)
@pytest.mark.parametrize('index', [5, 9], ids=['train', 'val'])
def test_bad_sample(root, spoil, field, index):
    samples = list(tiny_samples())
    spoil(samples[index])
    write_tiny_store(STORE, samples=samples)
    with pytest.raises(ValueError, match=field) as error:
        train()
    split = 'xsub_train' if index == 5 else 'xsub_val'
    assert f"{STORE}, split '{split}', sample 'sample00{index}'" in str(error.value)
    assert STEPS == []
