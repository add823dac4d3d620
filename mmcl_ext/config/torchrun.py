"""``torch.distributed.run`` that ends with one clear message.

``python -m mmcl_ext.config.torchrun`` takes torchrun's arguments. Where torchrun
prints its own traceback below those of the processes, this names the process
that failed first and what it said, and repeats its exit status. What torchrun
writes for itself is removed afterwards, unless its arguments ask for log files.
"""

import socket
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence

from torch.distributed import DistNetworkError
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.run import get_args_parser, run

from mmcl_ext.config.user_errors import as_lines, cannot_meet

_NOTHING = '<NONE>'
"""The message that torchrun gives to a process which left none."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run processes by torchrun's arguments; return 0, the first failure's status, or 130."""
    arguments = get_args_parser().parse_args(argv)
    if arguments.master_port == 0:  # any that is free; processes of one machine need not agree
        with socket.create_server(('127.0.0.1', 0)) as server:
            arguments.master_port = server.getsockname()[1]
    if arguments.log_dir or arguments.redirects != '0' or arguments.tee != '0':
        return _run(arguments)
    with tempfile.TemporaryDirectory(prefix='mmcl_ext_', ignore_cleanup_errors=True) as folder:
        arguments.log_dir = folder
        return _run(arguments)


def _run(arguments: Namespace) -> int:
    try:
        run(arguments)
    except ChildFailedError as error:
        rank, failure = first_failure(error.failures)
        print(f'\n{describe_failure(rank, failure)}', file=sys.stderr)
        return failure.exitcode if failure.exitcode > 0 else 1
    except (KeyboardInterrupt, SignalException):
        return 130
    except DistNetworkError as error:
        place = f'{arguments.master_addr}:{arguments.master_port}'
        print(as_lines(cannot_meet(place, 'PORT', error)), file=sys.stderr)
        return 1
    except (ValueError, AssertionError) as error:  # numbers of nodes or processes that are none
        print(as_lines(error), file=sys.stderr)
        return 1
    return 0


def first_failure(failures: Mapping[int, ProcessFailure]) -> tuple[int, ProcessFailure]:
    """Find the cause: the earliest failure with a message, which lost peers do not leave.

    Without one it is a process that was killed, for the others end because of it, else any.
    """
    order = {rank: (not said(f), f.exitcode > 0, f.timestamp, rank) for rank, f in failures.items()}
    rank = min(order, key=lambda r: order[r])
    return rank, failures[rank]


def said(failure: ProcessFailure) -> str:
    """First line of what a failed process left in its error file, or ''."""
    message = failure.error_file_data.get('message', '')
    text = message.get('message', '') if isinstance(message, dict) else message
    # the class of an error that is the user's says nothing to the user
    return '' if text == _NOTHING else text.strip().split('\n')[0].removeprefix('UserError: ')


def describe_failure(rank: int, failure: ProcessFailure) -> str:
    """Say which process failed first, by its global rank, why, and how to go on."""
    signal = f'killed by {failure.signal_name()}' if failure.exitcode < 0 else ''
    return (
        f'process {rank} failed: {said(failure) or signal or "see its output above"}\n'
        'The other processes were stopped. If checkpoints were written, the same command with '
        '--resume goes on from the last one.'
    )


if __name__ == '__main__':
    sys.exit(main())
