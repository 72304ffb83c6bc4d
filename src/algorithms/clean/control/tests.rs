use super::super::levels::Levels;
use super::*;
use crate::algorithms::stop::Worse;

fn params() -> CleanParams {
    CleanParams {
        gain: 0.1,
        mgain: 0.8,
        niter: 1000,
        nmiter: 30,
        threshold: Flux(0.0),
        auto_threshold: AutoThreshold::Given(3.0),
        auto_mask: 0.0,
        abs_auto_mask: Flux(0.0),
        mask_dilate: 0,
        clean_border: 0.0,
        mask: String::new(),
        start: String::new(),
        window: crate::algorithms::Window::Full,
        tile: TileChoice::Off,
        no_negative: false,
        local_rms: false,
        local_rms_window: 25.0,
        local_rms_method: RmsMethod::Rms,
        local_rms_strength: 1.0,
        local_rms_image: String::new(),
        stop_negative: false,
    }
}

fn stats(peak: f32, sigma: f64) -> PlaneStats {
    PlaneStats { peak, outside: peak, sigma, scale: sigma, allowed: 100, pixels: 100, ..PlaneStats::default() }
}

fn control(params: CleanParams) -> Control {
    Control::new(params, Minor::Clean, Patch::default())
}

fn floor(next: Next) -> f32 {
    match next {
        Next::Cycle(rules) => rules.floor,
        other => panic!("expected a cycle, got {other:?}"),
    }
}

/// Tells the control that a cycle took some components.
fn cycle(control: &mut Control, iterations: u64) {
    control.took(iterations, false);
}

#[test]
fn a_cycle_goes_down_by_mgain_and_no_further_than_the_threshold() {
    let mut control = control(params());
    let levels = Levels::default();
    assert!((floor(control.next(stats(1.0, 0.01), &Sight::alone(&levels), false)) - 0.2).abs() < 1e-6);
    cycle(&mut control, 10);
    assert!((floor(control.next(stats(0.1, 0.01), &Sight::alone(&levels), false)) - 0.03).abs() < 1e-6);
}

#[test]
fn the_threshold_is_armed_again_when_the_noise_falls() {
    let mut control = control(params());
    let levels = Levels::default();
    floor(control.next(stats(1.0, 0.1), &Sight::alone(&levels), false));
    cycle(&mut control, 10);
    // at the first threshold of 0.3, but the noise has fallen to 0.02 and the threshold with it
    assert!((floor(control.next(stats(0.3, 0.02), &Sight::alone(&levels), false)) - 0.06).abs() < 1e-6);
    cycle(&mut control, 10);
    let next = control.next(stats(0.0605, 0.02), &Sight::alone(&levels), false);
    assert!(matches!(next, Next::Stop { reason: StopReason::Threshold { .. }, back: false }), "{next:?}");
}

#[test]
fn threshold_is_told_as_reached_only_within_a_hundredth_of_it() {
    let levels = Levels::default();
    let begin = || {
        let mut control = control(params());
        floor(control.next(stats(0.1, 0.01), &Sight::alone(&levels), false));
        cycle(&mut control, 10);
        control
    };
    let mut within = begin();
    let next = within.next(stats(0.0302, 0.01), &Sight::alone(&levels), false);
    assert!(matches!(next, Next::Stop { reason: StopReason::Threshold { .. }, .. }), "{next:?}");
    let mut above = begin();
    assert!((floor(above.next(stats(0.032, 0.01), &Sight::alone(&levels), false)) - 0.95 * 0.03).abs() < 1e-6);
    // a peak that no cycle brings any lower is told as that
    let mut next = None;
    for _ in 0..3 {
        cycle(&mut above, 10);
        next = Some(above.next(stats(0.032, 0.01), &Sight::alone(&levels), false));
    }
    assert!(matches!(next, Some(Next::Stop { reason: StopReason::Stalled { .. }, .. })), "{next:?}");
    // a mask phase goes deeper anyway, and what missing sidelobes set is an estimate
    let mut masked = control(CleanParams { auto_mask: 5.0, ..params() });
    floor(masked.next(stats(0.1, 0.01), &Sight::alone(&levels), false));
    cycle(&mut masked, 10);
    assert_eq!(masked.next(stats(0.054, 0.01), &Sight::alone(&levels), false), Next::Mask);
    let next = begin().next(PlaneStats { missing: 0.02, ..stats(0.032, 0.01) }, &Sight::alone(&levels), false);
    assert!(matches!(next, Next::Stop { reason: StopReason::PsfFloor { .. }, .. }), "{next:?}");
}

