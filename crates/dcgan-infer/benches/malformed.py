"""A million wrong requests for dcgan-infer serve, from seeds, on this machine alone.

    cargo build --release && target/release/dcgan-infer install
    python crates/dcgan-infer/benches/malformed.py

Every answer has to be a whole HTTP answer with a status that is right for its request; an error says in JSON what is
wrong. A request that never ends is closed in time. At the end the server is there, and draws the image that it drew
before. The exit status is 1 if not. Nothing but Python is needed.
"""

import argparse
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

from malformed_answers import Answers, Malformed
from malformed_requests import Maker

HERE = os.path.dirname(os.path.abspath(__file__))
# Whole requests that are on their way at once on a connection.
TOGETHER = 32
# The part of the requests after which a connection ends.
BROKEN = 0.15
# How long an answer may take.
PATIENCE = 30.0
# Findings that are told in words.
TOLD = 20


class Worker:
    """Sends its share of the requests and judges the answers."""

    def __init__(self, port, model, latent, seed, count):
        self.port, self.count, self.seed = port, count, seed
        self.maker = Maker(model, latent, seed)
        self.counts, self.findings = Counter(), []
        self.connection = None

    def run(self, done):
        sent = 0
        while sent < self.count:
            requests = [self.maker.request(BROKEN) for _ in range(min(TOGETHER, self.count - sent))]
            self.together([request for request in requests if request.is_whole])
            for request in requests:
                if not request.is_whole:
                    self.alone(request)
            sent += len(requests)
            with done.get_lock():
                done.value += len(requests)
        return self.counts, self.findings

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def together(self, requests):
        """One after the other on one connection; what follows an answer that closes it is sent again on another."""
        while requests:
            with self.connect() as connection:
                send(connection, b"".join(request.data for request in requests))
                answers, answered = Answers(connection), 0
                for request in requests:
                    answer = self.judge(request, answers)
                    answered += 1
                    if answer is None or answer[2]:
                        break
            requests = requests[answered:]

    def alone(self, request):
        with self.connect() as connection:
            send(connection, request.data)
            if request.is_cut:
                stop_sending(connection)
            self.judge(request, Answers(connection))

    def judge(self, request, answers):
        answer = None
        try:
            answer = answers.next(request.has_body)
        except Malformed as malformed:
            self.find(request, str(malformed))
            return None
        except TimeoutError:
            self.find(request, f"no answer in {PATIENCE:.0f} s")
            return None
        if answer is None:
            self.counts[request.kind, "closed"] += 1
            if not request.may_be_silent:
                self.find(request, "the connection closed without an answer")
            return None
        status, body, _ = answer
        self.counts[request.kind, f"{status}"] += 1
        if status not in request.right or status >= 500:
            self.find(request, f"answered with {status}, expected {request.right}: {body and body[:300]!r}")
        return answer

    def find(self, request, problem):
        self.counts[request.kind, "FOUND"] += 1
        if len(self.findings) < TOLD:
            self.findings.append(f"{request.kind}: {problem}\n    {request.data[:400]!r}")


def send(connection, data):
    try:
        connection.sendall(data)
    except ConnectionError:
        # A server that has read enough need not read the rest: its answer is there.
        pass


def stop_sending(connection):
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        # The server was faster.
        pass


def work(port, model, latent, seed, count, done, results):
    results.send(Worker(port, model, latent, seed, count).run(done))


class Slow:
    """Connections on which a request begins and does not go on."""

    POST = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
    BEGINNINGS = (b"", b"G", b"GET / HTTP/1.1\r\nHost:", POST)

    def __init__(self, port, count, limit):
        self.limit, self.answers, self.late = limit, Counter(), 0
        self.threads = [threading.Thread(target=self.wait, args=(port, k)) for k in range(count)]
        for thread in self.threads:
            thread.start()

    def wait(self, port, k):
        with socket.create_connection(("127.0.0.1", port), self.limit) as connection:
            send(connection, self.BEGINNINGS[k % len(self.BEGINNINGS)])
            try:
                answer = Answers(connection).next()
                self.answers[str(answer[0]) if answer else "closed"] += 1
            except (TimeoutError, Malformed):
                self.late += 1

    def join(self):
        for thread in self.threads:
            thread.join()


def fetch(port, path):
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        status, body, _ = Answers(connection).next()
    if status != 200:
        sys.exit(f"{path}: {status}")
    return body


