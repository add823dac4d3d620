"""The configurations of NW-UCLA, UTD-MHAD and SYSU, built: 20 joints, one person."""

from pathlib import Path

import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from tiny_data import tiny_samples, write_tiny_images, write_tiny_store, write_tiny_text
from training import GradientsKept, without_gradient

from mmcl_ext.apis import load_config, use_deployed_model
from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.datasets.converters.sysu import sysu_splits
from mmcl_ext.datasets.store import write_store
from mmcl_ext.registry import DATASETS, MODELS
from test_configs.combinations import combinations

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
CLASSES = dict(nwucla=10, utdmhad=27, sysu=12)
SHIPPED = sorted(
    path
    for kind in ('skeleton', 'mmcl')
    for data in CLASSES
    for path in CONFIGS.glob(f'{kind}/*_{data}.py')
)
PARAMETERS = dict(  # of the published backbones with 20 joints and one person
    stgcn=3_076_632,
    stgcnpp=1_380_944,
    aagcn=3_750_870,
    ctrgcn=1_424_322,
    ctrsgcn=2_070_552,
    infogcn=1_333_776,
    hdgcn=1_603_880,
)
ALL = {c.name: c for c in combinations() if c.data in CLASSES and c.backbone in PARAMETERS} | {
    f'{path.parent.name}/{path.stem}': path for path in SHIPPED
}
NEWER = dict(dgstgcn=1_667_672, hypergcn=999_577, lagcn=1_416_921, blockgcn=1_294_800)
WINDOW = dict(nwucla=52, utdmhad=64, sysu=64)


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmcl_ext')


def test_every_backbone_is_had():
    """HD-GCN has no graph but the HD-Graph; SYSU is there to be started from."""
    for data in ('nwucla', 'utdmhad'):
        expected = {f'{b}_hdgraph_{data}' for b in PARAMETERS}
        expected |= {f'{b}_{data}' for b in PARAMETERS if b != 'hdgcn'}
        for kind in ('skeleton', 'mmcl'):
            found = {name.removeprefix(f'{kind}/') for name in ALL if name.endswith(f'_{data}')}
            assert expected == found & expected
    assert [name for name in ALL if 'sysu' in name] == ['skeleton/ctrgcn_sysu']


@pytest.mark.parametrize('name', ALL)
def test_deployed_model_and_its_input(name):
    cfg = load_config(ALL[name]) if isinstance(ALL[name], Path) else ALL[name].load()
    use_deployed_model(cfg)
    model = MODELS.build(cfg.model)
    network = name.partition('/')[2].partition('_')[0]
    data = name.rpartition('_')[2]
    code = 3 * 256 * 257 if network == 'infogcn' else 0  # its head: three layers before the last
    counts = [
        sum(p.numel() for p in part.parameters()) for part in (model.backbone, model.cls_head)
    ]
    assert counts == [(PARAMETERS | NEWER)[network], code + 257 * CLASSES[data]]
    graph = model.backbone.graph
    assert graph.layout.name == 'kinect_v1'
    expected = dict(hdgcn=(6, 3, 20, 20), dgstgcn=(8, 20, 20)).get(network, (3, 20, 20))
    assert tuple(graph.A.shape) == expected
    assert (type(graph).__name__ == 'HDGraph') == ('_hdgraph_' in name)

    [sample] = tiny_samples(1, 1, 'kinect_v1', num_person=1)
    results = dict(sample, layout='kinect_v1', total_frames=20, num_person=1)
    packed = Compose(cfg.test_dataloader.dataset.pipeline)(results)['inputs']
    clips, window = (10, 100) if '_150e_' in name else (1, WINDOW[data])  # PYSKL's recipe
    assert packed['keypoint'].shape == (clips, 1, window, 20, 3)
    with torch.no_grad():
        logits = model.eval()(dict(keypoint=packed['keypoint'][None]))
    assert logits.shape == (clips, CLASSES[data])
    assert logits.isfinite().all()


