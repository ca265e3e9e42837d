"""Many clients in one process that takes as little of the processor as it can: an epoll loop over kept-alive connections,
with requests that are made beforehand. It knows as much of HTTP as two servers' answers need."""

import json
import random
import resource
import select
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil

# Requests that are made beforehand, where they have a body.
PREPARED = 512
# One request in so many asks for an image whose bytes are known.
KNOWN_EVERY = 8
# How long after the end an answer is waited for.
PATIENCE = 60.0
# A server may close a connection on which nothing is asked. A request that is sent in that moment, on a connection that
# answered before, is not lost: HTTP has a client send it again. One that is older than this was the server's to answer.
CROSSING = 0.005
CROSSED = "crossed with the end of a connection"


@dataclass
class Load:
    """What the clients do. It is sent to the process that does it."""

    port: int
    # The server's process, for its share of the processor.
    pid: int
    # "images", PNGs of seeds; "tensors", the Open Inference Protocol in binary; "bytes", latents in, images out.
    kind: str
    seconds: float
    connections: int = 64
    # Requests a second, whether answered or not; None is the next one with each answer.
    rate: float | None = None
    # The first seed; all further ones are distinct.
    first_seed: int = 1 << 32
    # What may come of a seed: bodies.
    known: dict = field(default_factory=dict)
    # For tensors: the model's name, its input, its output and the numbers of a latent.
    model: tuple = ()


def image_request(seed):
    return b"GET /v1/images?seed=%d&n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n" % seed


def tensor_requests(load):
    name, source, output, size = load.model
    for k in range(PREPARED):
        numbers = random.Random(k)
        binary = struct.pack(f"<{size}f", *(numbers.gauss(0, 1) for _ in range(size)))
        path, length, text = "/infer", "", b""
        if load.kind == "tensors":
            path = f"/v2/models/{name}/infer"
            tensor = {
                "name": source,
                "shape": [1, size],
                "datatype": "FP32",
                "parameters": {"binary_data_size": len(binary)},
            }
            wanted = {"name": output, "parameters": {"binary_data": True}}
            text = json.dumps({"inputs": [tensor], "outputs": [wanted]}).encode()
            length = f"Inference-Header-Content-Length: {len(text)}\r\n"
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{length}Content-Length: {len(text) + len(binary)}\r\n\r\n"
        yield head.encode() + text + binary


class Connection:
    __slots__ = ("socket", "sent", "seed", "head", "body", "left", "answers", "closes")

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.sent, self.answers = None, 0


