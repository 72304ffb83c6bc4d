//! The house keeps its order: who may import whom, where `unsafe` may stand, how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// Each folder of `src` and those of ours that it may import besides itself (DESIGN.md, section 3).
const LAYERS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("images", &["units"]),
    ("kernels", &[]),
    ("fft", &["kernels"]),
    ("graph", &[]),
    ("io", &["images", "units"]),
    ("collections", &["images", "units", "fft", "kernels", "graph", "io", "tiling"]),
    ("algorithms", &["images", "fft", "kernels", "units", "graph"]),
    ("tiling", &["images", "fft"]),
    ("metrics", &["images", "units", "fft", "graph", "io"]),
    ("simulate", &["images", "fft", "io", "units"]),
    ("pipeline", &["images", "units", "fft", "kernels", "graph", "io", "collections", "algorithms", "tiling"]),
    ("diagnostics", &["graph", "pipeline", "images", "units", "io", "collections"]),
    (
        "cli",
        &[
            "images",
            "units",
            "fft",
            "kernels",
            "graph",
            "io",
            "collections",
            "algorithms",
            "tiling",
            "simulate",
            "metrics",
            "pipeline",
            "diagnostics",
        ],
    ),
];

/// From the graph, an algorithm may take only the request to end.
const OF_THE_GRAPH: &str = "graph::Cancel";

const LONGEST: usize = 450;

struct Source {
    path: PathBuf,
    /// The first part of its path below `src`: a folder, or a file without its ending.
    layer: String,
    text: String,
}

impl Source {
    /// Lines that are code, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = (1..).zip(self.text.lines());
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_test(&self) -> bool {
        self.path.components().any(|part| part.as_os_str().to_string_lossy().contains("tests"))
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let below = path.strip_prefix(&root).unwrap().to_owned();
                let first = below.components().next().unwrap().as_os_str().to_string_lossy();
                let layer = first.trim_end_matches(".rs").to_owned();
                found.push(Source { text: fs::read_to_string(&path).unwrap(), path: below, layer });
            }
        }
    }
    assert!(found.len() > 50, "the sources are there");
    found
}

/// What stands after each `crate::` of a text, as `graph::Cancel`; braces are opened: `crate::{a, b::{c, d}}`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, prefix) in text.match_indices("crate::") {
        let is_whole = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_whole {
            open_braces("", &text[at + prefix.len()..], &mut found);
        }
    }
    found
}

/// Reads one path, or a list of them in braces, and returns what follows.
fn open_braces<'a>(before: &str, text: &'a str, found: &mut Vec<String>) -> &'a str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (path, mut rest) = (format!("{before}{}", &text[..end]), &text[end..]);
    if !rest.starts_with('{') {
        found.push(path);
        return rest;
    }
    while !rest.starts_with('}') {
        rest = after_alias(open_braces(&path, rest[1..].trim_start(), found).trim_start());
        assert!(rest.starts_with([',', '}']), "an import list: {rest:.40}");
        if let Some(end) = rest.strip_prefix(',').filter(|rest| rest.trim_start().starts_with('}')) {
            rest = end.trim_start();
        }
    }
    &rest[1..]
}

/// What follows `as name`.
fn after_alias(text: &str) -> &str {
    let alias = text.strip_prefix("as ").unwrap_or_default();
    if alias.is_empty() {
        text
    } else {
        alias.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').trim_start()
    }
}

/// The code of a file in one piece, comments left out.
fn joined(source: &Source) -> String {
    source.code().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

#[test]
fn paths_are_read_out_of_nested_braces() {
    let text =
        "use crate::{io::{Card, FitsError}, units}; use crate::graph::Cancel; pub(crate) fn a(b: crate::fft::Real2d)";
    assert_eq!(imports(text), ["io::Card", "io::FitsError", "units", "graph::Cancel", "fft::Real2d"]);
}

#[test]
fn every_folder_is_in_the_table_of_layers() {
    for source in sources().iter().filter(|source| !["lib", "main"].contains(&source.layer.as_str())) {
        assert!(LAYERS.iter().any(|(name, _)| *name == source.layer), "{} has no layer", source.path.display());
    }
}

#[test]
fn no_layer_imports_from_above() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == source.layer) else { continue };
        for import in imports(&joined(&source)) {
            let first = import.split("::").next().unwrap_or_default();
            if first != source.layer && !below.contains(&first) {
                wrong.push(format!("{}: crate::{import}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports from above:\n{}", wrong.join("\n"));
}

#[test]
fn algorithms_know_of_the_graph_only_how_to_be_cancelled() {
    for source in sources().iter().filter(|source| source.layer == "algorithms") {
        for import in imports(&joined(source)).iter().filter(|import| import.starts_with("graph")) {
            assert_eq!(import, OF_THE_GRAPH, "{}", source.path.display());
        }
    }
}

#[test]
fn program_is_only_its_command_line() {
    let main = sources().into_iter().find(|source| source.layer == "main").unwrap();
    let code = joined(&main);
    assert_eq!(code.matches("deconv::").count(), code.matches("deconv::cli").count(), "{code}");
    assert!(code.contains("deconv::cli::main") && code.lines().count() < 20, "{code}");
}

#[test]
fn unsafe_stands_only_in_kernels_and_around_foreign_functions_of_io() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.code().filter(|(_, line)| is_word(line, "unsafe")) {
            let foreign = source.layer == "io";
            if source.layer != "kernels" && !foreign {
                wrong.push(source.at(number));
            }
            let above = source.text.lines().take(number).skip(number.saturating_sub(6)).collect::<Vec<_>>().join("\n");
            let explains = above.contains("SAFETY:") || above.contains("# Safety") || line.contains("unsafe fn");
            if !explains && !line.contains("allow(") && !line.contains("deny(") {
                wrong.push(format!("{} says no SAFETY", source.at(number)));
            }
        }
    }
    assert!(wrong.is_empty(), "unsafe:\n{}", wrong.join("\n"));
}

fn is_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|part| part == word)
}

#[test]
fn no_file_is_longer_than_two_ideas() {
    let measured = sources().into_iter().map(|source| (source.text.lines().count(), source.path));
    let long: Vec<_> = measured.filter(|(lines, _)| *lines > LONGEST).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
}

#[test]
fn only_the_command_line_prints() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.layer != "cli" && !source.is_test()) {
        for (number, line) in source.code() {
            if ["println!", "print!", "eprintln!", "eprint!", "dbg!"].iter().any(|call| has_call(line, call)) {
                wrong.push(source.at(number));
            }
        }
    }
    assert!(wrong.is_empty(), "prints:\n{}", wrong.join("\n"));
}

/// Whether a line calls this macro, and not another whose name ends in the same way.
fn has_call(line: &str, call: &str) -> bool {
    let starts = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    line.match_indices(call).any(|(at, _)| starts(at))
}

#[test]
fn no_todo_and_no_code_in_comments() {
    let marks = ["TODO", "FIXME", "XXX", "HACK", "todo!(", "unimplemented!("];
    for source in sources() {
        for (number, line) in (1..).zip(source.text.lines()) {
            assert!(!marks.iter().any(|mark| line.contains(mark)), "{}: {line}", source.at(number));
            let comment = line.trim_start().strip_prefix("// ").unwrap_or_default().trim_end();
            let is_code = comment.ends_with(';') && (comment.contains('(') || comment.starts_with("let "));
            assert!(!is_code, "{}: {line}", source.at(number));
        }
    }
}
