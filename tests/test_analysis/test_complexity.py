import functools
import re
import runpy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from test_models.catalogue import names
from torch import nn

from mmcl_ext.analysis import complexity
from mmcl_ext.analysis.complexity import MORE_BACKBONES, PAPER_BACKBONES
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv

ENTRIES = {entry.name: entry for entry in (*PAPER_BACKBONES, *MORE_BACKBONES)}
NTU = (1, 2, 64, 25, 3)

# Counted on the authors' own classes, with thop 0.1.1 (parameters, multiply-accumulates) and,
# in G, with fvcore (convolutions, linear layers, einsum and matmul); then all parameters.
OFFICIAL = {
    'CTRS-GCN': (2_089_572, 2_411_793_920, 2.5270, 2_108_322),
    'Info-GCN': (1_553_752, 1_664_022_528, 1.7835, 1_572_227),
    'CTR-GCN': (1_443_332, 1_786_027_520, 1.9392, 1_462_092),
    'HD-GCN': (1_647_988, 1_890_193_664, 1.8224, 1_675_400),
    'ST-GCN': (3_095_502, 3_481_873_920, 3.6465, 3_114_252),
    'ST-GCN++': (1_399_814, 1_727_947_520, 1.8720, 1_418_564),
    'AAGCN': (3_778_328, 3_982_194_944, 4.1434, 3_797_088),
    'Hyper-GCN': (992_064, 1_493_764_096, 1.5734, 1_057_097),
    'Hyper-GCN, large': (2_269_504, 2_713_116_672, 2.8061, 2_336_073),
    'BlockGCN': (1_231_864, 1_761_981_440, 1.9885, 1_388_200),
    'BlockGCN, plain': (1_103_224, 1_761_720_320, 1.9882, 1_259_304),
    'LA-GCN': (1_439_512, 1_758_213_120, 1.9223, 1_457_996),
    '2s-AGCN': (3_466_180, 3_979_025_920, 4.1403, 3_484_940),
}


def build(name: str, num_classes: int = 120) -> nn.Module:
    cfg = Config(dict(model=complexity.recognizer_cfg(ENTRIES[name], num_classes)))
    return complexity.build_deployed(cfg)


@functools.cache
def cost_of(name: str) -> complexity.Complexity:
    return complexity.measure(build(name), NTU)


@pytest.mark.parametrize('name', OFFICIAL)
def test_counts_of_the_published_networks(name):
    cost = cost_of(name)
    table_parameters, table_macs, published_macs, parameters = OFFICIAL[name]
    assert cost.table_parameters == table_parameters
    assert cost.table_macs == table_macs
    assert round(cost.published_macs / 1e9, 4) == published_macs
    assert cost.parameters == parameters


@pytest.mark.parametrize('name', ['DG-STGCN', 'DG-STGCN, 96'])
def test_dgstgcn_as_published_computes_every_frame(name, monkeypatch):
    cost, model, x = cost_of(name), build(name).eval(), torch.ones(NTU)
    monkeypatch.setattr(MultiScaleTemporalConv, '_skips_frames', False)
    assert complexity.count_macs(model, x) == cost.published_macs > cost.macs
    assert complexity._table_figures(model, x) == (cost.table_parameters, cost.table_macs)


def test_every_registered_backbone_has_a_row():
    rows = {row.backbone['type'] for row in ENTRIES.values()}
    assert rows == set(names())


@pytest.mark.parametrize('name', ENTRIES)
def test_the_documented_row_is_what_is_measured(repo, name):
    text = (repo / 'docs' / 'complexity.md').read_text()
    row = next(line for line in text.splitlines() if line.startswith(f'| {name} |'))
    cost = cost_of(name)
    macs = [f'{count / 1e9:.4f} G' for count in (cost.macs, cost.published_macs, cost.table_macs)]
    parameters = (f'{cost.parameters:,}', f'{cost.table_parameters:,}')
    paper = ENTRIES[name].paper
    figures = [f'{paper[0]:.2f} M', f'{paper[1]:.2f} G'] if paper else ['', '']
    cells = [name, parameters[0], *macs[:2], parameters[1], macs[2], *figures]
    assert [cell.strip() for cell in row.strip('|').split('|')] == cells


