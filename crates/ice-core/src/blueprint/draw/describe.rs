//! What a node does, in a few words beside its id.

use crate::blueprint::{CodeLanguage, Node, NodeKind};

/// The most characters of a line in a picture.
const LONGEST: usize = 36;

/// The display name of a node, else what it does, in a few words on one line.
pub(super) fn describe(node: &Node) -> String {
    if let Some(name) = node.base.name.as_deref().filter(|name| !name.trim().is_empty()) {
        return clip(name, LONGEST);
    }
    let text = match &node.kind {
        NodeKind::Tool(node) => node.tool_name.clone(),
        NodeKind::Llm(node) => node.model.clone(),
        NodeKind::Agent(node) => node.package.clone(),
        NodeKind::Condition(node) => node.expression.clone(),
        NodeKind::Loop(node) => {
            let how = if node.parallel { "side by side over" } else { "over" };
            format!("{how} {}", node.items_source)
        }
        NodeKind::Parallel(node) => count(node.branches.len(), "branch", "branches"),
        NodeKind::Recursive(node) => match &node.convergence_condition {
            Some(condition) => format!("until {condition}"),
            None => format!("at most {} times", node.max_iterations),
        },
        NodeKind::Workflow(node) => node.workflow_ref.clone(),
        NodeKind::Code(node) => match node.language {
            CodeLanguage::Python => "python".to_owned(),
            CodeLanguage::Javascript => "javascript".to_owned(),
        },
        NodeKind::Human(node) => node.prompt_message.clone(),
        NodeKind::Monitor(node) => node.metric_expression.clone(),
        NodeKind::Swarm(node) => count(node.agents.len(), "agent", "agents"),
    };
    clip(&text, LONGEST)
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The text on one line: blanks run together, control and direction characters dropped, cut with an ellipsis
/// after `longest` characters.
pub(super) fn clip(text: &str, longest: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut blank = false;
    for character in text.chars() {
        if character.is_whitespace() {
            blank = length > 0;
            continue;
        }
        if !is_drawable(character) {
            continue;
        }
        if length + usize::from(blank) + 1 > longest {
            line.pop();
            line.push('…');
            break;
        }
        if std::mem::take(&mut blank) {
            line.push(' ');
            length += 1;
        }
        line.push(character);
        length += 1;
    }
    line
}

/// Whether a character may stand in a picture: no control characters, nothing that turns or hides text, no
/// non-characters (which XML forbids).
pub(super) fn is_drawable(character: char) -> bool {
    let code = u32::from(character);
    !character.is_control()
        && !matches!(code, 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFEFF | 0xFFF9..=0xFFFF)
        && !matches!(code, 0xFDD0..=0xFDEF | 0xE0000..=0xE0FFF)
        && code & 0xFFFE != 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_put_on_one_bounded_line() {
        assert_eq!(clip("  a\n\t b  ", 10), "a b");
        assert_eq!(clip("abcdef", 6), "abcdef");
        assert_eq!(clip("abcdefg", 6), "abcde…");
        assert_eq!(clip("ab cd ef", 5), "ab c…");
        assert_eq!(clip("ab cd   ", 5), "ab cd");
        assert_eq!(clip("a\u{202E}b\u{0}c\u{FFFE}d\u{FEFF}", 10), "abcd");
        assert_eq!(clip(&"ä".repeat(1_000_000), 3), "ää…");
    }
}
