#!/usr/bin/env bash
# larger-than-memory.sh FIELD SIDE MEMORY: Wiener-Hunt and the exact residual of an image of SIDE x SIDE pixels with a PSF of
# the same size, under MEMORY and without a cap, and whether the pixels are the same. FIELD holds dirty.fits and psf.fits of a
# smaller side that divides SIDE: the image repeats it, the PSF is padded. Needs numpy and astropy (PYTHON), and room for
# 12 files of SIDE x SIDE floats beside this folder's outputs/.
set -euo pipefail
field=$1 side=$2 memory=$3
out=outputs/larger-than-memory
mkdir -p "$out"
"${PYTHON:-python3}" - "$field" "$side" "$out" <<'PY'
import sys
import numpy as np
from astropy.io import fits
field, side, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dirty, psf = (fits.getdata(f"{field}/{name}.fits").squeeze() for name in ("dirty", "psf"))
times = side // dirty.shape[0]
fits.PrimaryHDU(np.tile(dirty, (times, times)).astype(">f4")).writeto(f"{out}/dirty.fits", overwrite=True)
padded = np.zeros((side, side), ">f4")
y, x = (side // 2 - at for at in np.unravel_index(psf.argmax(), psf.shape))
padded[y:y + psf.shape[0], x:x + psf.shape[1]] = psf
fits.PrimaryHDU(padded).writeto(f"{out}/psf.fits", overwrite=True)
PY
for cap in "$memory" auto; do
  target/release/deconv --dirty "$out/dirty.fits" --psf "$out/psf.fits" --algorithm wiener --boundary circular --lambda 1 \
    --plots none --overwrite -q --memory "$cap" -o "$out/$cap"
  grep -E '"(memory_peak_bytes|wall_s|cpu_s)"' "$out/$cap-summary.json" | sed "s/^/$cap/"
done
"${PYTHON:-python3}" - "$out" "$memory" <<'PY'
import sys
from astropy.io import fits
out, memory = sys.argv[1:]
for product in ("model", "residual", "image"):
    one, other = (fits.open(f"{out}/{cap}-{product}.fits")[0].data for cap in (memory, "auto"))
    print(product, "same pixels" if all((a.tobytes() == b.tobytes()) for a, b in zip(one, other)) else "OTHER PIXELS")
PY