@pytest.mark.parametrize('name', ['CTRS-GCN', 'CTR-GCN', 'HD-GCN'])
def test_table_7_is_reproduced(name):
    cost = cost_of(name)
    million, giga = ENTRIES[name].paper
    assert round(cost.table_parameters / 1e6, 2) == million
    assert round(cost.table_macs / 1e9, 2) == giga


@pytest.mark.parametrize('row', PAPER_BACKBONES, ids=lambda row: row.name)
def test_figures_are_recorded_for_their_networks_only(row):
    """Of other clips or classes nothing is known; the model itself is counted all the same."""
    cost = complexity.measure(build(row.name, 119), NTU)
    assert cost.published_macs is cost.table_parameters is cost.table_macs is None
    assert cost.macs > 0
    line = complexity.format_costs([(row.name, cost, None)]).splitlines()[-1]
    assert line.split()[3:6] == ['-', '-', '-']


def test_rewrites_save_what_they_should():
    """CTR-GCN: the temporal mean comes first, and unread frames are skipped."""
    cost = cost_of('CTR-GCN')
    positions = {64: 2 * 25 * 64, 32: 2 * 25 * 32, 16: 2 * 25 * 16}
    # C_in, R and T of the ten blocks; two projections for each of three subsets
    blocks = [(3, 8, 64), *[(64, 8, 64)] * 4, *[(128, 16, 32)] * 3, *[(256, 32, 16)] * 2]
    before_mean = sum(6 * c * r * positions[t] * (t - 1) // t for c, r, t in blocks)
    # in the two strided blocks the branch of dilation 2 reads every other frame
    unread = 128 * 32 * positions[64] // 2 + 256 * 64 * positions[32] // 2
    assert cost.published_macs - cost.macs == before_mean + unread


def test_hook_counter_equals_thop():
    thop = pytest.importorskip('thop')
    model = build('ST-GCN++')
    cost = complexity.measure(model, NTU)
    runner = nn.Sequential(model.backbone, model.cls_head)
    assert thop.profile(runner, (torch.ones(NTU),), verbose=False) == (
        cost.table_macs,
        cost.table_parameters,
    )


class Attending(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.flatten(0, 3)[None])


@pytest.mark.parametrize('kind', ['by hand', 'function', 'MultiheadAttention', 'encoder'])
def test_attention_is_counted_however_it_is_spelt(kind):
    """10 tokens of 4 channels: each projection is 10 x 4 x 4, each of two products 10 x 10 x 4."""
    spelt = {
        'by hand': lambda x: (x @ x.mT).softmax(-1) @ x,
        'function': lambda x: nn.functional.scaled_dot_product_attention(x, x, x),
    }
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    spelt['MultiheadAttention'] = lambda x: attention(x, x, x, need_weights=False)[0]
    spelt['encoder'] = nn.TransformerEncoderLayer(4, 2, dim_feedforward=8, batch_first=True)
    model = SimpleNamespace(backbone=Attending(spelt[kind]), cls_head=lambda x: x)
    for module in (attention, spelt['encoder']):
        module.eval()
    projections = {'MultiheadAttention': 4, 'encoder': 4 + 2 * 2}.get(kind, 0)
    macs = complexity.count_macs(model, torch.rand(1, 1, 2, 5, 4))
    assert macs == 2 * 10 * 10 * 4 + projections * 10 * 4 * 4
    assert torch.backends.mha.get_fastpath_enabled()


def test_hook_counter_on_a_hand_made_network():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, (1, 3), padding=(0, 1), groups=2)
            self.bn = nn.BatchNorm2d(4)

        def forward(self, x):
            x = x.flatten(0, 1).permute(0, 3, 1, 2)  # (N*M, C, T, V)
            return self.bn(self.conv(self.conv(x))).mean((2, 3))

    model = nn.Module()
    model.backbone, model.cls_head = Twice(), nn.Linear(4, 5)
    cost = complexity.measure(model, (1, 2, 6, 7, 4))
    conv = 2 * (2 * 4 * 6 * 7) * (2 * 3)  # twice, outputs, inputs of a group times taps
    assert cost.macs == cost.published_macs == conv + 2 * 4 * 5
    assert cost.table_macs == conv + 2 * 4 * 5 + 4 * (2 * 4 * 6 * 7)
    assert cost.table_parameters == cost.parameters == (4 * 2 * 3 + 4) + 8 + 25


