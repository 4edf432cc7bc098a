//! What a person says: typed on a terminal, with an editor of lines, or line by line from whatever standard input is.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use futures::StreamExt;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Behavior, Config, Editor};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use crate::fault::Fault;
use crate::screen::{BOLD, CYAN, Screen, styled};

/// The longest that may be said at once, in bytes.
const LONGEST: usize = 512 << 10;
/// What stands before what is typed, and before further lines of it.
const PROMPTS: [&str; 2] = ["> ", "… "];

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Words.
    Words(String),
    /// The end of the conversation: Ctrl-D, `/end`, or the end of standard input.
    End,
    /// That it is left: Ctrl-C.
    Leave,
}

/// Where words come from.
pub(super) enum Lines {
    Typed {
        /// Absent while it is at work.
        editor: Option<Box<Editor<(), MemHistory>>>,
        /// How the terminal was, for an end in the middle of a line.
        before: Option<Terminal>,
    },
    Piped(FramedRead<tokio::io::Stdin, LinesCodec>),
}

impl Lines {
    /// # Errors
    /// [`Fault`] if the terminal cannot be used.
    pub(super) fn open() -> Result<Self, Fault> {
        if !io::stdin().is_terminal() {
            let codec = LinesCodec::new_with_max_length(LONGEST);
            return Ok(Self::Piped(FramedRead::new(tokio::io::stdin(), codec)));
        }
        // Standard output has what the agent says, and may be no terminal.
        let config = Config::builder().behavior(Behavior::PreferTerm).auto_add_history(true).build();
        let history = MemHistory::with_config(&config);
        let editor = Editor::with_history(config, history).map_err(unusable)?;
        Ok(Self::Typed { editor: Some(Box::new(editor)), before: Terminal::now() })
    }

    /// Whether a person types.
    pub(super) const fn is_typed(&self) -> bool {
        matches!(self, Self::Typed { .. })
    }

    /// The next words that are not empty. On a terminal `/end` and the like are obeyed, and a line that ends in `\` goes on.
    /// Dropped in the middle of a line, the terminal is as it was before.
    ///
    /// # Errors
    /// [`Fault`] if nothing can be read, or a line is too long or no text.
    pub(super) async fn next(&mut self, screen: &Screen) -> Result<Said, Fault> {
        loop {
            let said = match self {
                Self::Piped(lines) => match lines.next().await.transpose().map_err(unreadable)? {
                    Some(line) => Said::Words(line),
                    None => Said::End,
                },
                Self::Typed { editor, before } => {
                    let Some(mut taken) = editor.take() else { return Ok(Said::End) };
                    let guard = before.as_ref().map(Terminal::guard);
                    let typed = tokio::task::spawn_blocking(move || (typed(&mut taken), taken)).await;
                    drop(guard);
                    let (said, back) = typed.map_err(|error| {
                        Fault::from(io::Error::other(format!("the editor of lines failed: {error}")))
                    })?;
                    *editor = Some(back);
                    match said? {
                        Said::Words(line) => match command(&line, screen) {
                            Some(said) => said,
                            None => continue,
                        },
                        other @ (Said::End | Said::Leave) => other,
                    }
                }
            };
            let is_empty = matches!(&said, Said::Words(words) if words.trim().is_empty());
            if !is_empty {
                return Ok(said);
            }
        }
    }
}

/// A line, with those it goes on with.
fn typed(editor: &mut Editor<(), MemHistory>) -> Result<Said, Fault> {
    let [first, further] = PROMPTS;
    let (mut words, mut prompt) = (String::new(), first);
    loop {
        match editor.readline(prompt) {
            Ok(line) => match line.strip_suffix('\\') {
                Some(line) if words.len() < LONGEST => {
                    words.push_str(line);
                    words.push('\n');
                    prompt = further;
                }
                Some(_) | None => {
                    words.push_str(&line);
                    if words.len() > LONGEST {
                        return Err(too_long());
                    }
                    return Ok(Said::Words(words));
                }
            },
            Err(ReadlineError::Eof) => return Ok(Said::End),
            Err(ReadlineError::Interrupted) => return Ok(Said::Leave),
            Err(error) => return Err(unusable(error)),
        }
    }
}

/// What a typed line means; nothing if it is done with.
fn command(line: &str, screen: &Screen) -> Option<Said> {
    let Some(name) = line.trim().strip_prefix('/') else { return Some(Said::Words(line.to_owned())) };
    match name {
        "end" | "exit" | "quit" => return Some(Said::End),
        "leave" => return Some(Said::Leave),
        "help" | "?" => {}
        other if other.starts_with('/') => return Some(Said::Words(other.to_owned())),
        other => screen.note(format_args!("there is no `/{}`", crate::render::text::line(other, 40))),
    }
    for (what, does) in [
        ("/end, Ctrl-D", "ends the conversation"),
        ("/leave, Ctrl-C", "leaves it: it can be gone on with"),
        ("LINE\\", "goes on with another line"),
        ("//LINE", "says a line that begins with `/`"),
    ] {
        screen.note(format_args!("  {}  {does}", styled(BOLD, format_args!("{what:<14}"))));
    }
    None
}

/// How to end and to leave, in a line.
pub(super) fn hint() -> String {
    let key = |name: &str| styled(CYAN, name);
    format!("{} ends the conversation, {} leaves it, {} has more", key("Ctrl-D"), key("Ctrl-C"), key("/help"))
}

fn too_long() -> Fault {
    Fault::usage(format!("what is said at once has at most {} KiB", LONGEST >> 10))
        .help("let the agent read a file instead: `--tool read_text --ro PATH`")
}

fn unreadable(error: LinesCodecError) -> Fault {
    match error {
        LinesCodecError::MaxLineLengthExceeded => too_long(),
        LinesCodecError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            Fault::usage("standard input is not text: a line is not UTF-8")
        }
        LinesCodecError::Io(error) => error.into(),
    }
}

fn unusable(error: ReadlineError) -> Fault {
    if let ReadlineError::Io(error) = error {
        return error.into();
    }
    io::Error::other(format!("the terminal cannot be read: {error}")).into()
}

/// How a terminal was.
pub(super) struct Terminal(Termios);

impl Terminal {
    fn now() -> Option<Self> {
        tcgetattr(io::stdin().as_fd()).ok().map(Self)
    }

    /// Puts it back when dropped.
    const fn guard(&self) -> Restore<'_> {
        Restore(&self.0)
    }
}

struct Restore<'t>(&'t Termios);

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        // There is nobody to tell, and nothing else to try.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, self.0);
    }
}

#[cfg(test)]
mod tests {
    use clap::ColorChoice;

    use super::*;

    #[test]
    fn lines_that_begin_with_a_slash_are_orders() {
        let screen = Screen::new(false, ColorChoice::Never);
        let words = |text: &str| Some(Said::Words(text.to_owned()));
        for (line, expected) in [
            ("hello / there", words("hello / there")),
            ("/end", Some(Said::End)),
            (" /quit ", Some(Said::End)),
            ("/leave", Some(Said::Leave)),
            ("//etc/hosts", words("/etc/hosts")),
            ("/help", None),
            ("/nothing", None),
        ] {
            assert_eq!(command(line, &screen), expected, "{line}");
        }
    }
}
