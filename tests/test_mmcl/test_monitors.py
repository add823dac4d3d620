"""Logging: TensorBoard, how the text chooses, and what the log holds of the losses."""

import math
from importlib.util import find_spec

import pytest
import torch
from toy_data import runner, write_data

from mmcl_ext.engine.hooks import tensorboard_hook as tensorboard_module
from mmcl_ext.engine.hooks.tensorboard_hook import TensorboardHook
from mmcl_ext.mmcl.hooks.refinement_monitor_hook import RefinementMonitorHook, entry_entropies

needs_tensorboard = pytest.mark.skipif(
    find_spec('tensorboard') is None, reason='tensorboard is not installed'
)


@pytest.mark.parametrize(
    ('rows', 'entropy', 'total'),
    [
        ([[1, 0], [0, 1]], 0, 1),  # each text takes an entry of its own
        ([[1, 0], [1, 0]], 0, 0),  # all texts take the same
        ([[0.5, 0.5], [0.5, 0.5]], 1, 1),  # no text takes any
        ([[0.25, 0.75]], 2 - 0.75 * math.log2(3), 2 - 0.75 * math.log2(3)),
        ([[0.25, 0.25, 0.25, 0.25]], 1, 1),
        ([[1.0]], 0, 0),
    ],
)
def test_entropies_by_hand(rows, entropy, total):
    found = entry_entropies(torch.tensor(rows, dtype=torch.float64))
    torch.testing.assert_close(torch.stack(found), torch.tensor([entropy, total]).double())


def train(folder, hooks, **kwargs):
    write_data(folder)
    built = runner(
        folder, hooks, default_hooks=dict(logger=dict(type='LoggerHook', interval=1)), **kwargs
    )
    built.train()
    return built


def test_the_monitor_logs_the_entropies_of_what_the_module_gave(tmp_path):
    seen = []
    write_data(tmp_path)
    built = runner(tmp_path, [dict(type='RefinementMonitorHook')])
    built.model.co_learning.frm.register_forward_hook(lambda m, i, o: seen.append(o[1].detach()))
    built.train()
    logged = built.message_hub.log_scalars
    values = [float(v) for v in logged['train/frm_entropy'].data[0]]
    assert values == pytest.approx([float(entry_entropies(w)[0]) for w in seen], abs=1e-6)
    choice = [float(v) for v in logged['train/frm_choice'].data[0]]
    expected = [float(torch.sub(*reversed(entry_entropies(w)))) for w in seen]
    assert choice == pytest.approx(expected, abs=1e-6)
    assert len(built.model.co_learning.frm._forward_hooks) == 1  # the test's own


def test_the_monitor_is_idle_without_refinement(tmp_path):
    from toy_data import mmcl_cfg, side_transforms

    built = train(
        tmp_path,
        [dict(type='RefinementMonitorHook')],
        model=mmcl_cfg(frm=None),
        side=side_transforms(tmp_path)[:1],
        keys=('keypoint', 'image'),
    )
    assert 'train/frm_entropy' not in built.message_hub.log_scalars
    assert 'train/retrieval_acc' in built.message_hub.log_scalars


@needs_tensorboard
def test_losses_and_monitors_land_in_an_event_file(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    hooks = [dict(type='RefinementMonitorHook'), dict(type='TensorboardHook')]
    built = train(tmp_path, hooks, log_processor=dict(window_size=1))
    (file,) = (tmp_path / 'work').rglob('events.out.tfevents.*')
    assert file.parent.name == 'vis_data'
    events = EventAccumulator(str(file.parent)).Reload()
    found = set(events.Tags()['scalars'])
    losses = ['train/loss_cls', 'train/loss_align', 'train/loss_refine']
    monitors = ['retrieval_acc', 'frm_weight_0', 'frm_weight_1', 'frm_entropy', 'frm_choice']
    names = {name.removeprefix('train/') for name in (*losses, *monitors)}
    assert names <= {name.removeprefix('train/') for name in found}
    prefix = 'train/' if 'train/loss' in found else ''
    for step, total in enumerate(events.Scalars(f'{prefix}loss')):
        parts = sum(
            events.Scalars(prefix + name.removeprefix('train/'))[step].value for name in losses
        )
        assert total.value == pytest.approx(parts, rel=1e-5)
    logged = built.message_hub.log_scalars['train/retrieval_acc'].data[0]
    shown = [scalar.value for scalar in events.Scalars(f'{prefix}retrieval_acc')]
    assert shown == pytest.approx([float(value) for value in logged])


@needs_tensorboard
def test_a_backend_of_the_configuration_is_not_doubled(tmp_path):
    backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    visualizer = dict(type='Visualizer', vis_backends=backends)
    train(tmp_path, [dict(type='TensorboardHook')], visualizer=visualizer)
    assert len(list((tmp_path / 'work').rglob('events.out.tfevents.*'))) == 1


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(tensorboard_module, 'find_spec', lambda name: None)
    with pytest.raises(ValueError, match='needs the package tensorboard'):
        TensorboardHook()


def test_the_monitor_comes_before_the_logger():
    from mmengine.hooks import LoggerHook
    from mmengine.runner import get_priority

    assert get_priority(RefinementMonitorHook.priority) < get_priority(LoggerHook.priority)
