"""Base of the transforms that show their arguments."""

from mmcv.transforms import BaseTransform


class PrintableTransform(BaseTransform):
    """A transform that keeps its arguments as attributes of their names, and shows them."""

    def __repr__(self) -> str:
        shown = ', '.join(f'{k}={v!r}' for k, v in vars(self).items() if not k.startswith('_'))
        return f'{type(self).__name__}({shown})'
