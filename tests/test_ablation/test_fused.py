"""Rows that fuse the scores of variants, and trainings that several tests share."""

import json

import pytest
from fake_tools import LR, SCORING_TEST, write_config, write_declaration, write_tools

from mmcl_ext.ablation.campaign import Campaign
from mmcl_ext.ablation.declaration import load_ablation, select
from mmcl_ext.ablation.run import Launch, Run
from mmcl_ext.ablation.table import render, summarize

WHERE = dict(commit='abc', hardware='a machine', torch='2', python='3')
TWO = f'dict(a=dict(), b=dict(options={LR}))'
FUSED = "fused = dict(both=dict(title='A and B', streams=['a', 'b']{}))"


@pytest.fixture
def tools(tmp_path):
    write_config(tmp_path / 'config.py')
    folder = write_tools(tmp_path / 'tools')
    (folder / 'test.py').write_text(SCORING_TEST)
    return folder


def declare(tools, fused, variants=TWO):
    head = f"config = 'config.py'\n{fused}"
    return load_ablation(write_declaration(tools.parent / 'declared.py', variants, head))


def plan(tools, ablation, seeds=(1, 2)):
    root = tools.parent / 'work' / 'runs'
    return [Run(v, seed, root, Launch(tools)) for v in ablation.variants for seed in seeds]


def execute(runs, jobs=1):
    tools = runs[0].launch.tools
    return Campaign(runs, runs[0].launch, tools.parent / 'work/prepare', WHERE, jobs).execute()


def test_streams_are_fused_at_equal_seeds(tools):
    ablation = declare(tools, FUSED.format(''))
    runs = plan(tools, ablation)
    row = summarize(ablation, runs)['rows'][-1]
    assert (row['pending'], row['metrics']) == ([1, 2], {})
    assert not execute(runs)
    rows = {row['variant']: row for row in summarize(ablation, runs)['rows']}
    assert rows['a']['metrics']['acc/top1']['mean'] == 7 / 8
    assert rows['both']['metrics']['acc/top1'] == dict(seeds={1: 1.0, 2: 1.0}, mean=1.0, std=0.0)
    assert set(rows['both']['metrics']) == {'acc/top1', 'acc/mean1'}  # two classes: no top-5
    assert '| A and B | 100.00 ± 0.00 |' in render(summarize(ablation, runs))
    kept = sorted((tools.parent / 'work/fused').iterdir())
    assert [path.suffix for path in kept] == ['.json', '.pkl'] * 2
    for run in runs:  # what is kept is not fused again
        (run.folder / 'predictions.pkl').unlink()
    assert summarize(ablation, runs)['rows'][-1] == rows['both']


def test_weights_decide(tools):
    ablation = declare(tools, FUSED.format(', weights=[3, 1]'))
    runs = plan(tools, ablation, seeds=(1,))
    execute(runs)
    assert summarize(ablation, runs)['rows'][-1]['metrics']['acc/top1']['mean'] == 7 / 8
    changed = declare(tools, FUSED.format(', weights=[1, 1]'))
    assert summarize(changed, runs)['rows'][-1]['metrics']['acc/top1']['mean'] == 1


def test_a_system_is_picked_by_its_name_and_needs_all_its_streams(tools):
    ablation = declare(tools, FUSED.format(''))
    assert [v.name for v in select(ablation, ['both'])] == ['a', 'b']
    runs = plan(tools, ablation, seeds=(1,))[:1]
    assert [row['variant'] for row in summarize(ablation, runs)['rows']] == ['a']


def test_score_files_that_do_not_fit_are_a_remark(tools):
    ablation = declare(tools, FUSED.format(''))
    runs = plan(tools, ablation, seeds=(1,))
    execute(runs)
    (runs[0].folder / 'predictions.pkl').write_bytes(b'nothing')
    text = render(summarize(ablation, runs))
    assert 'A and B, seed 1 failed: ' in text
    assert 'predictions.pkl' in text


@pytest.mark.parametrize(
    ('fused', 'message'),
    [
        ("dict(both=dict(streams=['a', 'c']))", "names of variants, got \\['c'\\]"),
        ("dict(both=dict(streams=['a', 'b'], weights=[1]))", '1 weight for 2 streams'),
        ("dict(both=dict(streams=['a', 'b'], weights='six-way'))", '6 weights for 2 streams'),
        ("dict(both=dict(streams=['a', 'b'], weights='best'))", "weights 'best', known are"),
        ("dict(both=dict(streams=['a'], weight=[1]))", "\\['weight'\\]; known are"),
        ("dict(a=dict(streams=['a', 'b']))", 'it names a variant'),
        ("dict(both=dict(streams=['a'], reference='a'))", "reference \\['a'\\]"),
    ],
)
def test_a_wrong_system_is_refused(tools, fused, message):
    with pytest.raises(ValueError, match=message):
        declare(tools, f'fused = {fused}')


@pytest.mark.parametrize('jobs', [1, 2])
def test_runs_that_differ_in_their_test_share_a_training(tools, jobs):
    other = "{'test_dataloader.batch_size': 3}"
    ablation = declare(tools, '', f'dict(a=dict(), again=dict(options={other}))')
    runs = plan(tools, ablation, seeds=(1,))
    assert runs[0].key != runs[1].key
    assert not execute(runs, jobs)
    starts = list((tools.parent / 'work/runs').glob('*/train/starts.txt'))
    assert [path.read_text() for path in starts] == ['0 True\n']
    one, two = (json.loads((run.folder / 'result.json').read_text()) for run in runs)
    assert one['work_dir'] == two['work_dir']
    assert one['train_seconds'] == two['train_seconds']
