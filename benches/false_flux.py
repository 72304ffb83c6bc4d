#!/usr/bin/env python3
"""False flux: what a model holds more than one beam from any true emission, as a share of the true flux.

    false_flux.py CASE_FOLDER PREFIX [--model FILE]

CASE_FOLDER is one of the simulated pairs of ../shared/data, whose score.py must lie beside it; PREFIX-model.fits and
PREFIX-image.fits are a run's products. True emission is where the true image is above 0 and, for extended skies, where
at the clean beam it stands out of the noise; the beam is its major axis. Prints the sum of absolute and of signed flux,
at 1 to 3 beams (what a source between pixels leaves round itself) and farther out. --model scores another model.
Needs numpy, scipy, astropy.
"""
import argparse
import glob
import os
import sys

import numpy as np
from scipy.ndimage import distance_transform_edt

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("case")
p.add_argument("prefix")
p.add_argument("--model")
a = p.parse_args()
case = os.path.abspath(a.case)
sys.path.insert(0, os.path.dirname(case))
import score  # noqa: E402

model, _ = score.plane(a.model or f"{a.prefix}-model.fits")
_, header = score.plane(f"{a.prefix}-image.fits")
truth, _ = score.plane(glob.glob(f"{case}/truth.fits*")[0])
is_true = truth > 0
name = os.path.basename(case)
if "extended" in name:
    is_true &= score.at_beam(truth, header) > score.NOISE[name]
beams = distance_transform_edt(~is_true) / (header["BMAJ"] / abs(header["CDELT2"]))
total = truth.sum()
for what, far in (("all", beams > 1), ("1-3 beams", (beams > 1) & (beams <= 3)), ("farther", beams > 3)):
    print(f"{name} {what}: {np.abs(model[far]).sum() / total:.4f} (net {model[far].sum() / total:+.4f})")
