"""OpenVINO, opened once for the whole process."""

from functools import cache
from typing import Any


@cache
def openvino_core() -> Any:
    """Return the one ``openvino.Core`` of this process, which stays until its end.

    Each one gives the main thread a signal stack of its own and takes it away when it goes. Of two,
    the one that goes last puts back the stack of the first, which is gone by then, and the next
    signal, such as Ctrl-C, ends the process with a segmentation fault (seen with 2026.4). An
    ImportError if OpenVINO is not installed.
    """
    import openvino

    return openvino.Core()
