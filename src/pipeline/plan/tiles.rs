//! Whether planes are cleaned in tiles, and in which.

use std::fmt;

use super::Plan;
use crate::algorithms::{Kind, Minor, TILE_MARGIN, TileChoice};
use crate::pipeline::config::RunConfig;
use crate::tiling::Tiles;

/// The tiles of a plane of shape `(ny, nx)` that is seen with so many PSFs; none where it is cleaned in one piece.
pub(super) fn tiles(config: &RunConfig, shape: (usize, usize), psfs: usize) -> Option<Tiles> {
    let algorithm = config.algorithm();
    let is_tiled = matches!(algorithm.kind, Kind::Clean(_)) && !algorithm.ignores.contains(&"tile");
    let is_multiscale = matches!(algorithm.kind, Kind::Clean(Minor::Multiscale));
    let tiles = match config.clean.tile {
        // scales look at one PSF in a piece: about as many pieces as there are PSFs
        TileChoice::Auto if is_multiscale && psfs > 1 => {
            let across = |pixels: usize| psfs.isqrt().max(pixels.div_ceil(AUTO_SIDE));
            Tiles::of_grid(shape, (across(shape.0), across(shape.1)))
        }
        TileChoice::Auto if shape.0.max(shape.1) > WHOLE => Tiles::of_side(shape, AUTO_SIDE),
        TileChoice::Side(side) => Tiles::of_side(shape, side),
        TileChoice::Grid { across, down } => Tiles::of_grid(shape, (down, across)),
        TileChoice::Auto | TileChoice::Off => return None,
    };
    (is_tiled && tiles.count() > 1).then_some(tiles)
}

/// Longest side of a plane that is cleaned in one piece unless tiles are asked for \[pixels\]: up to there minor cycles take
/// little of a run, and the PSF little of the memory.
const WHOLE: usize = 1024;
/// Side of the tiles of larger planes \[pixels\]; `WSClean` advises 1024 to 4096.
const AUTO_SIDE: usize = 1024;

impl Plan {
    /// How far the PSF must be known for the minor cycles; everywhere without tiles.
    pub fn psf_reach(&self) -> Option<(usize, usize)> {
        self.tiles.map(|tiles| tiles.reach(TILE_MARGIN))
    }

    /// Bytes of a PSF that the minor cycles hold.
    pub(super) fn held_psf_bytes(&self, number: usize) -> u64 {
        let peak = self.usual_kernel(number).peak;
        let (ny, nx) = peak.shape;
        let (rows, columns) = self.psf_reach().map_or((0..ny, 0..nx), |reach| {
            // as far as the farthest of two pixels
            peak.kept(reach.0 + 1, reach.1 + 1)
        });
        4 * (rows.len() * columns.len()) as u64
    }

    /// Warns where fewer tiles fit than were asked for.
    pub(super) fn tile_warnings(&self) -> Option<String> {
        let (TileChoice::Grid { across, down }, Some(tiles)) = (self.config.clean.tile, self.tiles) else {
            return None;
        };
        let grid = tiles.grid();
        (grid != (down, across)).then(|| {
            format!(
                "tiles of less than 16 pixels have no room for seams: {} x {} instead of {across} x {down}",
                grid.1, grid.0
            )
        })
    }

    /// The tiles in words, for the plan that is shown.
    pub(super) fn write_tiles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(tiles) = self.tiles else { return Ok(()) };
        let (down, across) = tiles.grid();
        let (reach, play) = (tiles.reach(TILE_MARGIN), |bands: Vec<std::ops::Range<usize>>| {
            bands.first().map_or(0, |band| band.len() / 2)
        });
        writeln!(
            f,
            "tiles       {across} across and {down} down, cleaned to one floor; seams within {} rows and {} columns of straight, \
             PSF up to {} x {} pixels from its peak",
            play(tiles.bands_of_rows()),
            play(tiles.bands_of_columns()),
            reach.0,
            reach.1
        )
    }
}