#[test]
fn a_rising_peak_is_taken_back_with_smaller_steps_and_ends_the_run_the_fourth_time() {
    let mut control = control(params());
    let levels = Levels::default();
    let first = floor(control.next(stats(1.0, 0.01), &Sight::alone(&levels), false));
    let mut floors = vec![first];
    for _ in 0..3 {
        cycle(&mut control, 10);
        assert_eq!(control.next(stats(2.0, 0.01), &Sight::alone(&levels), false), Next::Back);
        floors.push(floor(control.next(stats(1.0, 0.01), &Sight::alone(&levels), false)));
    }
    assert!(floors.windows(2).all(|pair| pair[1] > pair[0]), "{floors:?}");
    cycle(&mut control, 10);
    let next = control.next(stats(2.0, 0.01), &Sight::alone(&levels), false);
    assert!(matches!(next, Next::Stop { reason: StopReason::Diverged { .. }, back: true }), "{next:?}");
}

#[test]
fn the_mask_phase_follows_the_open_one_and_ends_when_only_noise_rises() {
    let both = CleanParams { auto_mask: 5.0, auto_threshold: AutoThreshold::Auto, ..params() };
    let mut control = control(both);
    let levels = Levels::default();
    assert!((floor(control.next(stats(0.2, 0.01), &Sight::alone(&levels), false)) - 0.05).abs() < 1e-6);
    cycle(&mut control, 10);
    assert_eq!(control.next(stats(0.05, 0.01), &Sight::alone(&levels), false), Next::Mask);
    assert!(
        (floor(control.next(stats(0.04, 0.01), &Sight::alone(&levels), false)) - 0.01).abs() < 1e-6,
        "down to 1 sigma"
    );
    for _ in 0..3 {
        cycle(&mut control, 10);
        assert_eq!(control.next(stats(0.02, 0.011), &Sight::alone(&levels), false), Next::Back);
        floor(control.next(stats(0.04, 0.01), &Sight::alone(&levels), false));
    }
    cycle(&mut control, 10);
    let next = control.next(stats(0.02, 0.011), &Sight::alone(&levels), false);
    let exhausted = StopReason::MaskExhausted { sign: Worse::Noise };
    assert_eq!(next, Next::Stop { reason: exhausted, back: true });
}

#[test]
fn peaks_that_stand_out_of_the_fallen_noise_open_the_mask_again() {
    let both = CleanParams { auto_mask: 5.0, auto_threshold: AutoThreshold::Auto, ..params() };
    let mut control = control(both);
    let levels = Levels::default();
    floor(control.next(stats(0.5, 0.02), &Sight::alone(&levels), false));
    cycle(&mut control, 10);
    assert_eq!(control.next(stats(0.1, 0.02), &Sight::alone(&levels), false), Next::Mask);
    floor(control.next(PlaneStats { outside: 0.09, ..stats(0.08, 0.02) }, &Sight::alone(&levels), false));
    cycle(&mut control, 10);
    let after = PlaneStats { outside: 0.09, ..stats(0.009, 0.01) };
    assert_eq!(control.next(after, &Sight::alone(&levels), false), Next::Open, "0.09 is 9 sigma now");
    assert!((floor(control.next(stats(0.09, 0.01), &Sight::alone(&levels), false)) - 0.05).abs() < 1e-6);
    cycle(&mut control, 10);
    assert_eq!(control.next(stats(0.05, 0.01), &Sight::alone(&levels), false), Next::Mask);
    floor(control.next(stats(0.04, 0.01), &Sight::alone(&levels), false));
    cycle(&mut control, 10);
    let next = control.next(PlaneStats { outside: 0.05, ..stats(0.01, 0.01) }, &Sight::alone(&levels), false);
    assert!(matches!(next, Next::Stop { reason: StopReason::Threshold { .. }, back: false }), "{next:?}");
}

/// A control in the mask phase, begun at a noise of 0.02 with a peak of 0.1, that has cleaned on once.
fn masked() -> Control {
    let mut control = control(CleanParams { auto_mask: 5.0, auto_threshold: AutoThreshold::Auto, ..params() });
    let levels = Levels::default();
    floor(control.next(stats(0.5, 0.02), &Sight::alone(&levels), false));
    cycle(&mut control, 10);
    assert_eq!(control.next(stats(0.1, 0.02), &Sight::alone(&levels), false), Next::Mask);
    floor(control.next(PlaneStats { outside: 0.09, ..stats(0.08, 0.02) }, &Sight::alone(&levels), false));
    cycle(&mut control, 10);
    control
}

