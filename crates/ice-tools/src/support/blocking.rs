//! Work that blocks, done off the async threads.

use ice_core::error::ErrorCode;
use ice_core::tools::{ToolContext, ToolError};

/// Does work that blocks, on a thread for it. The work looks at the cancel token itself; it is awaited to its
/// end, so that nothing goes on after the call.
pub(crate) async fn blocking<T: Send + 'static>(
    ctx: &ToolContext,
    work: impl FnOnce(&ToolContext) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let ctx = ctx.clone();
    match tokio::task::spawn_blocking(move || work(&ctx)).await {
        Ok(result) => result,
        Err(_) => {
            Err(ToolError::failed(ErrorCode::NodePanicked, "the tool panicked; this is a defect of it"))
        }
    }
}
