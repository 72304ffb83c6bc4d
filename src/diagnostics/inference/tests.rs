//! The pictures hold what they are to show, and the tables have a row for each number.

use super::*;
use crate::pipeline::record::inference::{
    ChainConvergence, Chains, CurvePoint, Curves, MaternFit, Measured, Posterior, SpreadPoint,
};

fn inference() -> PlaneInference {
    let point = |i: u32| {
        let lambda = 10.0_f64.powf(f64::from(i) / 4.0 - 5.0);
        let bowl = (lambda.log10() + 1.0).powi(2);
        CurvePoint {
            lambda,
            criteria: [bowl, bowl - 3.0, (bowl).exp(), bowl, bowl],
            misfit: 1.0 + lambda,
            roughness: 1.0 + 1.0 / lambda,
        }
    };
    let names = ["ml", "ml-sigma", "gcv", "sure", "discrepancy", "l-curve"];
    let number = Measured { mean: 1.0, sd: 0.1 };
    let found = ChainConvergence { r_hat: 1.01, effective_samples: 321.0 };
    PlaneInference {
        label: "I 1.4 GHz".to_owned(),
        rule: "ml".to_owned(),
        lambda: 0.1,
        curves: Some(Curves {
            sigma: 0.01,
            points: (0..=40).map(point).collect(),
            choices: names.map(|name| (name.to_owned(), 0.1)).to_vec(),
        }),
        spread: (0..8)
            .map(|i| SpreadPoint {
                frequency: f64::from(i) / 16.0,
                modes: 10,
                measured: 4,
                sd: Some(0.1),
                sd_prior: (i > 2).then_some(0.5),
            })
            .collect(),
        posterior: Some(Posterior {
            log_lambda: number,
            lambda_68: [0.08, 0.12],
            gamma_noise: number,
            gamma_prior: number,
            density: vec![(0.05, 0.0), (0.1, 3.0), (0.2, 0.1)],
        }),
        matern: None,
        chains: Some(Chains {
            iterations: 300,
            burn_in: 60,
            is_converged: true,
            gamma_prior: found,
            gamma_noise: Some(found),
            step: 100,
            traces: vec![vec![(1.0, 2.0), (1.1, 1.9), (0.9, 2.2)]; 4],
        }),
    }
}

fn texts(scene: &Scene) -> String {
    let text = |mark: &Mark| if let Mark::Text(label) = mark { Some(label.text.clone()) } else { None };
    scene.marks.iter().filter_map(text).collect::<Vec<_>>().join("|")
}

#[test]
fn pictures_and_tables_are_written_for_what_the_record_holds() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("run");
    let record = RunRecord { inference: vec![inference(); 2], ..RunRecord::default() };
    let draws = [draw_lambda, draw_uncertainty, draw_hyper];
    let files: Vec<PathBuf> = draws.iter().flat_map(|draw| draw(&record, &prefix).unwrap()).collect();
    assert_eq!(files.len(), 6);
    let rows = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap().lines().count();
    assert_eq!(rows("run-lambda.csv"), 1 + 2 * (41 + 6));
    assert_eq!(rows("run-uncertainty.csv"), 1 + 2 * 8);
    assert_eq!(rows("run-hyper.csv"), 1 + 2 * (4 * 3 + 3));
}

#[test]
fn every_row_of_a_table_has_as_many_cells_as_its_heading() {
    let planes = [inference()];
    for table in [lambda::table(&planes), uncertainty::table(&planes), hyper::table(&planes)] {
        let cells = |line: &str| line.split(',').count();
        let heading = cells(table.lines().next().unwrap());
        assert!(table.lines().all(|line| cells(line) == heading), "{table}");
    }
}

#[test]
fn table_of_criteria_names_a_lambda_that_was_given_as_the_one_of_the_run() {
    let given = PlaneInference { rule: "given".to_owned(), lambda: 0.25, ..inference() };
    let rows = |plane: PlaneInference| lambda::table(&[plane]).lines().filter(|row| row.ends_with(",given")).count();
    assert_eq!((rows(given.clone()), rows(inference())), (1, 0));
    let row = lambda::table(&[given]).lines().last().unwrap().to_owned();
    assert_eq!(row.split(',').nth(1), Some("2.5e-1"), "{row}");
}

#[test]
fn lambda_picture_marks_the_choice_of_every_criterion_in_both_charts() {
    let found = MaternFit { length: 12.5, nu: 0.75, at_edge: [false; 2] };
    let with_prior = PlaneInference { matern: Some(found), ..inference() };
    assert!(texts(&lambda::scene(&with_prior, 1).unwrap()).contains("Matern prior of length 12.500 pixels, nu 0.750"));
    let scene = lambda::scene(&inference(), 1).unwrap();
    assert!(!texts(&scene).contains("Matern"));
    let dots = scene.marks.iter().filter(|mark| matches!(mark, Mark::Shape { .. })).count();
    assert_eq!(dots, 5 + 6, "each criterion above, and the corner too below");
    for name in ["ml-sigma", "discrepancy", "l-curve", "lambda of this run", "roughness of the model"] {
        assert!(texts(&scene).contains(name), "{name}");
    }
}

#[test]
fn chains_that_did_not_converge_are_told_in_the_picture() {
    let mut plane = inference();
    assert!(texts(&hyper::scene(&plane, 1).unwrap()).contains("300 iterations, converged; prior R-hat 1.010"));
    assert!(texts(&hyper::scene(&plane, 1).unwrap()).contains("precision of the noise"));
    let chains = plane.chains.as_mut().unwrap();
    (chains.is_converged, chains.gamma_noise) = (false, None);
    assert!(!texts(&hyper::scene(&plane, 1).unwrap()).contains("precision of the noise"), "it was given");
    assert!(texts(&hyper::scene(&plane, 1).unwrap()).contains("not converged: the density is the marginal one"));
}
