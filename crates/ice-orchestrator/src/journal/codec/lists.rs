//! Long lists: they are cut into pieces, so that one that grows at its end costs what is new in it.

use ice_core::value::Value;

use super::{Chunk, EncodeError, Encoder, LIST, PIECE, REMEMBERED, address, stands_inline, wrapped};

impl Encoder {
    /// A list whose items are encoded.
    pub(super) fn list(
        &mut self,
        items: &[Value],
        encoded: Vec<Value>,
        chunk: &mut Chunk,
    ) -> Result<Value, EncodeError> {
        let whole = Value::from(encoded);
        if stands_inline(&whole) {
            return Ok(whole);
        }
        let encoded = whole.as_list().unwrap_or_default();
        if encoded.len() <= PIECE {
            return self.tree(&whole, chunk);
        }
        let mut pieces = Vec::with_capacity(encoded.len().div_ceil(PIECE));
        for (items, encoded) in items.chunks(PIECE).zip(encoded.chunks(PIECE)) {
            let piece = self.tree(&Value::list(encoded.iter().cloned()), chunk)?;
            self.remember_piece(items, &piece);
            pieces.push(piece);
        }
        self.joined(pieces, chunk)
    }

    /// A list of which the first piece was written before.
    pub(super) fn grown(&mut self, items: &[Value], chunk: &mut Chunk) -> Result<Value, EncodeError> {
        let mut pieces = Vec::with_capacity(items.len().div_ceil(PIECE));
        for items in items.chunks(PIECE) {
            let piece = match self.piece(items) {
                Some(known) => known.clone(),
                None => {
                    let encoded = items.iter().map(|item| self.encode(item, chunk));
                    let encoded = Value::from(encoded.collect::<Result<Vec<_>, _>>()?);
                    let piece = self.tree(&encoded, chunk)?;
                    self.remember_piece(items, &piece);
                    piece
                }
            };
            pieces.push(piece);
        }
        self.joined(pieces, chunk)
    }

    /// The encoded form of the first piece of a list, if the list is long and the piece was written before.
    pub(super) fn piece(&self, items: &[Value]) -> Option<&Value> {
        let key = addresses(items.get(..PIECE)?)?;
        self.pieces.get(&key).map(|(_, encoded)| encoded)
    }

    fn remember_piece(&mut self, items: &[Value], piece: &Value) {
        if items.len() == PIECE
            && self.pieces.len() < REMEMBERED
            && let Some(key) = addresses(items)
        {
            self.pieces.insert(key, (items.to_vec(), piece.clone()));
        }
    }

    /// Pieces of a long list as one value.
    fn joined(&mut self, mut pieces: Vec<Value>, chunk: &mut Chunk) -> Result<Value, EncodeError> {
        while pieces.len() > PIECE {
            let mut joined = Vec::with_capacity(pieces.len().div_ceil(PIECE));
            for group in pieces.chunks(PIECE) {
                joined.push(self.tree(&wrapped(LIST, Value::list(group.iter().cloned())), chunk)?);
            }
            pieces = joined;
        }
        Ok(wrapped(LIST, Value::from(pieces)))
    }
}

/// The addresses of values, if all of them have one.
fn addresses(values: &[Value]) -> Option<Vec<usize>> {
    values.iter().map(address).collect()
}
