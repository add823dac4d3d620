"""Settings that would change nothing are refused."""

from pathlib import Path

import pytest

from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.user_errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
BASE = """
ann_file = 'a.safetensors'
small = dict(width=8)
pipeline = [dict(type='A'), dict(type='B', window=64)]
model = dict(type='Net', backbone=dict(depth=3, **small))
train_dataloader = dict(num_workers=2, persistent_workers=True, prefetch_factor=2,
                        dataset=dict(ann_file=ann_file, pipeline=pipeline))
unused = 3
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / 'base.py'
    path.write_text(BASE)
    return path


@pytest.mark.parametrize(
    ('option', 'place'),
    [
        ('ann_file', 'train_dataloader.dataset.ann_file'),
        ('pipeline.1.window', 'train_dataloader.dataset.pipeline.1.window'),
        ('small.width', 'model.backbone.width'),
    ],
)
def test_an_option_for_a_copied_variable_names_the_copies(base, option, place):
    with pytest.raises(UserError, match=f"'{option}' would change nothing.*: set {place}$"):
        load_config(base, {option: 7})
    assert load_config(base, {place: 7}) is not None
    assert load_config(base, {'unused': 4}).unused == 4


def test_a_child_that_sets_a_copied_variable(base):
    child = base.with_name('child.py')
    child.write_text("_base_ = 'base.py'\nann_file = 'mine'\n")
    with pytest.raises(UserError, match=r'ann_file changes nothing.*: set train_dataloader'):
        load_config(child)
    child.write_text(
        "_base_ = 'base.py'\nann_file = 'mine'\n"
        'train_dataloader = dict(dataset=dict(ann_file=ann_file))\n'
    )
    assert load_config(child).train_dataloader.dataset.ann_file == 'mine'


def test_a_path_reaches_what_the_file_gave_it_to(base):
    base.write_text(BASE.replace('a.safetensors', 'data/a.safetensors'))
    cfg = load_config(base, {'ann_file': 'b.safetensors'})
    assert cfg.ann_file == cfg.train_dataloader.dataset.ann_file == 'b.safetensors'
    child = base.with_name('child.py')
    child.write_text("_base_ = 'base.py'\nann_file = 'data/mine'\n")
    assert load_config(child).train_dataloader.dataset.ann_file == 'data/mine'


@pytest.mark.parametrize('name', ['mmcl/ctrgcn_ntu120', 'mmcl/ctrgcn_demo'])
def test_the_texts_and_images_of_a_training_have_one_place(name):
    options = dict(text_file='mine/text.safetensors', image_dir='mine/images')
    cfg = load_config(CONFIGS / f'{name}.py', options)
    load_image, load_text = cfg.train_dataloader.dataset.pipeline[:2]
    assert (load_image.img_dir, load_text.file) == ('mine/images', 'mine/text.safetensors')
    assert cfg.model.co_learning.frm.text_channels == 'mine/text.safetensors'
    assert 'data/' not in repr([load_image, load_text, cfg.model.co_learning])


def test_a_child_of_a_base_by_name(tmp_path):
    child = tmp_path / 'child.py'
    name = "_base_ = 'mmcl_ext::skeleton/ctrgcn_demo.py'\n"
    child.write_text(f"{name}graph = dict(mode='spatial')\nmodel = dict(backbone=dict(k=graph))\n")
    assert load_config(child).model.backbone.k == dict(mode='spatial')
    child.write_text(f"{name}ann_file = 'mine'\n")
    with pytest.raises(UserError, match=r'ann_file changes nothing.*: set train_dataloader'):
        load_config(child)


def test_no_workers_need_no_further_setting(base):
    loader = load_config(base, {'train_dataloader.num_workers': 0}).train_dataloader
    assert not loader.persistent_workers
    assert 'prefetch_factor' not in loader


@pytest.mark.parametrize('option', ['train_dataloader.dataset.pipeline.9.joint', 'model.type.deep'])
def test_an_option_that_does_not_fit(base, option):
    with pytest.raises(UserError, match=f"'{option}' does not fit the configuration: ") as error:
        load_config(base, {option: 1})
    assert len(str(error.value)) < 300
