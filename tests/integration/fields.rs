//! Small fields: pixels to FITS files and back, a run in a folder of its own.

use std::path::{Path, PathBuf};

use deconv::algorithms::find;
use deconv::graph::{Cancel, Threads};
use deconv::io::FitsSource;
use deconv::pipeline::{Outcome, Plan, Products, RunConfig, Tools, Watch, run};
use ndarray::Array2;
use tempfile::TempDir;

/// Length of a FITS block \[bytes\].
const BLOCK: usize = 2880;

/// Writes planes of shape `(ny, nx)` as one FITS cube (an image if there is one plane) with cells of 1 arcsec.
pub(crate) fn write_fits(path: &Path, planes: &[Array2<f32>]) {
    let (ny, nx) = planes[0].dim();
    let mut cards = vec![
        "SIMPLE  =                    T".to_owned(),
        "BITPIX  =                  -32".to_owned(),
        format!("NAXIS   = {:20}", if planes.len() == 1 { 2 } else { 3 }),
        format!("NAXIS1  = {nx:20}"),
        format!("NAXIS2  = {ny:20}"),
    ];
    if planes.len() > 1 {
        cards.push(format!("NAXIS3  = {:20}", planes.len()));
        let axis = [("CTYPE3", "'FREQ    '"), ("CRPIX3", "1.0"), ("CRVAL3", "1.4E9"), ("CDELT3", "1.0E6")];
        cards.extend(axis.map(|(key, value)| format!("{key}  = {value:>20}")));
    }
    for (axis, name, step) in [(1, "RA---SIN", "-2.7777777777778E-04"), (2, "DEC--SIN", " 2.7777777777778E-04")] {
        cards.push(format!("CTYPE{axis}  = '{name}'"));
        cards.push(format!("CDELT{axis}  = {step}"));
        cards.push(format!("CRVAL{axis}  = {:20}", "0.0"));
        cards.push(format!("CRPIX{axis}  = {:20}", "1.0"));
    }
    cards.push("BUNIT   = 'Jy/beam '".to_owned());
    cards.push("END".to_owned());
    let mut bytes: Vec<u8> = cards.iter().flat_map(|card| format!("{card:80}").into_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
    bytes.extend(planes.iter().flatten().flat_map(|value| value.to_be_bytes()));
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    std::fs::write(path, bytes).expect("the folder can be written");
}

/// Reads all planes of a FITS file.
pub(crate) fn read_fits(path: &Path) -> Vec<Array2<f32>> {
    let source = FitsSource::open(path.to_str().expect("a plain path")).expect("a product can be read");
    let ny = source.geometry().ny;
    (0..source.planes()).map(|plane| source.read_rows(plane, 0..ny).expect("its rows can be read")).collect()
}

/// A dirty image (or cube) and a PSF in a folder that goes away with this.
pub(crate) struct Field {
    folder: TempDir,
}

/// What a run left behind.
pub(crate) struct Result {
    pub(crate) outcome: Outcome,
    pub(crate) model: Vec<Array2<f32>>,
    pub(crate) residual: Vec<Array2<f32>>,
    pub(crate) restored: Vec<Array2<f32>>,
}

struct Silent;

impl Watch for Silent {}

impl Field {
    pub(crate) fn new(dirty: &[Array2<f32>], psf: &Array2<f32>) -> Self {
        let field = Self { folder: TempDir::new().expect("a folder for temporary files") };
        write_fits(&field.path("dirty.fits"), dirty);
        write_fits(&field.path("psf.fits"), std::slice::from_ref(psf));
        field
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Deconvolves with the defaults and, over them, `config` (TOML).
    pub(crate) fn run(&self, config: &str) -> Result {
        self.run_until(config, &Cancel::default())
    }

    /// As [`Self::run`], with a request to cancel.
    pub(crate) fn run_until(&self, config: &str, cancel: &Cancel) -> Result {
        let config = RunConfig::load(None, config.parse().expect("TOML")).expect("a configuration that fits");
        assert!(find(&config.algorithm).is_some());
        let name = |name: &str| self.path(name).to_str().expect("a plain path").to_owned();
        let plan = Plan::new(config, &name("dirty.fits"), &name("psf.fits")).expect("a plan");
        let products = Products::create(&plan, &name("out"), true).expect("products can be begun");
        let scheduler = Threads::new(plan.workers).with_memory(plan.memory);
        let tools = Tools { scheduler: &scheduler, callbacks: &[], cancel: cancel.clone(), watch: &Silent };
        let outcome = run(&plan, products, "a test", &tools).expect("a run");
        let read = |name: &str| read_fits(&self.path(&format!("out-{name}.fits")));
        Result { outcome, model: read("model"), residual: read("residual"), restored: read("image") }
    }
}
