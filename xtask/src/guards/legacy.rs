//! Examples and documents show today's blueprints: no node types that are only still read.

use anyhow::Result;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde_json::Value;

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the legacy types.
pub(crate) const GUARD: Guard =
    Guard { name: "legacy", about: "examples and documents show no legacy types of nodes", check };

/// Node types of old files, with today's.
const ALIASES: &[(&str, &str)] =
    &[("ai", "llm"), ("prebuilt", "tool"), ("skill", "tool"), ("subdag", "workflow")];

fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in project.files_ending(&["json", "yaml", "yml", "md"]) {
        let shown = file.starts_with("examples/") || file.starts_with("docs/") || !file.contains('/');
        let Some(text) = project.read_text(file)?.filter(|_| shown) else { continue };
        let texts = if file.ends_with(".md") { fenced(&text) } else { vec![text] };
        for text in texts {
            // What cannot be parsed is another guard's, or only a fragment.
            let Ok(document) = serde_saphyr::from_str::<Value>(&text) else { continue };
            inspect(file, &document, &mut String::new(), &mut findings);
        }
    }
    Ok(findings)
}

/// The code blocks of a page that claim to be JSON or YAML.
fn fenced(text: &str) -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for event in Parser::new(text) {
        match (event, &mut open) {
            (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))), _)
                if ["json", "yaml", "yml"].contains(&&*language) =>
            {
                open = Some(String::new());
            }
            (Event::Text(part), Some(block)) => block.push_str(&part),
            (Event::End(TagEnd::CodeBlock), _) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

fn inspect(file: &str, value: &Value, place: &mut String, findings: &mut Vec<Finding>) {
    let length = place.len();
    match value {
        Value::Object(entries) => {
            let is_node = entries.contains_key("id");
            let alias = entries.get("type").and_then(Value::as_str).filter(|_| is_node);
            if let Some((old, new)) = ALIASES.iter().find(|(old, _)| Some(*old) == alias) {
                findings.push(Finding::new(file, format!("{place}.type is `{old}`: write `{new}`")));
            }
            for (key, entry) in entries {
                place.push_str(&format!(".{key}"));
                inspect(file, entry, place, findings);
                place.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                place.push_str(&format!("[{index}]"));
                inspect(file, item, place, findings);
                place.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn old_types_are_found() {
        let page = "# A page\n\n```yaml\nnodes:\n  - id: x\n    type: subdag\n```\n";
        let (_folder, project) = project(&[
            ("examples/a.yaml", "nodes:\n  - id: a\n    type: ai\n"),
            ("docs/page.md", page),
            ("tests/old.yaml", "nodes: [{id: a, type: ai}]"),
            ("examples/rows.json", "[{\"type\": \"ai\"}]"),
        ]);
        let found: Vec<_> = check(&project).unwrap().iter().map(ToString::to_string).collect();
        let expected = [
            "docs/page.md: .nodes[0].type is `subdag`: write `workflow`",
            "examples/a.yaml: .nodes[0].type is `ai`: write `llm`",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn todays_form_passes() {
        let text = "nodes:\n  - id: a\n    type: llm\n    input_mappings:\n      x: {source_node_id: b, source_output_key: .}\n";
        let (_folder, project) = project(&[("examples/a.yaml", text)]);
        assert_eq!(check(&project).unwrap(), []);
    }
}
