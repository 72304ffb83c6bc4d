"""What a task costs dask: overhead.py TASKS... prints the lines of benches/graph.rs for its schedulers.

CPU of the process, all its threads, per task [us]; the least of several runs, of one at a million tasks. As there, `run`
is everything from the graph to the value, order included.
"""
import sys
import time

import dask
from dask.order import order

REPEATS = 3


def nothing(*inputs):
    return len(inputs)


def gather(inputs):
    return len(inputs)


def sink(tasks):
    graph = {("nothing", index): (nothing,) for index in range(1, tasks)}
    keys = list(graph)
    graph["sink"] = (gather, keys)
    return graph, "sink"


def tree(tasks):
    graph = {("nothing", 0, index): (nothing,) for index in range(-(-tasks // 2))}
    level, height = list(graph), 0
    while len(level) > 1:
        height += 1
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [("nothing", height, index) for index in range(len(pairs))]
        graph.update(zip(level, ((nothing, *pair) for pair in pairs)))
    return graph, level[0]


def cpu(step):
    start = time.process_time()
    result = step()
    return time.process_time() - start, result


def schedulers():
    yield "sync", lambda graph, key: dask.local.get_sync(graph, key)
    for threads in 1, 2:
        name = f"{threads} thread{'s' if threads > 1 else ''}"
        yield name, lambda graph, key, threads=threads: dask.threaded.get(graph, key, num_workers=threads)


for tasks in map(int, sys.argv[1:]):
    for shape in sink, tree:
        repeats = REPEATS if tasks < 1_000_000 else 1
        build = min(cpu(lambda: shape(tasks))[0] for _ in range(repeats))
        graph, key = shape(tasks)
        ordering = min(cpu(lambda: order(graph))[0] for _ in range(repeats))
        for name, get in schedulers():
            run = min(cpu(lambda: get(graph, key))[0] for _ in range(repeats))
            columns = " | ".join(f"{1e6 * seconds / tasks:.2f}" for seconds in (build, ordering, run))
            print(f"| dask {dask.__version__}, {name} | {shape.__name__} | {tasks} | {columns} |", flush=True)
