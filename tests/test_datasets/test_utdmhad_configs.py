"""The shipped UTD-MHAD configurations, from raw files to a trained and tested model."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from scipy.io import savemat
from tiny_data import FAST_OPTIONS

from mmcl_ext.apis import load_config
from mmcl_ext.datasets.converters.utdmhad import convert_utdmhad
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.preparation.composites.composite_folder import CompositeFolder
from mmcl_ext.preparation.videos.utdmhad_clips import UTDDepthSource
from mmcl_ext.registry import DATASETS, MODELS

NAMES = [f'a{action}_s{subject}_t1' for action in (1, 27) for subject in (1, 2, 3, 4)]
FAST = {
    **FAST_OPTIONS,
    'train_cfg.max_epochs': 1,
    'train_cfg.val_interval': 1,
    'visualizer': None,
}


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """Folder with the data where the configurations look for them."""
    root = tmp_path_factory.mktemp('utd')
    generator = np.random.default_rng(0)
    for folder in ('Skeleton', 'Depth'):
        (root / 'raw' / folder).mkdir(parents=True)
    for name in NAMES:
        joints = generator.normal(scale=0.2, size=(20, 3, 45)) + np.array([[[0], [0], [3]]])
        depth = generator.integers(0, 4000, (240, 320, 45), dtype=np.uint16)
        savemat(root / f'raw/Skeleton/{name}_skeleton.mat', {'d_skel': joints})
        savemat(root / f'raw/Depth/{name}_depth.mat', {'d_depth': depth})
    store = root / 'data/utdmhad/utdmhad.safetensors'
    convert_utdmhad(root / 'raw', store, progress=False)
    folder = CompositeFolder(root / 'data/utdmhad/composites')
    folder.fill(UTDDepthSource(root / 'raw'), SkeletonStore(store), progress=False)
    return root


@pytest.fixture
def load(repo, data_root, monkeypatch):
    monkeypatch.chdir(data_root)
    init_default_scope('mmcl_ext')

    def load_named(kind, **options):
        path = repo / 'configs' / kind / 'ctrgcn_hdgraph_utdmhad.py'
        return load_config(path, options)

    return load_named


def pipeline(loader):
    return [type(t).__name__ for t in DATASETS.build(loader.dataset).pipeline.transforms]


def test_twins_differ_only_by_co_learning(load):
    baseline, co_learning = load('skeleton'), load('mmcl')
    keys = ('train_cfg', 'optim_wrapper', 'param_scheduler', 'randomness', 'val_dataloader')
    for key in (*keys, 'test_dataloader', 'val_evaluator', 'env_cfg'):
        assert baseline[key] == co_learning[key], key
    assert baseline.model.backbone == co_learning.model.backbone
    steps = pipeline(baseline.train_dataloader)
    assert pipeline(co_learning.train_dataloader) == ['LoadCompositeImage', *steps]
    assert pipeline(co_learning.test_dataloader) == pipeline(baseline.test_dataloader)
    assert 'LoadCompositeImage' not in pipeline(co_learning.test_dataloader)


def test_built_model(load):
    model = MODELS.build(load('mmcl').model)
    assert model.backbone.graph.layout.name == 'kinect_v1'
    assert model.backbone.graph.A.shape == (3, 20, 20)
    assert model.cls_head.fc.out_features == 27
    assert model.co_learning.frm is None
    assert model.co_learning.image_encoder.out_channels == 512  # ResNet-34
    assert not model.co_learning.image_encoder.frozen
    baseline = MODELS.build(load('skeleton').model)
    deployed = {k for k in model.state_dict() if not k.startswith('co_learning.')}
    assert deployed == set(baseline.state_dict())


def test_item_of_the_training_pipeline(load):
    item = DATASETS.build(load('mmcl').train_dataloader.dataset)[0]
    assert item['inputs']['keypoint'].shape == (1, 1, 64, 20, 3)
    assert item['inputs']['image'].shape == (3, 96, 160)


@pytest.mark.parametrize('kind', ['skeleton', 'mmcl'])
def test_trains_and_tests(load, tmp_path, kind):
    options = dict(FAST)
    if kind == 'mmcl':  # a small encoder; the shipped one is built above
        options['model.co_learning.image_encoder.backbone.depth'] = 18
    cfg = load(kind, **options)
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = f'utd_{kind}'
    runner = Runner.from_cfg(cfg)
    metrics = runner.train() and runner.val_loop.run()
    assert 0 <= metrics['acc/top1'] <= 1
    losses = {k for k in runner.message_hub.log_scalars if 'loss_' in k}
    assert ('train/loss_align' in losses) == (kind == 'mmcl')
