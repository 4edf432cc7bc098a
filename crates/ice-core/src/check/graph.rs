//! The graph of a checked blueprint, for drawing.

use super::{Checked, CheckedNode, CheckedScope};
use crate::blueprint::draw::{Graph, NodeLinks, ScopeLinks};

impl Checked {
    /// The graph with all resolved dependencies, those that templates imply included.
    #[must_use]
    pub fn graph(&self) -> Graph {
        Graph::resolved(self.blueprint(), &links(self.scope()))
    }
}

fn links(scope: &CheckedScope) -> ScopeLinks {
    let node = |node: &CheckedNode| NodeLinks {
        dependencies: node.dependencies.clone(),
        scopes: node.scopes.iter().map(links).collect(),
    };
    ScopeLinks { nodes: scope.nodes.iter().map(node).collect() }
}

#[cfg(test)]
mod tests {
    use crate::blueprint::draw::Graph;
    use crate::blueprint::{Format, KindName, read};
    use crate::check::check;
    use crate::registry::{Catalog, ProviderSpec};

    #[test]
    fn what_templates_read_is_drawn() {
        let text = r#"{"nodes": [
            {"id": "a", "type": "llm", "model": "m", "prompt": "x"},
            {"id": "each", "type": "loop", "items_source": "inputs.all", "body": [
                {"id": "x", "type": "llm", "model": "m", "prompt": "{{ a.text }} {{ item }}"},
                {"id": "y", "type": "llm", "model": "m", "prompt": "{{ x.text }}"}]}]}"#;
        let reading = read(text, Format::Json, "test.json");
        let catalog = Catalog {
            providers: vec![ProviderSpec { name: "openai".to_owned(), models: None }],
            kinds: KindName::ALL.to_vec(),
            ..Catalog::default()
        };
        let checked = check(&reading.blueprint.unwrap(), &catalog);
        let graph = checked.unwrap().graph();
        let ends = |graph: &Graph| -> Vec<(usize, usize)> {
            graph.edges.iter().map(|edge| (edge.from, edge.to)).collect()
        };
        assert_eq!(ends(&graph), [(0, 1)]);
        assert_eq!(ends(&graph.nodes[1].scopes[0].graph), [(0, 1)]);
    }
}
