//! Colour maps; the colours of categories are those of the graph's pictures.

pub(crate) use crate::graph::picture::{Rgb, category};

/// Blank pixels.
pub(crate) const BLANK: Rgb = [128, 128, 128];

/// Inferno of S. van der Walt and N. Smith (matplotlib 1.5, CC0) at every sixteenth; between them linear in RGB, which is
/// never more than 6 of 255 off the full table.
const INFERNO: [Rgb; 17] = [
    [0, 0, 4],
    [11, 7, 36],
    [33, 12, 74],
    [61, 9, 101],
    [87, 16, 110],
    [113, 25, 110],
    [138, 34, 106],
    [163, 44, 97],
    [188, 55, 84],
    [208, 69, 69],
    [227, 89, 51],
    [241, 113, 31],
    [249, 140, 10],
    [252, 170, 15],
    [249, 201, 50],
    [242, 232, 101],
    [252, 255, 164],
];

/// Viridis, from the same source and as exact.
const VIRIDIS: [Rgb; 17] = [
    [68, 1, 84],
    [72, 24, 106],
    [71, 45, 123],
    [66, 64, 134],
    [59, 82, 139],
    [51, 99, 141],
    [44, 114, 142],
    [38, 130, 142],
    [33, 145, 140],
    [31, 159, 136],
    [39, 173, 129],
    [61, 188, 116],
    [92, 200, 99],
    [129, 211, 77],
    [170, 220, 50],
    [213, 226, 26],
    [253, 231, 37],
];

/// `RdBu` of `ColorBrewer` 2.0 (C. Brewer, Apache-2.0), blue first.
const BLUE_RED: [Rgb; 11] = [
    [5, 48, 97],
    [33, 102, 172],
    [67, 147, 195],
    [146, 197, 222],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
    [103, 0, 31],
];

/// Our own: hues that inferno has not.
const TEAL: [Rgb; 5] = [[0, 0, 4], [0, 62, 58], [0, 125, 118], [40, 195, 190], [200, 255, 252]];

/// Black over violet and orange to pale yellow, for `t` in `[0, 1]`.
pub(crate) fn inferno(t: f64) -> Rgb {
    between(&INFERNO, t)
}

/// Black over teal to pale cyan, for what lies below zero beside [`inferno`].
pub(crate) fn teal(t: f64) -> Rgb {
    between(&TEAL, t)
}

/// Violet over green to yellow, for `t` in `[0, 1]`.
pub(crate) fn viridis(t: f64) -> Rgb {
    between(&VIRIDIS, t)
}

/// Blue over white (at 0.5) to red, for `t` in `[0, 1]`.
pub(crate) fn blue_red(t: f64) -> Rgb {
    between(&BLUE_RED, t)
}

fn between(table: &[Rgb], t: f64) -> Rgb {
    let place = t.clamp(0.0, 1.0) * (table.len() - 1) as f64;
    let first = (place as usize).min(table.len() - 2);
    let part = place - first as f64;
    let (from, to) = (table[first], table[first + 1]);
    [0, 1, 2].map(|channel| {
        let (from, to) = (f64::from(from[channel]), f64::from(to[channel]));
        (from + (to - from) * part).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_begin_and_end_in_the_colours_of_matplotlib() {
        assert_eq!((inferno(0.0), inferno(1.0)), ([0, 0, 4], [252, 255, 164]));
        assert_eq!((viridis(0.0), viridis(1.0)), ([68, 1, 84], [253, 231, 37]));
        assert_eq!((blue_red(0.0), blue_red(1.0)), ([5, 48, 97], [103, 0, 31]));
        assert_eq!(blue_red(0.5), [247, 247, 247]);
        assert_eq!((inferno(-3.0), inferno(7.0)), (inferno(0.0), inferno(1.0)));
    }

    #[test]
    fn inferno_and_viridis_only_grow_brighter() {
        for map in [inferno, viridis] {
            let light = |n: usize| {
                let [r, g, b] = map(n as f64 / 255.0).map(f64::from);
                0.2126 * r + 0.7152 * g + 0.0722 * b
            };
            assert!((1..256).all(|n| light(n) > light(n - 1) - 0.75), "rounding to 8 bits aside");
        }
    }
}
