//! What others wrote, as it may be shown: programs, servers, models.

/// A text without what could move a cursor, change its colours or turn its direction, in one line, cut at a number of
/// characters.
#[must_use]
pub fn line(text: &str, longest: usize) -> String {
    shown(text, longest, |_| ' ')
}

/// The same with its lines.
#[must_use]
pub fn lines(text: &str, longest: usize) -> String {
    shown(text, longest, |space| if space == '\n' { '\n' } else { ' ' })
}

fn shown(text: &str, longest: usize, space: impl Fn(char) -> char) -> String {
    let mut shown = String::new();
    let mut characters = text.trim().chars().peekable();
    let mut count = 0;
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.next_if_eq(&'[').is_some() {
            // A sequence of a terminal ends with a letter or a sign.
            while characters.next().is_some_and(|character| !('@'..='~').contains(&character)) {}
            continue;
        }
        let is_space = matches!(character, '\t' | '\n' | '\r');
        if (character.is_control() && !is_space) || turns_direction(character) {
            continue;
        }
        if count == longest {
            shown.push('…');
            break;
        }
        shown.push(if is_space { space(character) } else { character });
        count += 1;
    }
    shown.trim().to_owned()
}

/// Marks that let a text read differently from what it says, and characters that are not seen at all.
const fn turns_direction(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_cut_and_cannot_move_the_cursor() {
        assert_eq!(line("a\u{1b}[2Jb\tc\u{202e}d\u{e0041}\r\n", 9), "ab cd");
        assert_eq!(lines(" one\r\ntwo\u{7} ", 20), "one \ntwo");
        assert_eq!(line("abcdef", 3), "abc…");
        assert_eq!(line("\u{1b}[", 3), "");
    }
}