def test_a_subclass_is_counted_as_it_is():
    from mmcl_ext.models import CTRGCN

    class Other(CTRGCN):
        pass

    Other.__module__ = 'elsewhere'
    model = build('CTR-GCN')
    model.backbone.__class__ = Other
    cost = complexity.measure(model, NTU)
    assert cost.published_macs == cost.macs


@pytest.mark.parametrize('shape', [(1, 2, 64, 25), (1, 2, 0, 25, 3), (1, 3, 64, 25, 3)])
def test_impossible_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=str(shape[1])):
        complexity.measure(build('CTR-GCN'), shape)


@pytest.fixture
def get_complexity(repo, monkeypatch, capsys):
    """Run the command line in this process and return what it prints."""

    def run(*args: str) -> str:
        monkeypatch.chdir(repo)
        monkeypatch.setattr(sys, 'argv', ['get_complexity.py', *args])
        runpy.run_path('tools/analysis/get_complexity.py', run_name='__main__')
        return capsys.readouterr().out

    return run


def test_the_table_in_one_command(get_complexity):
    """The co-learning model costs what its backbone costs: its row is CTR-GCN's."""
    lines = get_complexity('--all').splitlines()
    cells = [re.split(r'\s{2,}', line) for line in lines]
    rows = {name: ' '.join(others).split() for name, *others in cells}
    assert rows['MMCL, deployed'] == rows['CTR-GCN']
    assert rows.keys() >= ENTRIES.keys()
    assert ''.join(rows['CTR-GCN'][-5:]) == '(1,2,64,25,3)'


def test_figures_of_the_paper_hold_for_its_setting_only():
    entries = [ENTRIES['CTR-GCN']]
    assert [row[2] for row in complexity.measure_rows(entries, 120, NTU)] == [(1.44, 1.79)]
    assert [row[2] for row in complexity.measure_rows(entries, 60, NTU)] == [None]
    assert [row[2] for row in complexity.measure_rows(entries, 120, (1, 2, 52, 25, 3))] == [None]


def test_one_configuration(get_complexity):
    shape = ('--shape', '1', '1', '50', '25', '3')
    out = get_complexity('configs/skeleton/stgcn_ntu60.py', *shape)
    assert '(1, 1, 50, 25, 3)' in out
    assert '3,098,832' in out


def test_the_clip_of_the_configuration_is_measured(get_complexity):
    config = 'configs/mmcl/ctrgcn_hdgraph_ntu120.py'
    out = get_complexity(config, '--cfg-options', 'model.cls_head.num_classes=60')
    assert '(1, 2, 64, 25, 3)' in out
    assert '1,446,672' in out


def test_the_clip_of_nwucla_has_52_frames(get_complexity):
    """The counter's figures of the authors' class at that size: 1,426,892 and 0.5799 G."""
    out = get_complexity('configs/skeleton/ctrgcn_nwucla.py')
    assert '(1, 1, 52, 20, 3)' in out
    assert '1,426,892' in out
    assert '0.5799' in out


def test_errors_are_one_line(get_complexity):
    shape = ('--shape', '1', '1', '64', '25', '3')
    with pytest.raises(SystemExit, match='error: the backbone was built for'):
        get_complexity('configs/skeleton/ctrgcn_ntu60.py', *shape)


def test_the_clip_is_that_of_the_test_pipeline():
    row = PAPER_BACKBONES[-2]
    cfg = Config(dict(model=complexity.recognizer_cfg(row, 4)))
    cfg.model.backbone.update(type='TemporalNet', in_channels=2)
    model = SimpleNamespace(
        backbone=SimpleNamespace(graph=SimpleNamespace(A=np.zeros((3, 22, 22))))
    )
    assert complexity.clip_shape(cfg, model) == (1, 2, 64, 22, 2)
    steps = [dict(type='ValidCropResize', window=32), dict(type='FormatSkeleton', num_person=1)]
    cfg.test_dataloader = dict(dataset=dict(pipeline=steps))
    assert complexity.clip_shape(cfg, model) == (1, 1, 32, 22, 2)
