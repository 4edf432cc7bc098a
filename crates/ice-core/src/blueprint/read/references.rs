//! The other blueprints that a document refers to.

use std::sync::Arc;

use super::Reading;
use crate::blueprint::{Node, NodeKind};

impl Reading {
    /// Gives every `workflow_ref` another name, those in nested nodes included. What the document says, and
    /// with it the version lock, stays as it is.
    pub fn relink(&mut self, rename: &mut dyn FnMut(&str) -> String) {
        if let Some(draft) = &mut self.draft {
            relink(&mut Arc::make_mut(draft).nodes, rename);
        }
        if self.blueprint.is_some() {
            self.blueprint.clone_from(&self.draft);
        }
    }
}

fn relink(nodes: &mut [Node], rename: &mut dyn FnMut(&str) -> String) {
    for node in nodes {
        match &mut node.kind {
            NodeKind::Workflow(workflow) => workflow.workflow_ref = rename(&workflow.workflow_ref),
            NodeKind::Recursive(recursive) => {
                if let Some(reference) = &mut recursive.workflow_ref {
                    *reference = rename(reference);
                }
            }
            NodeKind::Condition(condition) => {
                relink(&mut condition.true_path, rename);
                relink(&mut condition.false_path, rename);
            }
            NodeKind::Loop(each) => relink(&mut each.body, rename),
            NodeKind::Parallel(parallel) => {
                for branch in &mut parallel.branches {
                    relink(branch, rename);
                }
            }
            NodeKind::Tool(_)
            | NodeKind::Llm(_)
            | NodeKind::Agent(_)
            | NodeKind::Code(_)
            | NodeKind::Human(_)
            | NodeKind::Monitor(_)
            | NodeKind::Swarm(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::blueprint::{Format, read};

    #[test]
    fn references_are_renamed_at_every_depth_and_the_lock_stays() {
        let text = "nodes:
  - {id: a, type: workflow, workflow_ref: x.yaml}
  - id: l
    type: loop
    items_source: inputs.all
    body:
      - {id: b, type: workflow, workflow_ref: y.yaml}
";
        let before = read(text, Format::Yaml, "a.yaml");
        let mut after = before.clone();
        let mut seen = Vec::new();
        after.relink(&mut |name| {
            seen.push(name.to_owned());
            format!("sub/{name}")
        });
        assert_eq!(seen, ["x.yaml", "y.yaml"]);
        assert_eq!(after.spec("a").unwrap().workflow_refs, ["sub/x.yaml", "sub/y.yaml"]);
        assert_eq!(before.spec("a").unwrap().workflow_refs, ["x.yaml", "y.yaml"]);
        assert_eq!(after.lock, before.lock);
        assert!(after.blueprint.is_some());
    }
}
