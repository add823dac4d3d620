"""The NTU RGB+D configurations are built; what is asserted is what was built."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from tiny_data import tiny_samples, write_tiny_data, write_tiny_store

from mmcl_ext.apis import load_config
from mmcl_ext.checkpoints.strip import strip_checkpoint
from mmcl_ext.datasets.store import write_store
from mmcl_ext.datasets.transforms import SkeletonStream
from mmcl_ext.registry import DATASETS, MODELS, OPTIMIZERS, PARAM_SCHEDULERS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
UNIFORM = sorted(CONFIGS.glob('skeleton/dgstgcn_*ntu*.py'))  # PYSKL's recipe
SKELETON = [path for path in sorted(CONFIGS.glob('skeleton/*_ntu*.py')) if path not in UNIFORM]
UNIFORM += sorted(CONFIGS.glob('skeleton/dgstgcn_150e_*.py'))
UNIFORM_CLASSES = dict(ntu60=60, ntu60xview=60, ntu120=120, ntu120xset=120, nwucla=10, utdmhad=27)
MMCL = sorted(CONFIGS.glob('mmcl/*_ntu*.py'))
RANDOM_ENCODER = {'model.co_learning.image_encoder.pretrained': None}
PARAMETERS = dict(  # of the backbones, 25 joints, 2 persons
    stgcn=3_083_412,
    stgcnpp=1_387_724,
    aagcn=3_766_248,
    ctrgcn=1_431_252,
    ctrsgcn=2_077_482,
    infogcn=1_344_011,
    hdgcn=1_644_560,
    hypergcn=1_026_257,
    blockgcn=1_357_360,
    blockgcn_hdgraph_ntu120=1_356_160,  # fewer hops
    lagcn=1_427_156,
)


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data_root')
    write_tiny_data(root)
    samples = list(tiny_samples(layout='kinect_v1', num_person=1))
    names = [sample['name'] for sample in samples]
    parts = ('xview_train', 'xsub_train', 'xview_val', 'xsub_test')
    splits = {part: names[:8] if 'train' in part else names[8:] for part in parts}
    for data in ('nwucla', 'utdmhad'):
        store = root / f'data/{data}/{data}.safetensors'
        store.parent.mkdir()
        write_store(store, samples, layout='kinect_v1', classes=('a', 'b', 'c'), splits=splits)
    return root


@pytest.fixture(autouse=True)
def _inside(data_root, monkeypatch):
    """Configurations name data/ relative to where the tools are run."""
    monkeypatch.chdir(data_root)
    init_default_scope('mmcl_ext')


def name(path):
    return f'{path.parent.name}/{path.stem}'


def built_pipeline(loader):
    return DATASETS.build(loader.dataset).pipeline.transforms


def pipeline_names(loader):
    return [type(transform).__name__ for transform in built_pipeline(loader)]


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


TEST_PIPELINE = [
    'CenterSkeleton', 'ValidCropResize', 'SkeletonStream', 'FormatSkeleton', 'PackActionInputs'
]  # fmt: skip
TRAIN_PIPELINE = [*TEST_PIPELINE[:2], 'RandomRotation', *TEST_PIPELINE[2:]]


@pytest.mark.parametrize('path', [*SKELETON, *MMCL], ids=name)
def test_built_pipelines(path):
    cfg = load_config(path)
    extra = ['LoadCompositeImage', 'LoadTextFeature'] if path in MMCL else []
    assert pipeline_names(cfg.train_dataloader) == [*extra, *TRAIN_PIPELINE]
    assert pipeline_names(cfg.val_dataloader) == TEST_PIPELINE
    assert pipeline_names(cfg.test_dataloader) == TEST_PIPELINE
    train, test = built_pipeline(cfg.train_dataloader), built_pipeline(cfg.test_dataloader)
    assert (train[len(extra) + 1].window, train[len(extra) + 1].p_interval) == (64, (0.5, 1.0))
    assert (test[1].window, test[1].p_interval) == (64, (0.95,))
    assert cfg.train_dataloader.drop_last
    pad = 'copy' if 'ntu120' in path.stem else 'zero'
    assert train[-2].pad == test[-2].pad == pad
    keypoint = DATASETS.build(cfg.test_dataloader.dataset)[0]['inputs']['keypoint']
    assert keypoint.shape == (1, 2, 64, 25, 3)


@pytest.mark.parametrize('path', SKELETON, ids=name)
def test_built_skeleton_model(path):
    cfg = load_config(path)
    model = MODELS.build(cfg.model)
    classes = 120 if 'ntu120' in path.stem else 60
    network = path.stem.partition('_')[0]
    assert count(model.backbone) == PARAMETERS.get(path.stem, PARAMETERS[network])
    code = 3 * 256 * 257 if network == 'infogcn' else 0  # its head: three layers before the last
    assert count(model.cls_head) == code + 257 * classes
    assert model.cls_head.num_classes == classes
    expected = 'HDGraph' if 'hdg' in path.stem else 'SkeletonGraph'
    assert type(model.backbone.graph).__name__ == expected


@pytest.mark.parametrize('path', UNIFORM, ids=name)
def test_recipe_of_pyskl(path):
    cfg = load_config(path, {'stream': 'k_bone'})
    close = ['SkeletonStream', 'UniformSample', 'FormatSkeleton', 'PackActionInputs']
    augmented = ['RandomRotation', 'RandomMirror', 'RandomPartDrop']
    assert pipeline_names(cfg.train_dataloader) == ['AlignSkeleton', *augmented, *close]
    assert pipeline_names(cfg.test_dataloader) == ['AlignSkeleton', *close]
    align, rotate, mirror, drop, stream, _, form, _ = built_pipeline(cfg.train_dataloader)
    assert (align.align_spine, rotate.theta, mirror.negate, drop.together) == (False, 0.2, False, 1)
    assert (mirror.prob, drop.prob) == (0.5, 0.2)
    assert (stream.stream, form.pad) == ('k_bone', 'zero')
    assert built_pipeline(cfg.test_dataloader)[2].p_interval == (1, 1)  # PYSKL's frames
    shapes = [
        DATASETS.build(loader.dataset)[0]['inputs']['keypoint'].shape
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)
    ]
    persons, joints = (2, 25) if 'ntu' in path.stem else (1, 20)
    assert shapes == [(clips, persons, 100, joints, 3) for clips in (1, 1, 10)]
    data = path.stem.rpartition('_')[2]
    head = MODELS.build(cfg.model).cls_head
    assert head.average_clips == 'prob'
    assert head.num_classes == cfg.model.cls_head.num_classes == UNIFORM_CLASSES[data]
    assert data.removesuffix('xview').removesuffix('xset') in cfg.test_dataloader.dataset.ann_file
    view = data in ('nwucla', 'ntu60xview')
    protocol = 'xview' if view else 'xset' if data.endswith('xset') else 'xsub'
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.split.startswith(protocol)
        assert loader.batch_size == 16
    assert cfg.train_dataloader.dataset.split != cfg.test_dataloader.dataset.split


def test_every_data_set_has_the_recipe_of_pyskl():
    assert {path.stem.rpartition('_')[2] for path in UNIFORM} == set(UNIFORM_CLASSES)


def test_the_recipes_bones_do_not_depend_on_the_file():
    """A store of PYSKL hangs hand tips on hands, PYSKL's bones hang them on thumbs."""
    bones = []
    for layout in ('nturgb+d', 'nturgb+d-ctrgcn'):
        store = f'{layout}.safetensors'
        write_tiny_store(store, layout=layout)
        cfg = load_config(CONFIGS / 'skeleton/dgstgcn_ntu60.py', {'stream': 'bone'})
        dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, ann_file=store))
        bones.append(dataset[0]['inputs']['keypoint'])
    assert torch.equal(*bones)


