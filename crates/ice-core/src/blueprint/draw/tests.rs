//! Pictures of whole blueprints, and what holds for every layout.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::blueprint::{Blueprint, KindName};
use crate::path::NodePath;

fn blueprint(nodes: &str) -> Blueprint {
    serde_json::from_str(&format!(r#"{{"blueprint_id": "bp_test", "nodes": {nodes}}}"#)).unwrap()
}

const DIAMOND: &str = r#"[
    {"id": "read", "type": "tool", "tool_name": "read_csv"},
    {"id": "big", "type": "condition", "expression": "read.count > 10", "dependencies": ["read"]},
    {"id": "sample", "type": "tool", "tool_name": "query_rows", "when": {"condition": "big", "branch": true}},
    {"id": "all", "name": "Keep all", "type": "llm", "model": "echo", "prompt": "x", "dependencies": ["big"],
     "when": {"condition": "big", "branch": false}},
    {"id": "write", "type": "tool", "tool_name": "write_text", "dependencies": ["all", "sample", "all"]}]"#;

const NEST: &str = r#"[
    {"id": "each", "type": "loop", "items_source": "inputs.rows", "body": [
        {"id": "both", "type": "parallel", "branches": [
            [{"id": "x", "type": "tool", "tool_name": "hash"}],
            [{"id": "x", "type": "code", "code": "1"}, {"id": "y", "type": "tool", "tool_name": "now", "dependencies": ["x"]}]]}]},
    {"id": "end", "type": "condition", "expression": "each | length > 1", "dependencies": ["each"],
     "true_path": [{"id": "z", "type": "human", "prompt_message": "Go on?"}]}]"#;

fn edges(graph: &Graph) -> Vec<(usize, usize, EdgeKind)> {
    graph.edges.iter().map(|edge| (edge.from, edge.to, edge.kind)).collect()
}

#[test]
fn a_graph_has_the_edges_a_blueprint_states() {
    use EdgeKind::{Dependency, Repeat, WhenFalse, WhenTrue};
    let graph = Graph::of(&blueprint(DIAMOND));
    assert_eq!(
        edges(&graph),
        [(0, 1, Dependency), (1, 2, WhenTrue), (1, 3, WhenFalse), (2, 4, Dependency), (3, 4, Dependency)]
    );
    let other = blueprint(
        r#"[{"id": "a", "type": "recursive", "agent_package": "x", "recursive_sources": ["b", "nowhere"],
             "dependencies": ["b", "a", "nowhere"]},
            {"id": "b", "type": "tool", "tool_name": "t", "input_mappings":
              {"p": {"source_node_id": "c", "source_output_key": "."}, "q": 1}},
            {"id": "c", "type": "tool", "tool_name": "t"}]"#,
    );
    assert_eq!(edges(&Graph::of(&other)), [(0, 1, Repeat), (1, 0, Dependency), (2, 1, Dependency)]);
}

#[test]
fn resolved_dependencies_take_the_place_of_stated_ones() {
    let links =
        |dependencies: &[usize]| NodeLinks { dependencies: dependencies.to_vec(), scopes: Vec::new() };
    let inner = ScopeLinks { nodes: vec![links(&[]), links(&[0, 7])] };
    let both = NodeLinks { dependencies: Vec::new(), scopes: vec![ScopeLinks::default(), inner] };
    let each = NodeLinks { dependencies: vec![1], scopes: vec![ScopeLinks { nodes: vec![both] }] };
    let graph = Graph::resolved(&blueprint(NEST), &ScopeLinks { nodes: vec![each, links(&[])] });
    assert_eq!(edges(&graph), [(1, 0, EdgeKind::Dependency)]);
    let both = &graph.nodes[0].scopes[0].graph.nodes[0];
    assert_eq!(edges(&both.scopes[1].graph), [(0, 1, EdgeKind::Dependency)]);
    assert_eq!(graph.node_count(), 7);
}

#[test]
fn branches_keep_their_index_in_addresses() {
    let picture = layout(&Graph::of(&blueprint(NEST)));
    let mut paths: Vec<&str> = picture.nodes.iter().map(|node| node.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "each",
            "each.body.both",
            "each.body.both.branches[0].x",
            "each.body.both.branches[1].x",
            "each.body.both.branches[1].y",
            "end",
            "end.true.z",
        ]
    );
    let labels: Vec<&str> = picture.scopes.iter().map(|scope| scope.label.as_str()).collect();
    assert_eq!(labels, ["branch 1", "branch 2", "true"]);
}

