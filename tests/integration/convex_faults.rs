//! The convex solver on what it cannot do well: it comes to rest, and says so.

use ndarray::{Array2, s};

use crate::convex::{SHAPE, folder};
use crate::support::fits::Image;
use crate::support::program::Folder;
use crate::support::sky;

const CUT: (usize, usize) = (48, 56);

/// Dirty image and PSF of twice its size, both cut from the middle of wider ones.
fn cut_field(folder: &Folder) -> [Array2<f64>; 2] {
    let words = "simulate -o wide --size 128 --array vla-a --points 20 --gaussians 3 --weight natural";
    assert_eq!(folder.deconv(words).code, Some(0));
    [("wide-dirty.fits", CUT), ("wide-psf.fits", (2 * CUT.0, 2 * CUT.1))].map(|(name, (ny, nx))| {
        let wide = Image::read(&folder.path(name)).plane(0);
        let (y, x) = (wide.nrows() / 2 - ny / 2, wide.ncols() / 2 - nx / 2);
        wide.slice(s![y..y + ny, x..x + nx]).to_owned()
    })
}

#[test]
fn psf_that_is_far_from_even_is_no_harder_where_the_plane_repeats() {
    let folder = Folder::new();
    let [dirty, mut psf] = cut_field(&folder);
    psf.indexed_iter_mut().for_each(|((_, x), value)| *value *= 1.0 + 4.0 * (0.25 * (x as f64 - CUT.1 as f64)).sin());
    folder.pair(&dirty, &psf);
    for prior in ["starlet", "atoms"] {
        let words =
            format!("--algorithm convex --boundary circular --prior {prior} --kappa 0.3 --plots none --overwrite");
        let products = folder.run("out", &words);
        // where the residual itself was the gradient its rms was at 4e11 after 200 iterations of the atoms
        let rms = sky::rms(&products.residual().plane(0));
        assert!(rms < sky::rms(&dirty), "{prior}: {rms:e}");
        assert_eq!(products.summary()["planes"][0]["convex"]["taken_back"], 0, "{prior}");
    }
}

#[test]
fn plane_that_repeats_comes_to_rest_with_any_threshold_and_a_psf_that_was_cut() {
    let folder = Folder::new();
    let [dirty, psf] = cut_field(&folder);
    folder.pair(&dirty, &psf);
    for prior in ["starlet", "tv", "atoms"] {
        for kappa in [0.0, 0.25, 2.0] {
            let words = format!(
                "--algorithm convex --boundary circular --prior {prior} --kappa {kappa} --plots none --overwrite"
            );
            let products = folder.run("out", &words);
            let reason = products.reasons().remove(0);
            assert!(["settled", "unsettled"].contains(&&*reason), "{prior}, {kappa}: {reason}");
            let summary = products.summary();
            assert_eq!(summary["planes"][0]["convex"]["taken_back"], 0, "{prior}, {kappa}");
            let is_worse = sky::rms(&products.residual().plane(0)) > sky::rms(&dirty);
            let is_told = summary.to_string().contains("the residual is worse than in the beginning");
            assert_eq!(is_told, is_worse, "{prior}, {kappa}");
            assert!(!is_worse || kappa < 1.0, "{prior}, {kappa}");
        }
    }
}

#[test]
fn threshold_that_nothing_exceeds_gives_an_empty_model_at_rest_and_says_so() {
    let folder = folder();
    for words in ["--prior atoms --iterations 20", "--prior starlet --boundary circular", "--prior mixed"] {
        let words =
            format!("--dirty dirty.fits --psf psf.fits -o out --overwrite --algorithm convex --kappa 1e9 {words}");
        let ran = folder.deconv(&words);
        let products = folder.products("out");
        assert_eq!(products.reasons(), ["settled"], "{words}: {}", ran.err);
        assert!(ran.code == Some(0) && ran.err.contains("the model is empty: lower --kappa"), "{}", ran.err);
        assert!(products.model().pixels.iter().all(|pixel| *pixel == 0.0), "{words}");
    }
    let usual = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --overwrite --algorithm convex --iterations 5");
    assert!(!usual.err.contains("empty"), "{}", usual.err);
}

#[test]
fn psf_without_zero_spacing_is_told_as_it_is_by_wiener() {
    let folder = folder();
    let words = ["linear", "circular"].map(|boundary| {
        let words =
            "--dirty dirty.fits --psf psf.fits -o out --overwrite --algorithm convex --iterations 5 --plots none";
        format!("{words} --boundary {boundary}")
    });
    for words in &words {
        assert!(!folder.deconv(words).err.contains("total flux"), "{words}");
    }
    let mut psf = sky::psf(SHAPE, (SHAPE.0 / 2, SHAPE.1 / 2));
    let mean = psf.sum() / psf.len() as f64;
    psf.mapv_inplace(|value| (value - mean) / (1.0 - mean));
    folder.save("psf.fits", &Image::new(&psf));
    // the linear boundary's inner problem sees it times the overlap of the image with itself, which measures some flux
    for words in &words {
        let told = folder.deconv(words).err;
        assert!(
            told.contains("the total flux is not measured") && told.contains("thresholds leave"),
            "{words}: {told}"
        );
    }
}
