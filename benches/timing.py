"""Turns a run's account into the timing.json of ../shared/peers: timing.py SUMMARY TIMING [TASKS].

Without TASKS, the tasks.csv of `--profile`, it takes the phase `deconvolve`. With them it takes what the filter of Wiener-Hunt is made
of: the PSF's and the dirty image's transforms, the survey of modes, the filter and its inverse. CPU seconds are the busy seconds of these
tasks, wall seconds those in which at least one of them ran.
"""
import csv
import json
import sys

FILTER = {"psf-rows", "rows-dirty", "transfer", "mode-survey", "usable", "filter-estimate", "filtered-estimate"}


def filter_times(path):
    with open(path, newline="") as file:
        tasks = [task for task in csv.DictReader(file) if task["key"].split("(")[0] in FILTER]
    spans = sorted((float(task["start"]), float(task["end"])) for task in tasks)
    wall, last = 0.0, 0.0
    for start, end in spans:
        wall += max(0.0, end - max(start, last))
        last = max(last, end)
    return {"wall_s": wall, "cpu_s": sum(float(task["busy"]) for task in tasks)}


summary = json.load(open(sys.argv[1]))
if len(sys.argv) > 3:
    times = filter_times(sys.argv[3])
else:
    phase = next(phase for phase in summary["phases"] if phase["name"] == "deconvolve")
    times = {"wall_s": phase["wall_s"], "cpu_s": phase["cpu_s"]}
iterations = sum(plane["iterations"] for plane in summary["planes"])
json.dump({**times, "iterations": iterations} if iterations else times, open(sys.argv[2], "w"))
