"""The servers that are compared, each in a process of its own on a free port of this machine."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter

import psutil

from http_load import fetch

HERE = os.path.dirname(os.path.abspath(__file__))
# How long a server may take to start, and to stop.
PATIENCE = 60.0


class Server:
    """A server that runs until it is stopped, or the block ends."""

    def __init__(self, name, command, port, environment=None):
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile()
        self.start = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, **(environment or {})},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def first(self, path, expected=200):
        """The first answer to come, and how long after the start of the process."""
        while True:
            try:
                status, body = fetch(self.port, path)
                break
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.perf_counter() > self.start + PATIENCE:
                    sys.exit(f"{self.name} does not start: {self.said()}")
                time.sleep(0.001)
        time_to_answer = time.perf_counter() - self.start
        if status != expected:
            sys.exit(f"{self.name} answers {path} with {status}: {body[:500]!r}")
        return body, time_to_answer

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def memory(self):
        """Resident memory in MB."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def stop(self):
        """SIGTERM; the exit code, and the seconds that the end took."""
        start = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE), time.perf_counter() - start

    def metrics(self, wanted=""):
        """Prometheus' sums by name, over all labels, or over those that are wanted."""
        _, text = fetch(self.port, "/metrics")
        sums = Counter()
        for name, labels, value in re.findall(r"^(\w+)(\{[^}]*\})? (\S+)$", text.decode(), re.MULTILINE):
            if wanted in ("", labels):
                sums[name] += float(value)
        return sums


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ours(args, *flags, model=None):
    port = free_port()
    command = [args.program, "serve", "--model", f"g={model or args.model}", "--port", str(port), "--log", "error"]
    command += ["--device", "cpu", "--threads", str(args.threads), "--max-batch", str(args.max_batch), *flags]
    if args.onnxruntime:
        command += ["--onnxruntime", args.onnxruntime]
    return Server("dcgan-infer", command, port)


def theirs(args):
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", HERE, "fastapi_server:app", "--port", str(port)]
    command += ["--workers", "1", "--log-level", "error", "--no-access-log"]
    return Server("FastAPI", command, port, {"MODEL": args.model, "THREADS": str(args.threads)})
