#!/usr/bin/env bash
# The tutorial's normal(10, 0.1, size=(N, N)).mean(axis=0)[::100] at several lengths of a chunk, beside Dask, in one run,
# as a Markdown table.
#   benches/tutorial.sh PYTHON [SIZE [CHUNK...]]
# PYTHON is an interpreter with dask[array]. Each row is a process of its own, both with its default workers; the
# better CPU time of two runs is taken.
set -euo pipefail
python=$1 size=${2:-20000}
shift $(($# < 2 ? $# : 2))
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -gt 0 ] || set -- 20000 5000 1000 100

cargo bench -q --bench tutorial --no-run
deconv() { cargo bench -q --bench tutorial -- "$1" "$size" | tail -n 1; }

# Prints the same line as the bench does.
dask() {
  "$python" - "$1" "$size" <<'PY'
import resource, sys, time
import dask, dask.array as da
chunk, size = int(sys.argv[1]), int(sys.argv[2])
began = time.perf_counter()
means = da.random.default_rng(1).normal(10, 0.1, size=(size, size), chunks=min(chunk, size)).mean(axis=0)[::100]
raw = len(means.__dask_graph__())
(optimised,) = dask.optimize(means)
tasks = len(optimised.__dask_graph__())
first = means.compute()[0]
wall = time.perf_counter() - began
usage = resource.getrusage(resource.RUSAGE_SELF)
cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
print(chunk, raw, tasks, f"{wall:.2f} {cpu:.2f} {peak:.0f} {first:.12f}")
PY
}

# The run of the two that took less CPU time.
better() { { "$@"; "$@"; } | sort -g -k 5 | head -n 1; }

echo '| chunk | program | tasks | run | wall s | CPU s | peak MiB |'
echo '|---|---|---|---|---|---|---|'
means=()
for chunk in "$@"; do
  for program in deconv dask; do
    read -r _ raw tasks wall cpu peak first < <(better "$program" "$chunk")
    echo "| $chunk | $program | $raw | $tasks | $wall | $cpu | $peak |"
    [ "$program" = dask ] || means+=("$first")
  done
done
[ "$(printf '%s\n' "${means[@]}" | sort -u | wc -l)" = 1 ] || { echo "error: the means differ: ${means[*]}" >&2; exit 1; }