#[test]
fn mermaid_nests_containers_and_marks_nodes() {
    let mut marks = Marks::default();
    for (path, mark) in [
        ("each", Mark::Running),
        ("each[0].body.both.branches[1].x", Mark::Succeeded),
        ("each[1].body.both.branches[1].x", Mark::Queued),
        ("end.true.z", Mark::Draft),
    ] {
        marks.add(&path.parse().unwrap(), mark);
    }
    let options = DrawOptions { marks, direction: Direction::Right };
    insta::assert_snapshot!(mermaid(&Graph::of(&blueprint(NEST)), &options));
}

#[test]
fn an_svg_shows_nodes_edges_and_legend() {
    let marks: Marks = [("read", Mark::Succeeded), ("sample", Mark::Skipped), ("all", Mark::Failed)]
        .map(|(path, mark)| (path.parse().unwrap(), mark))
        .into_iter()
        .collect();
    insta::assert_snapshot!(svg(&layout(&Graph::of(&blueprint(DIAMOND))), &marks));
}

#[test]
fn an_empty_blueprint_is_an_empty_picture() {
    let graph = Graph::of(&blueprint("[]"));
    assert_eq!(mermaid(&graph, &DrawOptions::default()), "flowchart TD\n");
    let picture = layout(&graph);
    assert_eq!((picture.width, picture.height, picture.nodes.len()), (48.0, 48.0, 0));
}

