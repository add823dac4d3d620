"""Text at test time, for models that can use it."""

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmcl_ext.registry import MODELS


def use_text_refinement(cfg: Config) -> bool:
    """Let the test use texts where the variable ``text_refinement`` asks for it.

    The model class does it through ``refine_at_test``.

    Args:
        cfg: Configuration, changed in place; left alone without the variable.

    Returns:
        Whether the test uses texts.

    Raises:
        ValueError: The model class cannot use texts, or what it needs is missing.
    """
    mode = cfg.get('text_refinement')
    if mode is None or mode is False:
        return False
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmcl_ext')):
        model_class = MODELS.get(cfg.model.type)
    if not hasattr(model_class, 'refine_at_test'):
        raise ValueError(
            f'text_refinement={mode!r} needs a model with a refinement module, such as '
            f'MMCLRecognizer; this one is {cfg.model.type}'
        )
    model_class.refine_at_test(cfg)
    return True
