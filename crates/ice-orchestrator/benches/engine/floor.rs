//! What the machine can do: a scheduler of petgraph and a `JoinSet` without journal, events or limits, and a
//! bare log with group commit.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::shape::Spec;

pub(crate) struct Graph(DiGraph<String, ()>);

pub(crate) fn graph(spec: &Spec) -> Arc<Graph> {
    let mut graph = DiGraph::new();
    for (id, _) in spec {
        graph.add_node(id.clone());
    }
    for (at, (_, waits)) in spec.iter().enumerate() {
        for wait in waits {
            graph.add_edge(NodeIndex::new(*wait), NodeIndex::new(at), ());
        }
    }
    Arc::new(Graph(graph))
}

async fn node(at: usize, inputs: Vec<Arc<Value>>) -> (usize, Arc<Value>) {
    let n = inputs.iter().filter_map(|input| input["n"].as_i64()).max().unwrap_or_default() + 1;
    (at, Arc::new(json!({"n": n})))
}

/// One run: every node is a task, started when the last node it waits for is done.
pub(crate) async fn run(graph: Arc<Graph>, input: Arc<Value>) -> i64 {
    let graph = &graph.0;
    let waits = |at: NodeIndex| graph.neighbors_directed(at, Direction::Incoming).count();
    let mut left: Vec<usize> = graph.node_indices().map(waits).collect();
    let mut outputs: Vec<Option<Arc<Value>>> = vec![None; graph.node_count()];
    let mut tasks = JoinSet::new();
    for at in (0..left.len()).filter(|at| left[*at] == 0) {
        tasks.spawn(node(at, vec![Arc::clone(&input)]));
    }
    while let Some(done) = tasks.join_next().await {
        let (at, output) = done.expect("a node of the floor does not panic");
        outputs[at] = Some(output);
        for next in graph.neighbors(NodeIndex::new(at)) {
            left[next.index()] -= 1;
            if left[next.index()] == 0 {
                let inputs = graph.neighbors_directed(next, Direction::Incoming);
                let inputs = inputs.filter_map(|input| outputs[input.index()].clone()).collect();
                tasks.spawn(node(next.index(), inputs));
            }
        }
    }
    outputs.last().and_then(Option::as_ref).and_then(|last| last["n"].as_i64()).unwrap_or_default()
}

/// Fifty tasks in a line that hand on one shared value.
pub(crate) async fn shared(payload: Arc<str>) -> usize {
    let mut kept = Vec::new();
    let mut value = payload;
    for _ in 0..50 {
        value = tokio::spawn(async move { std::hint::black_box(value) }).await.expect("no panic");
        kept.push(Arc::clone(&value));
    }
    kept.len()
}

/// A bare log: one thread appends what waits and, if asked, syncs once for all of it.
pub(crate) struct Log(mpsc::SyncSender<(Vec<u8>, oneshot::Sender<()>)>);

impl Log {
    pub(crate) fn open(path: &Path, sync: bool) -> Self {
        let (sender, receiver) = mpsc::sync_channel::<(Vec<u8>, oneshot::Sender<()>)>(1_024);
        let mut file =
            std::fs::OpenOptions::new().create(true).append(true).open(path).expect("the log opens");
        std::thread::spawn(move || {
            while let Ok((bytes, ack)) = receiver.recv() {
                let (mut group, mut acks) = (bytes, vec![ack]);
                while let Ok((bytes, ack)) = receiver.try_recv() {
                    group.extend_from_slice(&bytes);
                    acks.push(ack);
                }
                file.write_all(&group).expect("the log is written");
                if sync {
                    file.sync_data().expect("the log is synced");
                }
                for ack in acks {
                    let _gone = ack.send(());
                }
            }
        });
        Self(sender)
    }

    pub(crate) async fn append(&self, bytes: Vec<u8>) {
        let (ack, acked) = oneshot::channel();
        self.0.send((bytes, ack)).expect("the log lives");
        acked.await.expect("the log lives");
    }
}
