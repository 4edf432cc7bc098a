//! OpenAI's protocol: `POST /embeddings`, which many other servers speak, too.
//!
//! Source: <https://platform.openai.com/docs/api-reference/embeddings>.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Numbers};
use super::settings::{Encoding, Settings};

/// What follows the base URL.
pub(super) const PATH: &str = "embeddings";

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
struct Body {
    data: Vec<Row>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Row {
    embedding: Numbers,
    #[serde(default)]
    index: Option<usize>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
}

pub(super) fn request(settings: &Settings, texts: &[String]) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Request {
        model: &settings.model,
        input: texts,
        encoding_format: match settings.encoding {
            Encoding::Numbers => "float",
            Encoding::Base64 => "base64",
        },
        dimensions: settings.asks_for_dimension.then_some(settings.dimension.get()),
    })
}

/// Reads an answer to so many texts. Rows stand where their `index` says; servers that leave it out answer in order.
pub(super) fn read(body: &[u8], texts: usize) -> Result<Answer, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| place(&error))?;
    let input = body.usage.and_then(|usage| usage.prompt_tokens);
    if body.data.len() != texts {
        return Err(format!("it holds {} vectors for {texts} texts", body.data.len()));
    }
    let is_numbered = body.data.iter().any(|row| row.index.is_some());
    let mut rows: Vec<Option<Vec<f32>>> = vec![None; texts];
    for (at, row) in body.data.into_iter().enumerate() {
        let index = if is_numbered { row.index } else { Some(at) };
        match index.and_then(|index| rows.get_mut(index)) {
            Some(free @ None) => *free = Some(row.embedding.0),
            Some(Some(_)) => return Err("two of its vectors have the same index".to_owned()),
            None => return Err(format!("vector {at} has no index below {texts}")),
        }
    }
    Ok(Answer { rows: rows.into_iter().flatten().collect(), input })
}

/// Where an answer is not what it should be: without the words of serde, which quote what they found.
pub(super) fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "it is no JSON",
        serde_json::error::Category::Data => "it is not what the protocol says",
        serde_json::error::Category::Eof => "it ends in the middle",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_put_where_their_index_says() {
        let body = r#"{"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}],
            "usage": {"prompt_tokens": 5, "total_tokens": 5}}"#;
        let expected = Answer { rows: vec![vec![1.0], vec![2.0]], input: Some(5) };
        assert_eq!(read(body.as_bytes(), 2), Ok(expected));
        let body = r#"{"data": [{"embedding": [1]}, {"embedding": [2]}]}"#;
        let expected = Answer { rows: vec![vec![1.0], vec![2.0]], input: None };
        assert_eq!(read(body.as_bytes(), 2), Ok(expected));
    }

    #[test]
    fn an_answer_that_does_not_fit_its_question_is_refused() {
        for (body, expected) in [
            (r#"{"data": []}"#, "it holds 0 vectors for 2 texts"),
            (
                r#"{"data": [{"index": 0, "embedding": []}, {"index": 0, "embedding": []}]}"#,
                "two of its vectors have the same index",
            ),
            (
                r#"{"data": [{"index": 0, "embedding": []}, {"index": 2, "embedding": []}]}"#,
                "vector 1 has no index below 2",
            ),
            (
                r#"{"data": [{"index": 0, "embedding": []}, {"embedding": []}]}"#,
                "vector 1 has no index below 2",
            ),
            ("<html>", "it is no JSON (line 1, column 1)"),
            (r#"{"data": 3}"#, "it is not what the protocol says (line 1, column 10)"),
            (r#"{"data": ["#, "it ends in the middle (line 1, column 10)"),
        ] {
            assert_eq!(read(body.as_bytes(), 2), Err(expected.to_owned()), "{body}");
        }
    }
}
