"""The ground of every table of the paper (arXiv 2407.15706): what a command trains and tests."""

from pathlib import Path

import pytest
from tiny_data import write_tiny_text

from mmcl_ext.ablation.declaration import load_ablation
from mmcl_ext.ablation.fused import fused_weights
from mmcl_ext.ablation.run import Launch, Run, training_config
from mmcl_ext.ablation.try_build import try_build

ABLATIONS = Path(__file__).resolve().parents[2] / 'configs/ablations'
NATURAL, HD = ('SkeletonGraph', 'nturgb+d-ctrgcn'), ('HDGraph', 'nturgb+d')
STREAMS = ('joint', 'bone', 'joint_motion', 'bone_motion')
BENCHMARKS = dict(
    ntu60_xsub=('ntu60', 'xsub'),
    ntu60_xview=('ntu60', 'xview'),
    ntu120_xsub=('ntu120', 'xsub'),
    ntu120_xset=('ntu120', 'xset'),
    nwucla=('nwucla', 'xview'),
)

# table: file, variant -> (backbone, graph, stream, parts of co-learning)
TABLES = {
    2: (
        'ensembles_benchmarks',
        {f'{b}_{s}': ('CTRGCN', NATURAL, s, 'both') for b in BENCHMARKS for s in STREAMS}
        | {f'{b}_hdgraph_{s}': ('CTRGCN', HD, s, 'both') for b in BENCHMARKS for s in STREAMS[:2]},
    ),
    3: (
        'streams_ntu120',
        {f'ctrgcn_{s}': ('CTRGCN', NATURAL, s, None) for s in STREAMS}
        | {f'mmcl_ctrgcn_{s}': ('CTRGCN', NATURAL, s, 'both') for s in STREAMS}
        | {
            'ctrsgcn_joint': ('CTRSGCN', NATURAL, 'joint', None),
            'mmcl_ctrsgcn_joint': ('CTRSGCN', NATURAL, 'joint', 'both'),
        },
    ),
    4: (
        'fam_ntu120',
        {
            f'{prefix}{name}': (backbone, NATURAL, 'joint', parts)
            for prefix, backbone in (('', 'CTRGCN'), ('ctrsgcn_', 'CTRSGCN'))
            for name, parts in (('skeleton', None), ('resnet34', 'fam'), ('inception_v3', 'fam'))
        },
    ),
    5: (
        'frm_ntu120',
        {
            'skeleton': ('CTRGCN', NATURAL, 'joint', None),
            'blip': ('CTRGCN', NATURAL, 'joint', 'frm'),
            'ctrsgcn_skeleton': ('CTRSGCN', NATURAL, 'joint', None),
            'ctrsgcn_blip': ('CTRSGCN', NATURAL, 'joint', 'frm'),
        },
    ),
    6: (
        'lambda_ntu120',
        {
            'skeleton': ('CTRGCN', NATURAL, 'joint', None),
            'align0.1_refine0.2': ('CTRGCN', NATURAL, 'joint', 'both'),
            'align0.3_refine0.1': ('CTRGCN', NATURAL, 'joint', 'both'),
        },
    ),
    8: (
        'ensembles_ntu120',
        {f'plain_{s}': ('CTRGCN', NATURAL, s, None) for s in STREAMS}
        | {f'mmcl_{s}': ('CTRGCN', NATURAL, s, 'both') for s in STREAMS}
        | {f'hdgraph_{s}': ('CTRGCN', HD, s, 'both') for s in STREAMS[:2]},
    ),
    9: (
        'instruction_ntu120',
        {'skeleton': ('CTRGCN', NATURAL, 'joint', None)}
        | dict.fromkeys(
            ('touching_head', 'touching_foot', 'holding_object'),
            ('CTRGCN', NATURAL, 'joint', 'frm'),
        ),
    ),
    10: (
        'zero_shot_ntu120',
        {
            f'{name}_{target}': (backbone, graph, 'joint', parts)
            for target in ('utdmhad', 'sysu')
            for name, backbone, graph, parts in (
                ('ctrsgcn', 'CTRSGCN', NATURAL, None),
                ('ctrgcn', 'CTRGCN', NATURAL, None),
                ('hdgcn', 'HDGCN', HD, None),
                ('mmcl', 'CTRGCN', NATURAL, 'both'),
                ('mmcl_text', 'CTRGCN', NATURAL, 'both'),
            )
        },
    ),
}
ROWS = [
    (table, file, name, row) for table, (file, rows) in TABLES.items() for name, row in rows.items()
]


@pytest.fixture(scope='module')
def variants():
    found = {}
    for file, _ in TABLES.values():
        found[file] = {
            variant.name: variant for variant in load_ablation(ABLATIONS / f'{file}.py').variants
        }
    return found


