//! Asking a server to write its files anew, without what was removed.

use std::time::{Duration, Instant};

use ::redis::{Cmd, Value};
use ice_core::store::StoreError;
use tokio::time::sleep;

use super::link::Link;
use super::reply::text;

/// How long the server may take for one file.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// The pause between two looks at whether it is done.
const PAUSE: Duration = Duration::from_millis(50);

/// A file of the server: what writes it anew, and which fields of `INFO` tell of it.
struct File {
    command: &'static [&'static str],
    busy: [&'static str; 2],
    status: &'static str,
}

const LOG: File = File {
    command: &["BGREWRITEAOF"],
    busy: ["aof_rewrite_in_progress", "aof_rewrite_scheduled"],
    status: "aof_last_bgrewrite_status",
};
const SNAPSHOT: File = File {
    command: &["BGSAVE", "SCHEDULE"],
    busy: ["rdb_bgsave_in_progress", "rdb_bgsave_in_progress"],
    status: "rdb_last_bgsave_status",
};

/// Has the log of commands and the snapshot written anew, as far as the server keeps them.
pub(super) async fn compact(link: &Link) -> Result<(), StoreError> {
    if field(&persistence(link).await?, "aof_enabled") == Some("1") {
        write_anew(link, &LOG).await?;
    }
    let config = ask(link, &["CONFIG", "GET", "save"]).await;
    // Where the configuration cannot be read, there may be a snapshot.
    let has_snapshots = match &config {
        Ok(Value::Map(pairs)) => pairs.iter().any(|(_, points)| !text(points).is_empty()),
        Ok(Value::Array(items)) => items.get(1).is_some_and(|points| !text(points).is_empty()),
        Ok(_) | Err(_) => true,
    };
    if has_snapshots { write_anew(link, &SNAPSHOT).await } else { Ok(()) }
}

async fn write_anew(link: &Link, file: &File) -> Result<(), StoreError> {
    // What is being written now may have been begun before something was removed.
    settled(link, file).await?;
    ask(link, file.command).await?;
    let after = settled(link, file).await?;
    if field(&after, file.status) == Some("ok") {
        return Ok(());
    }
    let what = format!(
        "{} could not write its file anew ({}): what was removed may still be in it",
        link.place,
        file.command.join(" ")
    );
    Err(StoreError::Unavailable { what, source: None })
}

/// Waits until the file is not being written; gives what the server says then.
async fn settled(link: &Link, file: &File) -> Result<String, StoreError> {
    let begun = Instant::now();
    loop {
        let info = persistence(link).await?;
        if file.busy.iter().all(|name| field(&info, name).is_none_or(|busy| busy == "0")) {
            return Ok(info);
        }
        if begun.elapsed() > PATIENCE {
            let what = format!("{} writes its file anew for {PATIENCE:?} already", link.place);
            return Err(StoreError::Unavailable { what, source: None });
        }
        sleep(PAUSE).await;
    }
}

async fn persistence(link: &Link) -> Result<String, StoreError> {
    Ok(text(&ask(link, &["INFO", "persistence"]).await?))
}

async fn ask(link: &Link, words: &[&str]) -> Result<Value, StoreError> {
    let asked = link.ask("compacting", |_, _| {
        let mut command = Cmd::new();
        for word in words {
            command.arg(*word);
        }
        let mut pipeline = redis::pipe();
        pipeline.add_command(command);
        pipeline
    });
    let answers = asked.await.map_err(|fault| fault.error)?;
    Ok(answers.into_iter().next().unwrap_or(Value::Nil))
}

fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
}
