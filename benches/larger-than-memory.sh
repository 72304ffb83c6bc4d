#!/usr/bin/env bash
# larger-than-memory.sh FIELD SIDE MEMORY [BOUNDARY]: Wiener-Hunt (boundary circular unless linear is asked for) and the exact
# residual of an image of SIDE x SIDE pixels with a PSF of the same size, under MEMORY and without a cap, and whether the
# pixels are the same. FIELD holds dirty.fits and psf.fits of a smaller side that divides SIDE: the image repeats it, the PSF
# is padded. Needs numpy and astropy (PYTHON), and room beside this folder's outputs/ for 12 files of SIDE x SIDE floats,
# 20 for the linear boundary. UNCAPPED=no leaves out the run without a cap and the comparison, for sizes that only run
# capped: UNCAPPED=no larger-than-memory.sh FIELD 32768 4GiB. PROGRAM names another deconv.
set -euo pipefail
field=$1 side=$2 memory=$3 boundary=${4:-circular}
program=${PROGRAM:-target/release/deconv}
caps=("$memory")
[ "${UNCAPPED:-yes}" = no ] || caps+=(auto)
out=outputs/larger-than-memory
mkdir -p "$out"
"${PYTHON:-python3}" - "$field" "$side" "$out" <<'PY'
import sys
import numpy as np
from astropy.io import fits
field, side, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dirty, psf = (fits.getdata(f"{field}/{name}.fits").squeeze() for name in ("dirty", "psf"))
times = side // dirty.shape[0]
y, x = (side // 2 - at for at in np.unravel_index(psf.argmax(), psf.shape))


def write(name, rows):
    """Writes `rows(first, last)` for all rows, some at a time: the image may be larger than this machine's memory."""
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", side), ("NAXIS2", side)])
    with open(f"{out}/{name}.fits", "wb") as file:
        file.write(header.tostring(padding=True).encode())
        for first in range(0, side, 1024):
            file.write(rows(first, min(side, first + 1024)).astype(">f4").tobytes())
        file.write(bytes(-file.tell() % 2880))


def padded(first, last):
    rows = np.zeros((last - first, side), ">f4")
    low, high = max(first, y), min(last, y + psf.shape[0])
    if low < high:
        rows[low - first:high - first, x:x + psf.shape[1]] = psf[low - y:high - y]
    return rows


write("dirty", lambda first, last: np.tile(dirty[np.arange(first, last) % dirty.shape[0]], (1, times)))
write("psf", padded)
PY
for cap in "${caps[@]}"; do
  "$program" --dirty "$out/dirty.fits" --psf "$out/psf.fits" --algorithm wiener --boundary "$boundary" --lambda 1 \
    --plots none --overwrite -q --memory "$cap" -o "$out/$cap"
  grep -E '"(memory_peak_bytes|written_bytes|read_bytes|wall_s|cpu_s|iterations)"' "$out/$cap-summary.json" | sed "s/^/$cap/"
done
[ "${#caps[@]}" = 2 ] || exit 0
"${PYTHON:-python3}" - "$out" "$memory" <<'PY'
import sys
from astropy.io import fits
out, memory = sys.argv[1:]
for product in ("model", "residual", "image"):
    one, other = (fits.open(f"{out}/{cap}-{product}.fits")[0].data for cap in (memory, "auto"))
    print(product, "same pixels" if all((a.tobytes() == b.tobytes()) for a, b in zip(one, other)) else "OTHER PIXELS")
PY
