//! A layout as SVG: self-contained, no scripts, no outside fonts, readable on light and dark pages.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::describe::is_drawable;
use super::layout::{DETAIL, TITLE, fit};
use super::{EdgeKind, Layout, Mark, Marks, PlacedNode, PlacedScope, Point, Rect, Route};
use crate::blueprint::KindName;

const LINE: &str = "#8792a4";
const NOTE: &str = "#6f7c90";
const HEAD: &str = "#66768d";
const LEGEND_HEIGHT: f64 = 34.0;
const LEGEND_STEP: f64 = 96.0;

/// The layout as an SVG document. With marks, a legend of those in use is added below.
#[must_use]
pub fn svg(layout: &Layout, marks: &Marks) -> String {
    let used: BTreeSet<Mark> = layout.nodes.iter().filter_map(|node| marks.get(&node.path)).collect();
    let legend = used.len() as f64 * LEGEND_STEP + 48.0;
    let (width, height) = if used.is_empty() {
        (layout.width, layout.height)
    } else {
        (layout.width.max(legend), hundredths(layout.height + LEGEND_HEIGHT))
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" font-family=\"ui-sans-serif, system-ui, 'Segoe UI', Roboto, \
         'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\">\n\
         <defs><marker id=\"ice-arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 1 L9 5 L0 9 Z\" fill=\"{LINE}\"/></marker></defs>\n"
    );
    // Containers and their panels lie below the edges within them, nodes above.
    for node in layout.nodes.iter().filter(|node| node.container) {
        container(&mut out, node, marks.get(&node.path));
    }
    layout.scopes.iter().for_each(|scope| panel(&mut out, scope));
    layout.edges.iter().for_each(|route| edge(&mut out, route));
    for node in layout.nodes.iter().filter(|node| !node.container) {
        card(&mut out, node, marks.get(&node.path));
    }
    layout.edges.iter().for_each(|route| edge_label(&mut out, route));
    for (at, mark) in used.iter().enumerate() {
        legend_entry(&mut out, *mark, 24.0 + at as f64 * LEGEND_STEP, hundredths(layout.height + 2.0));
    }
    out.push_str("</svg>\n");
    out
}

fn container(out: &mut String, node: &PlacedNode, mark: Option<Mark>) {
    let Rect { x, y, width, height } = node.rect;
    let (stroke, dash) = mark.map_or((LINE, ""), |mark| (mark.colours().stroke, dash(mark.colours().dashed)));
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"12\" \
         fill=\"#8fa1bb\" fill-opacity=\"0.10\" stroke=\"{stroke}\" stroke-opacity=\"0.75\" \
         stroke-width=\"1.3\"{dash}/>",
        escape(node.path.as_str())
    );
    heading(out, node, HEAD, NOTE, mark);
}

fn card(out: &mut String, node: &PlacedNode, mark: Option<Mark>) {
    let Rect { x, y, width, height } = node.rect;
    let colours = mark.map(Mark::colours);
    let (fill, stroke, text) =
        colours.as_ref().map_or(("#ffffff", "#b4bfce", "#1e293b"), |c| (c.fill, c.stroke, c.text));
    let dash = dash(colours.is_some_and(|colours| colours.dashed));
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"9\" \
         fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1.3\"{dash}/>",
        escape(node.path.as_str())
    );
    heading(out, node, text, "#64748b", mark);
}

/// The bar in the colour of the kind, the id, the kind with what the node does, and the mark; ends the group.
fn heading(out: &mut String, node: &PlacedNode, title: &str, note: &str, mark: Option<Mark>) {
    let Rect { x, y, width, .. } = node.rect;
    let accent = accent(node.kind);
    let _ = write!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"3\" height=\"28\" rx=\"1.5\" fill=\"{accent}\"/>",
        hundredths(x + 7.0),
        hundredths(y + 10.0),
    );
    let room = width - 28.0;
    let name = escape(&fit(&node.title, TITLE, if mark.is_some() { room - 12.0 } else { room }));
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"13\" font-weight=\"600\" fill=\"{title}\">{name}</text>",
        hundredths(x + 17.0),
        hundredths(y + 21.0),
    );
    let kind = node.kind.as_str();
    let line = fit(&format!("{kind}  {}", node.detail), DETAIL, room);
    let detail = escape(line.strip_prefix(kind).unwrap_or_default().trim());
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"11\" fill=\"{note}\"><tspan font-weight=\"600\" fill=\"{accent}\">\
         {kind}</tspan><tspan dx=\"5\">{detail}</tspan></text>",
        hundredths(x + 17.0),
        hundredths(y + 37.0),
    );
    if let Some(mark) = mark {
        let _ = write!(
            out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\"/>",
            hundredths(x + width - 13.0),
            hundredths(y + 16.0),
            mark.colours().stroke
        );
    }
    out.push_str("</g>\n");
}

