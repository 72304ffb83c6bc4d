//! The minor cycle of all scales together, on lists: one scale at a time, and what it takes is taken from the others too.

use super::Scale;
use super::cleaner::{Cleaner, Taken, in_tiles};
use crate::algorithms::clean::control::SCALES_RISE;
use crate::algorithms::clean::list::patience;
use crate::algorithms::clean::{Component, MinorRules, Signs, Step};
use crate::graph::Cancel;
use crate::images::Psf;
use crate::kernels::list::{ActiveList, Lookup};
use crate::kernels::sources::{Source, Spacing, subtract_sources};

/// A scale in a minor cycle.
pub struct Member<'a> {
    /// The scale.
    pub scale: Scale,
    /// The pixels of the residual at this scale that stand at or above the floor; places in steps of the scale's grid.
    pub list: ActiveList,
    /// What a component of the scale leaves at the same scale, at the lags of its grid; its peak is 1, or that of points
    /// the response of the place.
    pub psf: &'a Psf,
}

/// What a component of one scale leaves at another.
pub struct Table<'a> {
    /// The two members.
    pub pair: (usize, usize),
    /// `K_s * K_t * psf` \[Jy/beam per Jy\], at every so many pixels.
    pub table: &'a Psf,
    /// Pixels from one entry to the next.
    pub spacing: u32,
}

/// What the members found.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Steps(pub Vec<Step>);

impl Steps {
    /// Components taken at all scales.
    pub fn iterations(&self) -> u64 {
        self.0.iter().map(|step| step.iterations).sum()
    }

    /// Whether the cycle ended at a negative peak that must not be cleaned.
    pub fn is_negative(&self) -> bool {
        self.0.iter().any(|step| step.is_negative)
    }
}

/// Turns of each scale at the most; two that keep handing flux to each other are left to the exact residual.
const TURNS: usize = 12;
/// A peak that rises by this much within its own turn diverges.
const RISE: f32 = 1.1;

