//! Every program of `examples/` runs and finds what it expects. They run in the package's folder, as a user runs them.

use std::error::Error;
use std::fs;

use deconv::graph::WorkerCommand;

/// Each example as a module, and a test that runs it.
macro_rules! examples {
    ($($name:ident: $path:literal, $sentence:ident, $run:expr;)*) => {
        $(
            #[path = $path]
            #[allow(unreachable_pub, dead_code)]
            mod $name;

            #[test]
            fn $sentence() {
                $run().unwrap();
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

examples! {
    array_mean: "../../examples/array_mean.rs", means_of_any_chunks_are_the_same, array_mean::main;
    array_transpose: "../../examples/array_transpose.rs", an_array_and_its_transpose_are_added_and_drawn, array_transpose::main;
    bag: "../../examples/bag.rs", bags_map_fold_and_group, bag::main;
    chunked_fft: "../../examples/chunked_fft.rs", a_chunked_transform_comes_back, chunked_fft::main;
    delayed: "../../examples/delayed.rs", delayed_calls_run_side_by_side, delayed::main;
    diagnostics: "../../examples/diagnostics.rs", a_run_is_watched_by_every_profiler, diagnostics::main;
    fits_regions: "../../examples/fits_regions.rs", a_fits_image_is_read_and_written_by_region, fits_regions::main;
    futures: "../../examples/futures.rs", futures_start_at_once_and_come_back, futures::main;
    graphs: "../../examples/graphs.rs", the_first_graph_is_twelve, graphs::main;
    model_selection: "../../examples/model_selection.rs", the_best_weight_is_found_in_parallel, model_selection::main;
    psf_grid: "../../examples/psf_grid.rs", psfs_of_several_directions_take_the_error_of_the_w_term_away, psf_grid::main;
    schedulers: "../../examples/schedulers.rs", schedulers_change_no_bit, schedulers_with_tests_for_workers;
    table: "../../examples/table.rs", a_table_is_filtered_grouped_and_written, table::main;
}

fn schedulers_with_tests_for_workers() -> Result<(), Box<dyn Error>> {
    // its `main` would start this program with an argument that the test harness does not know
    let worker = ["examples::worker_of_schedulers", "--exact", "--ignored", "--nocapture"];
    schedulers::compare(WorkerCommand::own(worker))
}

#[test]
#[ignore = "is started by the example of schedulers as its child"]
fn worker_of_schedulers() {
    schedulers::work().unwrap();
}

#[test]
fn no_example_is_forgotten() {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    let mut found: Vec<String> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, NAMES.iter().map(|name| format!("{name}.rs")).collect::<Vec<_>>());
}
