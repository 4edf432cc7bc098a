//! Logging in with a server, and forgetting that.

use std::process::{Command, Stdio};
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_integrations::mcp::{FileTokens, Loopback, Outside, Server, Tokens};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::present::{Manifest, has_login, outside, tokens};
use crate::exit::Exit;
use crate::fault::{Fault, plain};
use crate::render::text::count;
use crate::shell::Shell;
use crate::signals::Signals;

/// Where a person is to go, as a document of one line.
#[derive(Serialize)]
struct Address<'a> {
    url: &'a str,
}

/// How it went, as a document of one line.
#[derive(Serialize)]
struct LoggedIn<'a> {
    server: &'a str,
    tools: usize,
}

/// Sends a person to log in with a server, and keeps what they allow.
///
/// # Errors
/// [`Fault`] if nobody logs in with this server, nobody comes back in time, or it is not content with what was allowed.
pub(crate) fn login(shell: &Shell, manifest: &Manifest, opens: bool) -> Result<Exit, Fault> {
    let server = manifest.name.as_str();
    if !has_login(manifest) {
        let why = format!("nobody logs in with the MCP server `{server}`");
        return Err(Fault::usage(why).help(
            "a person logs in with a server at a `url` whose manifest has `oauth` without a secret, or with `for_itself: false`",
        ));
    }
    kept(shell)?;
    let known = shell.toolbox.redaction()?.known.clone();
    shell.block_on(async {
        let mut signals = Signals::listen()?;
        let shown = shell.clone();
        let visit = Loopback::listen(move |url| show(&shown, url.as_str(), opens)).await;
        let visit = visit.map_err(|error| {
            let why = format!("no port of this machine can be listened at: {}", plain(&error));
            Fault::new(ErrorCode::McpUnavailable, why)
        })?;
        let outside = Outside { visit: Some(Arc::new(visit)), ..outside(&shell.environment, &known) };
        let server = Server::new(manifest.clone(), outside);
        let cancel = CancellationToken::new();
        let tools = tokio::select! {
            tools = server.login(&cancel) => tools,
            _ = signals.next() => {
                shell.screen.note("the login was given up; what was kept before is as it was");
                return Ok(Exit::Cancelled);
            }
        };
        let tools = tools.map_err(|error| Fault::new(error.code(), error.to_string()).exit(Exit::Failed))?;
        server.close().await;
        let (name, tools) = (server.name(), tools.tools.len());
        if shell.screen.json {
            shell.screen.record(&LoggedIn { server: name, tools })?;
        } else {
            shell.screen.line(format_args!("logged in with `{name}`: {}", count(tools as u64, "tool")))?;
        }
        Ok(Exit::Succeeded)
    })
}

/// Forgets a login; whether there was one.
///
/// # Errors
/// [`Fault`] if the name is none of a server, or what is kept cannot be removed.
pub(crate) fn forget(shell: &Shell, server: &str) -> Result<bool, Fault> {
    let tokens = kept(shell)?;
    let failed = |why| Fault::new(ErrorCode::FileUnreadable, why);
    if !tokens.is_kept(server).map_err(failed)? {
        return Ok(false);
    }
    shell.block_on(async {
        // Another process that renews the tokens just now would keep them again.
        let held = tokens.hold(server).await.map_err(failed)?;
        tokens.save(server, None).await.map_err(failed)?;
        drop(held);
        Ok(true)
    })
}

fn kept(shell: &Shell) -> Result<FileTokens, Fault> {
    tokens(&shell.environment).ok_or_else(|| {
        Fault::usage("there is no place for logins: neither HOME nor XDG_STATE_HOME is set")
            .help("set one of them")
    })
}

/// Says where to go. Who has closed standard output does not want to know.
fn show(shell: &Shell, url: &str, opens: bool) {
    let screen = &shell.screen;
    let _ = if screen.json {
        screen.record(&Address { url })
    } else {
        screen.note("open this address to log in, within five minutes:");
        screen.line(url)
    };
    if opens && let Err(why) = open(shell, url) {
        screen.note(format_args!("`xdg-open` {why}: open the address yourself"));
    }
}

fn open(shell: &Shell, url: &str) -> Result<(), String> {
    let program = shell.environment.find("xdg-open").ok_or("is not there")?;
    let null = Stdio::null;
    let started = Command::new(program).arg(url).stdin(null()).stdout(null()).stderr(null()).spawn();
    // It lasts as long as the browser may, so it is not waited for.
    started.map(drop).map_err(|error| format!("cannot be started: {}", plain(&error)))
}
