//! Finding runs, and the owner who knows them.

use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_orchestrator::control::{ListQuery, Request, Response};

use crate::data::{DataFolder, Link, LinkError, glance};
use crate::fault::Fault;

/// How often another owner is looked for when one goes away in the middle of an answer.
const TRIES: usize = 3;

/// Asks the owner of the folder, or this process in its place for a moment.
///
/// # Errors
/// [`ErrorCode::RunNotFound`] if there is no folder; what the work fails with.
pub(crate) async fn with_link<T>(
    folder: &DataFolder,
    work: impl AsyncFn(&Link) -> Result<T, LinkError>,
) -> Result<T, Fault> {
    for _ in 0..TRIES {
        let Some(link) = glance(folder).await? else {
            return Err(folder.no_runs());
        };
        let done = work(&link).await;
        let closed = link.close().await;
        match done {
            Ok(done) => return closed.map(|()| done),
            Err(LinkError::Fault(fault)) => return Err(fault),
            Err(LinkError::Gone) => {}
        }
    }
    Err(Fault::new(ErrorCode::ControlUnavailable, "the owner of the data folder went away again and again"))
}

/// The run that a text means: an id, the first characters of one, or `last`.
///
/// # Errors
/// [`ErrorCode::RunNotFound`], or [`ErrorCode::Usage`] if it means several.
pub(crate) async fn find(link: &Link, text: &str) -> Result<RunId, LinkError> {
    if let Ok(run) = text.parse() {
        return Ok(run);
    }
    let last = text == "last";
    let is_prefix = !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !last && !is_prefix {
        return Err(Fault::usage(format!("`{}` is not a run id", crate::render::text::line(text, 80)))
            .help("give an id, its first characters, or `last`; `ice runs list` shows the ids")
            .into());
    }
    let request = if last {
        Request::List(ListQuery { limit: Some(1), ..ListQuery::default() })
    } else {
        Request::Find { prefix: text.to_owned() }
    };
    let Response::Runs { runs } = link.call(request).await? else {
        return Err(LinkError::astray());
    };
    match runs.as_slice() {
        [one] => Ok(one.id),
        [] if last => Err(Fault::new(ErrorCode::RunNotFound, "there are no runs yet").into()),
        [] => Err(Fault::new(ErrorCode::RunNotFound, format!("no run has an id that begins with `{text}`"))
            .help("`ice runs list` shows what there is")
            .into()),
        [first, ..] => Err(Fault::usage(format!("`{text}` begins the ids of several runs"))
            .help(format!("give more of the id, for example {}", first.id))
            .into()),
    }
}
