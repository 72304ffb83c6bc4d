//! Normally distributed random numbers, each a function of its seed and place alone.
//!
//! The generator is Philox4x32-10 (Salmon et al. 2011): the counter of a number is its row and half its column, the key
//! is the seed, so any part of an array can be made anywhere, in any order. One call gives the two numbers of an even
//! column and the next, by the method of Box and Muller (1958). Logarithm, sine and cosine are the polynomials of fdlibm
//! (`e_log.c`, `k_sin.c`, `k_cos.c`, Sun Microsystems 1993): an ulp from the right value, and they vectorise.

// A body is compiled once per instruction set, which it only is where it is inlined into that set's twin.
#![allow(clippy::inline_always)]

/// Pairs of numbers made together.
const BLOCK: usize = 32;
const LOW: u64 = 0xffff_ffff;
/// Multipliers of Philox4x32 (Salmon et al. 2011, section 3.3).
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What the two halves of the key grow by from round to round (the same).
const STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Columns `start`, `start + step`, ...: `count` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// The first.
    pub start: usize,
    /// From one to the next, at least 1.
    pub step: usize,
    /// How many.
    pub count: usize,
}

/// The pairs of a block: where they stand, and what they are.
struct Block {
    rows: [u64; BLOCK],
    pairs: [u64; BLOCK],
    numbers: [f64; 2 * BLOCK],
}

/// Fills `out`, shape `(rows, columns.count)`, with numbers of mean 0 and standard deviation 1; `rows` are the
/// numbers of the rows in the whole array.
///
/// # Panics
/// If `out` has another length.
pub fn fill_normal(seed: u64, rows: &[u64], columns: Columns, out: &mut [f64]) {
    assert_eq!(out.len(), rows.len() * columns.count, "a place for each number");
    let Columns { start, step, count } = columns;
    if out.is_empty() {
        return;
    }
    // Neighbours share a pair; columns further apart have one each.
    let pairs = if step == 1 { (start + count - 1) / 2 + 1 - start / 2 } else { count };
    let keys = keys(seed);
    let mut block = Block { rows: [0; BLOCK], pairs: [0; BLOCK], numbers: [0.0; 2 * BLOCK] };
    let total = pairs * rows.len();
    let (mut row, mut place) = (0, 0);
    for first in (0..total).step_by(BLOCK) {
        let filled = BLOCK.min(total - first);
        let begin = (row, place);
        for slot in 0..filled {
            block.rows[slot] = rows[row];
            block.pairs[slot] = if step == 1 { start / 2 + place } else { usize::midpoint(start, place * step) } as u64;
            place += 1;
            if place == pairs {
                (row, place) = (row + 1, 0);
            }
        }
        make(&keys, &mut block);
        scatter(&block.numbers[..2 * filled], begin, (columns, pairs), out);
    }
}

/// Copies the numbers of pairs that begin at `(row, place)` to their columns.
fn scatter(mut numbers: &[f64], begin: (usize, usize), (columns, pairs): (Columns, usize), out: &mut [f64]) {
    let Columns { start, step, count } = columns;
    let (mut row, mut place) = begin;
    while !numbers.is_empty() {
        let run = (numbers.len() / 2).min(pairs - place);
        let (now, later) = numbers.split_at(2 * run);
        let to = &mut out[row * count..(row + 1) * count];
        if step == 1 {
            let first = 2 * (start / 2 + place);
            let (from, end) = (first.max(start), (first + 2 * run).min(start + count));
            to[from - start..end - start].copy_from_slice(&now[from - first..end - first]);
        } else {
            for (at, pair) in (place..).zip(now.chunks_exact(2)) {
                to[at] = pair[(start + at * step) % 2];
            }
        }
        (numbers, row, place) = (later, row + 1, 0);
    }
}

/// The key of each round.
fn keys(seed: u64) -> [[u64; 2]; ROUNDS] {
    let mut key = [seed as u32, (seed >> 32) as u32];
    std::array::from_fn(|_| {
        let now = key.map(u64::from);
        key = [key[0].wrapping_add(STEPS[0]), key[1].wrapping_add(STEPS[1])];
        now
    })
}

/// Makes the numbers of a block, by the widest vectors that the machine has.
fn make(keys: &[[u64; 2]; ROUNDS], block: &mut Block) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512dq")]
        unsafe fn wide(keys: &[[u64; 2]; ROUNDS], block: &mut Block) {
            make_body(keys, block);
        }
        #[target_feature(enable = "avx2")]
        unsafe fn middle(keys: &[[u64; 2]; ROUNDS], block: &mut Block) {
            make_body(keys, block);
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            // SAFETY: the features were detected on the line above; the body itself is safe code.
            return unsafe { wide(keys, block) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { middle(keys, block) };
        }
    }
    make_body(keys, block);
}

