"""Commands in processes of their own, to be killed, limited or signalled: one parent imports torch, and forks each."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pipeline

SERVER = """
import json, os, resource, signal, sys
import datasets, matplotlib.pyplot, torch, transformers
import pipeline.report.page, pipeline.report.audit_page, stages.evaluate, stages.opening, stages.order
import stages.distill, stages.prepare, stages.probe, stages.teach, transformers.models.bert.modeling_bert
from stages.cli import app

def command(arguments, log, limits):
    for number in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in the background of a script
    for name, more in limits.items():
        used = int(open("/proc/self/statm").read().split()[0]) * 4096 if name == "RLIMIT_AS" else 0
        resource.setrlimit(getattr(resource, name), (used + more, used + more))
    sys.argv = ["pipeline", *arguments]
    app()

print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        command(*json.loads(line))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Command:
    """A command that runs: its process, what it writes, and its exit status once it has ended."""

    def __init__(self, server, log):
        self._server = server
        self._log = log
        self.process = int(server.stdout.readline())
        self.code = None

    def ended(self, patience=0.0):
        if self.code is None and select.select([self._server.stdout], [], [], patience)[0]:
            self.code = int(self._server.stdout.readline())
        return self.code is not None

    def wait(self, seconds=300):
        assert self.ended(seconds), self.output
        return self.code

    def send(self, number):
        """Send a signal, unless it has ended."""
        if not self.ended():
            os.kill(self.process, number)

    @property
    def output(self):
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, moment):
        """Wait until a moment has come, or the command has ended; whether the former."""
        deadline = time.monotonic() + 300
        while not self.ended():
            if moment():
                return True
            assert time.monotonic() < deadline, self.output
            time.sleep(0.001)
        return False


class Commands:
    """Starts commands, one after another."""

    def __init__(self, server, folder):
        self._server = server
        self._folder = folder
        self._count = 0

    def start(self, *arguments, **limits):
        """Type a command; limits are those of `resource`, that of memory on top of what is in use."""
        self._count += 1
        log = self._folder / f"{self._count}.log"
        request = [[str(a) for a in arguments], str(log), limits]
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        return Command(self._server, log)

    def run(self, *arguments, code=0, **limits):
        """Type a command and wait: what it said."""
        command = self.start(*arguments, **limits)
        assert command.wait() == code, command.output
        return command.output


@contextmanager
def commands(folder):
    """One parent, alive within the context; a buffered pipe would hide lines from `select`."""
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(pipeline.__path__[0]).parent)},
        bufsize=0,
        start_new_session=True,
    )

    with server:
        try:
            assert server.stdout.readline() == b"ready\n"
            yield Commands(server, folder)
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # with the command that may run