def memory(pid):
    """Resident megabytes, where Linux tells them."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024
    except FileNotFoundError:
        return float("nan")


def start(args):
    command = [args.program, "serve", "--model", f"g={args.model}", "--port", "0", "--timeout", str(args.timeout)]
    command += ["--log", "error", "--device", "cpu"]
    if args.onnxruntime:
        command += ["--onnxruntime", args.onnxruntime]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().rsplit(":", 1)
    if len(address) != 2:
        sys.exit(f"{args.program} does not start")
    return process, int(address[1])


def hammer(args, port, pid):
    """Sends all requests; counts by kind and answer, findings, and the memory on the way."""
    spawn = multiprocessing.get_context("spawn")
    done, workers, memories = spawn.Value("q", 0), [], []
    for k in range(args.processes):
        count = args.requests // args.processes + (k < args.requests % args.processes)
        results, there = spawn.Pipe(duplex=False)
        worker = spawn.Process(target=work, args=(port, "g", args.latent_size, f"{args.seed}-{k}", count, done, there))
        worker.start()
        # A worker that fails ends its pipe: nobody else may hold it.
        there.close()
        workers.append((worker, results))
    begin = told = time.perf_counter()
    while any(worker.is_alive() and not results.poll(0) for worker, results in workers):
        time.sleep(0.1)
        if time.perf_counter() - told > args.every:
            told = time.perf_counter()
            memories.append(memory(pid))
            print(f"{done.value} requests, {told - begin:.0f} s, {memories[-1]:.1f} MB", file=sys.stderr, flush=True)
    counts, findings = Counter(), []
    for worker, results in workers:
        try:
            more_counts, more_findings = results.recv()
        except EOFError:
            more_counts, more_findings = {}, ["a client failed"]
        counts.update(more_counts)
        findings += more_findings
        worker.join()
    return counts, findings, memories


def show(counts):
    kinds = sorted({kind for kind, _ in counts})
    answers = sorted({answer for _, answer in counts})
    print("| kind | requests | " + " | ".join(answers) + " |\n|" + "---|" * (len(answers) + 2))
    for kind in [*kinds, None]:
        row = [sum(n for (k, a), n in counts.items() if a == answer and kind in (None, k)) for answer in answers]
        total = sum(n for n, answer in zip(row, answers, strict=True) if answer != "FOUND")
        print(f"| {kind or 'all'} | {total} | " + " | ".join(str(n or "") for n in row) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/dcgan-infer")
    parser.add_argument("--model", default=os.path.join(HERE, "../../../models/shapes32.onnx"))
    parser.add_argument("--latent-size", type=int, default=100)
    parser.add_argument("--onnxruntime", help="the library for dcgan-infer; by default the one that it finds itself")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--slow", type=int, default=64, help="connections on which a request does not end")
    parser.add_argument("--timeout", type=int, default=5, help="the server's, in seconds")
    parser.add_argument("--every", type=float, default=10, help="seconds between two lines that say how far it is")
    args = parser.parse_args()
    process, port = start(args)
    try:
        return run(args, process, port)
    finally:
        process.kill()


def run(args, process, port):
    image, before = fetch(port, "/v1/images?seed=7&n=4"), memory(process.pid)
    begin = time.perf_counter()
    slow = Slow(port, args.slow, 3 * args.timeout + 5)
    counts, findings, memories = hammer(args, port, process.pid)
    seconds = time.perf_counter() - begin
    slow.join()
    show(counts)
    for finding in findings[:TOLD]:
        print(f"found: {finding}")
    problems = [f"{n} answers to {kind}" for (kind, answer), n in counts.items() if answer == "FOUND"]
    if slow.late:
        problems.append(f"{slow.late} slow requests were not ended in {slow.limit} s")
    if process.poll() is not None:
        problems.append(f"the server ended with {process.returncode}")
    elif fetch(port, "/v1/images?seed=7&n=4") != image:
        problems.append("the image of a seed is another one")
    else:
        most = max([*memories, memory(process.pid)])
        print(f"memory before, most, after: {before:.1f}, {most:.1f}, {memory(process.pid):.1f} MB")
    print(f"slow requests: {dict(slow.answers)}")
    print(f"{sum(n for (_, answer), n in counts.items() if answer != 'FOUND')} requests in {seconds:.0f} s")
    for problem in problems:
        print(f"failed: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
