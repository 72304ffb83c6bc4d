//! Inner loops: CLEAN's shifted subtraction fused with the peak search, columns of a transform, and normal random numbers.
//!
//! Each loop stands once as plain Rust, the reference, and is compiled again for wider vectors; which one runs is
//! chosen at run time. Multiplications and subtractions are rounded apart (no fused multiply-add), so that every
//! version gives the same bits. Only [`lanes`] is written for one set of instructions, and stands beside a library's transform.
//! This is the only module with `unsafe`, but for what `io` asks of C libraries.

pub mod clock;
pub mod dense;
pub mod lanes;
pub mod list;
pub mod modes;
pub mod normal;
pub mod sources;

/// Compiles a body for AVX-512, AVX2 and plain, and calls the widest that the machine has.
macro_rules! dispatch {
    ($(#[$doc:meta])* pub fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty = $body:ident) => {
        $(#[$doc])*
        pub fn $name($($arg: $type),*) -> $out {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f")]
                unsafe fn wide($($arg: $type),*) -> $out {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx2")]
                unsafe fn middle($($arg: $type),*) -> $out {
                    $body($($arg),*)
                }
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: the feature was detected on the line above; the body itself is safe code.
                    return unsafe { wide($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    return unsafe { middle($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}

use dispatch;
