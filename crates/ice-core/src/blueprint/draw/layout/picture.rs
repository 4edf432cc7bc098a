//! The laid-out picture as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::KindName;
use crate::blueprint::draw::EdgeKind;
use crate::path::NodePath;

/// A laid-out graph. All lengths are in pixels, from the upper left corner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Layout {
    /// The width of the picture.
    pub width: f64,
    /// The height of the picture.
    pub height: f64,
    /// The nodes, containers before what they hold.
    pub nodes: Vec<PlacedNode>,
    /// The named scopes within containers, outer ones first.
    pub scopes: Vec<PlacedScope>,
    /// The edges.
    pub edges: Vec<Route>,
}

/// A box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rect {
    /// Its left side.
    pub x: f64,
    /// Its upper side.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// A point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From above.
    pub y: f64,
}

/// A node in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacedNode {
    /// Its address, as in the graph.
    pub path: NodePath,
    /// Its kind.
    pub kind: KindName,
    /// Its id.
    pub title: String,
    /// What it does, in a few words; may be empty.
    pub detail: String,
    /// Whether it holds other nodes.
    pub container: bool,
    /// Its box.
    #[serde(flatten)]
    pub rect: Rect,
}

/// A named scope within a container: a path of a condition or a branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacedScope {
    /// Its name.
    pub label: String,
    /// Its box.
    #[serde(flatten)]
    pub rect: Rect,
}

/// An edge in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// The node it leaves.
    pub from: NodePath,
    /// The node it enters.
    pub to: NodePath,
    /// What it means.
    pub kind: EdgeKind,
    /// The points it leads through, from the first node to the second. Between points that differ in `x` it
    /// is a curve that begins and ends upright.
    pub points: Vec<Point>,
    /// Where its label stands (the middle of it), if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Point>,
}

/// Moves parts of a picture.
pub(in crate::blueprint::draw) trait Shift {
    /// Moves everything to the right and down.
    fn shift(&mut self, right: f64, down: f64);
}

impl Shift for Point {
    fn shift(&mut self, right: f64, down: f64) {
        self.x += right;
        self.y += down;
    }
}

impl Shift for Rect {
    fn shift(&mut self, right: f64, down: f64) {
        self.x += right;
        self.y += down;
    }
}

impl Shift for Layout {
    fn shift(&mut self, right: f64, down: f64) {
        self.nodes.iter_mut().for_each(|node| node.rect.shift(right, down));
        self.scopes.iter_mut().for_each(|scope| scope.rect.shift(right, down));
        for route in &mut self.edges {
            route.points.iter_mut().chain(&mut route.label).for_each(|point| point.shift(right, down));
        }
    }
}

impl Layout {
    /// Adds another picture at a place within this one.
    pub(super) fn insert(&mut self, mut part: Self, x: f64, y: f64) {
        part.shift(x, y);
        self.nodes.append(&mut part.nodes);
        self.scopes.append(&mut part.scopes);
        self.edges.append(&mut part.edges);
    }
}
