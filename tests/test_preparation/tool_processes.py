"""Run a tool as several processes of a process group, and kill them."""

import os
import signal
import subprocess
import sys
import time

from free_port import free_port


class ToolProcesses:
    """The processes of one run; what is still alive is killed at the end."""

    def __init__(self, command, number=2):
        port = free_port()
        self.processes = [
            subprocess.Popen(
                [sys.executable, '-W', 'ignore', *map(str, command), '--launcher', 'pytorch'],
                env=os.environ
                | dict(
                    RANK=str(rank),
                    LOCAL_RANK=str(rank),
                    WORLD_SIZE=str(number),
                    MASTER_ADDR='127.0.0.1',
                    MASTER_PORT=str(port),
                    OMP_NUM_THREADS='1',
                    HF_HUB_OFFLINE='1',
                    TRANSFORMERS_OFFLINE='1',
                ),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for rank in range(number)
        ]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self, ranks=None):
        for process in self.processes if ranks is None else [self.processes[r] for r in ranks]:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()

    def kill_at(self, folder, shards, ranks=None):
        """Kill as soon as the folder holds that many shards."""
        end = time.monotonic() + 600
        while len(list(folder.glob('*.safetensors'))) < shards:
            alive = [process for process in self.processes if process.poll() is None]
            if len(alive) < len(self.processes) or time.monotonic() > end:
                output = [process.communicate()[0] for process in self.processes]
                raise AssertionError(f'not killed in time: {output}')
            time.sleep(0.002)
        self.kill(ranks)

    def wait(self):
        """Wait for the end; exit statuses and outputs by rank."""
        outputs = [process.communicate(timeout=600)[0] for process in self.processes]
        return [process.returncode for process in self.processes], outputs
