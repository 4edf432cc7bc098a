//! Reading whole texts.

use super::*;
use crate::blueprint::NodeKind;

fn yaml(text: &str) -> Reading {
    read(text, Format::Yaml, "test.yaml")
}

#[test]
fn a_small_file_is_read() {
    let reading = yaml("nodes:\n- id: a\n  type: tool\n  tool_name: hello\n  tool_args: {name: 'x'}\n");
    assert_eq!(reading.diagnostics.to_string(), "");
    let blueprint = reading.blueprint.unwrap();
    assert!(matches!(&blueprint.nodes[0].kind, NodeKind::Tool(node) if node.tool_name == "hello"));
    let json = read(
        r#"{"nodes":[{"id":"a","type":"tool","tool_args":{"name":"x"},"tool_name":"hello"}]}"#,
        Format::Auto,
        "x",
    );
    assert_eq!(json.lock, reading.lock);
    assert_eq!(json.blueprint.unwrap(), blueprint);
}
