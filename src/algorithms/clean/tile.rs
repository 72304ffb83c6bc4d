//! Tiles of a plane cleaned side by side: how they are asked for, and what all of them must keep to.
//!
//! Every tile goes down to the same floor, so that a quiet one does not clean the sidelobes of a bright neighbour. The floor
//! is the share of the plane's peak that a cycle leaves, or higher where the list of some tile would be too long. The
//! components that a plane may still take are shared out by the number of pixels above the floor.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::control::{GAIN_LEFT, MAX_ACTIVE};
use super::{Levels, MinorRules};

/// Pixels round a tile that are cleaned with it, without keeping what is found there: the sidelobes next to a bright source
/// reach over a seam that passes close to it.
pub const TILE_MARGIN: usize = 32;

/// Pixels down to this share of the floor are on the lists, though nothing below the floor is taken: what is cleaned next to
/// a pixel lifts it. Each cycle ends nearer to the floor then: with lists that ended at it, 1024 x 1024 pixels in 4 x 4 tiles
/// came to a standstill 18 % above the threshold after 21 cycles.
pub const TILE_DEPTH: f32 = 0.7;

/// How a plane is divided for its minor cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileChoice {
    /// By the size of the plane alone.
    Auto,
    /// Not at all.
    Off,
    /// Into tiles of at most so many pixels a side.
    Side(usize),
    /// Into so many across and down.
    Grid {
        /// Tiles side by side.
        across: usize,
        /// Tiles one below the other.
        down: usize,
    },
}

impl TileChoice {
    /// What is expected of its text.
    pub const EXPECTED: &'static str =
        "auto, off, the most pixels of a side from 16, or tiles across and down, as in 4x4";
}

impl FromStr for TileChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}': expected {}", Self::EXPECTED);
        let count = |text: &str| text.trim().parse::<usize>().ok().filter(|count| (1..=1024).contains(count));
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            grid if grid.contains('x') => {
                let (across, down) = grid.split_once('x').ok_or_else(wrong)?;
                let (across, down) = count(across).zip(count(down)).ok_or_else(wrong)?;
                Ok(Self::Grid { across, down })
            }
            side => side.parse().ok().filter(|side| *side >= 16).map(Self::Side).ok_or_else(wrong),
        }
    }
}

impl fmt::Display for TileChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("off"),
            Self::Side(side) => write!(f, "{side}"),
            Self::Grid { across, down } => write!(f, "{across}x{down}"),
        }
    }
}

impl Serialize for TileChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TileChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.parse().map_err(de::Error::custom)
    }
}

/// What stands out in a tile.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TileRank {
    /// The tile.
    pub tile: usize,
    /// Its weighted peak where components may stand \[Jy/beam\].
    pub peak: f32,
    /// Levels of its pixels.
    pub levels: Levels,
}

/// What all tiles keep to in a cycle.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TileRules {
    /// Level at which every tile ends \[Jy/beam\].
    pub floor: f32,
    /// Components that each tile may take.
    pub niter: Vec<u64>,
    /// Weighted peak of each tile \[Jy/beam\].
    pub peaks: Vec<f32>,
    /// Tiles that have run away once, and are cleaned with smaller steps.
    pub safe: Vec<usize>,
}

impl TileRules {
    /// Rules for `tiles` tiles that together keep to `rules`, the floor of which is the lowest there may be; `ranks` are those
    /// of parts of the tiles, in any order.
    pub fn new(tiles: usize, rules: &MinorRules, ranks: impl IntoIterator<Item = TileRank>) -> Self {
        let mut all: Vec<TileRank> = (0..tiles).map(|tile| TileRank { tile, ..TileRank::default() }).collect();
        for TileRank { tile, peak, levels } in ranks {
            all[tile].peak = all[tile].peak.max(peak);
            all[tile].levels.merge(&levels);
        }
        let highest = |a: usize, b: usize| if all[b].peak > all[a].peak { b } else { a };
        let first = (0..tiles).reduce(highest).unwrap_or(0);
        let peak = all.get(first).map_or(0.0, |tile| tile.peak);
        let crowd = all.iter().map(|tile| tile.levels.holding(MAX_ACTIVE)).fold(0.0, f32::max);
        let floor = rules.floor.max(crowd.min(0.9 * peak));
        let pixels: Vec<u64> = all.iter().map(|tile| tile.levels.reaching(floor)).collect();
        let sum: u64 = pixels.iter().sum::<u64>().max(1);
        let share = |pixels: &u64| (u128::from(rules.niter) * u128::from(*pixels) / u128::from(sum)) as u64;
        let mut niter: Vec<u64> = pixels.iter().map(share).collect();
        let rest = rules.niter - niter.iter().sum::<u64>();
        if let Some(niter) = niter.get_mut(first) {
            *niter += rest;
        }
        let peaks = all.iter().map(|tile| tile.peak).collect();
        Self { floor, niter, peaks, safe: Vec::new() }
    }

