"""Memory that a training on a CPU keeps from step to step."""

import ctypes
import os

# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER, _GROWTH = -1, 2**28
_OWN_SETTINGS = (
    'GLIBC_TUNABLES',
    'MALLOC_MMAP_MAX_',
    'MALLOC_MMAP_THRESHOLD_',
    'MALLOC_TRIM_THRESHOLD_',
)


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for its next allocations.

    By itself, the C library gives blocks as large as activations back to the system when they are
    freed. The system clears every page anew when the next step takes them. From now on, the
    process holds the memory of its peak until it ends.

    Returns:
        Whether it does: not with another C library than glibc, nor where the environment sets
        glibc's own variables.
    """
    if os.name != 'posix' or any(name in os.environ for name in _OWN_SETTINGS):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, 'gnu_get_libc_version'):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _GROWTH))
    return all(libc.mallopt(name, value) == 1 for name, value in settings)
