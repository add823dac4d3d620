"""Published networks whose entries a table of keys names."""

from collections.abc import Iterable, Sequence

from torch import Tensor

from mmcl_ext.checkpoints.families.family import (
    Family,
    Settings,
    input_shape,
    recognizer,
    spatial_graph,
    stages,
    take_entry,
)
from mmcl_ext.checkpoints.families.key_table import Rule, State, count_indices, to_ours, to_theirs


class AuthorsFamily(Family):
    """A network of its authors: modules l1, l2, ... and a table of its keys.

    Attributes:
        adjacency: Entry with the adjacency of the first block, (..., V, V).
    """

    adjacency = 'l1.gcn1.PA'

    def table(self, blocks: int, sizes: Sequence[int]) -> Iterable[Rule]:
        """List the rules, given the leading axes of a block's adjacency: subsets, or levels."""
        raise NotImplementedError

    def plain_settings(self, state: State, weight: str) -> Settings:
        """Read the settings off; ``weight`` names a first layer (width, channels, ...)."""
        joints = take_entry(state, self.adjacency).shape[-1]
        width, channels = take_entry(state, weight).shape[:2]
        backbone = dict(type=self.backbone, graph_cfg=spatial_graph(joints))
        backbone |= input_shape(state, joints, channels)
        backbone |= stages(state, 'l{}.gcn1.bn.weight', width)
        return Settings(recognizer(backbone, take_entry(state, 'fc.weight')))

    def to_ours(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        sizes = take_entry(state, self.adjacency).shape[:-2]
        return to_ours(state, self.table(count_indices(state, r'l(\d+)\.'), sizes))

    def to_theirs(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        sizes = take_entry(state, 'backbone.blocks.0.gcn.A').shape[:-2]
        blocks = count_indices(state, r'backbone\.blocks\.(\d+)\.')
        return to_theirs(state, self.table(blocks, sizes))
