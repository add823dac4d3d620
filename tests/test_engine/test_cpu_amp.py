import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmcl_ext import apis
from mmcl_ext.config.processor import cpu_instructions, has_slow_mkl
from mmcl_ext.registry import OPTIM_WRAPPERS


def wrapper_cfg(model, **kwargs):
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper', **kwargs)))
    apis.set_number_format(cfg, amp=True)
    return dict(cfg.optim_wrapper, optimizer=torch.optim.SGD(model.parameters(), lr=0.5))


def test_forward_in_bfloat16_weights_in_float32():
    torch.manual_seed(0)
    model, x = nn.Linear(3, 2), torch.rand(4, 3)
    before = model.weight.detach().clone()
    wrapper = OPTIM_WRAPPERS.build(wrapper_cfg(model, clip_grad=dict(max_norm=1e9)))
    with wrapper.optim_context(model):
        y = model(x)
    assert y.dtype == torch.bfloat16
    assert not torch.is_autocast_enabled('cpu')
    wrapper.update_params(y.float().sum())
    assert model.weight.dtype == torch.float32
    expected = before - 0.5 * x.sum(0)  # the gradient of the sum, rounded to 8 bits
    torch.testing.assert_close(model.weight.detach(), expected.expand(2, 3), rtol=0, atol=0.02)


def test_instructions_are_read(tmp_path):
    info = tmp_path / 'cpuinfo'
    info.write_text('flags\t: fpu avx2 avx512f avx512_bf16 amx_bf16 amx_tile\n')
    assert cpu_instructions(str(info)) == ['avx2', 'avx512', 'avx512_bf16', 'amx']
    info.write_text('flags\t: fpu avx2\n')
    assert cpu_instructions(str(info)) == ['avx2']
    assert cpu_instructions(str(tmp_path / 'none')) == []


@pytest.mark.parametrize(
    ('vendor', 'flags', 'slow'),
    [
        ('AuthenticAMD', 'avx2 avx512f', True),
        ('AuthenticAMD', 'avx2', False),
        ('GenuineIntel', 'avx2 avx512f', False),
    ],
)
def test_mkl_is_slow_on_amd(tmp_path, vendor, flags, slow):
    info = tmp_path / 'cpuinfo'
    info.write_text(f'vendor_id : {vendor}\nflags : {flags}\n')
    assert has_slow_mkl(str(info)) is slow
    assert not has_slow_mkl(str(tmp_path / 'none'))
