"""A compiled training says what its first step cost and what was compiled again."""

import re

import pytest
import torch

from mmcl_ext.engine.hooks.compile_report_hook import CompileReportHook

from .toy import ToyDataset, toy_runner


@pytest.mark.parametrize(('length', 'again'), [(28, False), (26, True)])
def test_the_first_step_and_what_is_compiled_again_are_logged(tmp_path, length, again):
    torch._dynamo.reset()
    made = toy_runner(
        tmp_path,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        hooks=[CompileReportHook(interval=1), dict(type='LoggerHook', interval=1)],
        checkpoint=None,
        validate=False,
        dataset=ToyDataset(length),  # of 26, the last batch has 2 samples instead of 4
        cfg=dict(compile=dict(backend='eager')),
    )
    made.train()
    log = next(tmp_path.glob('*/*.log')).read_text()
    (first,) = re.findall(r'the first step took [\d.]+ s: (\d+) graphs? compiled, 0 of them', log)
    (settled,) = re.findall(r'first that compiled nothing, after [\d.]+ s: (\d+) graphs', log)
    assert 1 <= int(first) <= int(settled)
    recompiled = made.message_hub.get_scalar('train/recompiled').current()
    assert (recompiled > 0) == again
    assert log.count('the log counts on') == again
    assert '"recompiled": ' in next(tmp_path.glob('*/vis_data/scalars.json')).read_text()
