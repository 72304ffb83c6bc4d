//! Arrays against the same by ndarray, whole.

mod files;
mod numbers;
mod reductions;
mod shapes;
mod tasks;
mod transforms;

use ndarray::{Array2, ArrayD};

use super::*;

/// `(y, x)` gives `10 y + x`, in these chunks.
fn ramp(chunks: impl Into<Chunking>) -> Array<f64> {
    given(&ramp_whole(), chunks)
}

/// A chunked array of these elements.
fn given<T: Element>(elements: &ArrayD<T>, chunks: impl Into<Chunking>) -> Array<T> {
    let whole = elements.clone();
    let places = Array::<T>::full(T::from_real(0.0), elements.shape(), WHOLE).unwrap();
    places.map_blocks("given", move |_| whole.clone()).rechunk(chunks).unwrap()
}

/// `(y, x)` gives `10 y + x`.
fn ramp_whole() -> ArrayD<f64> {
    Array2::from_shape_fn((7, 10), |(y, x)| (10 * y + x) as f64).into_dyn()
}
