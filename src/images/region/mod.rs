//! Regions as people write them: shapes on the sky or on the pixel grid, and the same on the grid of an image.
//!
//! A shape on the sky is taken to the grid round its centre: the directions of north and east and the lengths there hold
//! for the whole shape, and the sides of a polygon are straight on the grid, as viewers draw them. A pixel is selected
//! if its centre is inside.

mod stamp;

use serde::{Deserialize, Serialize};

pub use stamp::{Form, Stamp, select};

use super::celestial::{Celestial, step};
use super::sky::Sky;

/// A point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Point {
    /// Pixels `(x, y)`, the centre of the first at 0.
    Pixel(f64, f64),
    /// Longitude and latitude \[deg\] in the region's frame.
    Sky(f64, f64),
}

/// A length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// Pixels.
    Pixels(f64),
    /// Degrees on the sky.
    Degrees(f64),
}

/// The outline of a region.
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// An ellipse, or what is between two of them.
    Ellipse {
        /// Its centre.
        centre: Point,
        /// Half lengths of its axes.
        half: [Length; 2],
        /// Those of the inner one, where there is a hole.
        hole: Option<[Length; 2]>,
        /// From the x axis, or west, to the first axis, counter-clockwise \[deg\].
        angle: f64,
    },
    /// A rectangle, or what is between two of them.
    Rectangle {
        /// Its centre.
        centre: Point,
        /// Half lengths of its sides.
        half: [Length; 2],
        /// Those of the inner one, where there is a hole.
        hole: Option<[Length; 2]>,
        /// From the x axis, or west, to the first side, counter-clockwise \[deg\].
        angle: f64,
    },
    /// A polygon, closed by itself.
    Polygon(Vec<Point>),
    /// A rectangle along the axes, by two opposite corners.
    Corners([Point; 2]),
}

/// One region of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// What it encloses.
    pub outline: Outline,
    /// What its longitudes and latitudes refer to.
    pub frame: Celestial,
    /// Whether it takes pixels out.
    pub is_excluded: bool,
    /// Line of the file, from 1.
    pub line: usize,
}

/// The grid of an image, on the sky where its header says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misplaced {
    /// The image is not on the sky, and the region is.
    NoSky,
    /// The region's frame is not turned into the image's.
    Frame {
        /// That of the image.
        expected: Celestial,
        /// That of the region.
        found: Celestial,
    },
    /// A corner that the image's projection does not reach.
    Beyond,
}

/// The sky of an image with its frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    /// From pixels to longitude and latitude.
    pub sky: Sky,
    /// What these refer to.
    pub frame: Celestial,
}

/// Steps by which directions are measured \[pixels\].
const STEP: f64 = 8.0;

impl Place {
    /// The pixel `(x, y)` at a longitude and a latitude \[deg\] of a frame.
    pub fn pixel(&self, frame: &Celestial, place: (f64, f64)) -> Option<(f64, f64)> {
        let (lon, lat) = frame.turn(&self.frame, place)?;
        self.sky.pixel(lon, lat)
    }

    /// The pixel `(x, y)` of another image that shows the same place as this pixel; `None` beyond either projection.
    pub fn pixel_of(&self, other: &Self, x: f64, y: f64) -> Option<(f64, f64)> {
        other.pixel(&self.frame, self.sky.lonlat(x, y)?)
    }

    /// Steps of the grid `[x, y]` for a degree to the west and a degree to the north of a place, as they are there.
    fn directions(&self, frame: &Celestial, at: (f64, f64)) -> Option<[[f64; 2]; 2]> {
        let (dx, dy) = self.sky.pixel_lengths();
        let far = STEP * (dx * dy).sqrt();
        let towards = |angle: f64| {
            let (there, back) = (step(at, far, angle), step(at, far, angle + 180.0));
            let (a, b) = (self.pixel(frame, there)?, self.pixel(frame, back)?);
            Some([(a.0 - b.0) / (2.0 * far), (a.1 - b.1) / (2.0 * far)])
        };
        Some([towards(270.0)?, towards(0.0)?])
    }
}

