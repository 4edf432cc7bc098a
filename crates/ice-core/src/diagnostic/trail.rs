//! The way to where a reader or checker stands: a list on the stack that costs nothing until something is
//! wrong.

use std::sync::Arc;

use super::{Place, Step};
use crate::id::NodeId;
use crate::path::NodePath;

/// The way to where a reader or checker stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trail<'t> {
    parent: Option<&'t Trail<'t>>,
    link: Link<'t>,
}

#[derive(Clone, Copy, Debug)]
enum Link<'t> {
    Start,
    Key(&'t str),
    Index(usize),
    /// A node begins here. It takes no step in the document.
    Node {
        id: &'t NodeId,
        scope: Option<&'static str>,
        address: Option<(usize, usize)>,
    },
}

impl<'t> Trail<'t> {
    /// The document.
    pub(crate) const START: Trail<'static> = Trail { parent: None, link: Link::Start };

    /// The entry of a map.
    pub(crate) fn key<'s>(&'s self, key: &'s str) -> Trail<'s>
    where
        't: 's,
    {
        Trail { parent: Some(self), link: Link::Key(key) }
    }

    /// The item of a list.
    pub(crate) fn index<'s>(&'s self, index: usize) -> Trail<'s>
    where
        't: 's,
    {
        Trail { parent: Some(self), link: Link::Index(index) }
    }

    /// A node that begins here in the document. `scope` is the name of its scope in paths, none at the top.
    pub(crate) fn node_here<'s>(&'s self, id: &'s NodeId, scope: Option<&'static str>) -> Trail<'s>
    where
        't: 's,
    {
        Trail { parent: Some(self), link: Link::Node { id, scope, address: None } }
    }

    /// A node by its place among others: the number of the nested scope and the index in it.
    pub(crate) fn node_at<'s>(
        &'s self,
        id: &'s NodeId,
        scope: Option<&'static str>,
        address: (usize, usize),
    ) -> Trail<'s>
    where
        't: 's,
    {
        Trail { parent: Some(self), link: Link::Node { id, scope, address: Some(address) } }
    }

    /// The last key.
    pub(crate) fn last_key(&self) -> Option<&str> {
        self.links().find_map(|link| if let Link::Key(key) = link { Some(key) } else { None })
    }

    fn links(&self) -> impl Iterator<Item = Link<'_>> {
        std::iter::successors(Some(self), |trail| trail.parent).map(|trail| trail.link)
    }

    /// The place for finding the position.
    pub(crate) fn place(&self) -> Place {
        let mut place = Place::default();
        let mut node = Vec::new();
        for link in self.links() {
            match link {
                Link::Key(key) => place.steps.push(Step::Key(Arc::from(key))),
                Link::Index(index) => place.steps.push(Step::Index(index)),
                Link::Node { address: Some(address), .. } => node.push(address),
                Link::Start | Link::Node { address: None, .. } => {}
            }
        }
        place.steps.reverse();
        node.reverse();
        place.node = (!node.is_empty()).then_some(node);
        place
    }

    /// The path of the innermost node. Nodes without a name are left out of it.
    pub(crate) fn path(&self) -> Option<NodePath> {
        let mut names: Vec<&str> = Vec::new();
        for link in self.links() {
            if let Link::Node { id, scope, .. } = link
                && !id.is_unnamed()
            {
                names.push(id.as_str());
                names.extend(scope);
            }
        }
        names.reverse();
        (!names.is_empty()).then(|| NodePath::from_valid(Arc::from(names.join("."))))
    }

    /// The way from the innermost node that has a name, joined by dots.
    pub(crate) fn field(&self) -> Option<String> {
        let mut steps: Vec<String> = Vec::new();
        for link in self.links() {
            match link {
                Link::Key(key) => steps.push(key.to_owned()),
                Link::Index(index) => steps.push(index.to_string()),
                Link::Node { id, scope, address } if id.is_unnamed() => {
                    let list =
                        address.map(|(_, index)| [index.to_string(), scope.unwrap_or("nodes").to_owned()]);
                    steps.extend(list.into_iter().flatten());
                }
                Link::Node { .. } => break,
                Link::Start => {}
            }
        }
        steps.reverse();
        (!steps.is_empty()).then(|| steps.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_tells_path_field_and_place() {
        let (outer, inner) = (NodeId::new("par").unwrap(), NodeId::new("x").unwrap());
        let start = Trail::START;
        let outer = start.node_at(&outer, None, (0, 4));
        let inner = outer.node_at(&inner, Some("branches"), (1, 2));
        let args = inner.key("tool_args");
        let rows = args.index(7);
        assert_eq!(rows.path().unwrap().as_str(), "par.branches.x");
        assert_eq!(rows.field().unwrap(), "tool_args.7");
        assert_eq!(rows.place().node, Some(vec![(0, 4), (1, 2)]));
        assert_eq!(rows.place().steps, [Step::Key("tool_args".into()), Step::Index(7)]);
        assert_eq!((start.path(), start.field(), start.place()), (None, None, Place::default()));
    }
}
