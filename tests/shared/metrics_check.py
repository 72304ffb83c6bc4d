#!/usr/bin/env python3
"""Compares `deconv metrics` with numpy, scipy and score.py of the reference data.

    metrics_check.py DECONV DATA

Runs DECONV on three pairs whose truth is known; errors must be those of score.py, the other numbers those of the formulas
in docs/metrics.md written out here. Needs numpy, scipy, astropy.
"""
import json
import subprocess
import sys
import tempfile

import numpy as np
from scipy import ndimage, stats

CASES = [("points-meerkat", "truth.fits.gz"), ("offgrid-vla", "truth.csv"), ("extended-m31-vla", "truth.fits.gz")]
RINGS = 30


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def mad(values):
    return 1.482602218505602 * np.median(np.abs(values - np.median(values)))


def white(residual, psf):
    """Ring averages of |R|^2 / (noise^2 S), with the PSF folded onto the residual's grid."""
    ny, nx = residual.shape
    cy, cx = np.unravel_index(np.argmax(psf), psf.shape)
    folded = np.zeros_like(residual)
    ys, xs = np.mgrid[: psf.shape[0], : psf.shape[1]]
    dy, dx = ys - cy, xs - cx
    near = (2 * np.abs(dy) < ny) & (2 * np.abs(dx) < nx)
    folded[dy[near] % ny, dx[near] % nx] = psf[near] / psf.max()
    shape = np.maximum(np.fft.fft2(folded).real, 0)
    power = np.abs(np.fft.fft2(residual)) ** 2 / residual.size
    fy, fx = np.meshgrid(np.fft.fftfreq(ny), np.fft.fftfreq(nx), indexing="ij")
    ring = (2 * np.hypot(fy, fx) * RINGS).astype(int)
    used = (shape > 0.01 * shape.max()) & (ring < RINGS)
    used[0, 0] = False
    ratio = np.zeros_like(power)
    ratio[used] = power[used] / (mad(residual) ** 2 * shape[used])
    sums = np.bincount(ring[used], ratio[used], RINGS)
    modes = np.bincount(ring[used], minlength=RINGS)
    explained = mad(residual) ** 2 * shape[used].sum() / power[used].sum()
    return {k: sums[k] / modes[k] for k in range(RINGS) if modes[k]}, explained


def compare(name, found, expected, tolerance):
    wrong = abs(found - expected) > tolerance * max(abs(expected), 1e-30)
    print(f"  {name:<24} {found:14.6g} {expected:14.6g} {'WRONG' if wrong else ''}")
    return int(wrong)


def check(deconv, data, score, folder, case, truth):
    out = f"{folder}/{case}"
    psf_file = "psf2x.fits.gz"
    run(deconv, "--dirty", f"{data}/{case}/dirty.fits", "--psf", f"{data}/{case}/{psf_file}", "-o", out, "--plots", "none", "-q")
    noise = score.NOISE[case]
    run(deconv, "metrics", "--image", f"{out}-image.fits", "--truth", f"{data}/{case}/{truth}", "--sigma", noise, "--json", f"{out}.json")
    report = json.load(open(f"{out}.json"))["planes"][0]
    numbers = {n["name"]: n["value"] for n in report["numbers"]}
    scored = json.loads(run(sys.executable, f"{data}/score.py", case, out, "--psf", psf_file))

    model, _ = score.plane(f"{out}-model.fits")
    residual, _ = score.plane(f"{out}-residual.fits")
    image, header = score.plane(f"{out}-image.fits")
    psf, _ = score.plane(f"{data}/{case}/{psf_file}")
    sky, flux = score.truth_at_beam(f"{data}/{case}", header)
    seen = score.at_beam(model, header)
    off = np.abs(seen) < mad(residual)
    error = image - sky
    rms = np.sqrt(np.mean(error**2))
    fidelity = np.abs(sky) / np.maximum(np.abs(error), 0.7 * rms)
    rings, explained = white(residual, psf)
    beam = score.gaussian(*np.mgrid[-30:31, -30:31], header)
    expected = {
        "error_restored_noise": (scored["restored"], 1e-3),
        "error_model_noise": (scored["model"], 1e-3),
        "flux_model": (scored["flux"], 1e-4),
        "flux_truth": (scored["flux_true"], 1e-4),
        "res_rms": (np.sqrt(np.mean(residual**2)), 1e-6),
        "res_max": (np.abs(residual).max(), 1e-6),
        "res_mad": (mad(residual), 1e-5),
        "off_rms": (np.sqrt(np.mean(residual[off] ** 2)), 1e-4),
        "off_share": (off.mean(), 1e-4),
        "dr_noise": (image.max() / noise, 1e-5),
        "snr_restored": (20 * np.log10(np.linalg.norm(sky) / np.linalg.norm(error)), 1e-4),
        "snr_model": (20 * np.log10(np.linalg.norm(sky) / np.linalg.norm(seen - sky)), 1e-4),
        "nrmse_restored": (np.linalg.norm(error) / np.linalg.norm(sky), 1e-4),
        "psnr_restored": (20 * np.log10(sky.max() / rms), 1e-4),
        "ks_distance": (stats.kstest(residual[off] / mad(residual[off]), "norm").statistic, 1e-2),
        "beam_area": (beam.sum(), 1e-3),
        "energy_explained": (explained, 1e-4),
    }
    expected.update({f"fidelity_{level}": (np.median(fidelity[sky > 0.01 * level * sky.max()]), 1e-3) for level in (1, 3, 10, 30)})
    expected.update({f"white_ring_{ring:02}": (value, 1e-3) for ring, value in rings.items()})
    print(case, [flag["name"] for flag in report["flags"]])
    wrong = sum(compare(name, numbers[name], float(value), tolerance) for name, (value, tolerance) in expected.items())
    peaks = (image == ndimage.maximum_filter(image, 3)) & (image > 5 * noise)
    wrong += compare("sources_found", numbers["sources_found"], float(peaks.sum()), 1e-2)
    for name in ("completeness_5", "completeness_50", "reliability", "offset_x_median", "peak_ratio_median", "aperture_ratio_median", "seam_ratio", "bowl_depth", "leftover_share"):
        print(f"  {name:<24} {numbers.get(name)}")
    for flag in report["flags"]:
        print("  ", flag["name"], flag["found"])
    return wrong


def main():
    deconv, data = sys.argv[1:3]
    sys.path.insert(0, data)
    import score

    with tempfile.TemporaryDirectory() as folder:
        wrong = sum(check(deconv, data, score, folder, case, truth) for case, truth in CASES)
    print(f"{wrong} numbers are wrong" if wrong else "metrics: every number is that of numpy, and errors are those of score.py")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
