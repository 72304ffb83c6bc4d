//! Image-domain deconvolution for radio astronomy: two FITS files in, a restored image out.
//!
//! The layers, from the ground up (a test keeps the imports in this order):
//!
//! | module | what it holds |
//! |---|---|
//! | [`units`] | the kinds of image and the unit each is in |
//! | [`images`] | image, geometry, PSF, clean beam, mask, robust noise |
//! | [`kernels`] | inner loops: peak search, shifted subtraction, columns of a transform |
//! | [`fft`] | real 2-D transforms in row slabs and column blocks, convolution |
//! | [`graph`] | the lazy task graph and its schedulers; knows nothing of astronomy |
//! | [`io`] | FITS in and out |
//! | [`collections`] | lazy arrays, bags and functions over the graph; futures; tables |
//! | [`algorithms`] | the registry of deconvolvers, their parameters and stop rules |
//! | [`tiling`] | chunks and the cost model that tunes them |
//! | [`pipeline`] | configuration, plan, the operations of the graph, the run |
//! | [`metrics`] | how good an image is: noise, errors against a truth, signs of faults |
//! | [`simulate`] | test skies seen by real arrays |
//! | [`diagnostics`] | progress, profiles, and the plots drawn from a run |
//! | [`cli`] | the command line |

pub mod algorithms;
pub mod cli;
pub mod collections;
pub mod diagnostics;
pub mod fft;
pub mod graph;
pub mod images;
pub mod io;
pub mod kernels;
pub mod metrics;
pub mod pipeline;
pub mod simulate;
pub mod tiling;
pub mod units;