fn panel(out: &mut String, scope: &PlacedScope) {
    let Rect { x, y, width, height } = scope.rect;
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"9\" fill=\"#8fa1bb\" \
         fill-opacity=\"0.10\"/><text x=\"{}\" y=\"{}\" font-size=\"11\" font-weight=\"600\" \
         fill=\"{NOTE}\">{}</text>",
        hundredths(x + 12.0),
        hundredths(y + 18.0),
        escape(&fit(&scope.label, DETAIL, width - 16.0))
    );
}

fn edge(out: &mut String, route: &Route) {
    let Some(first) = route.points.first() else { return };
    let mut path = format!("M{} {}", first.x, first.y);
    for (a, b) in route.points.iter().zip(route.points.iter().skip(1)) {
        if (a.x - b.x).abs() < 2.0 {
            let _ = write!(path, " L{} {}", b.x, b.y);
        } else {
            let half = hundredths(f64::midpoint(a.y, b.y));
            let _ = write!(path, " C{} {half} {} {half} {} {}", a.x, b.x, b.x, b.y);
        }
    }
    let dash = dash(route.kind == EdgeKind::Repeat);
    let _ = writeln!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{LINE}\" stroke-width=\"1.5\"{dash} \
         marker-end=\"url(#ice-arrow)\"/>"
    );
}

fn edge_label(out: &mut String, route: &Route) {
    let (Some(label), Some(Point { x, y })) = (route.kind.label(), route.label) else { return };
    let width = label.len() as f64 * 6.4 + 14.0;
    let _ = writeln!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"18\" rx=\"9\" fill=\"#ffffff\" stroke=\"{LINE}\"/>\
         <text x=\"{x}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"#475569\">{label}</text>",
        hundredths(x - width / 2.0),
        hundredths(y - 9.0),
        hundredths(y + 4.0),
    );
}

fn legend_entry(out: &mut String, mark: Mark, x: f64, y: f64) {
    let colours = mark.colours();
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" rx=\"4\" fill=\"{}\" stroke=\"{}\" \
         stroke-width=\"1.3\"{}/><text x=\"{}\" y=\"{}\" font-size=\"11\" fill=\"{NOTE}\">{}</text>",
        colours.fill,
        colours.stroke,
        dash(colours.dashed),
        hundredths(x + 20.0),
        hundredths(y + 11.0),
        mark.name()
    );
}

/// Rounds what arithmetic leaves behind the second decimal.
fn hundredths(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}

const fn dash(dashed: bool) -> &'static str {
    if dashed { " stroke-dasharray=\"5 4\"" } else { "" }
}

/// The colour of a kind, of middle lightness.
const fn accent(kind: KindName) -> &'static str {
    match kind {
        KindName::Tool => "#2f7bdc",
        KindName::Llm => "#8b5cf6",
        KindName::Agent => "#a23fc4",
        KindName::Swarm => "#c026a3",
        KindName::Condition => "#c77700",
        KindName::Loop => "#0e8f86",
        KindName::Parallel => "#15803d",
        KindName::Recursive => "#5a7d0c",
        KindName::Workflow => "#4f5fd6",
        KindName::Code => "#64748b",
        KindName::Human => "#d6336c",
        KindName::Monitor => "#b45309",
    }
}

/// The text as XML character data or attribute value, without what XML or a reader cannot show.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().filter(|character| is_drawable(*character)) {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
