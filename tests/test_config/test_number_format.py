"""In which format a training computes: asked for, recorded, resumed or left to the machine."""

import pytest
import torch
from mmengine.config import Config

from mmcl_ext import apis
from mmcl_ext.config import number_format as module
from mmcl_ext.config.number_format import (
    describe_emulation,
    is_format_open,
    number_format,
    set_number_format,
)
from mmcl_ext.config.user_errors import UserError


@pytest.fixture
def machine(monkeypatch):
    """Choose the machine: its device, and whether its processor has bfloat16."""

    def choose(device='cpu', native=True):
        monkeypatch.setattr(module, 'get_device', lambda: device)
        monkeypatch.setattr(module, 'has_bfloat16', lambda: native)

    return choose


def training(kind='OptimWrapper', **settings):
    return Config(dict(optim_wrapper=dict(type=kind), **settings))


@pytest.mark.parametrize(
    ('device', 'native', 'kind'),
    [
        ('cpu', True, 'CPUAmpOptimWrapper'),
        ('cpu', False, 'OptimWrapper'),
        ('cuda', True, 'OptimWrapper'),
    ],
)
def test_the_machine_chooses_where_nothing_is_said(machine, device, native, kind):
    machine(device, native)
    cfg = training()
    assert is_format_open(cfg)
    line = set_number_format(cfg)
    assert cfg.optim_wrapper.type == kind
    assert cfg.amp == (kind != 'OptimWrapper')
    assert not is_format_open(cfg)
    mixed = kind != 'OptimWrapper'
    assert line.startswith(f'number format: {"bfloat16, which this CPU" if mixed else "float32, "}')
    assert ('--no-amp' if mixed else '--amp') in line
    assert '\n' not in line

    machine('cpu', not native)  # the copy in the work folder repeats the training elsewhere
    copied = Config.fromstring(cfg.pretty_text, '.py')
    set_number_format(copied)
    assert number_format(copied) == ('bfloat16' if mixed else 'float32')


@pytest.mark.parametrize('native', [True, False])
def test_what_is_asked_for_goes_before_what_is_fast(machine, native):
    machine('cpu', native)
    for cfg, amp in ((training(), True), (training(amp=True), None), (training(amp=False), True)):
        assert 'bfloat16, as asked for' in set_number_format(cfg, amp)
        assert (cfg.optim_wrapper.type, cfg.amp) == ('CPUAmpOptimWrapper', True)
        warning = describe_emulation(cfg)
        assert ('times as long as in float32' in warning) == (not native)
        assert '\n' not in warning
    for cfg, amp in ((training(), False), (training('CPUAmpOptimWrapper', amp=True), False)):
        assert 'float32, as asked for' in set_number_format(cfg, amp)
        assert (cfg.optim_wrapper.type, cfg.amp) == ('OptimWrapper', False)
        assert describe_emulation(cfg) == ''


def test_a_wrapper_that_is_named_is_left_alone(machine):
    machine()
    for kind in ('CPUAmpOptimWrapper', 'AmpOptimWrapper', 'ApexOptimWrapper'):
        cfg = training(kind)
        assert not is_format_open(cfg)
        before = cfg.pretty_text
        assert f'as optim_wrapper.type={kind!r} says' in set_number_format(cfg)
        assert cfg.pretty_text == before
    for amp, option in ((True, '--amp'), (False, '--no-amp')):
        with pytest.raises(UserError, match=f"{option} .*'ApexOptimWrapper'"):
            set_number_format(training('ApexOptimWrapper'), amp)


def test_what_is_no_format_is_refused(machine):
    machine()
    with pytest.raises(UserError, match="amp must be True or False, got 'fast'"):
        set_number_format(training(amp='fast'))
    nothing = Config(dict(model=dict(type='A')))
    assert set_number_format(nothing) == ''
    assert 'amp' not in nothing


def test_settings_of_the_gpu_wrapper(machine):
    settings = dict(loss_scale=512.0, dtype='float16')
    machine('cuda')
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper', **settings)))
    set_number_format(cfg, amp=True)
    assert cfg.optim_wrapper == dict(type='AmpOptimWrapper', **settings)
    set_number_format(cfg, amp=False)
    assert cfg.optim_wrapper == dict(type='OptimWrapper')
    machine('cpu')
    cfg = Config(dict(optim_wrapper=dict(type='AmpOptimWrapper', **settings)))
    set_number_format(cfg, amp=True)
    assert cfg.optim_wrapper == dict(type='CPUAmpOptimWrapper')


@pytest.mark.parametrize('amp', [True, False])
@pytest.mark.parametrize('recorded', [True, False])
def test_a_resumed_training_keeps_the_format_that_it_began_in(machine, tmp_path, amp, recorded):
    machine('cpu', native=not amp)
    first = training('CPUAmpOptimWrapper' if amp else 'OptimWrapper')
    if recorded:
        first.amp = amp
    meta = dict(cfg=first.pretty_text)
    torch.save(dict(state_dict=dict(w=torch.zeros(1)), meta=meta), tmp_path / 'epoch_1.pth')
    for given in (dict(load_from=str(tmp_path / 'epoch_1.pth')), dict()):
        cfg = training(resume=True, work_dir=str(tmp_path), **given)
        line = set_number_format(cfg)
        assert 'in which the resumed training began' in line
        assert cfg.amp == amp
        assert number_format(cfg) == ('bfloat16' if amp else 'float32')
        assert 'differs' not in line

        cfg = training(resume=True, work_dir=str(tmp_path), **given)
        assert 'its result differs from that of an unbroken run' in set_number_format(cfg, not amp)
        assert cfg.amp != amp


def test_a_checkpoint_that_cannot_be_read_is_the_runners_to_tell(machine, tmp_path):
    machine()
    (tmp_path / 'epoch_1.pth').write_bytes(b'nothing')
    cfg = training(resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    apis.set_number_format(cfg)
    assert cfg.amp is True