impl Region {
    /// The region on the grid of an image.
    ///
    /// `Ok(None)` for one whose centre the image's projection does not reach.
    ///
    /// # Errors
    /// [`Misplaced`] for a region that has no place on the image.
    pub fn on(&self, image: Option<&Place>) -> Result<Option<Stamp>, Misplaced> {
        let form = match &self.outline {
            Outline::Ellipse { centre, half, hole, angle } => {
                let to_unit = |half: &[Length; 2]| self.to_unit(image, (*centre, half, *angle));
                let Some((centre, outer)) = to_unit(half)? else { return Ok(None) };
                let hole = hole.as_ref().map(to_unit).transpose()?.flatten().map(|(_, inner)| inner);
                Form::Ellipse { centre, outer, hole }
            }
            Outline::Rectangle { centre, half, hole, angle } => {
                let to_unit = |half: &[Length; 2]| self.to_unit(image, (*centre, half, *angle));
                let Some((centre, outer)) = to_unit(half)? else { return Ok(None) };
                let hole = hole.as_ref().map(to_unit).transpose()?.flatten().map(|(_, inner)| inner);
                Form::Rectangle { centre, outer, hole }
            }
            Outline::Polygon(corners) => Form::Polygon(self.corners(image, corners)?),
            Outline::Corners([a, b]) => {
                let corners = if let (Point::Sky(lon, lat), Point::Sky(lon2, lat2)) = (*a, *b) {
                    [(lon, lat), (lon2, lat), (lon2, lat2), (lon, lat2)].map(|(lon, lat)| Point::Sky(lon, lat))
                } else {
                    let ends = self.corners(image, &[*a, *b])?;
                    let ((x, y), (x2, y2)) = (ends[0], ends[1]);
                    [(x, y), (x2, y), (x2, y2), (x, y2)].map(|(x, y)| Point::Pixel(x, y))
                };
                Form::Polygon(self.corners(image, &corners)?)
            }
        };
        Ok(Some(Stamp { form, is_excluded: self.is_excluded }))
    }

    fn corners(&self, image: Option<&Place>, corners: &[Point]) -> Result<Vec<(f64, f64)>, Misplaced> {
        corners.iter().map(|corner| self.point(image, *corner)?.ok_or(Misplaced::Beyond)).collect()
    }

    /// A point on the grid; `None` beyond the projection.
    fn point(&self, image: Option<&Place>, point: Point) -> Result<Option<(f64, f64)>, Misplaced> {
        match point {
            Point::Pixel(x, y) => Ok(Some((x, y))),
            Point::Sky(lon, lat) => Ok(self.sky(image)?.pixel(&self.frame, (lon, lat))),
        }
    }

    fn sky<'a>(&self, image: Option<&'a Place>) -> Result<&'a Place, Misplaced> {
        let place = image.filter(|place| place.sky.is_absolute()).ok_or(Misplaced::NoSky)?;
        if self.frame.turns_into(&place.frame) {
            Ok(place)
        } else {
            Err(Misplaced::Frame { expected: place.frame.clone(), found: self.frame.clone() })
        }
    }

    /// The centre on the grid, and the matrix that takes an offset `(dx, dy)` from it to the unit circle or square.
    fn to_unit(&self, image: Option<&Place>, shape: (Point, &[Length; 2], f64)) -> Result<Option<Based>, Misplaced> {
        let (centre, half, angle) = shape;
        let (sin, cos) = angle.to_radians().sin_cos();
        let is_on_sky = matches!(centre, Point::Sky(..)) || half.iter().any(|half| matches!(half, Length::Degrees(_)));
        let Some(at) = self.point(image, centre)? else { return Ok(None) };
        let along = if is_on_sky {
            let place = self.sky(image)?;
            let (frame, spot) = match centre {
                Point::Sky(lon, lat) => (self.frame.clone(), Some((lon, lat))),
                Point::Pixel(x, y) => (place.frame.clone(), place.sky.lonlat(x, y)),
            };
            let Some(directions) = spot.and_then(|spot| place.directions(&frame, spot)) else { return Ok(None) };
            // a centre in pixels has its axes along the grid
            let directions = if matches!(centre, Point::Pixel(..)) { on_grid(directions) } else { directions };
            let [west, north] = directions;
            let mix = |a: f64, b: f64| [a * west[0] + b * north[0], a * west[1] + b * north[1]];
            [mix(cos, sin), mix(-sin, cos)]
        } else {
            [[cos, sin], [-sin, cos]]
        };
        // columns of the matrix from the unit circle to the grid
        let axis = |number: usize| match half[number] {
            Length::Degrees(length) => along[number].map(|step| step * length),
            Length::Pixels(length) => {
                along[number].map(|step| step * length / along[number][0].hypot(along[number][1]))
            }
        };
        let ([a, c], [b, d]) = (axis(0), axis(1));
        let determinant = a * d - b * c;
        let inverse = [[d / determinant, -b / determinant], [-c / determinant, a / determinant]];
        // of a shape without area nothing is inside
        Ok((determinant != 0.0 && determinant.is_finite()).then_some((at, inverse)))
    }
}

/// A centre and a matrix to the unit circle or square.
type Based = ((f64, f64), [[f64; 2]; 2]);

/// Directions along the grid with the lengths of a degree there.
fn on_grid([west, north]: [[f64; 2]; 2]) -> [[f64; 2]; 2] {
    let length = (west[0] * north[1] - west[1] * north[0]).abs().sqrt();
    [[length, 0.0], [0.0, length]]
}

#[cfg(test)]
mod tests;
