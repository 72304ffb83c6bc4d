#!/usr/bin/env python3
"""Checks Wiener-Hunt on an optical image: scikit-image's camera man, blurred by a 5 x 5 box, with white noise of a tenth of
its standard deviation (the reference figures of Wiener-Hunt with estimated hyper-parameters).

    optical.py PROGRAM

Ends with 1 if a signal-to-noise ratio is off by more than 0.05 dB. Needs numpy, astropy and scikit-image, which brings the
image along: nothing is downloaded.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from skimage import data

# (operator of the prior, rule for lambda): signal-to-noise ratio [dB]
EXPECTED = {
    ("laplacian", "ml"): 22.68,
    ("laplacian", "gcv"): 22.75,
    ("gradient", "ml"): 22.48,
    ("gradient", "gcv"): 22.69,
}
EXPECTED_DATA = 20.39
TOLERANCE = 0.05


def make(folder):
    """Writes dirty.fits and psf.fits, both (512, 512); returns the true and the dirty image."""
    truth = data.camera().astype(np.float64) / 255
    psf = np.zeros_like(truth)
    centre = truth.shape[0] // 2
    psf[centre - 2:centre + 3, centre - 2:centre + 3] = 1 / 25
    blurred = np.fft.ifft2(np.fft.fft2(truth) * np.fft.fft2(np.fft.ifftshift(psf))).real
    sigma = 0.1 * blurred.std()
    dirty = blurred + sigma * np.random.default_rng(0).standard_normal(truth.shape)
    for name, image in [("psf", psf), ("dirty", dirty)]:
        hdu = fits.PrimaryHDU(image.astype(np.float32))
        hdu.header.update({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CDELT1": -1 / 3600, "CDELT2": 1 / 3600})
        hdu.writeto(folder / f"{name}.fits")
    return truth, dirty


def snr(truth, estimate):
    """Signal-to-noise ratio of an estimate [dB]."""
    return 10 * np.log10((truth**2).sum() / ((truth - estimate)**2).sum())


def estimate(program, folder, prior, rule):
    """The model, and what the summary says of it."""
    prefix = folder / f"{prior}-{rule}"
    command = [program, "--dirty", folder / "dirty.fits", "--psf", folder / "psf.fits", "-o", prefix, "-q"]
    command += ["--algorithm", "wiener", "--boundary", "circular", "--noise-model", "white", "--reg", prior]
    subprocess.run(command + ["--lambda", rule, "--beam-shape", "5asec"], check=True)
    summary = json.loads(Path(f"{prefix}-summary.json").read_text())
    return fits.getdata(f"{prefix}-model.fits").squeeze().astype(np.float64), summary["planes"][0]["wiener"]


def main(program):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth, dirty = make(folder)
        found = {"data": (snr(truth, dirty), EXPECTED_DATA)}
        for (prior, rule), expected in EXPECTED.items():
            model, wiener = estimate(program, folder, prior, rule)
            found[f"{prior} {rule}"] = (snr(truth, model), expected)
            print(f"{prior} {rule}: lambda {wiener['lambda']:.4g}, noise {wiener['sigma'] / 25:.5f}")
    far = [name for name, (value, expected) in found.items() if abs(value - expected) > TOLERANCE]
    verdict = f"not within {TOLERANCE} dB: {', '.join(far)}" if far else f"all within {TOLERANCE} dB"
    figures = ", ".join(f"{name} {value:.2f} ({expected})" for name, (value, expected) in found.items())
    print(f"optical [dB]: {figures}: {verdict}")
    return bool(far)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
