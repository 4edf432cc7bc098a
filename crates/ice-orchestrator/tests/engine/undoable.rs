//! What a run has done that can be undone.

use crate::common::{effects, json, me, plan, tool};
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::tools::{Effect, ToolError};
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{RunOptions, RunStatus};

#[tokio::test]
async fn what_can_be_undone_is_told_newest_first_with_what_it_was_called_with() {
    let yaml = "nodes:
- {id: book, type: tool, tool_name: compensable, tool_args: {seat: 7}}
- {id: note, type: tool, tool_name: irreversible, dependencies: [book]}
- {id: pay, type: tool, tool_name: compensable, dependencies: [note]}
- {id: lost, type: tool, tool_name: breaks, dependencies: [pay]}
- {id: refused, type: tool, tool_name: refuses, dependencies: [pay]}";
    let mut registry = effects();
    let breaks = tool("breaks", Effect::Compensable, |_, _| async {
        Err(ToolError::failed(ErrorCode::ToolFailed, "the line went dead"))
    });
    let refuses = tool("refuses", Effect::Compensable, |_, _| async {
        Err(ToolError::refused(ErrorCode::ToolFailed, "closed"))
    });
    registry.tools.register(breaks).unwrap();
    registry.tools.register(refuses).unwrap();
    let plan = plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let tenant = Tenant::default();
    let handle = engine.start(&plan, json("{}"), RunOptions::default(), &me(), &tenant).await.unwrap();
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Failed);
    let document = engine.show(&tenant, handle.id()).await.unwrap();
    let told: Vec<(&str, &str, bool)> = document
        .undoable
        .iter()
        .map(|done| (done.node.as_str(), done.tool.as_str(), done.uncertain))
        .collect();
    assert_eq!(
        told,
        [("lost", "breaks", true), ("pay", "compensable", false), ("book", "compensable", false)]
    );
    let mut events = engine.events(&tenant, handle.id(), None, false).await.unwrap();
    while let Some(event) = events.next().await.unwrap() {
        if event.number == Some(document.undoable[2].record) {
            let input = event.data.get("intent").and_then(|intent| intent.get("input"));
            assert_eq!((event.event.as_str(), input), ("node.started", Some(&json(r#"{"seat": 7}"#))));
            return;
        }
    }
    panic!("the record is not there");
}
