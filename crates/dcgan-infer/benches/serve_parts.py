"""The parts of serve.py: each measures one thing and gives its figures, and what went wrong under "problems"."""

import hashlib
import io
import json
import multiprocessing
import os
import re
import statistics
import tempfile
import time

import numpy as np
from PIL import Image

import compare
from http_load import CROSSED, Clients, Load, fetch
from http_servers import ours, theirs

# Before a measurement, the same load for so long.
WARM_UP = 2.0
# Seeds whose images are drawn without load first.
KNOWN = 48
# Connections that the server takes at a time are 512: some are left for looking on.
MOST_CONNECTIONS = 480
IMAGE = "/v1/images?seed={}&n=1"


class Running:
    """A load in a process of its own."""

    def __init__(self, load):
        spawn = multiprocessing.get_context("spawn")
        self.stops, (self.results, there) = spawn.Event(), spawn.Pipe(duplex=False)
        self.process = spawn.Process(target=work, args=(load, self.stops, there))
        self.process.start()
        # It takes a while to load what it needs.
        self.results.recv()

    def result(self):
        result = self.results.recv()
        self.process.join()
        return result

    def end(self):
        self.stops.set()
        return self.result()


def work(load, stops, results):
    clients = Clients(load, stops)
    results.send("ready")
    results.send(clients.run())


def run(load):
    return Running(load).result()


def load_of(server, kind, args, **settings):
    model = ()
    if kind == "tensors":
        about = json.loads(fetch(server.port, "/v2/models/g")[1])
        model = ("g", about["inputs"][0]["name"], about["outputs"][0]["name"], about["inputs"][0]["shape"][1])
    elif kind == "bytes":
        model = ("", "", "", latent_size(args.model))
    settings = {"seconds": args.seconds, "connections": args.clients, **settings}
    return Load(port=server.port, pid=server.process.pid, kind=kind, model=model, **settings)


def latent_size(model):
    import onnxruntime

    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0].shape[1]


def problems_of(result):
    """What must not be."""
    statuses = {status: count for status, count in result["statuses"].items() if status not in (200, 503)}
    faults = [f"{count} {what}" for what, count in result["faults"].items()]
    faults += [f"{count} answers with {status}" for status, count in statuses.items()]
    return faults + judge_images(result)


def judge_images(result):
    """Compares images that are not the known bytes with the known ones, pixel by pixel: a batch of another size may round
    a value to the neighbouring one of 256 levels."""
    known, others = result.pop("known", {}), result.pop("others")
    pixels = lambda body: np.asarray(Image.open(io.BytesIO(body))).astype(int)
    off = []
    for seed, body in others:
        image = pixels(body)
        same = [pixels(other) for other in known[seed]]
        off.append(min((np.abs(image - other).max() for other in same if other.shape == image.shape), default=255))
    result["verified_bytes"] = result["verified"] - len(others)
    result["off_by_one_level"] = sum(levels <= 1 for levels in off)
    wrong = sum(levels > 1 for levels in off)
    return [f"{wrong} of {result['verified']} images are others than without load"] if wrong else []


# load


def load(args):
    rounds, problems = [], []
    legs = [("bare", bare), ("dcgan-infer", with_ours), ("FastAPI", with_theirs)]
    for k in range(args.rounds):
        figures = {}
        for name, leg in legs if k % 2 == 0 else legs[::-1]:
            figures[name] = leg(args)
            if name != "bare":
                for result in figures[name].values():
                    result["problems"] = problems_of(result)
                    refused = result["statuses"].get(503, 0)
                    result["problems"] += [f"{refused} refused"] if refused else []
                    problems += [f"{name}: {problem}" for problem in result["problems"]]
        rounds.append(figures)
    return {"rounds": rounds, "ratios": ratios(rounds), "problems": problems}


def bare(args):
    return compare.theirs(args.model, args.max_batch, args.threads, max(2.0, args.seconds / 6))


def with_ours(args):
    with ours(args) as server:
        server.first(IMAGE.format(1))
        return {kind: measure(server, kind, args) for kind in ("tensors", "images")}


def with_theirs(args):
    with theirs(args) as server:
        server.first(IMAGE.format(1))
        return {kind: measure(server, kind, args) for kind in ("bytes", "images")}


def measure(server, kind, args):
    run(load_of(server, kind, args, seconds=WARM_UP, first_seed=1 << 40))
    counts = server.metrics() if server.name == "dcgan-infer" else None
    result = run(load_of(server, kind, args))
    if counts:
        after = server.metrics()
        total = lambda name: after[name] - counts[name]
        result["mean_batch"] = total("dcgan_batch_size_sum") / total("dcgan_batch_size_count")
    result["memory_mb"] = server.memory()
    return result


def ratios(rounds):
    """Medians over the rounds of what was measured one after the other."""
    speed = lambda figures, server, kind: figures[server][kind]["images_per_second"]
    pairs = {
        "raw tensors, of the bare session": lambda f: speed(f, "dcgan-infer", "tensors") / f["bare"],
        "PNGs, of the bare session": lambda f: speed(f, "dcgan-infer", "images") / f["bare"],
        "raw tensors, of FastAPI": lambda f: speed(f, "dcgan-infer", "tensors") / speed(f, "FastAPI", "bytes"),
        "PNGs, of FastAPI": lambda f: speed(f, "dcgan-infer", "images") / speed(f, "FastAPI", "images"),
    }
    return {name: statistics.median(map(ratio, rounds)) for name, ratio in pairs.items()}


