"""The benchmark of shares counts what it says, and runs on a training as it is."""

import re
import sys
from pathlib import Path

import pytest
from mmengine.config import Config, ConfigDict
from mmengine.runner.utils import calc_dynamic_intervals
from tiny_data import FAST_OPTIONS, write_tiny_data
from tool_module import load_tool

REPO = Path(__file__).resolve().parents[2]
shares = load_tool(REPO / 'benchmarks/training_shares.py')


def test_time_counts_to_the_innermost_unless_it_is_owned(monkeypatch):
    now = 0.0

    def work(seconds):
        nonlocal now
        now += seconds

    monkeypatch.setattr(shares.time, 'process_time', lambda: now)
    clock = shares.Clock()
    hook = clock.wrap('hook', lambda: work(1))

    def step():
        work(2)
        hook()
        work(4)

    clock.wrap('step', step)()
    clock.wrap('evaluation', step, owns=True)()
    assert clock.seconds == {'step': 6, 'hook': 1, 'evaluation': 7}
    assert clock.calls == {'step': 1, 'hook': 1, 'evaluation': 1}


@pytest.mark.parametrize(
    'settings',
    [
        dict(max_epochs=65, val_begin=1, val_interval=5, dynamic_intervals=[(51, 1)]),
        dict(max_epochs=15, val_interval=5),
        dict(max_epochs=7, val_begin=3, val_interval=2),
    ],
)
def test_validations_are_those_of_the_loop(settings):
    milestones, intervals = calc_dynamic_intervals(
        settings['val_interval'], settings.get('dynamic_intervals')
    )
    expected = 0
    for epoch in range(1, settings['max_epochs'] + 1):
        interval = [i for m, i in zip(milestones, intervals, strict=True) if m <= epoch + 1][-1]
        due = epoch % interval == 0 or epoch == settings['max_epochs']
        expected += epoch >= settings.get('val_begin', 1) and due
    assert shares.num_validations(ConfigDict(settings)) == expected


def test_a_training_is_divided_into_its_shares(tmp_path, monkeypatch, capsys):
    write_tiny_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    options = FAST_OPTIONS | {'train_cfg.max_epochs': 4, 'train_cfg.val_interval': 2}
    text = Config.fromfile(REPO / 'configs/skeleton/ctrgcn_hdgraph_ntu120.py').pretty_text
    Path('tiny.py').write_text(text)
    words = [f'{key}={value}'.replace(' ', '') for key, value in options.items()]
    call = [
        'training_shares.py',
        'tiny.py',
        '--steps',
        '2',
        '--list-hooks',
        '--cfg-options',
        *words,
    ]
    monkeypatch.setattr(sys, 'argv', call)
    shares.main()
    out = capsys.readouterr().out
    rows = dict(re.findall(r'^(\w+) +([\d.]+) %$', out, re.M))
    assert list(rows) == ['step', 'data', 'evaluation', 'checkpoints', 'hooks']
    assert sum(map(float, rows.values())) == pytest.approx(100, abs=0.1)
    assert all(float(share) > 0 for share in rows.values())
    assert '2 validations, 4 checkpoints' in out
    assert 'hooks: IterTimerHook' in out
