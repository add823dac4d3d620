import os
from typing import Any

from torch import nn

from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.config.build_model import build_model, use_deployed_model
from mmcl_ext.config.shipped_configs import CONFIG_SUFFIXES, find_config, get_config


def get_model(
    name_or_path: str | os.PathLike,
    checkpoint: str | os.PathLike | None = None,
    *,
    device: str = 'cpu',
) -> nn.Module:
    """Return a model as it is after its training, in evaluation mode.

    The name is that of a shipped configuration
    (:func:`~mmcl_ext.config.shipped_configs.list_models`), the path that of a configuration or a
    published checkpoint. A configuration without ``checkpoint`` has random weights.
    """
    path = find_config(name_or_path)
    if checkpoint is not None or path.suffix not in CONFIG_SUFFIXES:
        return load_deployed(path, checkpoint, device=device)[0]
    cfg = get_config(path)
    use_deployed_model(cfg)
    model: Any = build_model(cfg.model, cfg.get('default_scope'))
    model.init_weights()
    return model.to(device).eval()