def test_the_recipe_with_body_part_mixup():
    cfg = load_config(CONFIGS / 'skeleton/dgstgcn_mixup_ntu60.py')
    model = MODELS.build(cfg.model)
    assert model.data_preprocessor.keep_clips
    assert model.data_preprocessor.blending.num_classes == model.cls_head.num_classes
    assert model.cls_head.loss_cls.loss_weight == 2


@pytest.mark.parametrize('path', UNIFORM, ids=name)
def test_the_recipes_learning_rate_falls_along_a_cosine_of_steps(path):
    """From 0.025 to 0 over all 150 epochs, step by step, without a warm-up."""
    cfg = load_config(path)
    optimizer, schedulers = build_schedule(cfg)
    assert schedulers == []
    assert optimizer.param_groups[0]['weight_decay'] == 5e-4
    [settings] = cfg.param_scheduler
    steps = 2  # in an epoch
    settings = dict(settings, optimizer=optimizer, epoch_length=steps)
    assert settings.pop('convert_to_iter_based')  # as the Runner understands it
    cosine = PARAM_SCHEDULERS.get(settings.pop('type')).build_iter_from_epoch(**settings)
    for index in range(cfg.train_cfg.max_epochs * steps):
        expected = 0.025 * (1 + math.cos(math.pi * index / (150 * steps))) / 2
        assert optimizer.param_groups[0]['lr'] == pytest.approx(expected, abs=1e-9)
        optimizer.step()
        cosine.step()


