"""Clients that ask dcgan-infer serve for answers and do not read them, on this machine alone.

    cargo build --release && target/release/dcgan-infer install
    python crates/dcgan-infer/benches/unread.py

First, 40 clients ask for 256 images as JSON and read 12 bytes of each answer; then 512 clients each ask for
/openapi.json 400 times on one connection and read nothing. Those that are cut off come again. Meanwhile an honest client
asks for an image and for the server's health twice a second. At the end the server is told to stop under the second
attack. The exit status is 1 if a health check fails, memory grows beyond --most-mb, or the stop takes 20 s.
Nothing but Python is needed; Linux tells the memory.
"""

import argparse
import json
import multiprocessing
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import Counter

from malformed import fetch, memory, start

HERE = os.path.dirname(os.path.abspath(__file__))
# How long the honest client waits for an answer.
PATIENCE = 5.0
PAUSE = 0.2


def inference(latent):
    tensor = {"name": "z", "shape": [256, latent], "datatype": "FP32", "data": [0.5] * 256 * latent}
    body = json.dumps({"inputs": [tensor]}).encode()
    head = f"POST /v2/models/g/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def many():
    return b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400


def attack(port, clients, data, read):
    """Holds connections with unread answers, for as long as the process runs."""
    threads = [threading.Thread(target=hold, args=(port, data, read)) for _ in range(clients)]
    for thread in threads:
        thread.start()


def hold(port, data, read):
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(data)
                if read:
                    connection.recv(read)
                end = select.poll()
                end.register(connection, select.POLLRDHUP)
                end.poll()
        except OSError:
            pass
        time.sleep(PAUSE)


def ask(port, path):
    """What a request comes to, and in which time."""
    begin = time.perf_counter()
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = connection.recv(12)[9:].decode()
    except TimeoutError:
        answer = "none"
    except OSError:
        answer = "reset"
    return answer or "closed", time.perf_counter() - begin


def honest(port, pid, seconds, every):
    """Answers and times of each path, and the most memory on the way."""
    seen, most, told, begin = {}, 0.0, 0.0, time.perf_counter()
    while (now := time.perf_counter() - begin) < seconds:
        for path in ("/v2/health/ready", f"/v1/images?seed={int(now)}"):
            seen.setdefault(path.split("?")[0], []).append(ask(port, path))
        most = max(most, memory(pid))
        if now - told > every:
            told = now
            print(f"{now:.0f} s: {memory(pid):.0f} MB", file=sys.stderr, flush=True)
        time.sleep(0.5)
    return seen, most


def show(name, seen):
    for path, answers in seen.items():
        times = sorted(seconds for _, seconds in answers)
        middle, high = times[len(times) // 2], times[int(0.99 * len(times))]
        counts = ", ".join(f"{n} x {answer}" for answer, n in Counter(answer for answer, _ in answers).most_common())
        print(f"{name}: {path}: {counts}; p50 {1e3 * middle:.1f} ms, p99 {1e3 * high:.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/dcgan-infer")
    parser.add_argument("--model", default=os.path.join(HERE, "../../../models/dcgan64-cifar10.onnx"))
    parser.add_argument("--latent-size", type=int, default=100)
    parser.add_argument("--onnxruntime", help="the library for dcgan-infer; by default the one that it finds itself")
    parser.add_argument("--seconds", type=float, default=150, help="how long each attack goes on")
    parser.add_argument("--timeout", type=int, default=5, help="the server's, in seconds")
    parser.add_argument("--most-mb", type=float, default=1000)
    parser.add_argument("--every", type=float, default=15, help="seconds between two lines with the memory")
    args = parser.parse_args()
    process, port = start(args)
    fetch(port, "/v1/images?seed=7")
    before, most, problems = memory(process.pid), 0.0, []
    attacks = [("answers", 40, inference(args.latent_size), 12), ("places", 512, many(), 0)]
    for name, clients, data, read in attacks:
        attackers = multiprocessing.Process(target=attack, args=(port, clients, data, read))
        attackers.start()
        time.sleep(1)
        seen, memories = honest(port, process.pid, args.seconds, args.every)
        most = max(most, memories)
        show(name, seen)
        if any(answer != "200" for answer, _ in seen["/v2/health/ready"]):
            problems.append(f"{name}: a health check failed")
        if name == attacks[-1][0]:
            break
        attackers.kill()
        time.sleep(2 * args.timeout)
        print(f"{name}: memory {2 * args.timeout} s after the attack: {memory(process.pid):.0f} MB")
    told = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    process.wait()
    stop = time.perf_counter() - told
    attackers.kill()
    print(f"memory before, most: {before:.0f}, {most:.0f} MB; the stop took {stop:.1f} s")
    if most > args.most_mb:
        problems.append(f"{most:.0f} MB of memory")
    if stop > 20:
        problems.append(f"the stop took {stop:.0f} s")
    for problem in problems:
        print(f"failed: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
