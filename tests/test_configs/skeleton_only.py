"""Run by a test in a process of its own: the skeleton path with level 4 blocked.

Builds every configuration in configs/skeleton, and trains one step with each
registered backbone on each layout. Prints what it did, one line each.
"""

import sys
from pathlib import Path


class Blocker:
    """Refuses the co-learning branch, as if the package had been deleted."""

    def find_spec(self, name, path=None, target=None):
        if name == 'mmcl_ext.mmcl' or name.startswith('mmcl_ext.mmcl.'):
            raise ModuleNotFoundError(f'{name} is blocked')


sys.meta_path.insert(0, Blocker())

import torch  # noqa: E402
from mmaction.structures import ActionDataSample  # noqa: E402
from mmengine.optim import OptimWrapper  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from test_models.catalogue import HIERARCHY, SPATIAL, names  # noqa: E402

import mmcl_ext  # noqa: E402, F401
from mmcl_ext.apis import load_config, use_deployed_model  # noqa: E402
from mmcl_ext.graphs import get_layout, layout_names  # noqa: E402
from mmcl_ext.registry import MODELS  # noqa: E402

SMALL = dict(num_stages=2, base_channels=8, inflate_stages=[2], down_stages=[2])


def step(model_cfg, num_joints, channels=3):
    """Train one step on random data; tell the loss."""
    model = MODELS.build(model_cfg)
    sample = ActionDataSample().set_gt_label(0)
    keypoint = torch.randn(1, 2, 16, num_joints, channels)
    batch = dict(inputs=dict(keypoint=[keypoint, keypoint + 1]), data_samples=[sample] * 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.cls_head.fc.weight.clone()
    loss = model.train_step(batch, OptimWrapper(optimizer))['loss']
    assert loss.isfinite()
    assert not torch.equal(before, model.cls_head.fc.weight)


def main():
    init_default_scope('mmcl_ext')
    for path in sorted(Path(sys.argv[1]).glob('skeleton/*.py')):
        cfg = load_config(path)
        use_deployed_model(cfg)
        MODELS.build(cfg.model)
        print('built', path.stem)
    for backbone in names():
        for layout in layout_names():
            graph = dict(SPATIAL if backbone != 'HDGCN' else HIERARCHY, layout=layout)
            model = dict(
                type='SkeletonRecognizer',
                backbone=dict(type=backbone, graph_cfg=graph, **SMALL),
                cls_head=dict(type='GCNHead', num_classes=4),
            )
            step(model, get_layout(layout).num_joints)
            print('stepped', backbone, layout)
    assert not [name for name in sys.modules if name.startswith('mmcl_ext.mmcl')]


if __name__ == '__main__':
    main()
