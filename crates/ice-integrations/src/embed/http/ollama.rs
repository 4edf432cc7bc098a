//! Ollama's own protocol: `POST /api/embed`.
//!
//! Source: <https://docs.ollama.com/api/embed>.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Numbers};
use super::openai::place;
use super::settings::Settings;

/// What follows the base URL.
pub(super) const PATH: &str = "api/embed";

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    /// Otherwise texts that are too long are cut without a word.
    truncate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
struct Body {
    embeddings: Vec<Numbers>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
}

pub(super) fn request(settings: &Settings, texts: &[String]) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Request {
        model: &settings.model,
        input: texts,
        truncate: false,
        dimensions: settings.asks_for_dimension.then_some(settings.dimension.get()),
    })
}

/// Reads an answer to so many texts, which come in their order.
pub(super) fn read(body: &[u8], texts: usize) -> Result<Answer, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| place(&error))?;
    if body.embeddings.len() != texts {
        return Err(format!("it holds {} vectors for {texts} texts", body.embeddings.len()));
    }
    let rows = body.embeddings.into_iter().map(|numbers| numbers.0).collect();
    Ok(Answer { rows, input: body.prompt_eval_count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_or_refused() {
        let body =
            br#"{"model": "m", "embeddings": [[1, 2], [3, 4]], "total_duration": 9, "prompt_eval_count": 7}"#;
        let expected = Answer { rows: vec![vec![1.0, 2.0], vec![3.0, 4.0]], input: Some(7) };
        assert_eq!(read(body, 2), Ok(expected));
        assert_eq!(read(body, 3), Err("it holds 2 vectors for 3 texts".to_owned()));
        assert!(read(br#"{"embedding": [1, 2]}"#, 1).is_err());
    }
}