NETWORKS = [name for name in PARAMETERS if '_' not in name]


def test_files_show_how_to_swap_every_backbone():
    """On its own graph, and with the HD-Graph without and with co-learning."""
    assert {f'{b}_ntu60' for b in NETWORKS} <= {p.stem for p in SKELETON}
    for paths in (SKELETON, MMCL):
        assert {f'{b}_hdgraph_ntu120' for b in NETWORKS} <= {p.stem for p in paths}


@pytest.mark.parametrize('backbone', NETWORKS)
def test_co_learning_with_another_backbone_differs_in_one_line(backbone):
    flagship = (CONFIGS / 'mmcl/ctrgcn_hdgraph_ntu120.py').read_text().splitlines()
    other = (CONFIGS / f'mmcl/{backbone}_hdgraph_ntu120.py').read_text().splitlines()
    changed = [b for a, b in zip(flagship, other, strict=True) if a != b]
    assert changed == [f"    '../skeleton/{backbone}_hdgraph_ntu120.py',"] * (backbone != 'ctrgcn')


@pytest.mark.parametrize(
    ('config', 'epochs', 'steps'),
    [
        ('mmcl/ctrgcn_hdgraph_ntu120.py', 110, (90, 100)),
        ('skeleton/ctrgcn_ntu60.py', 65, (35, 55)),
        ('skeleton/infogcn_ntu60.py', 110, (90, 100)),
        ('skeleton/infogcn_nwucla.py', 110, (90, 100)),
        ('mmcl/ctrgcn_ntu120.py', 110, (90, 100)),
    ],
)
def test_learning_rate_of_every_epoch(config, epochs, steps):
    cfg = load_config(CONFIGS / config)
    optimizer, schedulers = build_schedule(cfg)
    decay = 5e-4 if 'infogcn' in config else 4e-4
    assert optimizer.param_groups[0]['weight_decay'] == decay
    assert cfg.train_cfg.max_epochs == epochs
    for epoch in range(epochs):
        expected = 0.1 * min((epoch + 1) / 5, 1) * 0.1 ** sum(epoch >= step for step in steps)
        assert optimizer.param_groups[0]['lr'] == pytest.approx(expected, rel=1e-9), epoch
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def build_schedule(cfg, parameters=None):
    parameters = parameters or [torch.nn.Parameter(torch.zeros(1))]
    optimizer = OPTIMIZERS.build(dict(cfg.optim_wrapper.optimizer, params=parameters))
    group = optimizer.param_groups[0]
    found = (type(optimizer).__name__, group['momentum'], group['nesterov'])
    assert found == ('SGD', 0.9, True)
    schedulers = [
        PARAM_SCHEDULERS.build(dict(scheduler, optimizer=optimizer))
        for scheduler in cfg.param_scheduler
        if not scheduler.get('convert_to_iter_based')
    ]
    return optimizer, schedulers


def test_hdgcns_learning_rate_falls_along_a_cosine_of_steps():
    """Lee et al.: from 0.1 to 1e-4 over epochs 5 to 90, step by step."""
    cfg = load_config(CONFIGS / 'skeleton/hdgcn_ntu60.py')
    optimizer, schedulers = build_schedule(cfg)
    steps = 7  # in an epoch
    settings = dict(cfg.param_scheduler[1], optimizer=optimizer, epoch_length=steps)
    assert settings.pop('convert_to_iter_based')  # as the Runner understands it
    cosine = PARAM_SCHEDULERS.get(settings.pop('type')).build_iter_from_epoch(**settings)
    for epoch in range(cfg.train_cfg.max_epochs):
        for index in range(steps):
            turn = math.cos(math.pi * (steps * (epoch - 5) + index) / (85 * steps))
            after = 1e-4 + (0.1 - 1e-4) * (1 + turn) / 2
            expected = 0.1 * (epoch + 1) / 5 if epoch < 5 else after
            assert optimizer.param_groups[0]['lr'] == pytest.approx(expected, rel=1e-6), epoch
            optimizer.step()
            cosine.step()
        for scheduler in schedulers:
            scheduler.step()


