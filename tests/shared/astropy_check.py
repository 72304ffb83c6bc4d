#!/usr/bin/env python3
"""Checks that what the program writes is what astropy reads: valid FITS, the input's WCS and keys, units, beams.

    astropy_check.py PROGRAM [DATA]

Runs PROGRAM on a single plane and on a cube of DATA (default ../shared/data) and opens every FITS product. Ends with 1
and the list of what does not hold. Needs numpy and astropy.
"""
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS, FITSFixedWarning

CASES = ["points-meerkat", "cube-vla"]
UNITS = {"model": "Jy / pix", "residual": "Jy / beam", "image": "Jy / beam"}
# What a product says of itself: its structure, its pixels, its beam.
OWN = {"SIMPLE", "BITPIX", "BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX", "CHECKSUM", "DATASUM", "BUNIT", "CASAMBM"}
OWN |= {"BMAJ", "BMIN", "BPA", "HISTORY", ""}
ARCSEC = 3600.0


def cards(header):
    """The cards that must be carried through, in order."""
    return [(card.keyword, card.value, card.comment) for card in header.cards if card.keyword not in OWN]


def same_wcs(found, expected):
    """Every number of the two WCS is the same, and so is what they say of three pixels."""
    if not found.wcs.compare(expected.wcs, 0, 0.0):
        return False
    shape = expected.pixel_shape
    pixels = np.array([[0] * len(shape), [n - 1 for n in shape], [n / 3 for n in shape]], float)
    return np.array_equal(found.wcs_pix2world(pixels, 0), expected.wcs_pix2world(pixels, 0))


def beams_of(hdus):
    """Beams per plane as rows of major, minor [arcsec] and position angle [deg]."""
    header = hdus[0].header
    if header.get("CASAMBM", False):
        table = hdus["BEAMS"]
        scale = [units.Unit(table.columns[name].unit).to("arcsec") for name in ("BMAJ", "BMIN")]
        return np.array([[row["BMAJ"] * scale[0], row["BMIN"] * scale[1], row["BPA"]] for row in table.data])
    return np.array([[header["BMAJ"] * ARCSEC, header["BMIN"] * ARCSEC, header["BPA"]]])


def history(header):
    """The HISTORY as one text, whatever the lines it was cut into."""
    return "".join("".join(str(line).split()) for line in header.get("HISTORY", []))


def product_faults(path, product, source, summary):
    """What does not hold in one product."""
    with fits.open(path) as hdus, fits.open(source) as given:
        hdus.verify("exception")
        header, data = hdus[0].header, hdus[0].data
        wanted, planes = given[0].header, summary["planes"]
        checks = {
            "shape": data.shape == given[0].data.shape,
            "32-bit floats": data.dtype == np.dtype(">f4"),
            "finite where the input is": np.array_equal(np.isfinite(data), np.isfinite(given[0].data)),
            "WCS": same_wcs(WCS(header), WCS(wanted)),
            "celestial WCS": same_wcs(WCS(header).celestial, WCS(wanted).celestial),
            "keys carried through": cards(header) == cards(wanted),
            "BUNIT": units.Unit(header["BUNIT"]) == units.Unit(UNITS[product]),
            "command in HISTORY": "".join(summary["command"].split()) in history(header),
            "verdicts in HISTORY": all("".join(plane["message"].split()) in history(header) for plane in planes),
            "own HISTORY of the input": history(wanted) in history(header),
        }
        if product == "model":
            flux = data.sum(axis=(-2, -1), dtype=np.float64).ravel()
            told = [plane["flux_jy"] for plane in planes]
            checks["flux as in the summary"] = np.allclose(flux, told, rtol=1e-6)
        if product == "image":
            told = [[b["bmaj"] * ARCSEC, b["bmin"] * ARCSEC, b["bpa"]] for b in (plane["beam"] for plane in planes)]
            found = beams_of(hdus)
            # The BEAMS table holds 32-bit floats.
            checks["beams as in the summary"] = found.shape == np.shape(told) and np.allclose(found, told, rtol=1e-6)
            is_table = len(planes) > 1
            checks["form of the beams"] = ("BEAMS" in hdus) == is_table and ("BMAJ" in header) != is_table
    return [f"{path.name}: {name}" for name, holds in checks.items() if not holds], len(checks)


