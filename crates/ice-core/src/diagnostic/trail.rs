//! The way to where a reader or checker stands: a list on the stack that costs nothing until something is
//! wrong.

use std::borrow::Cow;
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

    fn outward(&self) -> impl Iterator<Item = &Trail<'_>> {
        std::iter::successors(Some(self), |trail| trail.parent)
    }

    fn links(&self) -> impl Iterator<Item = Link<'_>> {
        self.outward().map(|trail| trail.link)
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

    /// The path of the innermost node.
    pub(crate) fn path(&self) -> Option<NodePath> {
        let mut names: Vec<Cow<'_, str>> = Vec::new();
        for trail in self.outward() {
            if let Link::Node { id, scope, .. } = trail.link {
                names.push(Cow::Borrowed(id.as_str()));
                // Which branch it is does not matter where an id tells the node.
                let branch = trail.branch().filter(|_| id.is_unnamed());
                names.extend(scope.map(|scope| match branch {
                    Some(branch) => Cow::Owned(format!("{scope}[{branch}]")),
                    None => Cow::Borrowed(scope),
                }));
            }
        }
        names.reverse();
        (!names.is_empty()).then(|| NodePath::from_valid(Arc::from(names.join("."))))
    }

    /// The number of the branch that a node of a parallel node stands in.
    fn branch(&self) -> Option<usize> {
        let Link::Node { scope: Some("branches"), address, .. } = self.link else { return None };
        match (address, self.parent?.parent?.link) {
            (Some((number, _)), _) => Some(number),
            (None, Link::Index(number)) => Some(number),
            (None, Link::Start | Link::Key(_) | Link::Node { .. }) => None,
        }
    }

    /// The way from the innermost node, joined by dots.
    pub(crate) fn field(&self) -> Option<String> {
        let mut steps: Vec<String> = Vec::new();
        for link in self.links() {
            match link {
                Link::Key(key) => steps.push(key.to_owned()),
                Link::Index(index) => steps.push(index.to_string()),
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

    #[test]
    fn a_node_without_an_id_is_told_by_its_place_in_the_list() {
        let (outer, inner) = (NodeId::unnamed(4), NodeId::unnamed(0));
        let start = Trail::START;
        let (nodes, branches) = (start.key("nodes"), "branches");
        let read = nodes.index(4);
        let read = read.node_here(&outer, None);
        let read = read.key(branches);
        let read = read.index(2);
        let read = read.index(0);
        let read = read.node_here(&inner, Some(branches));
        let checked = start.node_at(&outer, None, (0, 3));
        let checked = checked.node_at(&inner, Some(branches), (2, 0));
        for trail in [read, checked] {
            let path = trail.path().unwrap();
            assert_eq!(path.as_str(), "nodes[4].branches[2].nodes[0]");
            assert_eq!(path.as_str().parse::<NodePath>().unwrap(), path);
            assert_eq!(trail.key("id").field().unwrap(), "id");
        }
    }
}
