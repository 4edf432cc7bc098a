//! Small helpers over the graph of a scope.

use super::model::NodeIndex;

/// For each node the nodes that wait for it, ascending, from for each node the nodes it waits for.
pub(crate) fn dependents(dependencies: &[Vec<NodeIndex>]) -> Vec<Vec<NodeIndex>> {
    let mut dependents = vec![Vec::new(); dependencies.len()];
    for (waits, index) in dependencies.iter().zip(0..) {
        for dependency in waits {
            if let Some(list) = dependents.get_mut(*dependency as usize) {
                list.push(index);
            }
        }
    }
    dependents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_turned_around() {
        assert_eq!(dependents(&[vec![], vec![0], vec![0, 1]]), [vec![1, 2], vec![2], vec![]]);
    }
}
