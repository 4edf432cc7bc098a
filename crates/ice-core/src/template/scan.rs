//! A look at a template's tokens before it is parsed: the parser, the translation and the drop of the tree
//! recurse as deep as a template nests, so the nesting is bounded here, where nothing recurses.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::error::{Place, TemplateError};

/// The longest source.
pub(super) const MAX_SOURCE: usize = 256 * 1024;
/// The longest line. The engine counts columns in 16 bits and stumbles over an error beyond them.
pub(super) const MAX_LINE: usize = 60_000;
/// The deepest brackets within one tag.
pub(super) const MAX_BRACKETS: usize = 40;
/// The most operators that may stand above each other within one expression.
pub(super) const MAX_OPERATORS: usize = 200;
/// The most `elif` in one template.
pub(super) const MAX_ELIF: usize = 100;

/// One level of brackets: the operators since the last comma, and the most between two commas.
#[derive(Clone, Copy, Default)]
struct Level {
    here: usize,
    most: usize,
}

/// Refuses what is too long or nests too deep to be parsed safely.
pub(super) fn check(source: &str, is_expression: bool) -> Result<(), TemplateError> {
    if source.len() > MAX_SOURCE {
        let length = source.len();
        return Err(TemplateError::too_large(format!(
            "a template may have {MAX_SOURCE} bytes, and this one has {length}; pass large texts as values"
        )));
    }
    if source.lines().any(|line| line.len() > MAX_LINE) {
        return Err(TemplateError::too_large(format!(
            "a line of a template may have {MAX_LINE} bytes; break it, or pass large texts as values"
        )));
    }
    let mut levels = vec![Level::default()];
    let mut elifs = 0;
    for token in tokenize(source, is_expression, SyntaxConfig::default()) {
        let (token, span) = token.map_err(|error| super::lower::syntax_error(&error, source))?;
        let place = || Place::of(source, span.start_offset as usize..span.end_offset as usize);
        match token {
            Token::VariableStart | Token::BlockStart => levels = vec![Level::default()],
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => {
                deepen(&mut levels);
                levels.push(Level::default());
            }
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                if let (Some(inner), Some(outer)) = (levels.pop(), levels.last_mut()) {
                    outer.here += inner.most.max(inner.here);
                } else {
                    levels = vec![Level::default()];
                }
            }
            Token::Comma => {
                if let Some(level) = levels.last_mut() {
                    *level = Level { here: 0, most: level.most.max(level.here) };
                }
            }
            Token::Ident("elif") => elifs += 1,
            Token::Ident("not" | "and" | "or" | "is" | "if" | "else" | "in")
            | Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Pow
            | Token::Mod
            | Token::Dot
            | Token::Tilde
            | Token::Pipe
            | Token::Eq
            | Token::Ne
            | Token::Gt
            | Token::Gte
            | Token::Lt
            | Token::Lte => deepen(&mut levels),
            Token::TemplateData(_)
            | Token::VariableEnd
            | Token::BlockEnd
            | Token::Ident(_)
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_)
            | Token::Colon
            | Token::Assign => {}
        }
        let depth: usize = levels.iter().map(|level| level.here.max(level.most)).sum();
        if depth > MAX_OPERATORS || levels.len() > MAX_BRACKETS {
            return Err(TemplateError::too_large(format!(
                "an expression may nest {MAX_BRACKETS} brackets and {MAX_OPERATORS} operators; split it with `set`"
            ))
            .at(place));
        }
        if elifs > MAX_ELIF {
            return Err(TemplateError::too_large(format!(
                "a template may have {MAX_ELIF} `elif`; use a map"
            ))
            .at(place));
        }
    }
    Ok(())
}

fn deepen(levels: &mut [Level]) {
    if let Some(level) = levels.last_mut() {
        level.here += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn refused(source: &str) -> bool {
        check(source, true).is_err_and(|error| error.code() == ErrorCode::TemplateTooLarge)
    }

    #[test]
    fn every_way_to_nest_is_bounded() {
        let many = MAX_OPERATORS + 1;
        for source in [
            "not ".repeat(many) + "x",
            "-".repeat(many) + "1",
            "(".repeat(MAX_BRACKETS) + "1" + &")".repeat(MAX_BRACKETS),
            "1".to_owned() + &"+1".repeat(many),
            "x".to_owned() + &".a".repeat(many),
            "x".to_owned() + &"[0]".repeat(many),
            "x".to_owned() + &"(0)".repeat(many),
            "x".to_owned() + &"|d".repeat(many),
            "1 if x else ".repeat(many) + "2",
            "x".to_owned() + &" is d".repeat(many),
        ] {
            assert!(refused(&source), "{}", source.chars().take(30).collect::<String>());
        }
        assert!(refused(&"x\n".repeat(MAX_SOURCE)));
        assert!(refused(&"x".repeat(MAX_LINE + 1)));
        let elifs = format!("{{% if a %}}{}{{% endif %}}", "{% elif b %}".repeat(MAX_ELIF + 1));
        assert!(check(&elifs, false).is_err());
    }

    #[test]
    fn what_stands_beside_each_other_is_free() {
        let list = format!("[{}]", vec!["a.b + 1"; 500].join(", "));
        assert_eq!(check(&list, true), Ok(()));
        let tags = "{{ a.b.c|d }}".repeat(1000);
        assert_eq!(check(&tags, false), Ok(()));
    }
}
