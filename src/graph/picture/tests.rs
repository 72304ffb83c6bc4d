use super::super::tests::{Shape, chain, map};
use super::*;

/// Values of an attribute, in order.
fn attributes<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    text.split(start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn picture(shape: &Shape, look: &Look<'_>) -> Picture {
    Picture::new("a graph", &shape.graph, &shape.targets, look).unwrap()
}

#[test]
fn dot_shows_values_as_boxes_and_targets_bold() {
    let look = Look::default();
    let text = dot(&[picture(&chain(2, [1; 3], false), &look)], &look);
    let lines: Vec<_> = text.lines().map(|line| line.split(", tooltip").next().unwrap()).collect();
    assert_eq!(lines[0], "digraph tasks {");
    assert_eq!(lines[2], "\"given(0)\" [shape=box, label=\"given(0)\"");
    assert_eq!(lines[3], "\"link(0)\" [shape=ellipse, label=\"link(0)\"");
    assert_eq!(lines[5..], ["\"given(0)\" -> \"link(0)\";", "\"link(0)\" -> \"link(1)\";", "}"]);
    assert!(text.lines().nth(4).unwrap().ends_with("penwidth=3];"), "the target: {text}");
    let look = Look { direction: Direction::TopDown, ..look };
    assert!(dot(&[picture(&map(3, [1; 3], false), &look)], &look).contains("rankdir=TB"));
}

#[test]
fn columns_are_levels_and_rows_follow_the_order() {
    let look = Look::default();
    let shape = chain(4, [1; 3], false);
    let drawn = picture(&shape, &look);
    let levels: Vec<_> = drawn.sketch.nodes.iter().map(|node| node.level).collect();
    assert_eq!(levels, [0, 1, 2, 3, 4]);
    let text = svg(&[drawn], &look);
    let lefts: Vec<f64> = attributes(&text, "class=\"box\" x=\"").iter().map(|x| x.parse().unwrap()).collect();
    assert!(lefts.windows(2).all(|pair| pair[0] < pair[1]), "{lefts:?}");
    let wide = map(9, [1; 3], false);
    for node in picture(&wide, &look).sketch.nodes.windows(2) {
        assert!((node[0].level, node[0].rank) <= (node[1].level, node[1].rank));
    }
}

#[test]
fn boxes_never_overlap_in_either_direction() {
    for direction in [Direction::LeftRight, Direction::TopDown] {
        let look = Look { direction, ..Look::default() };
        for shape in [chain(12, [1; 3], true), map(60, [1; 3], true)] {
            let drawn = picture(&shape, &look);
            let layout = layout::Layout::new(&drawn.sketch, &look);
            let (w, h) = layout.size;
            for (at, (x, y)) in layout.corners.iter().enumerate() {
                assert!(*x >= 0.0 && *y >= 0.0 && x + w <= layout.extent.0 && y + h <= layout.extent.1);
                for (other_x, other_y) in &layout.corners[..at] {
                    assert!((x - other_x).abs() >= w || (y - other_y).abs() >= h, "two boxes at {x}, {y}");
                }
            }
        }
    }
}

#[test]
fn a_large_graph_is_drawn_by_layers_with_their_counts() {
    let look = Look::default();
    let shape = map(2000, [4; 3], false);
    let whole = Picture::new("all", &shape.graph, &shape.targets, &Look { most: usize::MAX, ..look }).unwrap();
    let layers = picture(&shape, &look);
    assert!(layers.boxes() <= 20 && whole.boxes() > 2000, "{} of {}", layers.boxes(), whole.boxes());
    assert_eq!(layers.tasks(), whole.tasks());
    let sum = |drawn: &Picture| drawn.sketch.nodes.iter().map(|node| node.bytes).sum::<u64>();
    assert_eq!(sum(&layers), sum(&whole));
    let text = svg(&[layers], &look);
    assert!(text.contains("× 2000") && text.contains("drawn by layers"), "{text}");
    // a chain has no two tasks of a layer at one level: kinds over spans of levels are left
    let long = picture(&chain(5000, [1; 3], false), &look);
    assert!(long.boxes() <= 500 && long.tasks() == 5000, "{} boxes", long.boxes());
}

#[test]
fn colours_tell_kind_order_age_bytes_and_time() {
    let seconds = |key: &Key, _kind: &str, _cost: &Cost| Some(1e-3 * f64::from(key.index()[0] + 1));
    let shape = chain(6, [1 << 20, 3, 3], false);
    for (colour, words) in [
        (ColourBy::Kind, "mix 6"),
        (ColourBy::Order, "place in the order"),
        (ColourBy::Age, "tasks while the result stays"),
        (ColourBy::Bytes, "size of the result"),
        (ColourBy::Time, "1.0 ms time"),
    ] {
        let look = Look { colour, seconds: Some(&seconds), ..Look::default() };
        let text = svg(&[picture(&shape, &look)], &look);
        assert!(text.contains(words), "{colour:?}: {words}");
        assert_eq!(text.matches("<g class=\"node\">").count(), 7);
        let fills: std::collections::BTreeSet<_> = attributes(&text, "rx=\"7\" fill=\"").into_iter().collect();
        let varies = matches!(colour, ColourBy::Order | ColourBy::Time);
        assert!(fills.len() >= if varies { 6 } else { 1 }, "{colour:?}: {fills:?}");
    }
    let kinds = ["other".to_owned(), "mix".to_owned()];
    let look = Look { kinds: &kinds, ..Look::default() };
    let text = svg(&[picture(&shape, &look)], &look);
    assert!(text.contains(&colour::hex(category(1))), "the second kind has the second colour");
}

#[test]
fn several_graphs_share_a_page() {
    let look = Look::default();
    let drawn = [picture(&chain(2, [1; 3], false), &look), picture(&map(3, [1; 3], false), &look)];
    assert_eq!(svg(&drawn, &look).matches("class=\"title\"").count(), 2);
    let text = dot(&drawn, &look);
    assert_eq!(text.matches("subgraph cluster_").count(), 2);
    assert_eq!(text.matches('{').count(), text.matches('}').count());
}

#[test]
fn names_are_written_as_text_not_as_markup() {
    let mut shape = Shape::default();
    let key = Key::new("a<b>&\"c\"", [1]);
    shape.act(&key, super::super::tests::Act::Mix, &[]);
    let look = Look::default();
    let picture = Picture::new("<t>", &shape.graph, &[key], &look).unwrap();
    let text = svg(std::slice::from_ref(&picture), &look);
    assert!(text.contains("a&lt;b&gt;&amp;&quot;c&quot;") && text.contains("&lt;t&gt;") && !text.contains("<b>"));
    assert!(dot(&[picture], &look).contains("a<b>&\\\"c\\\"(1)"));
}

#[test]
fn what_is_missing_is_told() {
    let shape = chain(2, [1; 3], false);
    let missing = Picture::new("none", &shape.graph, &[Key::new("nowhere", [])], &Look::default());
    assert!(matches!(missing, Err(GraphError::Missing { .. })));
}

#[test]
fn sixty_kinds_have_colours_of_their_own_and_none_is_that_of_given_values() {
    let colours: Vec<Rgb> = (0..60).map(category).collect();
    let distance =
        |a: &Rgb, b: &Rgb| a.iter().zip(b).map(|(a, b)| i32::from(*a) - i32::from(*b)).map(|d| d * d).sum::<i32>();
    for (place, colour) in colours.iter().enumerate() {
        assert!(distance(colour, &colour::GREY) > 400, "{place}: {colour:?}");
        assert!(colours[..place].iter().all(|other| distance(colour, other) > 16), "{place}: {colour:?}");
    }
}