def component_faults(prefix):
    """What does not hold in the lists of components."""
    with fits.open(f"{prefix}-model.fits") as hdus, fits.open(f"{prefix}-components.fits") as lists:
        lists.verify("exception")
        header, model = hdus[0].header, hdus[0].data
        planes = model.reshape(-1, *model.shape[-2:])
    table = Table.read(f"{prefix}-components.fits", hdu=1)
    text = Table.read(f"{prefix}-components.csv", format="ascii.csv")
    plane, y, x = (np.asarray(table[name], int) for name in ("plane", "y", "x"))
    sky = WCS(header).celestial.pixel_to_world(x, y)
    near = max(np.abs(sky.dec.deg - table["dec"]).max(), np.abs(sky.ra.deg - table["ra"]).max())
    spectral = WCS(header).spectral
    waves = spectral.pixel_to_world(np.arange(len(planes))).to_value("Hz") if len(planes) > 1 else None
    listed = np.bincount(plane, table["flux"], len(planes))
    # A plane of points is its list; of one with wider shapes, which are not cut off here, the list has the flux.
    wide = np.asarray(table["scale"]) > 0 if "scale" in table.colnames else np.zeros(len(table), bool)
    is_wide = np.bincount(plane, wide, len(planes)) > 0
    own = ~is_wide[plane]
    checks = {
        "every pixel of planes of points once": own.sum() == np.count_nonzero(np.nan_to_num(planes[~is_wide])),
        "fluxes of planes of points": np.array_equal(planes[plane, y, x][own], table["flux"][own]),
        "flux of every plane": np.allclose(listed, np.nansum(planes, axis=(1, 2), dtype=float), rtol=1e-3),
        "EXTNAME": table.meta["EXTNAME"] == "COMPONENTS",
        "units": [str(table[name].unit) for name in ("frequency", "x", "ra", "dec", "flux")]
        == ["Hz", "pix", "deg", "deg", "Jy"],
        "RA and DEC of the pixels": near < 1e-9,
        "frequencies": waves is None or np.allclose(table["frequency"], waves[plane], rtol=1e-12),
        "CSV and FITS alike": text.colnames == table.colnames
        and all(np.array_equal(np.asarray(text[name]).astype(str), np.asarray(table[name]).astype(str))
                if name == "shape" else np.array_equal(np.asarray(text[name], float), np.asarray(table[name], float))
                for name in text.colnames),
    }
    return [f"{prefix.name}-components: {name}" for name, holds in checks.items() if not holds], len(checks)


def sources_faults(prefix):
    """What does not hold in the source list, read by the rules of WSClean's manual."""
    with fits.open(f"{prefix}-model.fits") as hdus:
        header, model = hdus[0].header, np.nan_to_num(hdus[0].data)
    planes = model.reshape(-1, *model.shape[-2:])
    lines = prefix.with_name(f"{prefix.name}-sources.txt").read_text().splitlines()
    names = [column.split("=")[0].strip() for column in lines[0].split("=", 1)[1].split(",")]
    rows = [dict(zip(names, line.split(","))) for line in lines[1:] if line]
    places = SkyCoord([row["Ra"] for row in rows], [row["Dec"].replace(".", ":", 2) for row in rows],
                      unit=(units.hourangle, units.deg), frame=WCS(header).celestial.pixel_to_world(0, 0).frame.name)
    x, y = WCS(header).celestial.world_to_pixel(places)
    plane = np.array([int(row["Name"][1:row["Name"].index("s")]) if len(planes) > 1 else 0 for row in rows])
    again = np.zeros_like(planes)
    np.add.at(again, (plane, np.rint(y).astype(int), np.rint(x).astype(int)),
              np.array([np.float32(row["I"]) for row in rows]))
    checks = {
        "columns": names == ["Name", "Type", "Ra", "Dec", "I", "SpectralIndex", "LogarithmicSI", "ReferenceFrequency",
                             "MajorAxis", "MinorAxis", "Orientation"],
        "points": {row["Type"] for row in rows} == {"POINT"},
        "on the pixels": max(np.abs(x - np.rint(x)).max(), np.abs(y - np.rint(y)).max()) < 1e-3,
        "the model": np.array_equal(again, planes),
    }
    return [f"{prefix.name}-sources: {name}" for name, holds in checks.items() if not holds], len(checks)


def case_faults(program, folder, case, scratch):
    """Runs the program on one pair and checks its products."""
    prefix, dirty = scratch / case, folder / case / "dirty.fits"
    command = [program, "--dirty", dirty, "--psf", folder / case / "psf.fits", "-o", prefix, "--quiet"]
    command += ["--save-components", "csv,fits,wsclean"]
    subprocess.run([str(word) for word in command], check=True)
    summary = json.loads(prefix.with_name(f"{case}-summary.json").read_text())
    found = [product_faults(prefix.with_name(f"{case}-{name}.fits"), name, dirty, summary) for name in UNITS]
    found += [component_faults(prefix), sources_faults(prefix)]
    return [fault for faults, _ in found for fault in faults], sum(count for _, count in found)


def main():
    program = Path(sys.argv[1]).resolve()
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "../shared/data").resolve()
    warnings.simplefilter("error", fits.verify.VerifyWarning)
    warnings.simplefilter("ignore", FITSFixedWarning)  # MJD-OBS from DATE-OBS, for input and product alike
    faults, total = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        for case in CASES:
            wrong, count = case_faults(program, folder, case, Path(scratch))
            faults, total = faults + wrong, total + count
    print("\n".join(faults) if faults else f"astropy: {total} checks on {len(CASES)} pairs hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
