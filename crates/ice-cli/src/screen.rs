//! What is written where: results to standard output, everything else to standard error.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use ice_core::error::ErrorCode;
use serde::Serialize;

use crate::fault::Fault;

/// Bold red, for what went wrong.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// Green, for what went well.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// Yellow, for warnings and what waits.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Cyan, for what is under way and for advice.
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
/// Dimmed, for what matters less.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Bold.
pub(crate) const BOLD: Style = Style::new().bold();

/// Text in a style. Colours are taken out again on the way to what is no terminal.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Where the command writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Whether standard output carries JSON and nothing else.
    pub(crate) json: bool,
    color: anstream::ColorChoice,
}

impl Screen {
    /// A screen as the command line asks for it.
    pub(crate) const fn new(json: bool, color: ColorChoice) -> Self {
        let color = match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        Self { json, color }
    }

    /// Writes a line to standard output.
    ///
    /// # Errors
    /// A [`Fault`] that ends the command quietly if nobody reads any more.
    pub(crate) fn line(&self, text: impl std::fmt::Display) -> Result<(), Fault> {
        self.raw(&format!("{text}\n"))
    }

    /// Writes text to standard output as it is.
    pub(crate) fn raw(&self, text: &str) -> Result<(), Fault> {
        let mut stream = AutoStream::new(io::stdout().lock(), self.color);
        stream.write_all(text.as_bytes())?;
        Ok(stream.flush()?)
    }

    /// Writes a document as indented JSON to standard output, piece by piece: it may be larger than memory.
    pub(crate) fn document(&self, document: &impl Serialize) -> Result<(), Fault> {
        let mut stream = BufWriter::new(io::stdout().lock());
        serde_json::to_writer_pretty(&mut stream, document).map_err(unwritten)?;
        stream.write_all(b"\n")?;
        Ok(stream.flush()?)
    }

    /// Writes a document as JSON in one line to standard output, piece by piece.
    pub(crate) fn record(&self, document: &impl Serialize) -> Result<(), Fault> {
        let mut stream = BufWriter::new(io::stdout().lock());
        serde_json::to_writer(&mut stream, document).map_err(unwritten)?;
        stream.write_all(b"\n")?;
        Ok(stream.flush()?)
    }

    /// Writes a line to standard error. A closed standard error is no reason to stop.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        let mut stream = AutoStream::new(io::stderr().lock(), self.color);
        let _ = writeln!(stream, "{text}");
    }

    /// Writes a document as JSON in one line to standard error, where standard output is not the command's own. As with a
    /// note, a closed standard error is no reason to stop.
    pub(crate) fn remark(&self, document: &impl Serialize) {
        let text = serde_json::to_string(document).unwrap_or_default();
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Whether standard error takes colours.
    pub(crate) fn colors_on_stderr(&self) -> bool {
        match self.color {
            anstream::ColorChoice::Auto => AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
            anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => true,
            anstream::ColorChoice::Never => false,
        }
    }

    /// Whether a person watches standard error.
    pub(crate) fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// The columns of the terminal, 80 if it does not say; nothing if standard output is none.
    pub(crate) fn width(&self) -> Option<u16> {
        let size = || terminal_size::terminal_size_of(io::stdout());
        io::stdout().is_terminal().then(|| size().map_or(80, |(width, _)| width.0))
    }

    /// Says what went wrong: to people on standard error, with `--json` as a document on standard output too.
    pub(crate) fn fault(&self, fault: &Fault) {
        if fault.told {
            return;
        }
        self.note(format_args!("{} {}", styled(RED, format_args!("error[{}]:", fault.code)), fault.message));
        if let Some(help) = &fault.help {
            self.note(format_args!("  {} {help}", styled(CYAN, "help:")));
        }
        if self.json {
            self.answer(fault);
        }
    }

    /// Writes what went wrong as a document to standard output.
    pub(crate) fn answer(&self, fault: &Fault) {
        #[derive(Serialize)]
        struct Document<'a> {
            error: &'a Fault,
        }
        // Nobody is left to tell if this fails too.
        let _ = self.document(&Document { error: fault });
    }
}

/// Prints before it is known what the screen is like.
pub(crate) fn print(text: &str) {
    let _ = AutoStream::auto(io::stdout()).write_all(text.as_bytes());
}

/// Complains before it is known what the screen is like.
pub(crate) fn complain(text: &str) {
    let _ = AutoStream::auto(io::stderr()).write_all(text.as_bytes());
}

fn unwritten(error: serde_json::Error) -> Fault {
    if error.is_io() {
        return io::Error::from(error).into();
    }
    Fault::new(ErrorCode::Unknown, format!("cannot write JSON: {error}"))
}
