//! How wide text will be, near enough for any common sans-serif font.

/// The size and weight of a text.
#[derive(Clone, Copy, Debug)]
pub(in crate::blueprint::draw) struct Font {
    /// The size in pixels.
    pub(in crate::blueprint::draw) size: f64,
    /// How much wider than the regular weight it runs.
    stretch: f64,
}

/// The font of ids.
pub(in crate::blueprint::draw) const TITLE: Font = Font { size: 13.0, stretch: 1.1 };
/// The font of kinds and details.
pub(in crate::blueprint::draw) const DETAIL: Font = Font { size: 11.0, stretch: 1.0 };

/// The width of a character in parts of the font's size. The wider one of common fonts is taken, so that
/// text never leaves its box.
fn advance(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '\'' | '|' => 0.30,
        '.' | ',' | ':' | ';' | '!' | ' ' | '·' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | '"' | '`' => 0.42,
        'm' | 'M' | 'W' | '@' | '%' | '…' => 0.98,
        'w' | '=' | '<' | '>' | '+' | '~' => 0.84,
        'A'..='Z' => 0.72,
        other if (other as u32) < 0x1100 => 0.63,
        _ => 1.05,
    }
}

/// The width of a line of text, in pixels.
pub(super) fn width(text: &str, font: Font) -> f64 {
    text.chars().map(advance).sum::<f64>() * font.size * font.stretch
}

/// The text, cut with an ellipsis so that it is at most `room` pixels wide.
pub(in crate::blueprint::draw) fn fit(text: &str, font: Font, room: f64) -> String {
    if width(text, font) <= room {
        return text.to_owned();
    }
    let unit = font.size * font.stretch;
    let mut left = room - advance('…') * unit;
    let fits = |character: &char| {
        left -= advance(*character) * unit;
        left >= 0.0
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_its_room() {
        assert_eq!(fit("short", DETAIL, 100.0), "short");
        let cut = fit("a rather long line of text", DETAIL, 80.0);
        assert!(cut.ends_with('…') && width(&cut, DETAIL) <= 80.0, "{cut}");
        assert_eq!(fit("word word", DETAIL, 46.0), "word…");
    }
}
