//! The layout of a scope: its nodes in rows, with the layouts of nested scopes within containers.

use super::net::Net;
use super::order::order;
use super::position::position;
use super::rank::{Span, rank};
use super::text::width;
use super::{DETAIL, Layout, PlacedNode, PlacedScope, Point, Rect, Route, Shift, TITLE};
use crate::blueprint::KindName;
use crate::blueprint::draw::{Edge, EdgeKind, Graph, GraphNode, GraphScope};

const MARGIN: f64 = 24.0;
const PADDING: f64 = 14.0;
/// What a node's box is wider than its text: the bar on the left, a little air on the right.
const TEXT_MARGIN: f64 = 32.0;
const NODE_HEIGHT: f64 = 48.0;
const NODE_WIDTHS: (f64, f64) = (112.0, 236.0);
const HEADER: f64 = 50.0;
const SCOPE_LABEL: f64 = 26.0;
const ROW_GAP: f64 = 44.0;
const LABELLED_ROW_GAP: f64 = 58.0;
/// Edges that lead far to the side get up to this much more room between rows.
const MOST_SLACK: f64 = 36.0;
/// The least width at which branches, and nodes without edges, go on in a new line.
const LINE: f64 = 1_040.0;

/// Lays a graph out. The work grows with nodes, edges and (bounded) bends of edges; a graph of 1,000 nodes
/// takes milliseconds.
#[must_use]
pub fn layout(graph: &Graph) -> Layout {
    let mut picture = arrange(graph);
    picture.shift(MARGIN, MARGIN);
    picture.width += 2.0 * MARGIN;
    picture.height += 2.0 * MARGIN;
    round(&mut picture);
    picture
}

fn arrange(graph: &Graph) -> Layout {
    let (joined, alone): (Vec<usize>, Vec<usize>) = split(graph);
    let mut picture = arrange_joined(graph, &joined);
    let boxes: Vec<Layout> = alone.iter().filter_map(|at| graph.nodes.get(*at)).map(node_box).collect();
    if !boxes.is_empty() {
        let top = if joined.is_empty() { 0.0 } else { picture.height + ROW_GAP };
        let lines = in_lines(boxes, picture.width.max(LINE), 32.0, 28.0);
        picture.width = picture.width.max(lines.width);
        picture.height = top + lines.height;
        picture.insert(lines, 0.0, top);
    }
    picture
}

/// The nodes with edges, and those without any.
fn split(graph: &Graph) -> (Vec<usize>, Vec<usize>) {
    let mut touched = vec![false; graph.nodes.len()];
    for end in graph.edges.iter().flat_map(|edge| [edge.from, edge.to]) {
        if let Some(touched) = touched.get_mut(end) {
            *touched = true;
        }
    }
    (0..graph.nodes.len()).partition(|at| touched.get(*at) == Some(&true))
}

fn arrange_joined(graph: &Graph, joined: &[usize]) -> Layout {
    let mut places = vec![usize::MAX; graph.nodes.len()];
    for (place, at) in joined.iter().enumerate() {
        if let Some(slot) = places.get_mut(*at) {
            *slot = place;
        }
    }
    let place = |at: usize| places.get(at).copied().unwrap_or(usize::MAX);
    let nodes: Vec<&GraphNode> = joined.iter().filter_map(|at| graph.nodes.get(*at)).collect();
    let edges: Vec<Edge> =
        graph.edges.iter().map(|edge| Edge { from: place(edge.from), to: place(edge.to), ..*edge }).collect();

    let boxes: Vec<Layout> = nodes.iter().map(|node| node_box(node)).collect();
    let widths: Vec<f64> = boxes.iter().map(|part| part.width).collect();
    let heights: Vec<f64> = boxes.iter().map(|part| part.height).collect();
    let ranked = rank(nodes.len(), &edges);
    let mut net = Net::new(&ranked, &widths);
    order(&mut net);
    position(&mut net);
    let rows = Rows::new(&net, &heights, &edges, &ranked.spans);

    let mut picture = Layout { height: rows.height(), ..Layout::default() };
    for (span, chain) in ranked.spans.iter().zip(&net.chains) {
        let Some(edge) = edges.get(span.edge) else { continue };
        let (Some(from), Some(to)) = (nodes.get(edge.from), nodes.get(edge.to)) else { continue };
        let mut points = rows.points(&net, &heights, span, chain, edge.kind);
        let label = edge.kind.label().and_then(|_| label_place(&points, edge.kind));
        if edge.from != span.upper {
            points.reverse();
        }
        picture.edges.push(Route {
            from: from.path.clone(),
            to: to.path.clone(),
            kind: edge.kind,
            points,
            label,
        });
    }
    for (at, part) in boxes.into_iter().enumerate() {
        let (x, width) = (net.x(at), part.width);
        let y = net.cells.get(at).map_or(0.0, |cell| rows.top(cell.rank));
        picture.insert(part, x - width / 2.0, y);
    }
    picture.width = net.cells.iter().map(|cell| cell.x + cell.width / 2.0).fold(0.0, f64::max);
    picture
}

