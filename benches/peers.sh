#!/usr/bin/env bash
# Runs deconv beside the peers of ../shared/peers on fields of several sizes, one table per size and thread count.
#   benches/peers.sh PYTHON OUT [SIZE...]
# PYTHON is the interpreter of the harness's main environment, OUT a folder for fields and results.
set -euo pipefail
python=$(realpath -s "$1") out=$(realpath -m "$2")
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
harness=$here/../../shared/peers
deconv=$here/../target/release/deconv
[ $# -gt 0 ] || set -- 1024 2048 4096

# deconv's own account of the deconvolution proper, as the harness wants it: the peers' times leave out reading and
# writing too. With tasks (a third word) it is that of the filter's tasks alone
job() {
  echo "$1=$deconv --dirty {dirty} --psf {psf} -o {out}/d --overwrite -q --threads {threads} $2 &&" \
    "$python $here/timing.py {out}/d-summary.json {out}/timing.json ${3-}"
}
stop="--gain {gain} --niter {niter} --threshold {threshold}Jy --auto-threshold 0 --auto-mask 0"

# run SIZE THREADS NAME PEERS JOB [OPTION...]
run() {
  local size=$1 threads=$2 name=$3 peers=$4 job=$5
  shift 5
  local field=$out/field-$size
  printf '\n### %s, %s x %s, %s threads\n' "$name" "$size" "$size" "$threads"
  "$python" "$harness/peers.py" --dirty "$field/dirty.fits" --psf "$field/psf.fits" --truth "$field/truth.fits" \
    --out "$out/$name-$size-$threads" --threads "$threads" --peers "$peers" --cmd "$job" --timeout 3000 "$@" \
    2>>"$out/log.txt"
}

for size in "$@"; do
  [ -f "$out/field-$size/dirty.fits" ] ||
    "$python" "$harness/make_images.py" --size "$size" --array meerkat --seed 21 --out "$out/field-$size" >/dev/null
  repeat=$([ "$size" -gt 2048 ] && echo 1 || echo 3)
  for threads in 1 2; do
    run "$size" "$threads" wiener wiener-scipy,wiener-ducc0,skimage-wiener,dask-wiener-rowcol "$(job deconv-wiener \
      '--algorithm wiener --boundary circular --noise-model white --reg laplacian --lambda {lam} --profile {out}/profile' \
      '{out}/profile/tasks.csv')" --repeat 5
    case $size in 2048 | 8192) continue ;; esac
    run "$size" "$threads" clean radler-clark-major "$(job deconv-clean "--algorithm clean $stop")" \
      --niter 100000 --majors 30 --repeat "$repeat"
    run "$size" "$threads" hogbom radler-hogbom "$(job deconv-hogbom "--algorithm hogbom $stop")" \
      --niter "$([ "$size" -gt 2048 ] && echo 1000 || echo 10000)" --repeat "$repeat"
  done
done
