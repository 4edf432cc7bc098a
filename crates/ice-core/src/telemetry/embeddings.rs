//! The span and the metrics of a call of an embedder.

use tracing::Instrument;
use tracing::field::Empty;

use super::{Operation, Stopwatch, names, well_known};
use crate::embedding::{EmbedError, Embedded, Embedder};
use crate::error::ErrorCode;
use crate::metrics::{MetricName, histogram};

/// Watches over the call of an embedder that `work` is. `vendor` is who serves the model.
///
/// As cancel-safe as `work`. Dropped, its span ends without an outcome.
///
/// # Errors
/// As `work`.
pub async fn embedding(
    by: &dyn Embedder,
    vendor: &str,
    work: impl Future<Output = Result<Embedded, EmbedError>>,
) -> Result<Embedded, EmbedError> {
    let (operation, provider, model) = (Operation::Embeddings.as_str(), well_known(vendor), by.model());
    let span = tracing::info_span!(
        "embeddings",
        { names::SPAN_NAME } = format!("{operation} {model}"),
        { names::SPAN_KIND } = names::CLIENT,
        { names::STATUS_CODE } = Empty,
        { names::OPERATION_NAME } = operation,
        { names::PROVIDER_NAME } = provider,
        { names::REQUEST_MODEL } = model,
        { names::EMBEDDINGS_DIMENSION_COUNT } = by.dimension().get() as i64,
        { names::USAGE_INPUT_TOKENS } = Empty,
        { names::ERROR_TYPE } = Empty,
    );
    let began = Stopwatch::start();
    let ended = work.instrument(span.clone()).await;
    let (usage, failure) = match &ended {
        Ok(embedded) => (embedded.usage, ""),
        Err(error) => (error.usage, error.code().name()),
    };
    if !span.is_disabled() {
        span.record(names::USAGE_INPUT_TOKENS, usage.input as i64);
        if !failure.is_empty() {
            span.record(names::ERROR_TYPE, failure);
            let is_cancelled = matches!(&ended, Err(error) if error.code() == ErrorCode::RunCancelled);
            if !is_cancelled {
                span.record(names::STATUS_CODE, names::ERROR);
            }
        }
    }
    let labels = [
        ("gen_ai_operation_name", operation),
        ("gen_ai_provider_name", provider),
        ("gen_ai_request_model", model),
    ];
    let [name, vendor, asked] = labels;
    histogram(MetricName::GenAiOperationSeconds, &[name, vendor, asked, ("error_type", failure)])
        .record(began.seconds());
    histogram(MetricName::GenAiTokenUsage, &[name, vendor, asked, ("gen_ai_token_type", "input")])
        .record(usage.input as f64);
    ended
}