def test_infogcn_takes_its_own_recipe_where_there_is_one():
    """Its public settings for NW-UCLA, in its way of feeding: five visits an epoch."""
    cfg = load_config(CONFIGS / 'skeleton/infogcn_nwucla.py')
    assert cfg.optim_wrapper.optimizer.weight_decay == 5e-4
    assert cfg.train_dataloader.sampler.times == 5
    backbone = MODELS.build(cfg.model).backbone
    # Published for this data set: a joint less the sum of its children, of which four
    # (head, spine and both shoulders) hang on the centre of the shoulders.
    assert backbone.k == 1
    assert backbone.differences.sum(dim=1).tolist()[:4] == [-1, 0, -3, 1]


def test_nwucla_learns_with_images_and_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = Path('data/nwucla')
    data.mkdir(parents=True)
    store = data / 'nwucla.safetensors'
    names = write_tiny_store(store, layout='kinect_v1', num_person=1)
    write_tiny_images(data / 'composites', names)
    write_tiny_text(data / 'text/hidden_states.safetensors', names)
    encoder = dict(
        _delete_=True, type='ImageEncoder', backbone=dict(type='mmaction.ResNet', depth=18)
    )
    options = {'model.co_learning.image_encoder': encoder, 'stream': 'bone'}
    options |= {f'model.backbone.{stages}': [2] for stages in ('inflate_stages', 'down_stages')}
    options |= {'model.backbone.num_stages': 2, 'model.backbone.base_channels': 8}
    cfg = load_config(CONFIGS / 'mmcl/ctrgcn_hdgraph_nwucla.py', options)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    items = [dataset[i] for i in range(2)]
    shapes = {key: tuple(value.shape) for key, value in items[0]['inputs'].items()}
    assert shapes == dict(keypoint=(1, 1, 52, 20, 3), image=(3, 299, 299), text=(5,))
    model = MODELS.build(cfg.model)
    logged = model.train_step(pseudo_collate(items), GradientsKept(model))
    assert {'loss_cls', 'loss_align', 'loss_refine'} <= set(logged)
    assert without_gradient(model) == []


BASES = [p for p in sorted((CONFIGS / '_base_/datasets').glob('*.py')) if p.stem != 'loaders']
PROTOCOLS = (
    *('demo', 'ntu60_xsub', 'ntu60_xview', 'ntu120_xsub', 'ntu120_xset'),
    *('nwucla', 'utdmhad', 'sysu_xsub', 'sysu_same'),
)


def test_every_data_set_and_protocol_has_a_base():
    assert {path.stem for path in BASES} == set(PROTOCOLS)


@pytest.mark.parametrize('path', BASES, ids=lambda path: path.stem)
def test_loaders_of_a_base_agree(path):
    cfg = load_config(path)
    loaders = [cfg[f'{key}_dataloader'].dataset for key in ('train', 'val', 'test')]
    assert {loader.ann_file for loader in loaders} == {cfg.ann_file}
    train, val, test = (loader.split for loader in loaders)
    assert val == test != train
    assert train.rpartition('_')[0] == test.rpartition('_')[0]
    assert [loader.get('test_mode', False) for loader in loaders] == [False, True, True]


@pytest.mark.parametrize('protocol', ['sysu_xsub', 'sysu_same'])
def test_sysu_reads_the_splits_that_the_converter_writes(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    names = [f's{s:02d}_a{a:02d}' for s in (1, 2, 3, 4) for a in (1, 2)]
    samples = [
        dict(sample, name=n, label=int(n[5:]) - 1)
        for n, sample in zip(names, tiny_samples(8, 2, 'kinect_v1', num_person=1), strict=True)
    ]
    write_store(
        'data/sysu/sysu.safetensors',
        samples,
        layout='kinect_v1',
        classes=('drinking', 'pouring'),
        splits=sysu_splits(names),
    )
    cfg = load_config(CONFIGS / '_base_/datasets' / f'{protocol}.py')
    settings = [dict(cfg[f'{key}_dataloader'].dataset) for key in ('train', 'test')]
    train, test = (SkeletonDataset(**{k: v for k, v in s.items() if k != 'type'}) for s in settings)
    assert set(train.sample_names) | set(test.sample_names) == set(names)
    assert not set(train.sample_names) & set(test.sample_names)
    subjects = [{n[:3] for n in split.sample_names} for split in (train, test)]
    assert (not subjects[0] & subjects[1]) == (protocol == 'sysu_xsub')
    assert train[0]['inputs']['keypoint'].shape == (1, 1, 64, 20, 3)
