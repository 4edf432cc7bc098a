//! The state of a vendor that goes back to it unchanged: signatures, encrypted reasoning, blocks that only it can read.

use std::collections::HashMap;

use genai::chat::ContentPart;
use ice_core::llm::Part;
use ice_core::value::Value;
use serde_json::Value as Json;

/// A signature of what comes after it.
const SIGNATURE: &str = "signature";
/// A block of the vendor's own.
const BLOCK: &str = "block";
/// The call that signatures belong to.
const CALL: &str = "call";
/// Signatures of a call.
const SIGNATURES: &str = "signatures";

fn opaque(provider: &str, data: Value) -> Part {
    Part::Opaque { provider: provider.to_owned(), data }
}

pub(super) fn signature(provider: &str, signature: String) -> Part {
    opaque(provider, Value::map([(SIGNATURE, Value::from(signature))]))
}

pub(super) fn block(provider: &str, block: Json) -> Part {
    opaque(provider, Value::map([(BLOCK, Value::from(block))]))
}

/// The signatures of a call.
pub(super) fn call(provider: &str, id: &str, signatures: Vec<String>) -> Part {
    let signatures = Value::list(signatures.into_iter().map(Value::from));
    opaque(provider, Value::map([(CALL, Value::from(id)), (SIGNATURES, signatures)]))
}

/// State as the client sends it; nothing for what belongs to a call.
pub(super) fn part(data: &Value) -> Option<ContentPart> {
    if let Some(signature) = data.get(SIGNATURE).and_then(Value::as_str) {
        return Some(ContentPart::ThoughtSignature(signature.to_owned()));
    }
    data.get(BLOCK).map(|block| ContentPart::from_custom(Json::from(block), None))
}

/// The signatures of the calls of a message, by the ids of the calls.
pub(super) fn of_calls<'m>(provider: &str, parts: &'m [Part]) -> HashMap<&'m str, Vec<String>> {
    let mut found = HashMap::new();
    for part in parts {
        let Part::Opaque { provider: whose, data } = part else { continue };
        let (Some(id), Some(list)) =
            (data.get(CALL).and_then(Value::as_str), data.get(SIGNATURES).and_then(Value::as_list))
        else {
            continue;
        };
        if whose == provider {
            found.insert(id, list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect());
        }
    }
    found
}