/// Where rows begin and end.
struct Rows(Vec<(f64, f64)>);

impl Rows {
    fn new(net: &Net, heights: &[f64], edges: &[Edge], spans: &[Span]) -> Self {
        let mut gaps = vec![ROW_GAP; net.rows.len()];
        let labelled = |span: &&Span| edges.get(span.edge).is_some_and(|edge| edge.kind.label().is_some());
        for span in spans.iter().filter(labelled) {
            let upper = net.cells.get(span.upper).map_or(0, |cell| cell.rank);
            if let Some(gap) = gaps.get_mut(upper) {
                *gap = LABELLED_ROW_GAP;
            }
        }
        let mut top = 0.0;
        let rows = net.rows.iter().zip(gaps).map(|(row, gap)| {
            let height = row.iter().filter_map(|cell| heights.get(*cell)).fold(0.0, |a: f64, b| a.max(*b));
            let bottom = top + height;
            let cells = row.iter().filter_map(|cell| net.cells.get(*cell));
            let aside = cells.flat_map(|cell| cell.down.iter().map(|below| (cell.x - net.x(*below)).abs()));
            top = bottom + gap + (aside.fold(0.0, f64::max) / 14.0).min(MOST_SLACK);
            (bottom - height, bottom)
        });
        Self(rows.collect())
    }

    fn top(&self, rank: usize) -> f64 {
        self.0.get(rank).map_or(0.0, |(top, _)| *top)
    }

    fn bottom(&self, rank: usize) -> f64 {
        self.0.get(rank).map_or(0.0, |(_, bottom)| *bottom)
    }

    fn height(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, bottom)| *bottom)
    }

    /// The points of a span from its upper to its lower node: upright through rows, curved between them.
    fn points(&self, net: &Net, heights: &[f64], span: &Span, chain: &[usize], kind: EdgeKind) -> Vec<Point> {
        // A repetition runs beside the dependency it answers.
        let aside = if kind == EdgeKind::Repeat { 18.0 } else { 0.0 };
        let mut points = Vec::with_capacity(chain.len() * 2);
        for cell in chain {
            let Some(place) = net.cells.get(*cell) else { continue };
            let (x, top, bottom) = (place.x + aside, self.top(place.rank), self.bottom(place.rank));
            if *cell == span.upper {
                let height = heights.get(*cell).copied().unwrap_or(0.0);
                points.push(Point { x, y: top + height });
                if height + 0.5 < bottom - top {
                    points.push(Point { x, y: bottom });
                }
            } else if *cell == span.lower {
                points.push(Point { x, y: top });
            } else {
                points.push(Point { x, y: top });
                points.push(Point { x, y: bottom });
            }
        }
        points
    }
}

