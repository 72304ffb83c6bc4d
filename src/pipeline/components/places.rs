//! Places on the sky as `WSClean` writes them, and back.

/// Pixels that the digits of a place resolve.
const DIGITS: f64 = 1e-4;

/// Right ascension as `hh:mm:ss.sss`, with digits for cells of this size \[deg\].
pub(super) fn write_ra(deg: f64, cell: f64) -> String {
    let (hours, minutes, seconds) = sexagesimal(deg.rem_euclid(360.0) / 15.0, decimals(cell * 240.0));
    format!("{:02}:{minutes:02}:{seconds}", hours % 24)
}

/// Declination as `dd.mm.ss.sss`, with digits for cells of this size \[deg\].
pub(super) fn write_dec(deg: f64, cell: f64) -> String {
    let sign = if deg.is_sign_negative() { "-" } else { "" };
    let (degrees, minutes, seconds) = sexagesimal(deg.abs(), decimals(cell * 3600.0));
    format!("{sign}{degrees:02}.{minutes:02}.{seconds}")
}

/// Decimals of seconds of which a cell is so many.
fn decimals(cell_seconds: f64) -> usize {
    (-(cell_seconds.abs() * DIGITS).log10()).ceil().clamp(3.0, 12.0) as usize
}

/// Whole units, minutes and seconds with so many decimals; what rounds up to 60 seconds is carried.
fn sexagesimal(value: f64, decimals: usize) -> (u64, u64, String) {
    let scale = 10_u64.pow(decimals as u32);
    let parts = (value * 3600.0 * scale as f64).round() as u64;
    let (seconds, fraction) = (parts / scale, parts % scale);
    (seconds / 3600, seconds / 60 % 60, format!("{:02}.{fraction:0decimals$}", seconds % 60))
}

/// Right ascension \[deg\] of `hh:mm:ss.sss`.
pub(super) fn read_ra(text: &str) -> Option<f64> {
    sum(text, text.split(':').map(str::to_owned).collect()).map(|hours| 15.0 * hours)
}

/// Declination \[deg\] of `dd.mm.ss.sss`, or of `dd:mm:ss.sss`.
pub(super) fn read_dec(text: &str) -> Option<f64> {
    if text.contains(':') {
        return sum(text, text.split(':').map(str::to_owned).collect());
    }
    let mut parts: Vec<String> = text.splitn(3, '.').map(str::to_owned).collect();
    if let Some(last) = parts.last_mut().filter(|last| last.ends_with('.')) {
        last.pop();
    }
    sum(text, parts)
}

fn sum(text: &str, parts: Vec<String>) -> Option<f64> {
    let numbers: Vec<f64> = parts.iter().map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let [whole, minutes, seconds] = numbers[..] else { return None };
    let is_sound = (0.0..60.0).contains(&minutes) && (0.0..60.0).contains(&seconds);
    let value = whole.abs() + minutes / 60.0 + seconds / 3600.0;
    is_sound.then_some(if text.trim_start().starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_to_a_ten_thousandth_of_a_cell() {
        for cell in [1e-2, 2.8e-4, 1e-7, 2e-12] {
            for deg in [0.0, 1e-9, 127.021_466_7, 359.999_999_999_9, 40.0] {
                let found = read_ra(&write_ra(deg, cell)).unwrap();
                let off = (found - deg + 180.0).rem_euclid(360.0) - 180.0;
                assert!(off.abs() <= 1e-4 * cell + 2e-13, "{deg} {cell}: {}", write_ra(deg, cell));
                for dec in [deg / 4.0 - 89.9, -deg / 1e6] {
                    let found = read_dec(&write_dec(dec, cell)).unwrap();
                    assert!((found - dec).abs() <= 1e-4 * cell + 2e-13, "{dec} {cell}: {}", write_dec(dec, cell));
                }
            }
        }
    }

    #[test]
    fn places_are_written_as_wsclean_writes_them() {
        assert_eq!(write_ra(127.021_466_667, 1.0), "08:28:05.152");
        assert_eq!(write_dec(39.585_697_5, 1.0), "39.35.08.511");
        assert_eq!(write_dec(-0.25, 1.0), "-00.15.00.000");
        assert_eq!(write_ra(359.999_999_99, 1.0), "00:00:00.000");
        assert_eq!(read_dec("-00.15.00."), Some(-0.25));
        assert_eq!(read_dec("+39:35:08.511").map(|dec| (dec * 3600.0).round()), Some(142_509.0));
        for wrong in ["12:61:00", "12:00", "x", "1:2:3:4"] {
            assert!(read_ra(wrong).is_none(), "{wrong}");
        }
    }
}
