"""A module whose import takes more processor time than a call may."""

import time

while time.process_time() < 2.5:
    pass


def work() -> bytes:
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    return b'done'