/// The middle of the curve that leaves the upper node; beside the line of a repetition.
fn label_place(points: &[Point], kind: EdgeKind) -> Option<Point> {
    let curve = points.iter().zip(points.iter().skip(1)).find(|(a, b)| (a.x - b.x).abs() > 0.5);
    let (a, b) = curve.or_else(|| points.iter().zip(points.iter().skip(1)).next())?;
    let aside = if kind == EdgeKind::Repeat { 14.0 } else { 0.0 };
    Some(Point { x: f64::midpoint(a.x, b.x) + aside, y: f64::midpoint(a.y, b.y) })
}

/// A node with all that is in it, at the origin.
fn node_box(node: &GraphNode) -> Layout {
    let head = width(&node.title, TITLE).max(width(&kind_line(node), DETAIL)) + TEXT_MARGIN;
    let head = head.clamp(NODE_WIDTHS.0, NODE_WIDTHS.1);
    let container = !node.scopes.is_empty();
    let mut picture = Layout { width: head, height: NODE_HEIGHT, ..Layout::default() };
    if container {
        let single = node.kind == KindName::Loop && node.scopes.len() == 1;
        let parts = node.scopes.iter().map(|scope| if single { arrange(&scope.graph) } else { panel(scope) });
        let inner = in_lines(parts.collect(), LINE, PADDING, PADDING);
        picture.width = head.max(inner.width + 2.0 * PADDING);
        picture.height = HEADER + inner.height + PADDING;
        let left = (picture.width - inner.width) / 2.0;
        picture.insert(inner, left, HEADER);
    }
    let placed = PlacedNode {
        path: node.path.clone(),
        kind: node.kind,
        title: node.title.clone(),
        detail: node.detail.clone(),
        container,
        rect: Rect { x: 0.0, y: 0.0, width: picture.width, height: picture.height },
    };
    picture.nodes.insert(0, placed);
    picture
}

/// The second line of a node: its kind and what it does.
fn kind_line(node: &GraphNode) -> String {
    format!("{}  {}", node.kind, node.detail)
}

/// A named scope of a container, at the origin.
fn panel(scope: &GraphScope) -> Layout {
    let inner = arrange(&scope.graph);
    let wide = (inner.width + 2.0 * PADDING).max(width(&scope.label, DETAIL) + 2.0 * PADDING);
    let mut picture =
        Layout { width: wide, height: SCOPE_LABEL + inner.height + PADDING, ..Layout::default() };
    let rect = Rect { x: 0.0, y: 0.0, width: picture.width, height: picture.height };
    picture.scopes.push(PlacedScope { label: scope.label.clone(), rect });
    let left = (wide - inner.width) / 2.0;
    picture.insert(inner, left, SCOPE_LABEL);
    picture
}

/// Pictures side by side, in as many lines as it takes.
fn in_lines(parts: Vec<Layout>, line: f64, gap: f64, line_gap: f64) -> Layout {
    let mut all = Layout::default();
    let (mut x, mut y, mut height) = (0.0, 0.0, 0.0_f64);
    for part in parts {
        if x > 0.0 && x + part.width > line {
            (x, y, height) = (0.0, y + height + line_gap, 0.0);
        }
        let (wide, high) = (part.width, part.height);
        all.insert(part, x, y);
        height = height.max(high);
        all.width = all.width.max(x + wide);
        all.height = all.height.max(y + high);
        x += wide + gap;
    }
    all
}

/// Rounds to tenths, so that pictures are small and the same everywhere.
fn round(picture: &mut Layout) {
    let tenth = |length: &mut f64| *length = (*length * 10.0).round() / 10.0;
    let rects = picture.nodes.iter_mut().map(|node| &mut node.rect);
    for rect in rects.chain(picture.scopes.iter_mut().map(|scope| &mut scope.rect)) {
        [&mut rect.x, &mut rect.y, &mut rect.width, &mut rect.height].into_iter().for_each(tenth);
    }
    for route in &mut picture.edges {
        for point in route.points.iter_mut().chain(&mut route.label) {
            [&mut point.x, &mut point.y].into_iter().for_each(tenth);
        }
    }
    [&mut picture.width, &mut picture.height].into_iter().for_each(tenth);
}
