"""Small models with random weights."""

from pathlib import Path

import torch
from tiny_data import FAST_OPTIONS

from mmcl_ext.apis import load_config
from mmcl_ext.checkpoints.load import build_from_info
from mmcl_ext.checkpoints.model_info import ModelInfo

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
UTD = CONFIGS / 'skeleton/ctrgcn_hdgraph_utdmhad.py'
UCLA = CONFIGS / 'skeleton/ctrgcn_nwucla.py'
NTU = CONFIGS / 'skeleton/ctrgcn_ntu60.py'
SMALL = {key: value for key, value in FAST_OPTIONS.items() if key.startswith('model.')}


def write_checkpoint(path: Path, config: Path, classes: tuple[str, ...], layout: str) -> Path:
    """Write random weights of a small model, as the end of a training leaves them."""
    cfg = load_config(config, SMALL)
    torch.manual_seed(0)
    model = build_from_info(ModelInfo.from_cfg(cfg))
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    meta = dict(dataset_meta=dict(classes=list(classes), layout=layout))
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return path


def write_config(path: Path, config: Path, ann_file: Path | None = None) -> Path:
    """Write the configuration of the small model."""
    cfg = load_config(config, FAST_OPTIONS)
    if ann_file is not None:
        for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            cfg[loader].dataset.ann_file = str(ann_file)
    cfg.dump(path)
    return path
