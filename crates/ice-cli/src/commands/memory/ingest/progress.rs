//! How far it is: a bar where a person watches.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::Failure;
use crate::render::text;
use crate::screen::{GREEN, RED, Screen, styled};

/// How far it is.
#[derive(Debug)]
pub(super) struct Progress {
    screen: Screen,
    /// Whether every file is told.
    is_verbose: bool,
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(screen: &Screen, verbose: u8, files: u64) -> Self {
        let bar = if screen.is_watched() && !screen.json {
            let bar = ProgressBar::with_draw_target(Some(files), ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {pos}/{len} files {wide_bar} {eta}  {msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { screen: *screen, is_verbose: verbose > 0, bar }
    }

    /// A file is being looked at.
    pub(super) fn begin(&self, file: &Path) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        self.bar.set_message(text::line(&name, 40));
    }

    /// A file is done.
    pub(super) fn done(&self, file: &Path, what: &str) {
        self.bar.inc(1);
        if self.is_verbose {
            let line = format!("{} {}: {what}", styled(GREEN, "✓"), text::visible(&file.to_string_lossy()));
            self.bar.suspend(|| self.screen.note(line));
        }
    }

    /// Tells why one is not, at once.
    pub(super) fn failed(&self, failure: &Failure) {
        if !self.screen.json {
            let Failure { file, code, reason } = failure;
            let line = format!("{} {file}: {code}: {}", styled(RED, "✗"), text::visible(reason));
            self.bar.suspend(|| self.screen.note(line));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
