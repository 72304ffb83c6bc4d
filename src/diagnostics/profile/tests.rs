use super::*;
use crate::diagnostics::scene::Mark;
use crate::diagnostics::scene::tests::{assert_readable, texts};
use crate::pipeline::record::{CachePoint, GraphSpan, ResourceSample, TaskSpan};

const KINDS: [&str; 4] = ["peak", "minor-cycle", "row-fft", "stats"];

/// Tasks of 1 ms without a gap on every worker.
fn profile(workers: usize, tasks: usize) -> RunProfile {
    let spans = (0..tasks).map(|number| {
        let start = (number / workers) as f64 * 1e-3;
        let kind = KINDS[number / workers % KINDS.len()];
        TaskSpan {
            key: format!("{kind}-1({number})"),
            kind: kind.into(),
            worker: number % workers,
            ready: start,
            start,
            end: start + 1e-3,
            busy: 1e-3,
            bytes: 8,
            live_bytes: 1 << 20,
            count: 1,
            ..TaskSpan::default()
        }
    });
    let sample = |number: u32| ResourceSample {
        t: f64::from(number) * 0.05,
        rss_bytes: 300 << 20,
        cpu_percent: 150.0,
        read_rate: 3e6 * f64::from(number % 3),
        write_rate: 1e6,
    };
    let held = |number: usize| CachePoint {
        t: number as f64 * 1e-3,
        kind: ["given", KINDS[number % KINDS.len()]][number % 2].into(),
        bytes: (1 << 20) * (number as u64 % 7),
    };
    let graph = |number: u32| GraphSpan {
        start: f64::from(number) * 0.3,
        end: f64::from(number) * 0.3 + 0.28,
        tasks: tasks / 3,
        forecast_bytes: 5 << 20,
        ..GraphSpan::default()
    };
    RunProfile {
        workers,
        graphs: (0..3).map(graph).collect(),
        cache: (0..1000).map(held).collect(),
        tasks: spans.collect(),
        resources: (0..20).map(sample).collect(),
        memory_limit: Some(1 << 40),
        memory_forecast: Some(400 << 20),
    }
}

fn fills(scene: &Scene) -> usize {
    scene.marks.iter().filter(|mark| matches!(mark, Mark::Fill { .. })).count()
}

#[test]
fn both_files_are_written_and_the_png_has_the_size_of_the_svg() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = RunRecord { profile: Some(profile(2, 50)), ..RunRecord::default() };
    let files = draw(&record, &folder.path().join("run")).expect("drawn");
    let names: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    assert_eq!(names, ["run-profile.svg", "run-profile.png"]);
    let svg = std::fs::read_to_string(&files[0]).expect("text");
    let (width, height) = image::open(&files[1]).expect("a PNG").into_rgb8().dimensions();
    assert!(svg.contains(&format!("width=\"{width}\" height=\"{height}\"")), "{}", &svg[..120]);
}

#[test]
fn a_hundred_thousand_tasks_make_no_more_boxes_than_pixels() {
    let scene = scene(&profile(4, 100_000));
    assert!(fills(&scene) < 4 * 1100, "{} boxes", fills(&scene));
    assert!(scene.svg().expect("drawn").len() < 1 << 20);
    // Neighbours of one kind are one box.
    let mut uniform = profile(1, 100_000);
    uniform.tasks.iter_mut().for_each(|task| task.kind = "peak".into());
    let bare = super::scene(&profile(1, 0));
    assert!(fills(&super::scene(&uniform)) < fills(&bare) + 10);
}

#[test]
fn long_tasks_are_boxes_of_their_own() {
    let few = profile(2, 20);
    let panels = Panels { kinds: Kinds::of(&few), workers: 2, time: Axis::linear(0.0, 0.01), profile: &few };
    let mut drawn = Scene::new(1000.0, 80.0);
    lanes::draw_lanes(&mut drawn, &panels, Area::new(0.0, 0.0, 1000.0, 80.0));
    let boxes = drawn.marks.iter().filter(|mark| match mark {
        Mark::Fill { area, .. } => (area.w - 99.5).abs() < 1e-6,
        _ => false,
    });
    assert_eq!(boxes.count(), 20);
}

