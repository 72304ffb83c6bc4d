#!/usr/bin/env python3
"""Opens the report of `deconv --profile` in a real browser and compares what it shows with the records and the summary.

    check.py DECONV OUT [CHROMIUM]

Runs DECONV on the sample sky into the folder OUT, and leaves a screenshot of each page there. Needs only Python's own
library, and Chromium.
"""

import html.parser
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import defaultdict
from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[2] / "data"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=20000",
]  # fmt: skip
WINDOW = (1480, 2600)


class Page(html.parser.HTMLParser):
    """Attributes of the elements that carry figures."""

    def __init__(self, text):
        super().__init__()
        self.body, self.ids, self.kinds, self.busy = {}, {}, {}, {}
        self.sections = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "body":
            self.body = found
        if "id" in found:
            self.ids[found["id"]] = found
        if tag == "section" and "id" in found:
            self.sections.append(found["id"])
        if "data-kind" in found:
            self.kinds[found["data-kind"]] = (int(found["data-tasks"]), float(found["data-busy"]))
        if "data-busy-workers" in found:
            self.busy[int(found["data-busy-workers"])] = float(found["data-value"])

    def figure(self, name):
        return float(self.ids[name]["data-value"])


def check(what, found, expected, tolerance=0.0):
    """Stops at the first figure that is not what it should be."""
    if not math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance):
        sys.exit(f"error: {what}: the page shows {found!r}, expected {expected!r}")


def browse(chromium, page, *what):
    """Opens a page in a browser of its own."""
    profile = tempfile.mkdtemp(prefix="deconv-browser-")
    try:
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", *what, page.resolve().as_uri()]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    finally:
        shutil.rmtree(profile, ignore_errors=True)