#[inline(always)]
fn make_body(keys: &[[u64; 2]; ROUNDS], block: &mut Block) {
    let (mut one, mut two) = ([0_u64; BLOCK], [0_u64; BLOCK]);
    for slot in 0..BLOCK {
        (one[slot], two[slot]) = philox(keys, block.pairs[slot], block.rows[slot]);
    }
    let (mut cosines, mut sines) = ([0.0; BLOCK], [0.0; BLOCK]);
    for slot in 0..BLOCK {
        // between 0, left out, and 1: the logarithm is finite
        let radius = (-2.0 * ln(2.0 - unit(one[slot]))).sqrt();
        let (sine, cosine) = sin_cos_of_turns(unit(two[slot]) - 1.0);
        cosines[slot] = radius * cosine;
        sines[slot] = radius * sine;
    }
    for slot in 0..BLOCK {
        block.numbers[2 * slot] = cosines[slot];
        block.numbers[2 * slot + 1] = sines[slot];
    }
}

/// 128 random bits of a counter of 128 bits.
#[inline(always)]
fn philox(keys: &[[u64; 2]; ROUNDS], low: u64, high: u64) -> (u64, u64) {
    let mut counter = [low & LOW, low >> 32, high & LOW, high >> 32];
    for key in keys {
        let products = [(counter[0] & LOW) * MULTIPLIERS[0], (counter[2] & LOW) * MULTIPLIERS[1]];
        counter = [
            (products[1] >> 32) ^ counter[1] ^ key[0],
            products[1] & LOW,
            (products[0] >> 32) ^ counter[3] ^ key[1],
            products[0] & LOW,
        ];
    }
    (counter[0] | (counter[1] << 32), counter[2] | (counter[3] << 32))
}

/// A number of 52 random bits, from 1 up to but without 2.
#[inline(always)]
fn unit(bits: u64) -> f64 {
    f64::from_bits((bits >> 12) | 0x3ff0_0000_0000_0000)
}

/// Natural logarithm of a normal number, at most 1.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const LN_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const L: [f64; 7] = [
        6.666_666_666_666_735e-1,
        3.999_999_999_940_942e-1,
        2.857_142_874_366_239e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    /// 2^52: an integer below it is the mantissa of its sum with it.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    // x = 2^k (1 + f), with 1 + f between the roots of 1/2 and 2
    let bits = x.to_bits().wrapping_sub(0x3fe6_a09e_0000_0000).wrapping_add(1024 << 52);
    let k = f64::from_bits((bits >> 52) | WHOLE.to_bits()) - (WHOLE + 1024.0);
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + 0x3fe6_a09e_0000_0000) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (L[1] + w * (L[3] + w * L[5]));
    let odd = z * (L[0] + w * (L[2] + w * (L[4] + w * L[6])));
    let half = 0.5 * f * f;
    k * LN_HIGH - ((half - (s * (half + (even + odd)) + k * LN_LOW)) - f)
}