def parts(cfg):
    branch = cfg.model.get('co_learning')
    if not branch:
        return None
    alignment, refinement = bool(branch.get('fam')), bool(branch.get('frm'))
    return {(True, True): 'both', (True, False): 'fam', (False, True): 'frm'}[alignment, refinement]


@pytest.mark.parametrize(
    ('table', 'file', 'name', 'row'), ROWS, ids=[f'{r[0]}-{r[2]}' for r in ROWS]
)
def test_the_ground_of_a_row(table, file, name, row, variants):
    cfg = training_config(variants[file][name], 1)
    backbone, graph, stream, learned = row
    benchmark = next((b for b in BENCHMARKS if name.startswith(b)), 'ntu120_xsub')
    data, split = BENCHMARKS[benchmark]
    if data == 'nwucla':
        graph = (graph[0], 'kinect_v1')
    found = cfg.model.backbone
    assert (found.type, (found.graph_cfg.type, found.graph_cfg.layout)) == (backbone, graph)
    if backbone == 'CTRGCN' and graph[0] == 'HDGraph':
        assert (found.graph_cfg.center, found.graph_cfg.flatten) == (1, 'union')
    assert cfg.stream == stream
    assert parts(cfg) == learned
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    assert (train.ann_file, train.split) == (f'data/{data}/{data}.safetensors', f'{split}_train')
    if table == 10:
        target = name.rpartition('_')[2]
        assert test.ann_file == f'data/{target}/{target}.safetensors'
        refined = dict(text_refinement='replace') if 'text' in name else {}
        assert {k: v for k, v in cfg.items() if k == 'text_refinement'} == refined
    else:
        assert (test.ann_file, test.split) == (train.ann_file, f'{split}_val')
    # One recipe for all experiments (Section 4.2): 110 epochs, 200 samples a step on 2 GPUs.
    assert cfg.train_cfg.max_epochs == 110
    assert cfg.train_dataloader.batch_size == 100
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.momentum, optimizer.weight_decay) == (0.1, 0.9, 4e-4)
    warm_up, steps = cfg.param_scheduler
    assert (warm_up.end, list(steps.milestones), steps.gamma) == (5, [90, 100], 0.1)
    if learned:
        weights = (0.3, 0.1) if name == 'align0.3_refine0.1' else (0.1, 0.2)
        loss = cfg.model.co_learning.loss
        assert (loss.alignment_weight, loss.refinement_weight) == weights


@pytest.mark.slow
@pytest.mark.parametrize('file', sorted({file for file, _ in TABLES.values()}))
def test_the_networks_of_a_table_are_built(file, variants, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    launch = Launch(ABLATIONS.parents[1] / 'tools')
    runs = [Run(v, 1, tmp_path, launch) for v in variants[file].values()]
    for cfg in (run.cfg for run in runs if run.cfg.get('text_file')):
        write_tiny_text(cfg.text_file, ['a', 'b'])
    assert try_build(runs) == []


def test_tables_2_and_8_fuse_with_fixed_weights():
    eight = load_ablation(ABLATIONS / 'ensembles_ntu120.py').fused
    assert [(f.name, len(f.streams), *fused_weights(f)) for f in eight] == [
        ('plain', 4, (3, 3, 2, 2), 'raw'),
        ('mmcl', 4, (3, 3, 2, 2), 'raw'),
        ('mmcl_hdgraph', 6, (3, 3, 2, 2, 3, 3), 'raw'),
    ]
    two = load_ablation(ABLATIONS / 'ensembles_benchmarks.py').fused
    assert [f.name for f in two] == list(BENCHMARKS)
    assert {fused_weights(f) for f in two} == {((3, 3, 2, 2, 3, 3), 'raw')}
    for f in two:
        assert f.streams == tuple(
            f'{f.name}_{s}' for s in (*STREAMS, 'hdgraph_joint', 'hdgraph_bone')
        )


def test_a_network_is_trained_once_for_all_its_zero_shot_tests():
    from mmcl_ext.ablation.config_hash import config_hash, training_hash

    found = load_ablation(ABLATIONS / 'zero_shot_ntu120.py').variants
    configs = [training_config(variant, 1) for variant in found]
    assert len({config_hash(cfg) for cfg in configs}) == 10
    assert len({training_hash(cfg) for cfg in configs}) == 4


@pytest.mark.parametrize('file', sorted({file for file, _ in TABLES.values()}))
def test_the_command_in_the_file_has_the_batch_of_the_paper(file):
    assert (
        f'tools/ablation.py configs/ablations/{file}.py --processes 2'
        in (ABLATIONS / f'{file}.py').read_text()
    )
