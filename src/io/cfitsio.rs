//! The little of cfitsio we call, behind safe functions: pixels by region and table columns.
//!
//! cfitsio is built reentrant (fitsio-sys passes `--enable-reentrant`), and a file opened for reading is
//! never shared between handles (`fits_already_open` returns early for it), so any number of threads may
//! each hold a handle of their own. A handle itself must stay on its thread: `NonNull` sees to that.

use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};

use fitsio::sys;

/// A status code of cfitsio, and its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cfitsio: {text} (status {status})")]
pub(super) struct CfitsioError {
    status: c_int,
    text: String,
}

/// Pixels to read: first and last of every axis, from 1, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) first: Vec<usize>,
    pub(super) last: Vec<usize>,
}

/// An HDU of a file open for reading; closed when dropped.
pub(super) struct Handle(NonNull<sys::fitsfile>);

impl Handle {
    /// Opens HDU `index` (0 is the primary) of the file with exactly this name: nothing in it is taken for
    /// cfitsio's file name syntax.
    pub(super) fn open(path: &Path, index: usize) -> Result<Self, CfitsioError> {
        let unusable = |text: &str| CfitsioError { status: 0, text: text.to_owned() };
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| unusable("file name with a NUL"))?;
        let mut raw = ptr::null_mut();
        let mut status = 0;
        // SAFETY: `name` is a C string that outlives the call; cfitsio writes a handle to `raw` or a status.
        unsafe { sys::ffdkopn(&raw mut raw, name.as_ptr(), 0, &raw mut status) };
        check(status)?;
        let handle = Self(NonNull::new(raw).ok_or_else(|| unusable("no handle"))?);
        // SAFETY: the handle is open; a null pointer for the HDU's type is allowed.
        unsafe { sys::ffmahd(handle.0.as_ptr(), index as c_int + 1, ptr::null_mut(), &raw mut status) };
        check(status)?;
        Ok(handle)
    }

    /// The physical values of a region, axis 1 fastest; blanks are NaN, but a double may become an infinite float.
    pub(super) fn read_region(&self, region: &Region) -> Result<Vec<f32>, CfitsioError> {
        let len: usize = region.first.iter().zip(&region.last).map(|(first, last)| last + 1 - first).product();
        let to_long = |axes: &[usize]| axes.iter().map(|&n| n as c_long).collect::<Vec<_>>();
        let (mut first, mut last) = (to_long(&region.first), to_long(&region.last));
        let mut step = vec![1; first.len()];
        let mut blank = f32::NAN;
        let mut pixels = vec![0.0_f32; len];
        let (mut any_blank, mut status) = (0, 0);
        // SAFETY: the three axis lists have one entry per axis of the image (the caller's regions are made
        // from its NAXIS), `pixels` has room for all pixels of the region, `blank` is of the type asked for, and
        // `any_blank` is there (cfitsio writes to it unasked as soon as it meets a blank).
        unsafe {
            sys::ffgsv(
                self.0.as_ptr(),
                sys::TFLOAT as c_int,
                first.as_mut_ptr(),
                last.as_mut_ptr(),
                step.as_mut_ptr(),
                (&raw mut blank).cast::<c_void>(),
                pixels.as_mut_ptr().cast::<c_void>(),
                &raw mut any_blank,
                &raw mut status,
            );
        }
        check(status)?;
        Ok(pixels)
    }

    /// The first `rows` values of the table column `name`, or `None` if there is no such column.
    pub(super) fn read_column(&self, name: &str, rows: usize) -> Result<Option<Vec<f64>>, CfitsioError> {
        let template = CString::new(name).expect("column names are constants without NUL");
        let mut column = 0;
        let mut status = 0;
        // SAFETY: the template is a C string that cfitsio only reads; `column` and `status` are written.
        unsafe {
            sys::ffgcno(
                self.0.as_ptr(),
                sys::CASEINSEN as c_int,
                template.as_ptr().cast_mut(),
                &raw mut column,
                &raw mut status,
            );
        }
        if status == sys::COL_NOT_FOUND as c_int {
            return Ok(None);
        }
        check(status)?;
        let mut blank = f64::NAN;
        let mut values = vec![0.0_f64; rows];
        let mut any_blank = 0;
        // SAFETY: `values` has room for the number of values asked for, `blank` is of the type asked for.
        unsafe {
            sys::ffgcv(
                self.0.as_ptr(),
                sys::TDOUBLE as c_int,
                column,
                1,
                1,
                rows as sys::LONGLONG,
                (&raw mut blank).cast::<c_void>(),
                values.as_mut_ptr().cast::<c_void>(),
                &raw mut any_blank,
                &raw mut status,
            );
        }
        check(status)?;
        Ok(Some(values))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut status = 0;
        // SAFETY: the handle is open and is not used again.
        unsafe { sys::ffclos(self.0.as_ptr(), &raw mut status) };
    }
}

fn check(status: c_int) -> Result<(), CfitsioError> {
    if status == 0 {
        return Ok(());
    }
    let mut text: [c_char; 81] = [0; 81];
    // SAFETY: cfitsio writes at most 31 bytes.
    unsafe { sys::ffgerr(status, text.as_mut_ptr()) };
    let text: String = text.iter().take_while(|&&c| c != 0).map(|&c| char::from(c as u8)).collect();
    Err(CfitsioError { status, text })
}