#[test]
fn what_the_psf_may_not_explain_does_not_open_the_mask_again() {
    let levels = Levels::default();
    for (missing, next) in [(0.08, Next::Open), (0.1, Next::Mask)] {
        let after = PlaneStats { outside: 0.09, missing, ..stats(0.009, 0.01) };
        let is_open = masked().next(after, &Sight::alone(&levels), false) == Next::Open;
        assert_eq!(is_open, next == Next::Open, "{missing}");
    }
}

#[test]
fn a_mask_phase_that_goes_astray_gives_way_to_what_stands_out_beside_it() {
    let levels = Levels::default();
    let good = PlaneStats { outside: 0.09, ..stats(0.04, 0.01) };
    for (outside, is_open) in [(0.09, true), (0.04, false)] {
        let mut control = masked();
        let good = PlaneStats { outside, ..good };
        floor(control.next(good, &Sight::alone(&levels), false));
        cycle(&mut control, 10);
        assert_eq!(control.next(PlaneStats { outside: 0.5, ..good }, &Sight::alone(&levels), false), Next::Back);
        assert_eq!(control.next(good, &Sight::alone(&levels), false) == Next::Open, is_open, "{outside}");
    }
}

#[test]
fn every_rule_gives_its_own_reason() {
    let levels = Levels::default();
    let end = |control: &mut Control, stats: PlaneStats, interrupted: bool| match control.next(
        stats,
        &Sight::alone(&levels),
        interrupted,
    ) {
        Next::Stop { reason, .. } => reason.name(),
        other => panic!("expected an end, got {other:?}"),
    };
    assert_eq!(end(&mut control(params()), stats(1.0, 0.01), true), "interrupted");
    assert_eq!(end(&mut control(params()), PlaneStats { allowed: 0, ..stats(1.0, 0.01) }, false), "nothing-allowed");
    assert_eq!(end(&mut control(params()), stats(0.02, 0.01), false), "threshold");
    assert_eq!(end(&mut control(params()), PlaneStats { missing: 0.1, ..stats(0.02, 0.01) }, false), "psf-floor");
    assert_eq!(end(&mut control(CleanParams { niter: 0, ..params() }), stats(1.0, 0.01), false), "iterations");
    let mut few = control(CleanParams { nmiter: 1, ..params() });
    floor(few.next(stats(1.0, 0.01), &Sight::alone(&levels), false));
    cycle(&mut few, 1);
    assert_eq!(end(&mut few, stats(0.9, 0.01), false), "major-cycles");
    let mut stuck = control(params());
    for _ in 0..3 {
        floor(stuck.next(stats(1.0, 0.01), &Sight::alone(&levels), false));
        cycle(&mut stuck, 1);
    }
    assert_eq!(end(&mut stuck, stats(1.0, 0.01), false), "stalled");
    let mut negative = control(CleanParams { stop_negative: true, ..params() });
    floor(negative.next(stats(1.0, 0.01), &Sight::alone(&levels), false));
    negative.took(1, true);
    assert_eq!(end(&mut negative, stats(0.5, 0.01), false), "negative");
}

#[test]
fn the_list_is_kept_short_by_raising_the_floor() {
    let mut control = control(params());
    let mut levels = Levels::default();
    (0..=MAX_ACTIVE).for_each(|_| levels.add(0.5));
    levels.add(1.0);
    assert!(floor(control.next(stats(1.0, 0.01), &Sight::alone(&levels), false)) > 0.5);
}

#[test]
fn rms_that_rises_under_a_falling_peak_is_taken_back() {
    let mut control = control(params());
    let levels = Levels::default();
    floor(control.next(PlaneStats { rms: 0.1, ..stats(1.0, 0.01) }, &Sight::alone(&levels), false));
    cycle(&mut control, 10);
    floor(control.next(PlaneStats { rms: 0.109, ..stats(0.9, 0.01) }, &Sight::alone(&levels), false));
    cycle(&mut control, 10);
    assert_eq!(control.next(PlaneStats { rms: 0.111, ..stats(0.8, 0.01) }, &Sight::alone(&levels), false), Next::Back);
}

