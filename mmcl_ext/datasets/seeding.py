"""Reproducible random numbers for one item of a data set."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from struct import Struct

import numpy as np
import torch

_KEY = Struct('<qqqq')
_SEEDS = Struct('<QIq')


@contextmanager
def seeded(seed: int, epoch: int, index: int, repetition: int = 0) -> Iterator[None]:
    """Seed Python's, numpy's and torch's CPU generator for the block, then restore them.

    What is drawn inside depends on the four numbers alone: not on the worker, the
    order of the samples, or what was drawn before. What is drawn outside does not
    notice that the block ran.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    digest = blake2b(_KEY.pack(seed, epoch, index, repetition), digest_size=_SEEDS.size).digest()
    for_python, for_numpy, for_torch = _SEEDS.unpack(digest)
    random.seed(for_python)
    np.random.seed(for_numpy)
    # torch.manual_seed would also visit every accelerator
    torch.default_generator.manual_seed(for_torch)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
