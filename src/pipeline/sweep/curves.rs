//! A sweep as curves, for pictures: plain values that know nothing of how they are drawn.

use serde::{Deserialize, Serialize};

use super::{Axis, Sweep};

/// Panels of curves above each other, over one swept parameter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// One line above.
    pub title: String,
    /// A second line: what is not swept.
    pub subtitle: String,
    /// What lies along x.
    pub x_name: String,
    /// The values of x.
    pub x: Vec<f64>,
    /// What is written at a value of x where that is not the value itself: `full`, `auto`.
    pub x_labels: Vec<(f64, String)>,
    /// The panels, from above.
    pub panels: Vec<Panel>,
    /// Values of x that are marked.
    pub marks: Vec<Mark>,
}

/// Curves of one quantity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// What it is, with its unit.
    pub name: String,
    /// Whether the values span decades.
    pub is_logarithmic: bool,
    /// The curves.
    pub series: Vec<Series>,
}

/// One curve.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What tells it from the others; the same label has the same colour in every panel.
    pub label: String,
    /// For each value of x the least, and the greatest of the repetitions.
    pub values: Vec<Option<(f64, f64)>>,
}

/// A value of x that is marked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Where.
    pub x: f64,
    /// What it says.
    pub label: String,
}

/// Which point of a sweep stands where: one parameter lies along x, every combination of the others is a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// The parameter along x.
    pub x_name: String,
    /// Its values.
    pub x: Vec<f64>,
    /// What is written at a value of x where that is not the value itself.
    pub x_labels: Vec<(f64, String)>,
    /// What tells the curves apart.
    pub labels: Vec<String>,
    /// Curve and place along x of every point.
    points: Vec<(usize, usize)>,
}

impl Places {
    /// Lays a sweep out: `chunk` along x where it is swept, else the first parameter of numbers, else the first.
    ///
    /// `rows` tells how many rows a chunk that is a word, as `full`, has.
    pub fn new(sweep: &Sweep, rows: impl Fn(&str) -> Option<usize>) -> Self {
        let parsed = |text: &String| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let number = |text: &String| parsed(text).or_else(|| rows(text).map(|rows| rows as f64));
        let is_numeric = |axis: &Axis| axis.values.iter().all(|value| number(value).is_some());
        let along = (sweep.axes.iter().position(|axis| axis.target.key == "chunk" && is_numeric(axis)))
            .or_else(|| sweep.axes.iter().position(is_numeric))
            .unwrap_or(0);
        let axis = &sweep.axes[along];
        let numbers: Option<Vec<f64>> = axis.values.iter().map(number).collect();
        // among words a number does not stand at its value either, so it is named like them
        let is_by_place = numbers.is_none();
        let x = numbers.unwrap_or_else(|| (0..axis.values.len()).map(|place| place as f64).collect());
        let named = axis.values.iter().zip(&x).filter(|(text, _)| is_by_place || text.parse::<f64>().is_err());
        let x_labels = named.map(|(text, at)| (*at, text.clone())).collect();
        let mut labels: Vec<String> = Vec::new();
        let place = |values: &Vec<String>, labels: &mut Vec<String>| {
            let others = sweep.axes.iter().zip(values).enumerate().filter(|(place, _)| *place != along);
            let label: Vec<String> = others.map(|(_, (axis, value))| format!("{} {value}", axis.target)).collect();
            let label = label.join(", ");
            let curve = labels.iter().position(|known| *known == label).unwrap_or_else(|| {
                labels.push(label);
                labels.len() - 1
            });
            (curve, axis.values.iter().position(|value| *value == values[along]).unwrap_or(0))
        };
        let places = sweep.points.iter().map(|point| place(&point.values, &mut labels)).collect();
        Self { x_name: axis.target.key.replace('_', "-"), x, x_labels, labels, points: places }
    }

    /// The value along x of a point.
    pub fn x_of(&self, point: usize) -> f64 {
        self.x[self.points[point].1]
    }

    /// A panel of what `value` gives of every point: the least and the greatest of its repetitions.
    pub fn panel(&self, name: &str, value: impl Fn(usize) -> Option<(f64, f64)>) -> Panel {
        let curve = |label: &String| Series { label: label.clone(), values: vec![None; self.x.len()] };
        let mut series: Vec<Series> = self.labels.iter().map(curve).collect();
        for (point, (curve, at)) in self.points.iter().enumerate() {
            series[*curve].values[*at] = value(point);
        }
        let all = || series.iter().flat_map(|series| &series.values).flatten();
        let low = all().map(|(low, _)| *low).fold(f64::INFINITY, f64::min);
        let high = all().map(|(_, high)| *high).fold(0.0, f64::max);
        Panel { name: name.to_owned(), is_logarithmic: low > 0.0 && high > DECADES * low, series }
    }
}

/// Values that differ by more than this factor are drawn on a logarithmic axis.
const DECADES: f64 = 20.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::RunConfig;

    fn places(axes: &[&str]) -> (Sweep, Places) {
        let base = RunConfig::load(None, "algorithm = 'wiener'".parse().expect("TOML")).expect("a configuration");
        let axes = axes.iter().map(|text| Axis::parse(text).expect("an axis")).collect();
        let sweep = Sweep::new(axes, &base).expect("a sweep");
        let rows =
            |word: &str| [("full", 512), ("auto", 100)].into_iter().find_map(|(known, n)| (known == word).then_some(n));
        let places = Places::new(&sweep, rows);
        (sweep, places)
    }

    #[test]
    fn chunk_lies_along_x_and_every_number_of_threads_is_a_curve() {
        let (sweep, places) = places(&["threads=1,2", "chunk=64,auto,full"]);
        assert_eq!((places.x_name.as_str(), &places.x[..]), ("chunk", &[64.0, 100.0, 512.0][..]));
        assert_eq!(places.x_labels, [(100.0, "auto".to_owned()), (512.0, "full".to_owned())]);
        assert_eq!(places.labels, ["threads 1", "threads 2"]);
        let panel = places.panel("wall [s]", |point| Some((point as f64 + 1.0, point as f64 + 2.0)));
        assert_eq!(panel.series[1].values, [Some((4.0, 5.0)), Some((5.0, 6.0)), Some((6.0, 7.0))]);
        assert_eq!(places.x_of(sweep.points.len() - 1), 512.0);
        let steep = places.panel("", |point| Some((10f64.powi(point as i32), 10f64.powi(point as i32))));
        assert!(!panel.is_logarithmic && steep.is_logarithmic);
    }

    #[test]
    fn words_stand_at_their_place_under_their_names() {
        let (_, places) = places(&["reg=laplacian,identity"]);
        assert_eq!(places.x, [0.0, 1.0]);
        assert_eq!(places.x_labels, [(0.0, "laplacian".to_owned()), (1.0, "identity".to_owned())]);
        assert_eq!(places.labels, [""]);
    }

    #[test]
    fn number_among_words_stands_under_its_own_name_and_not_under_its_place() {
        let (_, places) = places(&["lambda=auto,gcv,0.1"]);
        assert_eq!(places.x, [0.0, 1.0, 2.0]);
        let expected = [(0.0, "auto"), (1.0, "gcv"), (2.0, "0.1")].map(|(at, name)| (at, name.to_owned()));
        assert_eq!(places.x_labels, expected);
    }
}
