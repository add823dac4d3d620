"""What a training shows on the terminal before its first step."""

from tiny_data import FAST_OPTIONS, write_tiny_data

from mmcl_ext import apis


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
