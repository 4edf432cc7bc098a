//! Pieces of what comes from a client, in their order.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ice_core::error::ErrorCode;

use super::Refusal;

/// The most bytes of a piece.
pub(super) const MAX_PIECE_BYTES: usize = 1 << 20;

/// The bytes of a piece that is said to begin at `offset`, where so many have come.
///
/// # Errors
/// That they cannot be read, are too many, or are not what comes next.
pub(super) fn read(data: &str, offset: u64, come: u64) -> Result<Vec<u8>, Refusal> {
    let invalid = |message: String| Refusal::new(ErrorCode::InputInvalid, message);
    let bytes = BASE64_STANDARD.decode(data);
    let bytes = bytes.map_err(|error| invalid(format!("`data` is not base64: {error}")))?;
    if bytes.len() > MAX_PIECE_BYTES {
        return Err(invalid(format!("a piece has {} bytes, the limit is {MAX_PIECE_BYTES}", bytes.len())));
    }
    if offset != come {
        return Err(invalid(format!("{come} bytes have come, and this is said to come after {offset}")));
    }
    Ok(bytes)
}