#[test]
fn reading_and_spilling_are_hatched_within_their_task() {
    let mut one = profile(1, 1);
    let lines = |scene: &Scene| {
        let points = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Line { points, pen } if pen.colour == [255; 3] => Some(points.clone()),
            _ => None,
        });
        points.collect::<Vec<_>>()
    };
    let legend = lines(&scene(&one)).len();
    (one.tasks[0].end, one.tasks[0].busy) = (0.95, 0.95);
    (one.tasks[0].read, one.tasks[0].write) = (0.19, 0.095);
    let drawn = scene(&one);
    let hatches: Vec<_> = lines(&drawn).into_iter().flatten().filter(|point| point.0 < RIGHT).collect();
    assert!(lines(&drawn).len() > legend + 20);
    let at = |t: f64| LEFT + (RIGHT - LEFT) * t / 0.95;
    let is_inside = |x: f64| (at(0.0)..=at(0.19)).contains(&x) || (at(0.855)..=at(0.95)).contains(&x);
    assert!(hatches.iter().all(|point| is_inside(point.0)), "{hatches:?}");
}

#[test]
fn held_values_are_stacked_and_the_highest_moment_of_a_pixel_is_seen() {
    let point = |t: f64, kind: &'static str, bytes: u64| CachePoint { t, kind: kind.into(), bytes };
    let mut spiky = profile(1, 4);
    spiky.cache = vec![
        point(0.0, "given", 100 << 20),
        point(0.4, "peak", 50 << 20),
        point(0.400_001, "peak", 0),
        point(0.8, "row-fft", 20 << 20),
    ];
    let drawn = scene(&spiky);
    assert!(texts(&drawn).contains(&"peak 150 MiB"), "{:?}", texts(&drawn));
    assert_readable(&drawn);
    let shapes = drawn.marks.iter().filter(|mark| matches!(mark, Mark::Shape { alpha, .. } if *alpha == 0.85));
    assert_eq!(shapes.count(), 3, "three kinds held something");
}

#[test]
fn texts_are_readable_and_tell_what_was_merged_and_what_lies_above() {
    let mut merged = profile(3, 600);
    merged.tasks.truncate(300);
    merged.tasks.iter_mut().for_each(|task| task.count = 2);
    let scene = scene(&merged);
    assert_readable(&scene);
    let words = texts(&scene).join("|");
    assert!(words.contains("600 tasks") && words.contains("short tasks merged into 300 spans"), "{words}");
    assert!(words.contains("limit 1.00 TiB|(above)") && words.contains("forecast 400 MiB"), "{words}");
    for (workers, tasks) in [(1, 1), (2, 4000), (64, 640)] {
        assert_readable(&super::scene(&profile(workers, tasks)));
    }
}

#[test]
fn many_kinds_do_not_run_into_the_words_on_memory() {
    let mut many = profile(1, 30);
    for (number, task) in many.tasks.iter_mut().enumerate() {
        task.kind = format!("kind-of-operation-with-a-long-name-{number}").into();
    }
    assert_readable(&scene(&many));
}

#[test]
fn a_profile_without_tasks_or_without_samples_is_drawn() {
    let mut bare = RunProfile { cache: Vec::new(), graphs: Vec::new(), ..profile(2, 0) };
    assert_readable(&scene(&bare));
    bare = RunProfile { resources: Vec::new(), ..profile(2, 6) };
    assert_readable(&scene(&bare));
}

#[test]
fn thinning_keeps_the_extremes_of_every_pixel() {
    let points: Vec<Point> = (0..10_000).map(|n| (f64::from(n) / 1000.0, f64::from(n * 7919 % 1000))).collect();
    let kept = series::thinned(&points);
    assert!(kept.len() <= 44);
    let highest = |points: &[Point]| points.iter().map(|point| point.1).fold(0.0, f64::max);
    assert!((highest(&kept) - highest(&points)).abs() < 1e-12);
    assert!(kept.windows(2).all(|pair| pair[0].0 <= pair[1].0));
}
