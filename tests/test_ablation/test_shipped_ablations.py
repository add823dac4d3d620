"""What holds for every shipped ablation, whoever adds it."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmcl_ext.ablation.config_hash import config_hash
from mmcl_ext.ablation.declaration import load_ablation
from mmcl_ext.ablation.run import training_config
from mmcl_ext.registry import MODELS

REPO = Path(__file__).resolve().parents[2]
CONFIGS = REPO / 'configs'
FILES = sorted((CONFIGS / 'ablations').glob('*.py'))


@pytest.fixture(scope='module')
def resolved():
    """Configuration of every variant, by file and name."""
    return {
        path.stem: {
            variant.name: (variant, training_config(variant, 1))
            for variant in load_ablation(path).variants
        }
        for path in FILES
    }


def skeleton_part(cfg):
    """Build what is deployed, on a small backbone: the co-learning branch may need weights."""
    init_default_scope('mmcl_ext')
    small = dict(num_stages=2, base_channels=8, inflate_stages=(2,), down_stages=(2,))
    backbone = {**cfg.model.backbone.to_dict(), **small}
    head = cfg.model.cls_head.to_dict()
    return MODELS.build(dict(type='SkeletonRecognizer', backbone=backbone, cls_head=head))


def test_every_paper_table_and_data_set_has_one():
    names = {path.stem for path in FILES}
    paper = {f'{x}_ntu120' for x in ('fam', 'frm', 'lambda', 'adjacency', 'instruction', 'streams')}
    demo = {f'{x}_demo' for x in ('fam', 'frm', 'lambda', 'adjacency', 'parts', 'streams')}
    assert paper | demo | {'fam_utdmhad', 'lambda_utdmhad', 'streams_utdmhad'} <= names


@pytest.mark.parametrize('name', [path.stem for path in FILES])
def test_variants_differ_and_agree_with_their_data(name, resolved):
    variants = resolved[name]
    prints = {key: config_hash(cfg) for key, (_, cfg) in variants.items()}
    assert len(set(prints.values())) == len(prints), prints
    for key, (variant, cfg) in variants.items():
        assert '_delete_' not in repr(cfg.model), key
        assert not re.search(r'\{\w+\}', variant.title + repr(variant)), key
        branch = cfg.model.get('co_learning')
        pipeline = cfg.train_dataloader.dataset.pipeline
        wanted = ['image'] * bool(branch and branch.get('fam'))
        wanted += ['text'] * bool(branch and branch.get('frm'))
        assert list(pipeline[-1].collect_keys) == ['keypoint', *wanted], key
        loaded = {'LoadCompositeImage': 'image', 'LoadImageFeature': 'image'}
        loaded |= {'LoadTextFeature': 'text'}
        assert [loaded[t.type] for t in pipeline if t.type in loaded] == wanted, key
        if 'text' in wanted:
            (loader,) = (t for t in pipeline if t.type == 'LoadTextFeature')
            assert loader.file == branch.frm.text_channels, key
        for step in variant.prepare:
            assert (REPO / 'tools' / step.command[0]).is_file(), key
            assert (REPO / step.command[1]).is_file(), key


def test_every_variant_has_a_model_for_its_joints(resolved):
    built = set()
    for variants in resolved.values():
        for _, cfg in variants.values():
            backbone = repr(cfg.model.backbone)
            if backbone not in built:
                assert skeleton_part(cfg).backbone.graph.num_joints in (20, 25)
                built.add(backbone)
    assert len(built) >= 10


def test_the_first_variant_is_what_co_learning_is_compared_with(resolved):
    for name in ('fam_ntu120', 'lambda_demo', 'parts_demo', 'fam_utdmhad', 'frm_ntu120'):
        variant, cfg = next(iter(resolved[name].values()))
        assert variant.name == 'skeleton'
        assert cfg.model.type == 'SkeletonRecognizer'


def test_the_lambda_grid_reaches_the_loss(resolved):
    _, cfg = resolved['lambda_ntu120']['align0.5_refine0.2']
    loss = cfg.model.co_learning.loss
    assert (loss.alignment_weight, loss.refinement_weight) == (0.5, 0.2)


def test_streams_are_compared_with_the_same_stream_of_the_same_backbone(resolved):
    for name in ('streams_ntu120', 'streams_utdmhad', 'streams_demo'):
        for key, (variant, cfg) in resolved[name].items():
            reference, base = resolved[name][variant.reference]
            assert reference.name == key.removeprefix('mmcl_')
            assert base.stream == cfg.stream
            assert base.model.backbone == cfg.model.backbone


def test_prompts_of_the_instruction_ablation_are_those_of_the_extraction(resolved):
    prompts = Config.fromfile(CONFIGS / 'preparation' / 'text_blip.py').prompts
    for key, (variant, _) in resolved['instruction_ntu120'].items():
        if key != 'skeleton':
            assert variant.title == prompts[key]
            assert variant.prepare[0].command[-1] == f'question={key}'


def test_the_cached_encoder_is_the_one_that_was_trained(resolved):
    tuned, tuned_cfg = resolved['fam_utdmhad']['tuned']
    frozen, frozen_cfg = resolved['fam_utdmhad']['frozen']
    training = Config.fromfile(CONFIGS / 'image_encoder' / 'resnet34_utdmhad.py')
    made = tuned.prepare[0].makes
    assert made == tuned_cfg.model.co_learning.image_encoder.init_cfg.checkpoint
    assert made.endswith(f'epoch_{training.train_cfg.max_epochs}.pth')
    assert frozen.prepare[0] == tuned.prepare[0]
    assert frozen.prepare[1].makes == frozen_cfg.model.co_learning.fam.in_channels
    assert frozen.prepare[1].command[-1] == made


def test_the_image_encoder_is_trained_on_the_training_split_alone():
    cfg = Config.fromfile(CONFIGS / 'image_encoder' / 'resnet34_utdmhad.py')
    assert cfg.train_dataloader.dataset.split == 'xsub_train'
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader', 'test_evaluator'):
        assert cfg.get(key) is None, key