class Clients:
    """The clients of one load, and what became of their requests."""

    def __init__(self, load, stops=None):
        """`stops` is an event that ends it before its time."""
        self.load, self.stops = load, stops
        self.poll, self.open, self.idle = select.epoll(), {}, []
        self.prepared = [] if load.kind == "images" else list(tensor_requests(load))
        self.known = list(load.known)
        self.statuses, self.faults, self.latencies = Counter(), Counter(), {}
        self.sent = self.missed = self.refused = self.verified = self.without_retry_after = 0
        self.others = []
        self.buffer = memoryview(bytearray(1 << 18))

    def run(self):
        process, start = psutil.Process(self.load.pid), time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_SELF), process.cpu_times()
        self.end = start + self.load.seconds
        self.last = start
        if self.load.rate:
            self.offer(start)
        else:
            self.repeat()
        busy = self.last - start
        after = resource.getrusage(resource.RUSAGE_SELF)
        client = after.ru_utime + after.ru_stime - before[0].ru_utime - before[0].ru_stime
        try:
            times = process.cpu_times()
            server = times.user + times.system - before[1].user - before[1].system
        except psutil.NoSuchProcess:
            server = None
        return self.report(busy, client, server)

    def repeat(self):
        """Each client asks, waits for the answer, and asks again."""
        for _ in range(self.load.connections):
            self.ask(self.connect())
        while self.open and time.perf_counter() < self.end + PATIENCE:
            if self.stops and self.stops.is_set():
                self.end = min(self.end, time.perf_counter())
            for file, _ in self.poll.poll(1.0):
                connection = self.open[file]
                self.receive(connection)
                self.last = time.perf_counter()
                if file in self.open and connection.sent is not None:
                    continue
                if self.last >= self.end:
                    self.close(connection)
                else:
                    self.ask(connection if file in self.open else self.connect())
        self.give_up()

    def offer(self, start):
        """Requests come at their rate, on connections that wait for no answer."""
        due, step = start, 1 / self.load.rate
        while self.last < self.end or len(self.idle) < len(self.open):
            self.last = time.perf_counter()
            while due <= self.last < self.end:
                due += step
                if self.idle:
                    self.ask(self.idle.pop())
                elif len(self.open) < self.load.connections:
                    self.ask(self.connect())
                else:
                    self.missed += 1
            if self.last > self.end + PATIENCE:
                break
            for file, _ in self.poll.poll(max(0.001, min(due - self.last, 1.0))):
                connection = self.open[file]
                self.receive(connection)
                if file in self.open and connection.sent is None:
                    self.idle.append(connection)
        self.last = min(self.last, max(self.end, self.answered_at))
        self.give_up()

    def connect(self):
        try:
            connection = Connection(self.load.port)
        except ConnectionError:
            # Nothing was sent: no request failed.
            self.refused += 1
            return None
        self.open[connection.socket.fileno()] = connection
        self.poll.register(connection.socket, select.EPOLLIN)
        return connection

    def close(self, connection):
        if self.open.pop(connection.socket.fileno(), None) is None:
            return
        self.poll.unregister(connection.socket)
        connection.socket.close()

    def ask(self, connection):
        if connection is None:
            return
        self.sent += 1
        connection.seed = None
        if self.prepared:
            request = self.prepared[self.sent % PREPARED]
        elif self.known and self.sent % KNOWN_EVERY == 0:
            connection.seed = self.known[self.sent // KNOWN_EVERY % len(self.known)]
            request = image_request(connection.seed)
        else:
            request = image_request(self.load.first_seed + self.sent)
        connection.head, connection.body, connection.left = b"", [], None
        connection.sent = time.perf_counter()
        try:
            if connection.socket.send(request) != len(request):
                raise AssertionError("a request did not fit into a socket's buffer")
        except OSError:
            # What the server said is still to be read.
            pass

    def receive(self, connection):
        """Reads what is there. An answer that is whole leaves a connection with nothing sent, or closed."""
        try:
            size = connection.socket.recv_into(self.buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if size == 0:
            self.lose(connection)
            return
        data = self.buffer[:size]
        if connection.left is None:
            data = self.read_head(connection, data)
            if data is None:
                return
        connection.left -= len(data)
        if connection.seed is not None:
            connection.body.append(bytes(data))
        if connection.left <= 0:
            self.answered(connection)

    def read_head(self, connection, data):
        """The part of the body that came with the head; None if the head is not whole."""
        connection.head += data
        head, end, body = connection.head.partition(b"\r\n\r\n")
        if not end:
            return None
        connection.head = head.lower()
        fields = dict(line.split(b": ", 1) for line in connection.head.split(b"\r\n")[1:])
        connection.left = int(fields[b"content-length"])
        connection.closes = fields.get(b"connection") == b"close"
        return body

    def answered(self, connection):
        now = self.answered_at = time.perf_counter()
        status = int(connection.head[9:12])
        self.statuses[status] += 1
        self.latencies.setdefault(status, []).append(now - connection.sent)
        connection.answers += 1
        if status == 503 and b"\r\nretry-after: " not in connection.head:
            self.without_retry_after += 1
        if status == 200 and connection.seed is not None:
            body = b"".join(connection.body)
            self.verified += 1
            if body not in self.load.known[connection.seed]:
                self.others.append((connection.seed, body))
        connection.sent = None
        if connection.closes:
            self.close(connection)

    def lose(self, connection):
        """The connection is closed: that is a fault if a request is on it."""
        if connection.sent is not None:
            age = time.perf_counter() - connection.sent
            if connection.head or connection.left is not None:
                self.faults["cut off in an answer"] += 1
            elif connection.answers and age < CROSSING:
                self.faults[CROSSED] += 1
            else:
                self.faults["closed without an answer"] += 1
        elif connection in self.idle:
            self.idle.remove(connection)
        self.close(connection)

    def give_up(self):
        for connection in list(self.open.values()):
            if connection.sent is not None:
                self.faults["no answer in time"] += 1
            self.close(connection)

    answered_at = 0.0

    def report(self, busy, client, server):
        good = self.statuses[200]
        return {
            "seconds": busy,
            "requests": self.sent,
            "images_per_second": good / busy,
            "statuses": dict(self.statuses),
            "faults": dict(self.faults),
            "missed": self.missed,
            "refused": self.refused,
            "latency_ms": {status: percentiles(times) for status, times in self.latencies.items()},
            "verified": self.verified,
            "others": self.others,
            "without_retry_after": self.without_retry_after,
            "client_cores": client / busy,
            "server_cores": None if server is None else server / busy,
        }


def percentiles(times):
    times = sorted(times)
    at = lambda part: round(1e3 * times[min(len(times) - 1, int(part * len(times)))], 3)
    return {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1)}


def fetch(port, path, timeout=60):
    """One answer: status and body."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head[9:12]), body
