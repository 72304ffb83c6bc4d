#!/usr/bin/env python3
"""Checks Wiener-Hunt on an optical image: scikit-image's camera man, blurred by a 5 x 5 box, with white noise of a tenth of
its standard deviation (the reference figures of Wiener-Hunt with estimated hyper-parameters).

    optical.py PROGRAM

Ends with 1 if a signal-to-noise ratio is off by more than 0.05 dB, or if the estimate averaged over the posterior of lambda
is not 0.5 dB above that of scikit-image's unsupervised_wiener with its defaults. Needs numpy, astropy and scikit-image, which brings the
image along: nothing is downloaded.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from skimage import data, restoration

# (operator of the prior, rule for lambda): signal-to-noise ratio [dB]
EXPECTED = {
    ("laplacian", "ml"): 22.68,
    ("laplacian", "gcv"): 22.75,
    ("gradient", "ml"): 22.48,
    ("gradient", "gcv"): 22.69,
    ("laplacian", "sure"): 22.75,
    ("gradient", "sure"): 22.70,
}
# what is made of the posterior of lambda, which ml tells; and by how much that is above scikit-image's default
HYPER = {"marginal": 22.68, "gibbs": 22.68}
ABOVE_SCIKIT_IMAGE = 0.5
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
    return truth, dirty, psf[centre - 2:centre + 3, centre - 2:centre + 3], sigma


def snr(truth, estimate):
    """Signal-to-noise ratio of an estimate [dB]."""
    return 10 * np.log10((truth**2).sum() / ((truth - estimate)**2).sum())


def estimate(program, folder, prior, rule, more=()):
    """The model, and what the summary says of it."""
    prefix = folder / f"{prior}-{rule}{''.join(more)}"
    command = [program, "--dirty", folder / "dirty.fits", "--psf", folder / "psf.fits", "-o", prefix, "-q"]
    command += ["--algorithm", "wiener", "--boundary", "circular", "--noise-model", "white", "--reg", prior]
    subprocess.run(command + ["--lambda", rule, "--beam-shape", "5asec", *more], check=True)
    summary = json.loads(Path(f"{prefix}-summary.json").read_text())
    return fits.getdata(f"{prefix}-model.fits").squeeze().astype(np.float64), summary["planes"][0]["wiener"]


def main(program):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth, dirty, blur, sigma = make(folder)
        found = {"data": (snr(truth, dirty), EXPECTED_DATA)}
        for (prior, rule), expected in EXPECTED.items():
            # the noise of an image that fills its frame is not its robust noise; the PSF is divided by its peak
            more = ("--sigma", f"{25 * sigma}Jy") if rule == "sure" else ()
            model, wiener = estimate(program, folder, prior, rule, more)
            found[f"{prior} {rule}"] = (snr(truth, model), expected)
            print(f"{prior} {rule}: lambda {wiener['lambda']:.4g}, noise {wiener['sigma'] / 25:.5f}")
        for hyper, expected in HYPER.items():
            model, wiener = estimate(program, folder, "laplacian", "ml", ("--hyper", hyper))
            found[hyper] = (snr(truth, model), expected)
            if wiener["hyper"]["method"] != hyper:
                print(f"{hyper}: {wiener['hyper']}")
                return True
    theirs = snr(truth, restoration.unsupervised_wiener(dirty, blur, clip=False, rng=1)[0])
    if found["gibbs"][0] < theirs + ABOVE_SCIKIT_IMAGE:
        print(f"gibbs {found['gibbs'][0]:.2f} dB, scikit-image {theirs:.2f}: expected {ABOVE_SCIKIT_IMAGE} dB above it")
        return True
    print(f"scikit-image's unsupervised_wiener: {theirs:.2f} dB")
    far = [name for name, (value, expected) in found.items() if abs(value - expected) > TOLERANCE]
    verdict = f"not within {TOLERANCE} dB: {', '.join(far)}" if far else f"all within {TOLERANCE} dB"
    figures = ", ".join(f"{name} {value:.2f} ({expected})" for name, (value, expected) in found.items())
    print(f"optical [dB]: {figures}: {verdict}")
    return bool(far)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