#[test]
fn one_more_try_begins_with_smaller_steps_and_tells_the_divergence_unless_it_comes_to_its_goal() {
    let mut control = control(params());
    let levels = Levels::default();
    let mut next = control.next(stats(1.0, 0.01), &Sight::alone(&levels), false);
    let first = floor(next.clone());
    for _ in 0..4 {
        cycle(&mut control, 10);
        next = control.next(stats(2.0, 0.01), &Sight::alone(&levels), false);
        if next == Next::Back {
            floor(control.next(stats(1.0, 0.01), &Sight::alone(&levels), false));
        }
    }
    let Next::Stop { reason, back: true } = next.clone() else { panic!("{:?}", control.state()) };
    let retry = control.retry(reason.clone()).expect("there is room");
    assert!((retry.gain - 0.025).abs() < 1e-7 && (retry.mgain - 0.4).abs() < 1e-7);
    let Next::Cycle(rules) = control.next(stats(1.0, 0.01), &Sight::alone(&levels), false) else { panic!("a cycle") };
    assert!((rules.gain - 0.025).abs() < 1e-7 && rules.floor > first);
    let stalled = StopReason::Stalled { cycles: 3, peak: 1.0 };
    assert_eq!(retry.verdict(stalled), reason);
    let reached = StopReason::Threshold { peak: 0.03, outside: 0.03, threshold: 0.03, sigma: 0.01 };
    assert_eq!(retry.verdict(reached.clone()), reached);
    let mut spent = Control::new(CleanParams { niter: 40, ..params() }, Minor::Clean, Patch::default());
    floor(spent.next(stats(1.0, 0.01), &Sight::alone(&levels), false));
    cycle(&mut spent, 40);
    assert_eq!(spent.retry(reason), None, "no component is left");
}

#[test]
fn rises_that_may_be_rounding_alone_are_no_divergence() {
    let bright = |peak, rms| PlaneStats { max: 1.0, rms, ..stats(peak, 0.0) };
    let mut control = control(CleanParams { auto_threshold: AutoThreshold::Given(0.0), ..params() });
    let levels = Levels::default();
    for (peak, rms) in [(1.0, 0.1), (6e-8, 1e-8), (1.2e-7, 3e-8), (1e-6, 1e-6)] {
        let next = control.next(bright(peak, rms), &Sight::alone(&levels), false);
        assert!(matches!(next, Next::Cycle(_)), "{peak} {next:?}");
        cycle(&mut control, 10);
    }
    assert!(matches!(control.next(bright(1e-5, 1e-6), &Sight::alone(&levels), false), Next::Back));
}

#[test]
fn level_of_the_mask_in_jansky_and_that_in_noise_are_both_kept_to() {
    let levels = Levels::default();
    for (sigmas, flux, expected) in [(0.0, 0.5, 0.5), (5.0, 0.5, 0.5), (5.0, 0.1, 0.25)] {
        let both = CleanParams { auto_mask: sigmas, abs_auto_mask: Flux(flux), mgain: 1.0, ..params() };
        let mut control = control(CleanParams { auto_threshold: AutoThreshold::Auto, ..both });
        let level = floor(control.next(stats(1.0, 0.05), &Sight::alone(&levels), false));
        assert!((level - expected).abs() < 1e-6, "{level} for {sigmas} and {flux}");
        cycle(&mut control, 10);
        let next = control.next(stats(expected, 0.05), &Sight::alone(&levels), false);
        assert!(matches!(next, Next::Mask), "{next:?}");
        assert!((floor(control.next(stats(expected, 0.05), &Sight::alone(&levels), false)) - 0.05).abs() < 1e-6);
    }
}

#[test]
fn the_end_tells_how_far_the_peak_is_from_the_threshold_and_what_the_mask_leaves_out() {
    let reached = |peak, outside| StopReason::Threshold { peak, outside, threshold: 0.03, sigma: 0.01 }.to_string();
    assert_eq!(reached(0.03, 0.03), "peak 3.000e-2 Jy/beam is at the threshold of 3.000e-2 (noise 1.000e-2)");
    let expected = "peak 3.240e-2 Jy/beam is 8.0 % above the threshold of 3.000e-2 (noise 1.000e-2); outside the \
                    auto-mask the peak is 1.500e-1";
    assert_eq!(reached(0.0324, 0.15), expected);
    let floor = StopReason::PsfFloor { peak: 0.0324, outside: 0.15, threshold: 0.03, missing: 0.02 }.to_string();
    for needle in ["8.0 % above the threshold", "outside the auto-mask the peak is 1.500e-1"] {
        assert!(floor.contains(needle), "{floor}");
    }
}
