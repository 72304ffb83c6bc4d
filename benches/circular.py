#!/usr/bin/env python3
"""The circular benchmark of ALGORITHMS 12.1 and its table 12.3: `circular.py DECONV FOLDER`, with numpy and astropy.

Makes an array of 40 antennas and the skies, lets `deconv simulate --psf-size period` observe them, deconvolves them with every
algorithm, and prints SNR of the model and of the restored image at the clean beam [dB], the share of the flux in the model, and CPU
seconds. The truth is used for nothing but the score.
"""
import json
import os
import subprocess
import sys

import numpy as np
from astropy.io import fits

N = 512
CASES = {"mixed, briggs": ("mixed", "briggs"), "ext, briggs": ("ext", "briggs"), "mixed, natural": ("mixed", "natural")}
CIRCULAR = "--boundary circular"
# CLEAN convolves linearly: it gets the PSF of one period in each direction, with which the two are the same on these pixels
METHODS = {
    "wiener": f"--algorithm wiener {CIRCULAR}",
    "convex, atoms": f"--algorithm convex {CIRCULAR}",
    "convex, starlet": f"--algorithm convex --prior starlet {CIRCULAR}",
    "convex, huber": f"--algorithm convex --prior huber {CIRCULAR}",
    "convex, tv": f"--algorithm convex --prior tv {CIRCULAR}",
    "convex, mixed": f"--algorithm convex --prior mixed {CIRCULAR}",
    "hybrid": "--algorithm hybrid",
    "clean": "--algorithm clean",
    "multiscale": "",
    "multiscale, --auto-mask 4": "--auto-mask 4",
}


def array(path, random):
    """24 antennas in a core, 16 around it; the unit is 4 km, which puts the longest baselines at 0.42 cycles per pixel."""
    radius = np.where(np.arange(40) < 24, abs(random.normal(size=40) * 0.1225), random.uniform(0.15, 1, 40))
    angle = random.uniform(0, 2 * np.pi, 40)
    with open(path, "w") as file:
        file.write("# frame: enu\n# latitude: -30.7\n")
        for r, a in zip(radius, angle):
            file.write(f"{4000 * r * np.cos(a):.3f} {4000 * r * np.sin(a):.3f} 0\n")


def extended(random):
    """Ring and core, a cloud of 0.02 Jy/pixel at most."""
    f = np.fft.fftfreq(N)
    k = np.hypot(f[:, None], f[None])
    filtered = lambda image, gain: np.fft.ifft2(np.fft.fft2(image) * gain).real
    cloud = filtered(random.normal(size=(N, N)), np.where(k > 0, np.maximum(k, 1e-9) ** -1.4, 0))
    y, x = np.mgrid[:N, :N] - N / 2
    core = np.exp(-0.5 * ((x / 40) ** 2 + (y / 28) ** 2))
    ring = 0.5 * np.exp(-0.5 * ((np.hypot(x, y) - 75) / 8) ** 2)
    sky = filtered(np.exp(0.6 * cloud / cloud.std()) * (core + ring), np.exp(-2 * np.pi**2 * k * k))
    sky[sky < 1e-4 * sky.max()] = 0
    return 0.02 * sky / sky.max()


def plane(path):
    with fits.open(path) as file:
        return np.squeeze(file[0].data).astype(float), file[0].header


def beam(header):
    """The clean beam's transfer function for Jy/beam, from BMAJ, BMIN, BPA."""
    cell = abs(header["CDELT1"])
    f = np.fft.fftfreq(N)
    fy, fx = f[:, None], f[None]
    pa = np.deg2rad(header["BPA"])
    along, across = np.cos(pa) * fy - np.sin(pa) * fx, np.sin(pa) * fy + np.cos(pa) * fx
    major, minor = header["BMAJ"] / cell, header["BMIN"] / cell
    area = np.pi * major * minor / (4 * np.log(2))
    return area * np.exp(-(np.pi**2) * ((major * along) ** 2 + (minor * across) ** 2) / (4 * np.log(2)))


def main():
    deconv, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    random = np.random.default_rng(12)
    array("array.txt", random)
    sky = extended(random)
    points = sky.copy()
    for _ in range(60):
        points[tuple(random.integers(20, N - 20, 2))] += 0.02 / (1 - 0.99 * random.random())
    fits.writeto("ext-sky.fits", sky.astype("f4"), overwrite=True)
    fits.writeto("mixed-sky.fits", points.astype("f4"), overwrite=True)
    run = lambda words: subprocess.run([deconv, *words.split()], check=False, capture_output=True, text=True)
    print(f"| method | {' | '.join(CASES)} |\n| --- | {' | '.join('---' for _ in CASES)} |")
    rows = {name: [] for name in METHODS}
    for case, (name, weight) in CASES.items():
        at = f"{name}-{weight}"
        made = run(
            f"simulate --truth {name}-sky.fits --points 0 --layout array.txt --declination -40 --integrations 1500 --freq 1.4e9:1.4001e9 "
            f"--channels 1 --cell 2.2 --weight {weight} --noise 1e-3 --psf-size period --seed 3 -o {at} --overwrite"
        )
        if made.returncode:
            sys.exit(made.stderr)
        psf, header = plane(f"{at}-psf.fits")
        lags = (np.arange(1 - N, N) + N // 2) % N
        twice = psf[np.ix_(lags, lags)]
        header["CRPIX1"] = header["CRPIX2"] = N
        fits.writeto(f"{at}-psf2.fits", twice.astype("f4"), header, overwrite=True)
        truth = plane(f"{at}-truth.fits")[0]
        for method, words in METHODS.items():
            used = "psf" if CIRCULAR in words else "psf2"
            ran = run(f"--dirty {at}-dirty.fits --psf {at}-{used}.fits -o out --overwrite --plots none {words}")
            if ran.returncode == 1:
                sys.exit(ran.stderr)
            model, restored = plane("out-model.fits")[0], plane("out-image.fits")
            at_beam = beam(restored[1])
            blurred = lambda image: np.fft.ifft2(np.fft.fft2(image) * at_beam).real
            true = blurred(truth)
            db = lambda image: 20 * np.log10(true.std() / (image - true).std())
            cpu = sum(phase["cpu_s"] for phase in json.load(open("out-summary.json"))["phases"])
            score = f"{db(blurred(model)):.1f} / {db(restored[0]):.1f}, {model.sum() / truth.sum():.3f}, {cpu:.1f} s"
            rows[method].append(score + ("" if ran.returncode == 0 else f" (exit {ran.returncode})"))
    for method, scores in rows.items():
        print(f"| {method} | {' | '.join(scores)} |")


main()