def rows(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def run(deconv, out, name, words):
    """Deconvolves the sample with a profile; returns its folder and the summary."""
    folder = out / f"{name}-profile"
    command = [deconv, "--dirty", SAMPLE / "sample-dirty.fits", "--psf", SAMPLE / "sample-psf.fits", "-o", out / name]
    subprocess.run([*command, "-q", "--profile", folder, "--profile-dt", "10ms", *words.split()], check=True)
    return folder, json.loads((out / f"{name}-summary.json").read_text())


def busy_together(tasks):
    """Seconds in which 1, 2, ... workers were busy, and of each kind alone, by walking over all begins and ends."""
    events = sorted((t, is_begin, n) for n, task in enumerate(tasks) for t, is_begin in [(task["start"], 1), (task["end"], 0)])
    running, together, alone, before = set(), defaultdict(float), defaultdict(float), 0.0
    for t, is_begin, n in events:
        together[len(running)] += t - before
        if len(running) == 1:
            alone[tasks[next(iter(running))]["kind"]] += t - before
        before = t
        (running.add if is_begin else running.discard)(n)
    return together, alone


def held_at_most(points):
    held, most = defaultdict(int), 0
    for point in points:
        held[point["kind"]] = point["bytes"]
        most = max(most, sum(held.values()))
    return most


def compare(page, folder, summary):
    """All figures of a page against the records and the summary of its run."""
    tasks, graphs = rows(folder, "tasks"), rows(folder, "graphs")
    resources, cache = rows(folder, "resources"), rows(folder, "cache")
    parallel = summary["parallel"]
    wall = max(graph["end"] for graph in graphs) - min(graph["start"] for graph in graphs)
    busy = sum(task["busy"] for task in tasks)
    workers = summary["workers"]
    expected = {
        "tasks": sum(task["count"] for task in tasks),
        "graphs": len(graphs),
        "workers": workers,
        "wall": wall,
        "busy": busy,
        "speed-up": busy / wall,
        "efficiency": busy / wall / workers,
        "queued": sum(max(task["start"] - task["ready"], 0) for task in tasks),
        "peak": max(sample["rss_bytes"] for sample in resources),
        "forecast": summary["memory_forecast_bytes"],
        "limit": summary["memory_allowed_bytes"],
    }
    check("tasks of the graphs", expected["tasks"], sum(graph["tasks"] for graph in graphs))
    for name, value in expected.items():
        check(name, page.figure(name), value, 1e-4)
    for name, key in [("wall", "wall_s"), ("busy", "busy_s"), ("speed-up", "speed_up"), ("efficiency", "efficiency")]:
        check(f"{name} of the summary", page.figure(name), parallel[key], 1e-4)

    together, alone = busy_together(tasks)
    check("one worker alone", page.figure("one-busy"), together[1], 1e-4)
    check("no worker busy", page.figure("none-busy"), wall - sum(s for n, s in together.items() if n), 1e-3)
    for n in range(1, workers + 1):
        check(f"{n} busy", parallel["busy_workers_s"][n], together[n], 1e-4)
        check(f"{n} busy in the bar", page.busy.get(n, 0.0), together[n], 1e-4)
    check("kinds that ran alone", len(parallel["alone_s"]), len([kind for kind, s in alone.items() if s > 0]))
    for kind, seconds in parallel["alone_s"].items():
        check(f"{kind} alone", seconds, alone[kind], 1e-6)

    by_kind = defaultdict(lambda: [0, 0.0])
    for task in tasks:
        by_kind[task["kind"]][0] += task["count"]
        by_kind[task["kind"]][1] += task["busy"]
    check("kinds", len(page.kinds), len(by_kind))
    for kind, (count, seconds) in page.kinds.items():
        check(f"tasks of {kind}", count, by_kind[kind][0])
        check(f"seconds of {kind}", seconds, by_kind[kind][1], 1e-4)

    lanes = page.ids["lanes"]
    check("tasks drawn", int(lanes["data-tasks"]), expected["tasks"])
    check("bytes held", float(page.ids["held"]["data-peak"]), held_at_most(cache))
    return expected, int(lanes["data-shapes"])


def colours(path):
    """How many colours a screenshot has, and its size."""
    data, at, packed, width, height, depth = path.read_bytes(), 8, b"", 0, 0, 3
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", data[at + 8 : at + 18])
            depth = {2: 3, 6: 4}[colour]
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    raw, stride, before, seen = zlib.decompress(packed), width * depth, bytearray(width * depth), set()
    for y in range(height):
        line = bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        unfilter(raw[y * (stride + 1)], line, before, depth)
        seen.update(bytes(line[x : x + 3]) for x in range(0, stride, depth * 3))
        before = line
    return len(seen), (width, height)


def unfilter(kind, line, above, depth):
    for x in range(len(line)):
        left = line[x - depth] if x >= depth else 0
        corner = above[x - depth] if x >= depth else 0
        if kind == 1:
            line[x] = line[x] + left & 255
        elif kind == 2:
            line[x] = line[x] + above[x] & 255
        elif kind == 3:
            line[x] = line[x] + (left + above[x]) // 2 & 255
        elif kind == 4:
            p = left + above[x] - corner
            a, b, c = abs(p - left), abs(p - above[x]), abs(p - corner)
            line[x] = line[x] + (left if a <= b and a <= c else above[x] if b <= c else corner) & 255


def main():
    deconv, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    chromium = sys.argv[3] if len(sys.argv) > 3 else shutil.which("chromium") or "chromium"
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    told = []
    for name, words, sections in [
        ("clean", "--chunk 64 -j 2", ["convergence", "preview", "graph"]),
        ("wiener", "--algorithm wiener --chunk 64 -j 2", ["convergence", "preview", "graph"]),
        ("many", "--algorithm clean --chunk 1 --nmiter 4 -j 2", ["convergence", "preview", "graph"]),
    ]:
        folder, summary = run(deconv, out, name, words)
        report = folder / "report.html"
        page = Page(browse(chromium, report, "--dump-dom"))
        if page.body.get("data-state") != "ready":
            sys.exit(f"error: {report}: the page is {page.body.get('data-state')!r}")
        expected, shapes = compare(page, folder, summary)
        missing = [section for section in sections if section not in page.sections]
        if missing or shapes == 0 or shapes > 2 * WINDOW[0] * expected["workers"]:
            sys.exit(f"error: {report}: without {missing}, {shapes} boxes in the lanes")
        picture = out / f"{name}.png"
        browse(chromium, report, f"--screenshot={picture}", f"--window-size={WINDOW[0]},{WINDOW[1]}")
        found, size = colours(picture)
        if found < 100 or size != WINDOW:
            sys.exit(f"error: {picture}: {found} colours, {size[0]} x {size[1]} pixels")
        told.append(f"{name} {expected['tasks']} tasks in {shapes} boxes, {100 * expected['efficiency']:.0f} % efficiency")
    print("browser: " + "; ".join(told) + ": the page, the records and the summary agree")


main()
