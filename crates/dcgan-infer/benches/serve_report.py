"""The tables of serve.py."""


def show(report):
    settings = report["settings"]
    cores, threads, batch = (settings[name] for name in ("cores", "threads", "max_batch"))
    print(f"{settings['model']}, {cores} cores, {threads} threads, batches of {batch}")
    for name, shown in [("load", load), ("overload", overload), ("start", start), ("stop", stop), ("reload", reload)]:
        if name in report:
            print()
            shown(report[name])


def table(*rows):
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows[1:]:
        print("| " + " | ".join(row) + " |")


def load(part):
    table(("images/s of dcgan-infer", "ratio"), *((name, f"{ratio:.3f}") for name, ratio in part["ratios"].items()))
    print()
    names = "round, server, images, images/s, p50 ms, p99 ms, errors, mean batch, its cores, clients' cores"
    rows = [names.split(", ")]
    for k, figures in enumerate(part["rounds"], 1):
        rows.append((str(k), "session.run", "tensors", f"{figures['bare']:.1f}") + ("",) * 6)
        for server in ("dcgan-infer", "FastAPI"):
            rows += (measured(k, server, kind, result) for kind, result in figures[server].items())
    table(*rows)


def measured(k, server, kind, result):
    times = result["latency_ms"].get(200, {"p50": 0, "p99": 0})
    batch = f"{result['mean_batch']:.1f}" if "mean_batch" in result else ""
    errors = sum(result["faults"].values()) + sum(n for status, n in result["statuses"].items() if status != 200)
    speed = f"{result['images_per_second']:.1f}"
    cores = f"{result['server_cores']:.2f}", f"{result['client_cores']:.2f}"
    return (str(k), server, kind, speed, f"{times['p50']:.1f}", f"{times['p99']:.1f}", str(errors), batch, *cores)


def overload(part):
    seconds, statuses = part["seconds"], part["statuses"]
    rows = [("at an overload", "")]
    rows.append(("rate that the server has, PNGs/s", f"{part['capacity']:.1f}"))
    rows.append(("asked for, images/s", f"{part['requests'] / seconds:.1f} of {part['rate']:.1f}"))
    rows.append(("answered, images/s", f"{statuses.get(200, 0) / seconds:.1f}"))
    rows.append(("refused with 503, a second", f"{statuses.get(503, 0) / seconds:.1f}"))
    for status, name in ((503, "refused"), (200, "answered")):
        times = part["latency_ms"].get(status)
        if times:
            rows.append((f"{name}: p50, p99, most, ms", f"{times['p50']:.2f}, {times['p99']:.2f}, {times['max']:.2f}"))
    rows.append(("refusals without Retry-After", str(part["without_retry_after"])))
    rows.append(("failed requests", str(sum(part["faults"].values()))))
    rows.append(("answers compared, the same bytes", f"{part['verified']}, {part['verified_bytes']}"))
    memory = part["memory_mb"]
    rows.append(("memory: first, last, most, MB", f"{memory[0]:.1f}, {memory[-1]:.1f}, {max(memory):.1f}"))
    rows.append(("memory: last quarter less second quarter, MB", f"{part['memory_growth_mb']:+.2f}"))
    rows.append(("cores: server, clients", f"{part['server_cores']:.2f}, {part['client_cores']:.2f}"))
    table(*rows)


def start(part):
    rows = [("medians", "dcgan-infer", "FastAPI", "ratio")]
    names = {
        "seconds_to_first_image": ("start to first image, s", ".3f"),
        "idle_mb": ("idle, MB", ".1f"),
        "mb_after_an_image": ("after an image, MB", ".1f"),
    }
    for key, (name, form) in names.items():
        medians = part["medians"][key]
        values = (format(medians[server], form) for server in ("dcgan-infer", "FastAPI"))
        rows.append((name, *values, f"{part['ratios'][key]:.3f}"))
    table(*rows)


def stop(part):
    names = "SIGTERM; answered; other answers; unanswered; crossed with an end; connections refused; exit; after, s"
    rows = [names.split("; ")]
    for k, run in enumerate(part["runs"], 1):
        answered = run["statuses"].get(200, 0)
        others = sum(run["statuses"].values()) - answered
        lost = sum(run["faults"].values())
        counts = (answered, others, lost, run["crossed"], run["refused"], run["exit"])
        rows.append((str(k), *map(str, counts), f"{run['seconds_to_exit']:.2f}"))
    table(*rows)


def reload(part):
    answered = part["statuses"].get(200, 0)
    failed = part["requests"] - answered
    rows = [("the model's file replaced", "")]
    rows.append(("reloads, seconds", f"{part['reloads']}, {part['seconds_of_reloads']:.1f}"))
    rows.append(("requests, failed", f"{part['requests']}, {failed}"))
    rows.append(("images/s", f"{part['images_per_second']:.1f}"))
    rows.append(("answers compared, the same bytes", f"{part['verified']}, {part['verified_bytes']}"))
    table(*rows)
