#!/usr/bin/env bash
# How far is the tuner's choice of chunks from the best point of a sweep? Measures the machine, sweeps the Wiener-Hunt filter
# (circular, lambda 1) of the given pair over chunk sizes, and prints a Markdown table; the least CPU time of REPEAT counts.
# Fails if the tuner's choice costs over a tenth more than the best.
#   benches/sweep.sh DIRTY PSF OUT [REPEAT]
set -euo pipefail
dirty=$(realpath "$1") psf=$(realpath "$2") out=$3 repeat=${4:-3}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build -q --release
mkdir -p "$out"
target/release/deconv tune --save "$out/machine.toml" >"$out/machine.log"
target/release/deconv sweep --config "$out/machine.toml" --dirty "$dirty" --psf "$psf" --algorithm wiener --boundary circular \
  --lambda 1 --chunk 32,64,128,256,512,1024,2048,full,auto --threads 1,2 --repeat "$repeat" -o "$out/chunks" --overwrite

python3 - "$out/chunks-sweep.csv" <<'PY'
import csv, sys
points = list(csv.DictReader(open(sys.argv[1])))
print("| threads | chunk | rows | wall s | CPU s | peak MiB | tasks | overhead % |\n|---|---|---|---|---|---|---|---|")
for p in points:
    print(f"| {p['threads']} | {p['chunk']} | {p['rows']} | {float(p['wall_s']):.2f} | {float(p['cpu_s']):.2f} "
          f"| {float(p['peak_mib']):.0f} | {p['tasks']} | {float(p['overhead_percent']):.1f} |")
far = False
for threads in sorted({p["threads"] for p in points}):
    cpu = {p["chunk"]: float(p["cpu_s"]) for p in points if p["threads"] == threads}
    ratio = cpu["auto"] / min(cpu.values())
    far |= ratio > 1.1
    print(f"threads {threads}: the tuner's choice takes {ratio:.3f} of the least CPU time")
sys.exit("error: the tuner's choice is over a tenth from the best" if far else 0)
PY
