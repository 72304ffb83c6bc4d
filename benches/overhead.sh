#!/usr/bin/env bash
# CPU per task of graphs whose tasks do nothing: the graph of this crate and dask's threaded scheduler in one run, as one
# Markdown table [us per task].
#   benches/overhead.sh PYTHON [TASKS...]
# PYTHON is an interpreter with dask.
set -euo pipefail
python=$(realpath -s "$1")
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || set -- 10000 100000 1000000
cd "$here/.."
cargo bench --quiet --bench graph -- "$@"
"$python" "$here/overhead.py" "$@"
