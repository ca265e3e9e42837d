"""dcgan-infer serve under load, beside a bare session.run and a server of FastAPI, on one machine in one run.

    pip install onnxruntime==1.32 numpy pillow psutil fastapi 'uvicorn[standard]'
    cargo build --release && target/release/dcgan-infer install
    python crates/dcgan-infer/benches/serve.py --model g.onnx --json serve.json

Parts, any of them with --parts:

    load      64 clients ask for one image at a time, as raw tensors and as PNGs: images/s against a bare loop of
              session.run at the server's batch and threads, and against FastAPI with the same clients; rounds alternate
    overload  PNGs are asked for at four times the rate that the server has: memory, refusals, and what is accepted
    start     memory and the time from a process' start to its first image over HTTP, both servers in turn
    stop      SIGTERM under load: which requests were sent and not answered
    reload    the model's file is replaced again and again under load

The processor is shared with the clients: their share is printed, and the figures say less where it is large. The exit
status is 1 if a request failed in any part, or an image was another one than without load.
"""

import argparse
import json
import os
import sys

import serve_parts
from serve_report import show

PARTS = {
    "load": serve_parts.load,
    "overload": serve_parts.overload,
    "start": serve_parts.start,
    "stop": serve_parts.stop,
    "reload": serve_parts.reload,
}


def parts(text):
    names = text.split(",")
    unknown = set(names) - set(PARTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"expected some of {','.join(PARTS)}, found {','.join(unknown)}")
    return names


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--program", default="target/release/dcgan-infer")
    parser.add_argument("--onnxruntime", help="the library for dcgan-infer; by default the one that it finds itself")
    parser.add_argument("--parts", type=parts, default=list(PARTS), help="by default all")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of ONNX Runtime, everywhere")
    parser.add_argument("--max-batch", type=int, default=16)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement under load")
    parser.add_argument("--rounds", type=int, default=2, help="of the part load")
    parser.add_argument("--overload", type=float, default=4.0, help="times the rate that the server has")
    parser.add_argument("--starts", type=int, default=11, help="of each server")
    parser.add_argument("--stops", type=int, default=5)
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--json", metavar="FILE", help="where all figures go, too")
    return parser.parse_args()


def main():
    args = arguments()
    report = {"settings": {key: value for key, value in vars(args).items() if key != "json"}}
    report["settings"]["cores"] = os.cpu_count()
    for name in args.parts:
        print(f"{name} ...", file=sys.stderr, flush=True)
        report[name] = PARTS[name](args)
    problems = [f"{name}: {problem}" for name in args.parts for problem in report[name]["problems"]]
    show(report)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(report, file, indent=1)
    for problem in problems:
        print(f"failed: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
