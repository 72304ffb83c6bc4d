//! The machine is measured once, and every plan is made from what was found.

use std::fs;

use crate::support::program::Folder;
use crate::support::sky;

fn folder(side: usize) -> Folder {
    let folder = Folder::new();
    let shape = (side, side);
    folder.pair(&sky::dirty(shape, &[(20.0, 15.0, 1.0)]), &sky::wide_psf(shape));
    folder
}

#[test]
fn measured_constants_are_printed_with_units_kept_and_used() {
    let folder = folder(64);
    let ran = folder.deconv("tune --save machine.toml --scratch .");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for needle in ["GFlop/s", "GB/s", "us", "transform of 4096 points", "scratch file", "cores"] {
        assert!(ran.out.contains(needle), "{needle}\n{}", ran.out);
    }
    let listing = folder.listing();
    assert_eq!(listing.len(), 3, "nothing but the constants is left: {:?}", listing.keys());
    let plan = folder.deconv("--dirty dirty.fits --psf psf.fits --config machine.toml --dry-run").out;
    assert!(plan.contains("constants of the machine: deconv tune"), "{plan}");
    let built_in = folder.deconv("--dirty dirty.fits --psf psf.fits --dry-run").out;
    assert!(built_in.contains("constants of the machine:") && built_in.contains("slabs"), "{built_in}");
}

#[test]
fn constants_in_the_users_folder_are_taken_and_wrong_ones_told() {
    let folder = folder(64);
    let at = folder.path("config/deconv");
    fs::create_dir_all(&at).unwrap();
    let plan = |text: &str| {
        fs::write(at.join("machine.toml"), text).unwrap();
        folder.deconv_with(
            "--dirty dirty.fits --psf psf.fits --dry-run",
            &[("XDG_CONFIG_HOME", folder.path("config").as_path())],
        )
    };
    let ran = plan("[machine]\norigin = 'my old machine'\n");
    assert!(ran.out.contains("constants of the machine: my old machine"), "{}{}", ran.out, ran.err);
    let ran = plan("[machine]\nmemory_gbs = 0\n");
    assert!(
        ran.code == Some(2) && ran.err.contains("machine.memory_gbs") && ran.err.contains("machine.toml"),
        "{}",
        ran.err
    );
}

#[test]
fn products_do_not_tell_the_machine() {
    let folder = folder(48);
    folder.run("out", "--niter 10");
    let bytes = fs::read(folder.path("out-image.fits")).unwrap();
    let header = String::from_utf8_lossy(&bytes[..bytes.len().min(28_800)]).into_owned();
    assert!(header.contains("deconv parameter compute.chunk") && !header.contains("memory_gbs"), "{header}");
}

#[test]
fn chunks_that_will_disappoint_are_warned_of_with_a_number_and_a_remedy() {
    let folder = folder(200);
    let plan = |words: &str| folder.deconv(&format!("--dirty dirty.fits --psf psf.fits --dry-run {words}")).out;
    let short = plan("--chunk 4");
    assert!(short.contains(" us by forecast (less than 1.00 ms)") && short.contains("try --chunk"), "{short}");
    let halo = plan("--chunk 8 --mask-dilate 3");
    assert!(
        halo.contains("warning: a halo of 3 pixels round tiles of 8, 38 %") && halo.contains("12 or more"),
        "{halo}"
    );
    let full = plan("--chunk full");
    assert!(!full.contains("warning:") && full.contains("1 slabs of 200 rows"), "{full}");
    let auto = plan("");
    assert!(!auto.contains("warning:"), "{auto}");
    for needle in ["rows:", "slabs", "tasks of", "s a pass", "MiB held", "<-"] {
        assert!(auto.contains(needle), "{needle}\n{auto}");
    }
}

#[test]
fn file_that_is_there_is_not_replaced_by_constants_and_a_new_one_has_the_usual_mode() {
    let folder = folder(48);
    fs::write(folder.path("mine.toml"), "mine").unwrap();
    let begin = folder.listing();
    let ran = folder.deconv("tune --save mine.toml --scratch .");
    assert!(ran.code == Some(1) && ran.err.contains("mine.toml exists already"), "{}", ran.err);
    assert!(ran.err.contains("--overwrite") && !ran.err.contains("measuring"), "{}", ran.err);
    assert_eq!(folder.listing(), begin);
    let ran = folder.deconv("tune --save mine.toml --overwrite --scratch .");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    fs::remove_file(folder.path("mine.toml")).unwrap();
    assert_eq!(folder.deconv("tune --save mine.toml --scratch .").code, Some(0));
    let mode = |name: &str| fs::metadata(folder.path(name)).unwrap().permissions();
    assert_eq!(mode("mine.toml"), mode("dirty.fits"));
}