/// Cleans the lists down to the floor, which is weighed by the scales' biases as the peaks are.
///
/// The scale that stands out most has its turn, down to the share `leaves` of its peak, or to where the next one stands if
/// that is lower; then the next.
///
/// # Source
/// Offringa & Smirnov (2017), MNRAS 471, 301: their sub-minor loops, of which each leaves an approximate residual to the
/// next scale; here the other scales' lists are brought up to date by looking up what the components leave there.
pub fn clean_together(
    members: &mut [Member<'_>],
    tables: &[Table<'_>],
    rules: &MinorRules,
    leaves: f32,
    cancel: &Cancel,
) -> Steps {
    let mut flux: Vec<Vec<Taken>> = members.iter().map(|member| vec![Taken::default(); member.list.len()]).collect();
    let mut iterations = vec![0_u64; members.len()];
    let mut negative = None;
    let start = highest(members, rules.signs).map_or(0.0, |(_, peak, _)| peak);
    let is_alone = members.len() == 1;
    let rise = if is_alone { RISE } else { SCALES_RISE };
    let turns = if is_alone { 1 } else { TURNS * members.len() };
    for _ in 0..turns {
        let Some((chosen, peak, rival)) = highest(members, rules.signs) else { break };
        let total: u64 = iterations.iter().sum();
        if peak <= rules.floor
            || peak > rise * start
            || total >= rules.niter
            || negative.is_some()
            || cancel.is_requested()
        {
            break;
        }
        let member = &mut members[chosen];
        let bias = member.scale.bias;
        let goal = (leaves * peak).min(rival).max(rules.floor) / bias;
        let lookup = Lookup::new(member.psf.pixels().view(), member.psf.centre(), member.psf.pixels().dim());
        let own = MinorRules { floor: goal, ..*rules };
        let mut cleaner = Cleaner {
            psf: &lookup,
            peak: member.psf.pixels()[member.psf.centre()],
            gain: rules.gain,
            limit: (rules.niter - total).min(patience(member.list.len(), peak / bias, &own)),
            signs: rules.signs,
            rise: RISE * peak / bias,
            iterations: 0,
            is_negative: false,
            cancel,
        };
        let before = flux[chosen].clone();
        if is_alone {
            cleaner.clean_plainly(&mut member.list, &mut flux[chosen], goal);
        } else {
            cleaner.clean(&mut member.list, &mut flux[chosen], goal);
        }
        iterations[chosen] += cleaner.iterations;
        negative = cleaner.is_negative.then_some(chosen);
        let sources = taken(member, &before, &flux[chosen]);
        tell_others(members, tables, chosen, &sources);
    }
    let found = members.iter().zip(flux).zip(iterations).enumerate();
    let step = |(number, ((member, taken), iterations)): (usize, ((&Member<'_>, Vec<Taken>), u64))| Step {
        components: components(member, &taken),
        iterations,
        is_negative: negative == Some(number),
        times: taken.iter().filter(|taken| taken.flux != 0.0).map(|taken| taken.times).collect(),
        ..Step::default()
    };
    Steps(found.map(step).collect())
}

/// Weighted peak of a member, not counting its bias.
fn height(member: &Member<'_>, signs: Signs) -> f32 {
    let peak = member.list.peak().and_then(|peak| signs.next(&member.list, peak));
    peak.map_or(0.0, |peak| member.list.height(peak))
}

/// The member that stands out most, how much, and how much the next one does; the first among equals.
fn highest(members: &[Member<'_>], signs: Signs) -> Option<(usize, f32, f32)> {
    let mut best: Option<(usize, f32, f32)> = None;
    for (number, member) in members.iter().enumerate() {
        let height = height(member, signs) * member.scale.bias;
        best = match best {
            Some((chosen, peak, rival)) if height <= peak => Some((chosen, peak, rival.max(height))),
            Some((_, peak, _)) => Some((number, height, peak)),
            None => Some((number, height, 0.0)),
        };
    }
    best
}

/// Flux of a component of a member whose peak is 1.
fn response(member: &Member<'_>) -> f64 {
    if member.scale.is_point() { 1.0 } else { 1.0 / f64::from(member.psf.scale()) }
}

/// What a turn took \[Jy\], at pixels of the image.
fn taken(member: &Member<'_>, before: &[Taken], after: &[Taken]) -> Vec<Source> {
    let (step, each) = (member.scale.step as i32, response(member));
    let source = |at: usize| Source {
        y: step * member.list.y[at],
        x: step * member.list.x[at],
        factor: ((after[at].flux - before[at].flux) * each) as f32,
    };
    let mut sources: Vec<_> = (0..after.len()).map(source).filter(|source| source.factor != 0.0).collect();
    in_tiles(&mut sources);
    sources
}

fn tell_others(members: &mut [Member<'_>], tables: &[Table<'_>], chosen: usize, sources: &[Source]) {
    for Table { pair, table, spacing } in tables {
        let other = match *pair {
            (one, other) if one == chosen => other,
            (other, one) if one == chosen => other,
            _ => continue,
        };
        let lookup = Lookup::new(table.pixels().view(), table.centre(), table.pixels().dim());
        let spacing = Spacing { list: members[other].scale.step as u32, table: *spacing };
        subtract_sources(&mut members[other].list, &lookup, spacing, sources);
    }
}

fn components(member: &Member<'_>, taken: &[Taken]) -> Vec<Component> {
    let (step, each) = (member.scale.step, response(member));
    let component = |(at, taken): (usize, &Taken)| Component {
        y: step * member.list.y[at] as usize,
        x: step * member.list.x[at] as usize,
        flux: (taken.flux * each) as f32,
    };
    taken.iter().enumerate().filter(|(_, taken)| taken.flux != 0.0).map(component).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::ScaleShape;
    use super::super::psf::{normal_table, table_blocks, table_columns, table_reach, table_rows};
    use super::*;
    use crate::algorithms::clean::Patch;
    use crate::fft::{BlockRows, Layout, Placement, Transfer, column_transfer, forward_rows, low_transfer};

    const N: usize = 64;
    const LAYOUT: Layout = Layout { ly: 128, lx: 128, block: 24 };

    fn psf() -> Psf {
        let plane = Array2::from_shape_fn((2 * N - 1, 2 * N - 1), |(y, x)| {
            let (dy, dx) = (y as f32 - (N - 1) as f32, x as f32 - (N - 1) as f32);
            (-(dy * dy + dx * dx) / 9.0).exp() + 0.03 * (0.5 * dy).cos() * (0.3 * dx).cos()
        });
        Psf::new(plane).unwrap()
    }

    fn transfers(psf: &Psf) -> Vec<Transfer> {
        let placement = Placement { y: 1 - N as isize, x: 1 - N as isize };
        let rows = forward_rows(psf.pixels().view(), &LAYOUT, placement);
        (0..LAYOUT.blocks()).map(|block| column_transfer(&[&rows], &LAYOUT, block).unwrap()).collect()
    }

    /// `sum over components of flux K_t * K_s * psf` at a pixel.
    fn seen(of: &dyn Fn(usize) -> Psf, steps: &[Step], (y, x): (usize, usize)) -> f64 {
        let mut sum = 0.0;
        for (number, step) in steps.iter().enumerate() {
            let table = of(number);
            for component in &step.components {
                let lag = (y as isize - component.y as isize, x as isize - component.x as isize);
                sum += f64::from(component.flux * table.value_at_lag(lag.0, lag.1));
            }
        }
        sum
    }

    /// Two points and a blob of each scale.
    fn sky() -> Vec<Step> {
        let sky = [(0, 30, 30, 1.0), (0, 12, 41, 0.5), (1, 32, 24, 4.0), (2, 32, 40, 9.0)];
        let of = |number: usize| {
            let of = sky.iter().filter(|source| source.0 == number);
            let component =
                |source: &(usize, usize, usize, f32)| Component { y: source.1, x: source.2, flux: source.3 };
            Step { components: of.map(component).collect(), ..Step::default() }
        };
        (0..3).map(of).collect()
    }

    #[test]
    fn what_is_left_on_every_list_is_the_residual_of_what_was_found() {
        let psf = psf();
        let transfers = transfers(&psf);
        let scale = Scale { step: 2, ..Scale::new(24.0, ScaleShape::TaperedQuadratic, 0.6, 3.0) };
        let wide = Scale { step: 8, ..Scale::new(48.0, ScaleShape::TaperedQuadratic, 0.6, 3.0) };
        let scales = [Scale::POINT, scale, wide];
        let table = |pair: [usize; 2], spacing: usize| {
            let wide: Vec<&Scale> = pair.iter().map(|number| &scales[*number]).filter(|one| !one.is_point()).collect();
            let reach = table_reach(&LAYOUT, spacing, (N, N));
            let block = |index: usize| -> BlockRows {
                let kernel = |one: &&Scale| low_transfer(one.kernel().view(), &LAYOUT, (index, one.step)).unwrap();
                let kernels: Vec<Transfer> = wide.iter().map(kernel).collect();
                let kernels: Vec<_> = kernels.iter().collect();
                table_columns(&transfers[index], &kernels, &LAYOUT, (index, spacing), reach.0)
            };
            let count = table_blocks(&LAYOUT, spacing, wide.iter().map(|one| one.step));
            let blocks: Vec<BlockRows> = (0..count).map(block).collect();
            table_rows(&blocks.iter().collect::<Vec<_>>(), &LAYOUT, spacing, reach).unwrap()
        };
        let sky = sky();
        let exact: Vec<Vec<Psf>> = (0..3).map(|t| (0..3).map(|s| table([s, t], 1)).collect()).collect();
        let own: Vec<Psf> = (0..3).map(|t| table([t, t], scales[t].step)).collect();
        let own = [psf.clone(), normal_table(&own[1]).unwrap(), normal_table(&own[2]).unwrap()];
        let mut members: Vec<Member<'_>> = (0..3)
            .map(|number| {
                let mut list = ActiveList::default();
                let (grid, step) = (scales[number].grid(), scales[number].step);
                for y in grid.along(N) {
                    for x in grid.along(N) {
                        let value = seen(&|s| exact[number][s].clone(), &sky, (y, x));
                        list.push((y / step, x / step), value as f32, 1.0);
                    }
                }
                Member { scale: scales[number], list, psf: &own[number] }
            })
            .collect();
        let before: Vec<ActiveList> = members.iter().map(|member| member.list.clone()).collect();
        let pairs = [(0, 1, 1), (0, 2, 4), (1, 2, 4)];
        let held: Vec<Psf> = pairs.iter().map(|(s, t, spacing)| table([*s, *t], *spacing)).collect();
        let tables: Vec<_> = (pairs.iter().zip(&held))
            .map(|((s, t, spacing), table)| Table { pair: (*s, *t), table, spacing: *spacing as u32 })
            .collect();
        let (patch, signs) = (Patch::default(), Signs::Both);
        let rules = MinorRules { gain: 0.1, floor: 0.1, niter: 10_000, patch, signs, asp: <_>::default() };
        let start = highest(&members, Signs::Both).unwrap().1;
        let found = clean_together(&mut members, &tables, &rules, 0.6, &Cancel::default());
        assert!(found.0.iter().all(|step| step.iterations > 0), "every scale has its turn");
        assert!(highest(&members, Signs::Both).unwrap().1 <= rules.floor && start > 1.0);
        for (number, (member, before)) in members.iter().zip(&before).enumerate() {
            let step = member.scale.step;
            for at in (0..before.len()).step_by(37) {
                let place = (before.y[at] as usize * step, before.x[at] as usize * step);
                let left = f64::from(before.value[at]) - seen(&|s| exact[number][s].clone(), &found.0, place);
                // tables are interpolated to 1 % of what they tell
                let error = (left - f64::from(member.list.value[at])).abs();
                assert!(error < 0.01 * f64::from(start), "scale {number}, {place:?}: {error}");
            }
        }
    }
}