/// A graph of plain nodes without nesting.
fn plain(count: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Graph {
    let node = |at: usize| GraphNode {
        path: format!("n{at}").parse().unwrap(),
        kind: KindName::Tool,
        title: format!("n{at}"),
        detail: "tool".repeat(at % 5),
        scopes: Vec::new(),
    };
    let edge = |(from, to)| Edge { from, to, kind: EdgeKind::Dependency };
    Graph { nodes: (0..count).map(node).collect(), edges: edges.into_iter().map(edge).collect() }
}

#[test]
fn a_thousand_nodes_of_any_shape_stay_within_bounds() {
    let chain = plain(1_000, (1..1_000).map(|at| (at - 1, at)));
    let fan = plain(1_000, (1..999).flat_map(|at| [(0, at), (at, 999)]));
    let dense = plain(1_000, (0..1_000).flat_map(|to| (0..to).step_by(3).map(move |from| (from, to))));
    for graph in [chain, fan, dense] {
        let picture = layout(&graph);
        assert_eq!(picture.nodes.len(), 1_000);
        assert_eq!(picture.edges.len(), graph.edges.len());
        let bends: usize = picture.edges.iter().map(|route| route.points.len().saturating_sub(2)).sum();
        assert!(bends <= 2 * 10_000 + graph.edges.len(), "{bends}");
        check(&picture);
    }
}

/// What holds for every picture: all of it lies within it, boxes are disjoint or nested, and edges begin and
/// end at their nodes.
fn check(picture: &Layout) {
    let inside = |inner: &Rect, outer: &Rect| {
        inner.x >= outer.x - 0.1
            && inner.y >= outer.y - 0.1
            && inner.x + inner.width <= outer.x + outer.width + 0.2
            && inner.y + inner.height <= outer.y + outer.height + 0.2
    };
    let whole = Rect { x: 0.0, y: 0.0, width: picture.width, height: picture.height };
    let mut rects: BTreeMap<&str, &Rect> = BTreeMap::new();
    for node in &picture.nodes {
        assert!(inside(&node.rect, &whole), "{} leaves the picture", node.path);
        assert!(rects.insert(node.path.as_str(), &node.rect).is_none());
    }
    let mut sorted: Vec<(&str, &Rect)> = rects.iter().map(|(path, rect)| (*path, *rect)).collect();
    sorted.sort_by(|a, b| a.1.y.total_cmp(&b.1.y));
    for (at, (path, rect)) in sorted.iter().enumerate() {
        for (other, place) in sorted.iter().skip(at + 1).take_while(|(_, r)| r.y < rect.y + rect.height - 0.1)
        {
            let apart = place.x >= rect.x + rect.width - 0.1 || rect.x >= place.x + place.width - 0.1;
            let nested = other.starts_with(&format!("{path}.")) || path.starts_with(&format!("{other}."));
            assert!(apart || nested && (inside(place, rect) || inside(rect, place)), "{path} and {other}");
        }
    }
    for route in &picture.edges {
        let (Some(first), Some(last)) = (route.points.first(), route.points.last()) else {
            panic!("an edge without points");
        };
        for (point, path) in [(first, &route.from), (last, &route.to)] {
            let rect = rects[path.as_str()];
            let across = point.x >= rect.x && point.x <= rect.x + rect.width;
            let at_side = (point.y - rect.y).abs() < 0.3 || (point.y - rect.y - rect.height).abs() < 0.3;
            assert!(across && at_side, "{} to {} at {path}", route.from, route.to);
        }
        assert!(route.points.iter().all(|point| point.x.is_finite() && point.y.is_finite()));
    }
}

fn graphs() -> impl Strategy<Value = Graph> {
    let ends = proptest::collection::vec((0_usize..14, 0_usize..14, any::<bool>()), 0..30);
    let leaf = (1_usize..12, ends.clone()).prop_map(|(count, ends)| joined(count, &ends, &[]));
    leaf.prop_recursive(3, 40, 4, move |inner| {
        let nested = proptest::collection::vec(proptest::collection::vec(inner, 1..4), 0..3);
        (1_usize..12, ends.clone(), nested).prop_map(|(count, ends, nested)| joined(count, &ends, &nested))
    })
}

fn joined(count: usize, ends: &[(usize, usize, bool)], nested: &[Vec<Graph>]) -> Graph {
    let mut graph = plain(count, []);
    for (node, inner) in graph.nodes.iter_mut().zip(nested) {
        node.kind = if inner.len() == 1 { KindName::Loop } else { KindName::Parallel };
        let scope = |(at, graph): (usize, &Graph)| GraphScope {
            label: format!("branch {at}"),
            graph: below(graph.clone(), &format!("{}.branches[{at}].", node.path)),
        };
        node.scopes = inner.iter().enumerate().map(scope).collect();
    }
    let kind = |repeat| if repeat { EdgeKind::Repeat } else { EdgeKind::Dependency };
    let valid = ends.iter().filter(|(from, to, _)| from != to && *from < count && *to < count);
    graph.edges =
        valid.map(|(from, to, repeat)| Edge { from: *from, to: *to, kind: kind(*repeat) }).collect();
    graph.edges.sort_unstable();
    graph.edges.dedup();
    graph
}

fn below(mut graph: Graph, prefix: &str) -> Graph {
    for node in &mut graph.nodes {
        node.path = NodePath::from_valid(format!("{prefix}{}", node.path).into());
        for scope in &mut node.scopes {
            scope.graph = below(std::mem::take(&mut scope.graph), prefix);
        }
    }
    graph
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_layout_is_tidy_and_the_same_each_time(graph in graphs()) {
        let picture = layout(&graph);
        check(&picture);
        prop_assert_eq!(picture.nodes.len(), graph.node_count());
        prop_assert_eq!(&picture, &layout(&graph));
    }

    #[test]
    fn dependencies_run_down_and_long_edges_keep_clear_of_boxes(
        ends in proptest::collection::vec((0_usize..16, 0_usize..16), 0..40),
    ) {
        let down = ends.into_iter().filter(|(from, to)| from < to);
        let mut graph = plain(16, down);
        graph.edges.sort_unstable();
        graph.edges.dedup();
        let picture = layout(&graph);
        for route in &picture.edges {
            let ys: Vec<f64> = route.points.iter().map(|point| point.y).collect();
            prop_assert!(ys.is_sorted(), "{} to {} turns back", route.from, route.to);
            for (a, b) in route.points.iter().zip(route.points.iter().skip(1)).filter(|(a, b)| a.x == b.x) {
                for node in &picture.nodes {
                    let across = a.x > node.rect.x && a.x < node.rect.x + node.rect.width;
                    let along = a.y < node.rect.y + node.rect.height - 0.3 && b.y > node.rect.y + 0.3;
                    prop_assert!(!(across && along), "{} to {} crosses {}", route.from, route.to, node.path);
                }
            }
        }
    }

    #[test]
    fn no_text_breaks_out_of_a_picture(text in any::<String>(), name in any::<String>()) {
        let mut graph = plain(2, [(0, 1)]);
        graph.nodes[0].detail = text.clone();
        graph.nodes[1].title = name;
        graph.nodes[1].scopes = vec![GraphScope { label: text, graph: plain(1, []) }];
        let lines = mermaid(&graph, &DrawOptions::default());
        prop_assert_eq!(lines.lines().count(), 8);
        for line in lines.lines().filter(|line| line.contains('"')) {
            prop_assert_eq!(line.matches('"').count(), 2, "{}", line);
        }
        let drawing = svg(&layout(&graph), &Marks::default());
        prop_assert_eq!(drawing.matches("<text").count(), 2 * 3 + 1);
        prop_assert_eq!(drawing.matches('<').count(), drawing.matches('>').count());
        prop_assert_eq!(drawing.matches("<title>").count(), 3);
prop_assert!(drawing.chars().all(|c| c == '\n' || !c.is_control()));
    }
}
