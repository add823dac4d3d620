"""What a training shows on the terminal before its first step."""

import warnings

import torch
from mmengine.runner import Runner
from tiny_data import FAST_OPTIONS, write_tiny_data
from torch import nn

from mmcl_ext import apis
from mmcl_ext.engine.terminal_runner import TerminalRunner


def test_the_terminal_gets_a_screenful_and_the_file_everything(tmp_path, monkeypatch, capfd):
    write_tiny_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    options = FAST_OPTIONS | {'train_cfg.max_epochs': 1}
    cfg = apis.get_config('skeleton/ctrgcn_hdgraph_ntu120', options)
    apis.drop_validation(cfg)
    apis.train_model(cfg, work_dir='work')
    shown = ''.join(capfd.readouterr())
    before, _, _ = shown.partition('Epoch(train)')
    lines = before.splitlines()
    assert len(lines) < 40
    for part in ("split 'xsub_train'", 'CTRGCN and GCNHead', 'SGD with learning rate', '.log'):
        assert part in before
    (log,) = (tmp_path / 'work').glob('*/*.log')
    written = log.read_text()
    for part in ('System environment', 'Config:\n', 'Hooks will be executed', "split 'xsub_train'"):
        assert part in written
    assert 'Config:' not in shown


def test_weights_that_do_not_fit_are_told_once(tmp_path, capfd):
    runner = object.__new__(TerminalRunner)
    runner._experiment_name = tmp_path.name
    runner.logger = TerminalRunner.build_logger(runner, log_file=str(tmp_path / 'a.log'))
    runner._hooks, runner.model = [], nn.Linear(2, 3)
    torch.save(dict(state_dict=nn.Linear(2, 4).state_dict()), tmp_path / 'epoch_1.pth')
    runner.load_checkpoint(str(tmp_path / 'epoch_1.pth'))
    shown = ''.join(capfd.readouterr())
    assert 'Load checkpoint from' in shown
    assert 'size mismatch' not in shown
    assert 'size mismatch for weight' in (tmp_path / 'a.log').read_text()


def test_wrapping_for_several_processes_warns_of_nothing(monkeypatch):
    def wrap(self, cfg, model):
        warnings.warn('`broadcast_buffers` is deprecated. Use', FutureWarning, stacklevel=2)
        warnings.warn('something else', FutureWarning, stacklevel=2)
        return model

    monkeypatch.setattr(Runner, 'wrap_model', wrap)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        TerminalRunner.wrap_model(object.__new__(TerminalRunner), None, None)
    assert [str(warning.message) for warning in told] == ['something else']
