//! From the names of a server's tools to names of tools of ice.

use ice_core::tools::typed::is_tool_name;

/// The longest name of a server, in bytes.
pub(super) const MOST_PREFIX: usize = 32;

/// Whether a text is a word of a tool's name: lower-case letters, digits and `_`, beginning with a letter.
pub(super) fn is_word(text: &str) -> bool {
    !text.contains('.') && is_tool_name(text)
}

/// The word that stands for a name of the protocol (1 to 128 letters, digits, `_`, `.` and `-`): in lower case, with `_` where
/// a capital begins a word, `_` for whatever no word has, and an `x` before what no word begins with. `getUser-v2` becomes
/// `get_user_v2`.
pub(super) fn word(name: &str) -> String {
    let mut word = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for character in name.chars() {
        if character.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            word.push('_');
        }
        let lower = character.to_ascii_lowercase();
        word.push(if lower.is_ascii_lowercase() || lower.is_ascii_digit() { lower } else { '_' });
        before = character;
    }
    if !word.starts_with(|first: char| first.is_ascii_lowercase()) {
        word.insert(0, 'x');
    }
    word
}

/// The whole name of a tool; nothing if there is none of 64 bytes.
pub(super) fn whole(server: &str, word: &str) -> Option<String> {
    let name = format!("{server}.{word}");
    is_tool_name(&name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_word() {
        for (name, expected) in [
            ("read_file", "read_file"),
            ("getUser-v2", "get_user_v2"),
            ("HTTPGet", "httpget"),
            ("a.b/c d", "a_b_c_d"),
            ("3d", "x3d"),
            ("_x", "x_x"),
            ("größe", "gr__e"),
            ("", "x"),
        ] {
            assert_eq!(word(name), expected);
            assert!(is_word(&word(name)), "{name}");
        }
    }

    #[test]
    fn a_name_has_a_bound_and_its_server_before_it() {
        assert_eq!(whole("files", "read").as_deref(), Some("files.read"));
        assert_eq!(whole("files", &"x".repeat(58)).map(|name| name.len()), Some(64));
        assert_eq!(whole("files", &"x".repeat(59)), None);
        assert_eq!(whole("a.b", "c"), None);
    }
}
