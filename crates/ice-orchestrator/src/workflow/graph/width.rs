//! How many nodes can be under way at once at most.

use petgraph::algo::maximum_flow::dinics;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Dag;

/// The most nodes of which none waits for another, directly or through others. It equals the fewest chains that cover all
/// nodes (Dilworth, A Decomposition Theorem for Partially Ordered Sets, 1950), which are found as a maximum flow: each node
/// can be followed once and follow once, and a chain may pass through nodes that another one covers.
#[must_use]
pub fn width(dag: &Dag) -> usize {
    let count = dag.len();
    if count == 0 {
        return 0;
    }
    let without_bound = u32::try_from(count).unwrap_or(u32::MAX);
    let mut network: DiGraph<(), u32> = DiGraph::with_capacity(2 * count + 2, 5 * count);
    let nodes: Vec<(NodeIndex, NodeIndex)> =
        (0..count).map(|_| (network.add_node(()), network.add_node(()))).collect();
    let (source, sink) = (network.add_node(()), network.add_node(()));
    for (followed, following) in &nodes {
        network.add_edge(source, *followed, 1);
        network.add_edge(*following, sink, 1);
        network.add_edge(*following, *followed, without_bound);
    }
    for ((_, following), waits) in nodes.iter().zip(&dag.dependencies) {
        for dependency in waits {
            if let Some((followed, _)) = nodes.get(*dependency as usize) {
                network.add_edge(*followed, *following, without_bound);
            }
        }
    }
    let (followed, _) = dinics(&network, source, sink);
    count.saturating_sub(followed as usize)
}
