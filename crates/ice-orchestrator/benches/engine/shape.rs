//! The graphs that are measured, the same for the floors, the engine and the peers.

/// A node: its id and the indices of the nodes it waits for.
pub(crate) type Spec = Vec<(String, Vec<usize>)>;

pub(crate) fn chain(nodes: usize) -> Spec {
    (0..nodes).map(|at| (format!("c{at}"), at.checked_sub(1).into_iter().collect())).collect()
}

pub(crate) fn fan(width: usize) -> Spec {
    let mut spec: Spec = vec![("src".to_owned(), Vec::new())];
    spec.extend((0..width).map(|at| (format!("p{at}"), vec![0])));
    spec.push(("join".to_owned(), (1..=width).collect()));
    spec
}

/// The five nodes of the diamond, without the condition before its tail.
pub(crate) fn diamond() -> Spec {
    let nodes: [(&str, &[usize]); 5] =
        [("start", &[]), ("left", &[0]), ("right", &[0]), ("join", &[1, 2]), ("tail", &[3])];
    nodes.map(|(id, waits)| (id.to_owned(), waits.to_vec())).into()
}

/// Ten layers of a hundred; each node waits for three of the layer before, drawn by a fixed xorshift.
pub(crate) fn layered() -> Spec {
    let (mut spec, mut state) = (Spec::new(), 42_u64);
    for layer in 0..10 {
        for node in 0..100 {
            let mut waits = Vec::new();
            while layer > 0 && waits.len() < 3 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let wait = (layer - 1) * 100 + (state % 100) as usize;
                if !waits.contains(&wait) {
                    waits.push(wait);
                }
            }
            spec.push((format!("l{layer}n{node}"), waits));
        }
    }
    spec
}