# overload


def overload(args):
    with ours(args, "--queue", str(4 * args.max_batch)) as server:
        server.first(IMAGE.format(1))
        drawn = known_images(server)
        known = {seed: [body] for seed, body in drawn.items()}
        capacity = run(load_of(server, "images", args, seconds=min(10.0, args.seconds), first_seed=1 << 40))
        rate = args.overload * capacity["images_per_second"]
        running = Running(load_of(server, "images", args, rate=rate, connections=MOST_CONNECTIONS, known=known))
        memory = watch_memory(server, running)
        result = running.result()
        result["known"] = known
        result["problems"] = problems_of(result)
        afterwards = known_images(server)
        result["capacity"], result["rate"] = capacity["images_per_second"], rate
        result["memory_mb"] = memory
        quarter = max(1, len(memory) // 4)
        result["memory_growth_mb"] = statistics.median(memory[-quarter:]) - statistics.median(
            memory[quarter : 2 * quarter]
        )
    if result["without_retry_after"]:
        result["problems"].append(f"{result['without_retry_after']} refusals without Retry-After")
    if not result["statuses"].get(503):
        result["problems"].append("nothing was refused: the load was no overload")
    if afterwards != drawn:
        result["problems"].append("images after the load are others than before it")
    return result


def known_images(server):
    return {seed: fetch(server.port, IMAGE.format(seed))[1] for seed in range(KNOWN)}


def watch_memory(server, running):
    """Megabytes, twice a second until the load is over."""
    memory = [server.memory()]
    while not running.results.poll(0.5):
        memory.append(server.memory())
    return memory


# start


def start(args):
    servers = {"dcgan-infer": ours, "FastAPI": theirs}
    times = {name: [] for name in servers}
    idle = {name: [] for name in servers}
    used = {name: [] for name in servers}
    for k in range(args.starts):
        for name in list(servers)[:: 1 if k % 2 == 0 else -1]:
            with servers[name](args) as server:
                times[name].append(server.first(IMAGE.format(k))[1])
                time.sleep(0.2)
                used[name].append(server.memory())
            with servers[name](args) as server:
                # No image is drawn for an address that is not there.
                server.first("/nothing", 404)
                time.sleep(0.2)
                idle[name].append(server.memory())
    medians = {
        "seconds_to_first_image": {name: statistics.median(of) for name, of in times.items()},
        "idle_mb": {name: statistics.median(of) for name, of in idle.items()},
        "mb_after_an_image": {name: statistics.median(of) for name, of in used.items()},
    }
    ratios = {name: figures["dcgan-infer"] / figures["FastAPI"] for name, figures in medians.items()}
    return {"medians": medians, "ratios": ratios, "seconds": times, "problems": []}


# stop


def stop(args):
    runs, problems = [], []
    for k in range(args.stops):
        with ours(args) as server:
            server.first(IMAGE.format(1))
            running = Running(load_of(server, "images", args, seconds=60.0))
            # Not at the same point of a batch each time.
            time.sleep(1.5 + 0.037 * k)
            code, seconds = server.stop()
            result = running.result()
        result["exit"], result["seconds_to_exit"] = code, seconds
        result["crossed"] = result["faults"].pop(CROSSED, 0)
        result["problems"] = problems_of(result)
        if code != 0:
            result["problems"].append(f"exit status {code}: {server.said()[-300:]}")
        runs.append(result)
        problems += result["problems"]
    return {"runs": runs, "problems": problems}


# reload


def reload(args):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "g.onnx")
        with open(args.model, "rb") as file:
            contents = [file.read()]
        contents.append(altered(contents[0]))
        put(path, contents[0])
        with ours(args, model=path) as server:
            server.first(IMAGE.format(1))
            images = [known_images(server)]
            replace(server, path, contents[1])
            images.append(known_images(server))
            known = {seed: [body, images[1][seed]] for seed, body in images[0].items()}
            running = Running(load_of(server, "images", args, seconds=3600.0, known=known))
            start = time.perf_counter()
            for k in range(args.reloads):
                replace(server, path, contents[k % 2])
            seconds = time.perf_counter() - start
            result = running.end()
            taken = server.metrics('{model="g",result="ok"}')["dcgan_reloads_total"]
    result["known"], result["reloads"], result["seconds_of_reloads"] = known, args.reloads, seconds
    result["problems"] = problems_of(result)
    if taken != args.reloads + 1:
        result["problems"].append(f"{taken:.0f} files taken, expected {args.reloads + 1}")
    if images[0] == images[1]:
        result["problems"].append("both models draw the same images: nothing was shown")
    return result


def put(path, content):
    """A file whose content is never seen in part."""
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.replace(path + ".new", path)


def replace(server, path, content):
    """Replaces the model, and waits until the server has taken it."""
    count = lambda: server.metrics()["dcgan_reloads_total"]
    before, last = count(), time.perf_counter() + 30
    put(path, content)
    while count() == before and time.perf_counter() < last:
        time.sleep(0.05)


def altered(content):
    """The model with a few other weights, and the checksum that is right for it."""
    content = bytearray(content)
    middle = len(content) // 2
    for place in range(middle, middle + 4096):
        content[place] ^= 0x80
    seal = list(re.finditer(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", content))
    if seal:
        place = slice(*seal[-1].span())
        content[place] = b"0" * 64
        content[place] = hashlib.sha256(content).hexdigest().encode()
    return bytes(content)
