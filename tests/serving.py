"""A real uvicorn in a process of its own, on a free port of the loopback address."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from signal import SIGTERM
from socket import socket

import httpx

REPOSITORY = Path(__file__).parents[1]


def free_port() -> int:
    """Return a port that nobody listens at, and that no connection of a client is given before the server has it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        # Linux gives those from 32768 on to clients, others the ones from 49152 on. The workers of pytest-xdist choose
        # from ports of their own, for a port is free until its server listens.
        port = SystemRandom().randrange(10_000 + worker % 16, 32_768, 16)
        with socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


class Server:
    """A server process: its address, what it printed, and how it ended."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def url(self) -> str:
        """The address that it listens at."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return self._log.read_text()

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Return when `/readyz` says that everything is up; raise AssertionError with the output where it doesn't."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.output}"
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"not ready after {seconds} seconds:\n{self.output}")

    def wait_until_printed(self, text: str, times: int = 1, seconds: float = 30) -> None:
        """Return when it has printed a text that often; raise AssertionError with the output where it doesn't."""
        end = time.monotonic() + seconds
        while self.output.count(text) < times:
            assert time.monotonic() < end, f"not printed after {seconds} seconds: {text!r}\n{self.output}"
            time.sleep(0.02)

    def stop(self, seconds: float = 30) -> None:
        """End it as a supervisor does; raise AssertionError where it did not stop everything and end well."""
        self.process.terminate()
        status = self.process.wait(seconds)
        # uvicorn stops everything, and then lets the signal that it was ended by do its work.
        assert status in (0, -SIGTERM), f"ended with {status}:\n{self.output}"
        assert "Application shutdown complete" in self.output


@contextmanager
def serving(
    arguments: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run `python -m ARGUMENTS` in a folder, where `{port}` stands for a free port, until the block is left."""
    port = free_port()
    command = [sys.executable, "-m", *(argument.format(port=port) for argument in arguments)]
    # The package is imported from this checkout, whatever folder the server is started in.
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])] if folder != REPOSITORY else []
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSER_")}
    env = clean | ({"PYTHONPATH": os.pathsep.join(paths)} if paths else {}) | dict(environment or {})
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Server(process, port, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