/// Sine and cosine of `2 pi turns`, for 0 to 1 turns.
#[inline(always)]
fn sin_cos_of_turns(turns: f64) -> (f64, f64) {
    const S: [f64; 6] = [
        -1.666_666_666_666_663_2e-1,
        8.333_333_333_322_49e-3,
        -1.984_126_982_985_795e-4,
        2.755_731_370_707_006_8e-6,
        -2.505_076_025_340_686_3e-8,
        1.589_690_995_211_55e-10,
    ];
    const C: [f64; 6] = [
        4.166_666_666_666_66e-2,
        -1.388_888_888_887_411e-3,
        2.480_158_728_947_673e-5,
        -2.755_731_435_139_066_3e-7,
        2.087_572_321_298_175e-9,
        -1.135_964_755_778_819_5e-11,
    ];
    /// 1.5 * 2^52: what is added to it is rounded to a whole number, which its last bits then tell.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let rounded = 4.0 * turns + ROUND;
    let quarter = rounded.to_bits();
    let x = (4.0 * turns - (rounded - ROUND)) * std::f64::consts::FRAC_PI_2;
    let z = x * x;
    let sine = x + x * z * (S[0] + z * (S[1] + z * (S[2] + z * (S[3] + z * (S[4] + z * S[5])))));
    let cosine = 1.0 - 0.5 * z + z * z * (C[0] + z * (C[1] + z * (C[2] + z * (C[3] + z * (C[4] + z * C[5])))));
    let (a, b) = if quarter & 1 == 0 { (sine, cosine) } else { (cosine, sine) };
    let sign = |value: f64, is_negative: u64| f64::from_bits(value.to_bits() ^ (is_negative << 63));
    (sign(a, (quarter >> 1) & 1), sign(b, ((quarter + 1) >> 1) & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(seed: u64, rows: u64, count: usize) -> Vec<f64> {
        let rows: Vec<u64> = (0..rows).collect();
        let mut out = vec![f64::NAN; rows.len() * count];
        fill_normal(seed, &rows, Columns { start: 0, step: 1, count }, &mut out);
        out
    }

    #[test]
    fn philox_gives_the_numbers_of_its_authors() {
        // kat_vectors of Random123: counter and key all zeros, and all ones
        assert_eq!(philox(&keys(0), 0, 0), (0xe169_c58d_6627_e8d5, 0x9b00_dbd8_bc57_ac4c));
        assert_eq!(philox(&keys(u64::MAX), u64::MAX, u64::MAX), (0x41c8_3b0e_408f_276d, 0x6d54_51fd_a20b_c7c6));
    }

    #[test]
    fn polynomials_are_an_ulp_or_two_from_the_library() {
        for n in 1..10_000 {
            let x = f64::from(n) / 10_000.0;
            let near =
                |a: f64, b: f64, scale: f64| assert!((a - b).abs() <= 4.0 * f64::EPSILON * scale, "{x}: {a} {b}");
            near(ln(x), x.ln(), x.ln().abs().max(f64::EPSILON));
            let (sine, cosine) = sin_cos_of_turns(x);
            near(sine, (std::f64::consts::TAU * x).sin(), 1.0);
            near(cosine, (std::f64::consts::TAU * x).cos(), 1.0);
        }
        assert!((ln(f64::EPSILON) - f64::EPSILON.ln()).abs() < 1e-14, "the smallest that occurs");
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn any_part_of_an_array_has_the_numbers_of_the_whole() {
        let (rows, count) = (9, 201);
        let all = whole(7, rows, count);
        for (start, step, width) in
            [(0, 1, 201), (1, 1, 200), (17, 1, 33), (3, 1, 1), (0, 3, 67), (5, 100, 2), (4, 2, 9)]
        {
            let picked: Vec<u64> = vec![8, 2, 3, 5];
            let mut part = vec![f64::NAN; picked.len() * width];
            fill_normal(7, &picked, Columns { start, step, count: width }, &mut part);
            let expected: Vec<f64> = picked
                .iter()
                .flat_map(|&row| (0..width).map(move |column| (row as usize, start + column * step)))
                .map(|(row, column)| all[row * count + column])
                .collect();
            assert_eq!(part, expected, "start {start}, step {step}");
        }
    }

    #[test]
    fn every_width_gives_the_bits_of_the_plain_body() {
        let keys = keys(3);
        let block = || Block {
            rows: std::array::from_fn(|n| n as u64 * 1_000_003),
            pairs: std::array::from_fn(|n| n as u64 / 3),
            numbers: [0.0; 2 * BLOCK],
        };
        let (mut fast, mut plain) = (block(), block());
        make(&keys, &mut fast);
        make_body(&keys, &mut plain);
        assert_eq!(fast.numbers.map(f64::to_bits), plain.numbers.map(f64::to_bits));
    }

    #[test]
    fn numbers_are_normal_and_independent_of_their_neighbours() {
        let count = 400;
        let all = whole(1, 400, count);
        let n = all.len() as f64;
        let moment = |power: i32| all.iter().map(|z| z.powi(power)).sum::<f64>() / n;
        // standard errors of the four moments are 1, sqrt 2, sqrt 15 and sqrt 96 over the root of n
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0_f64)] {
            let error = (moment(power) - expected) / (variance / n).sqrt();
            assert!(error.abs() < 4.0, "moment {power}: {error} standard errors");
        }
        let lag = |lag: usize| all.iter().zip(&all[lag..]).map(|(a, b)| a * b).sum::<f64>() / n.sqrt();
        for step in [1, 2, count, count + 1] {
            assert!(lag(step).abs() < 4.0, "lag {step}: {} standard errors", lag(step));
        }
        let inside = all.iter().filter(|z| z.abs() < 1.0).count() as f64 / n;
        assert!((inside - 0.682_689).abs() < 4.0 * (0.683 * 0.317 / n).sqrt(), "{inside} within one deviation");
        assert_ne!(all, whole(2, 400, count));
    }
}
