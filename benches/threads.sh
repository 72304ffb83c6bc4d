#!/usr/bin/env bash
# What do two threads bring over one, and what keeps them from bringing more? Runs each algorithm on the given pair with 1
# and 2 threads in turn, and prints speed-up, efficiency and serial remainder as the profiler tells them, as a Markdown
# table; of ROUNDS rounds the quickest counts.
#   benches/threads.sh DIRTY PSF OUT [ROUNDS]
set -euo pipefail
dirty=$(realpath "$1") psf=$(realpath "$2") out=$3 rounds=${4:-3}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build -q --release
mkdir -p "$out"
for round in $(seq "$rounds"); do
  for threads in 1 2; do
    for algorithm in clean 'wiener --boundary circular --lambda 1'; do
      # shellcheck disable=SC2086  # the algorithm comes with its flags
      target/release/deconv --dirty "$dirty" --psf "$psf" --algorithm $algorithm --threads "$threads" --plots profile \
        --quiet --overwrite -o "$out/${algorithm%% *}-$threads-$round"
    done
  done
done

python3 - "$out" "$rounds" <<'PY'
import json, sys
out, rounds = sys.argv[1], int(sys.argv[2])
print("| algorithm | threads | wall s | busy s | speed-up over 1 thread | efficiency | alone, most first (s) |\n|---|---|---|---|---|---|---|")
for algorithm in ("clean", "wiener"):
    alone = {}
    for threads in (1, 2):
        runs = [json.load(open(f"{out}/{algorithm}-{threads}-{n + 1}-summary.json"))["parallel"] for n in range(rounds)]
        best = min(runs, key=lambda run: run["wall_s"])
        alone[threads] = best["wall_s"]
        worst = sorted(best["alone_s"].items(), key=lambda item: -item[1])[:4]
        serial = ", ".join(f"{kind} {seconds:.3f}" for kind, seconds in worst) if threads > 1 else ""
        print(f"| {algorithm} | {threads} | {best['wall_s']:.3f} | {best['busy_s']:.3f} "
              f"| {alone[1] / best['wall_s']:.2f} | {best['efficiency']:.2f} | {serial} |")
PY