def test_the_flagship_is_the_papers_recipe():
    cfg = load_config(CONFIGS / 'mmcl/ctrgcn_hdgraph_ntu120.py')
    assert cfg.train_dataloader.batch_size * 2 == cfg.auto_scale_lr.base_batch_size == 200
    assert cfg.model.co_learning.image_encoder == dict(type='InceptionV3', pretrained='default')
    model = MODELS.build(cfg.model)
    graph, branch = model.backbone.graph, model.co_learning
    assert (graph.center, graph.A.shape) == (1, (3, 25, 25))
    assert (branch.fam.weight, branch.frm.weight) == (0.1, 0.2)
    assert branch.fam.contrastive.gather is False
    assert branch.frm.text_channels == 5  # the width of the feature file, not a constant


def flagship_batch(dataset, image_size=75):
    """Two samples with random images of the smallest size that Inception-v3 takes."""
    items = [dataset[index] for index in range(2)]
    for item in items:
        shape = (3, image_size, image_size)
        item['inputs']['image'] = torch.randint(0, 256, shape, dtype=torch.uint8)
    return pseudo_collate(items)


def test_the_flagship_steps_once_and_its_strip_loads_into_the_twin(tmp_path):
    cfg = load_config(CONFIGS / 'mmcl/ctrgcn_hdgraph_ntu120.py', RANDOM_ENCODER)
    model = MODELS.build(cfg.model)
    optim_wrapper = OptimWrapper(build_schedule(cfg, model.parameters())[0])
    before = copy.deepcopy(model.state_dict())
    batch = flagship_batch(DATASETS.build(cfg.train_dataloader.dataset))
    logged = model.train_step(batch, optim_wrapper)
    assert {'loss_cls', 'loss_align', 'loss_refine'} <= set(logged)
    assert logged['loss'].isfinite()
    after = dict(model.named_parameters())
    assert [key for key in after if not after[key].isfinite().all()] == []
    # weight decay moves all but zeros; a zero that stays is a parameter without a gradient
    still = [key for key in after if torch.equal(after[key], before[key]) and after[key].any()]
    assert still == []

    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'whole.pth')
    strip_checkpoint(tmp_path / 'whole.pth', tmp_path / 'stripped.pth')
    plain = MODELS.build(load_config(CONFIGS / 'skeleton/ctrgcn_hdgraph_ntu120.py').model)
    state = torch.load(tmp_path / 'stripped.pth', weights_only=True)['state_dict']
    plain.load_state_dict(state, strict=True)
    assert count(plain) == 1_462_092
    inputs = dict(keypoint=torch.randn(1, 1, 2, 64, 25, 3))
    with torch.no_grad():
        assert torch.equal(plain.eval()(inputs), model.eval()(inputs))


@pytest.mark.parametrize('stream', ['bone', 'joint_motion', 'bone_motion'])
@pytest.mark.parametrize('config', ['mmcl/ctrgcn_ntu120.py', 'mmcl/stgcn_hdgraph_ntu120.py'])
def test_co_learning_trains_on_the_stream(config, stream):
    """The stream's option gives the stream of what the joints are without it."""
    joints, other = (
        DATASETS.build(load_config(CONFIGS / config, dict(stream=s)).train_dataloader.dataset)[1]
        for s in ('joint', stream)
    )
    keypoint = joints['inputs']['keypoint'][0].numpy()
    results = dict(keypoint=keypoint, layout='nturgb+d')
    expected = SkeletonStream(stream)(results)['keypoint']
    # the second person is a copy or zeros: what is done before padding may be done after it
    np.testing.assert_allclose(other['inputs']['keypoint'][0], expected, atol=1e-6)
    assert torch.equal(joints['inputs']['image'], other['inputs']['image'])


def test_a_child_may_set_the_stream(tmp_path):
    base = CONFIGS / 'skeleton/ctrgcn_ntu60.py'
    child = tmp_path / 'child.py'
    child.write_text(f"_base_ = '{base}'\nstream = 'bone'\n")
    pipeline = built_pipeline(load_config(child).test_dataloader)
    assert [t.stream for t in pipeline if hasattr(t, 'stream')] == ['bone']
