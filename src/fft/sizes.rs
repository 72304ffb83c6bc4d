//! Lengths that transform fast, and lengths that keep a convolution linear.

/// The smallest even length `>= n` with no prime factor above 7.
pub fn good_size(n: usize) -> usize {
    let mut length = n.max(2).next_multiple_of(2);
    while !is_smooth(length) {
        length += 2;
    }
    length
}

/// The length that keeps the convolution of `n` pixels with a kernel of lags up to `reach` free of wrap-around
/// in the trimmed window: `L >= n + reach` (ALGORITHMS 1.2), rounded up to a fast length.
pub fn linear_size(n: usize, reach: usize) -> usize {
    good_size(n + reach.min(n.saturating_sub(1)))
}

fn is_smooth(mut n: usize) -> bool {
    for factor in [2, 3, 5, 7] {
        while n.is_multiple_of(factor) {
            n /= factor;
        }
    }
    n == 1
}
