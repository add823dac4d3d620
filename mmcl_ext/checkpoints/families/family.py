"""What is known of one family of published checkpoints."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor

from mmcl_ext.checkpoints.families.key_table import State

Config = dict[str, Any]


class Options(NamedTuple):
    """What no checkpoint stores: InfoGCN's order, HD-GCN's centre of mass, counted from 1."""

    k: int | None = None
    center: int | None = None


class Settings(NamedTuple):
    """The model that a checkpoint belongs to, and what a user has to know about it."""

    model_cfg: Config
    notes: tuple[str, ...] = ()


class Family:
    """One family of checkpoints; the entries are named as in ours unless a subclass converts.

    Attributes:
        name: Whose checkpoints they are.
        signature: Entry that no other family has.
        backbone: Class name of our backbone.
        traits: Attributes that our backbone must have, since no entry shows them.
        options: Names of the :class:`Options` that it has.
    """

    name: str
    signature: str
    backbone: str
    traits: Mapping[str, Any] = MappingProxyType({})
    options: tuple[str, ...] = ()

    def configure(self, state: State, options: Options) -> Settings:
        """Find the settings from a published state.

        Raises:
            ValueError: If an option or an entry is missing, or the joints are unknown.
        """
        raise NotImplementedError

    def clean(self, state: State) -> dict[str, Tensor]:
        """Leave out of a published state what carries nothing."""
        return dict(state)

    def to_ours(self, state: State) -> dict[str, Tensor]:
        """Convert a bare published state into that of a recognizer.

        Raises:
            ValueError: If an entry is missing or unknown.
        """
        return dict(state)

    def to_theirs(self, state: State) -> dict[str, Tensor]:
        """Convert a recognizer's state back, without loss.

        Raises:
            ValueError: If an entry is unknown.
        """
        return dict(state)