    /// The same where some tiles are cleaned with smaller steps.
    #[must_use]
    pub fn with_safe(self, safe: &[usize]) -> Self {
        Self { safe: safe.to_vec(), ..self }
    }

    /// What a tile keeps to: `rules` with the floor of all and its own share of the components. One that has run away takes
    /// a quarter of the gain, and goes half of the way.
    pub fn of(&self, tile: usize, rules: &MinorRules) -> MinorRules {
        let usual = MinorRules { floor: self.floor, niter: self.niter[tile], ..*rules };
        if !self.safe.contains(&tile) {
            return usual;
        }
        let half = f32::midpoint(self.floor, self.peaks[tile]);
        MinorRules { gain: GAIN_LEFT * usual.gain, floor: half.max(self.floor), ..usual }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AspParams, Patch};
    use super::*;

    fn rank(tile: usize, heights: &[f32]) -> TileRank {
        let mut rank = TileRank { tile, ..TileRank::default() };
        for height in heights {
            rank.peak = rank.peak.max(*height);
            rank.levels.add(*height);
        }
        rank
    }

    fn rules(floor: f32, niter: u64) -> MinorRules {
        let (patch, signs) = (Patch::default(), crate::algorithms::Signs::Both);
        MinorRules { gain: 0.1, floor, niter, patch, signs, asp: AspParams::default() }
    }

    #[test]
    fn text_of_a_choice_reads_back() {
        for (text, choice) in [
            ("auto", TileChoice::Auto),
            ("off", TileChoice::Off),
            ("2048", TileChoice::Side(2048)),
            ("4x8", TileChoice::Grid { across: 4, down: 8 }),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        for text in ["", "0", "15", "4x", "x4", "0x3", "-5", "4x4x4", "many"] {
            assert!(text.parse::<TileChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn components_are_shared_out_to_the_last_by_what_stands_out() {
        let ranks = [rank(0, &[1.0, 0.5]), rank(2, &[0.6; 6]), rank(0, &[0.7])];
        let of = |niter: u64| TileRules::new(3, &rules(0.25, niter), ranks.clone());
        assert_eq!((of(900).floor, of(900).niter), (0.25, vec![300, 0, 600]));
        assert_eq!(of(900).peaks, [1.0, 0.0, 0.6]);
        for niter in [0, 1, 2, 7, 100, u64::MAX] {
            assert_eq!(of(niter).niter.iter().map(|share| u128::from(*share)).sum::<u128>(), u128::from(niter));
        }
        assert_eq!(of(1).niter, [1, 0, 0], "the highest peak comes first");
    }

    #[test]
    fn tile_that_ran_away_takes_smaller_steps_and_the_others_do_not() {
        let given = rules(0.25, 900);
        let all = TileRules::new(3, &given, [rank(0, &[1.0]), rank(2, &[0.6; 2])]);
        assert_eq!(all.of(2, &given), MinorRules { niter: 600, ..given });
        let safe = all.clone().with_safe(&[1, 2]);
        assert_eq!(safe.of(0, &given), all.of(0, &given));
        assert_eq!(safe.of(2, &given), MinorRules { niter: 600, gain: 0.025, floor: 0.425, ..given });
        assert_eq!(safe.of(1, &given).floor, 0.25, "a quiet tile goes no deeper than the others");
    }

    #[test]
    fn floor_rises_for_all_where_one_tile_is_crowded() {
        let crowd: Vec<f32> = (0..=MAX_ACTIVE).map(|_| 0.5).collect();
        let of = |ranks: Vec<TileRank>| TileRules::new(2, &rules(0.1, 1000), ranks).floor;
        assert_eq!(of(vec![rank(0, &[1.0]), rank(1, &crowd[1..])]), 0.1);
        let risen = of(vec![rank(0, &[1.0]), rank(1, &crowd)]);
        assert!(risen > 0.5 && risen < 0.6, "{risen}");
        assert_eq!(of(vec![rank(1, &crowd)]), 0.45, "something is left to clean");
    }
}
