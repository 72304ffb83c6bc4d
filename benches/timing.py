"""Turns a run's summary into the timing.json of ../shared/peers: timing.py SUMMARY TIMING."""
import json
import sys

summary = json.load(open(sys.argv[1]))
phase = next(phase for phase in summary["phases"] if phase["name"] == "deconvolve")
times = {"wall_s": phase["wall_s"], "cpu_s": phase["cpu_s"]}
iterations = sum(plane["iterations"] for plane in summary["planes"])
json.dump({**times, "iterations": iterations} if iterations else times, open(sys.argv[2], "w"))
