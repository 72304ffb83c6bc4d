#!/usr/bin/env bash
# What --profile costs: instructions of the same run with and without it, and apart from them those of drawing the report
# once the run is over. Fails where recording takes more than 1 % of the run.
#   benches/profilers.sh [SIZE] [FLAGS...]
# SIZE is the side of the simulated image, 1024 unless named; FLAGS are those of the run. Instructions are counted by
# valgrind's callgrind, which needs no rights and counts the same each time. Under it a run is so many times slower, and the
# samples of memory and CPU, which are taken by the clock, are taken so many times more seldom to make up for it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
size=${1:-1024}
shift || true
[ $# -gt 0 ] || set -- --algorithm wiener --lambda 0.01 --boundary circular
limit=1
interval=${INTERVAL:-0.05}
folder=target/profilers
program=${PROGRAM:-target/release/deconv}
command -v valgrind >/dev/null || { echo "valgrind is missing" >&2; exit 1; }
[ -x "$program" ] || cargo build --release
mkdir -p "$folder"

image=$folder/sky-$size
[ -f "$image-dirty.fits" ] ||
  "$program" simulate --size "$size" --cell 2 --points 60 --noise 2e-4 --seed 6 -o "$image" >"$folder/simulate.log" 2>&1

# run NAME FLAGS...: the run under nothing.
run() {
  local name=$1
  shift
  "$program" --dirty "$image-dirty.fits" --psf "$image-psf.fits" --quiet --plots none --threads 1 --overwrite \
    -o "$folder/$name" "$@"
}

# seconds COMMAND...: its wall time.
seconds() {
  local begin end
  begin=$(date +%s.%N)
  "$@"
  end=$(date +%s.%N)
  awk -v a="$begin" -v b="$end" 'BEGIN { print b - a }'
}

# counted NAME FLAGS...: the same under callgrind; leaves NAME.callgrind.
counted() {
  local name=$1
  shift
  valgrind --quiet --tool=callgrind --callgrind-out-file="$folder/$name.callgrind" \
    "$program" --dirty "$image-dirty.fits" --psf "$image-psf.fits" --quiet --plots none --threads 1 --overwrite \
    -o "$folder/$name" "$@" 2>"$folder/$name.log"
}

# total NAME: instructions of a run.
total() { awk '/^(summary|totals):/ { print $2; exit }' "$folder/$1.callgrind"; }

# inside NAME FUNCTION: instructions of a run within a function and all that it calls.
inside() {
  callgrind_annotate --inclusive=yes --threshold=100 "$folder/$1.callgrind" |
    awk -v name="$2" '!found && index($0, name) { gsub(",", "", $1); print $1; found = 1 } END { if (!found) print 0 }'
}

bare=$(seconds run plain "$@")
slow=$(seconds counted plain "$@")
times=$(awk -v a="$slow" -v b="$bare" 'BEGIN { print a / b }')
stretched=$(awk -v a="$interval" -v b="$times" 'BEGIN { printf "%.3f", a * b }')
counted profiled --profile "$folder/report" --profile-dt "$stretched" "$@"

plain=$(total plain)
profiled=$(total profiled)
drawing=$(inside profiled 'deconv::cli::shown::Shown::draw')
[ "$drawing" -gt 0 ] || { echo "the drawing of the report is not among the functions of $folder/profiled.callgrind" >&2; exit 1; }
awk -v size="$size" -v plain="$plain" -v all="$profiled" -v drawing="$drawing" -v limit="$limit" -v times="$times" 'BEGIN {
  recording = 100 * (all - drawing - plain) / plain
  printf "| image | run [1e6] | recording [%%] | drawing the report [1e6] | slower under callgrind |\n|---|---|---|---|---|\n"
  printf "| %d x %d | %.0f | %.3f | %.0f | %.0f x |\n", size, size, plain / 1e6, recording, drawing / 1e6, times
  if (recording > limit) { printf "recording takes more than %g %% of the run\n", limit; exit 1 }
}'
