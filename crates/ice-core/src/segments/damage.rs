//! Bytes that are not what was written, and reading bytes that may be so.

/// What is wrong with stored bytes. They were written by another program, or by a version that is not known here: blobs are checked
/// against their hash before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct Damage {
    /// What was expected and is not there.
    pub what: &'static str,
    /// Where, from the beginning.
    pub at: usize,
}

/// Reads numbers and pieces from the beginning of bytes, little end first. Nothing is reserved for what is not there.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reading<'a> {
    /// From the first byte on.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next byte stands.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// A damage at the present place.
    #[must_use]
    pub const fn damage(&self, what: &'static str) -> Damage {
        Damage { what, at: self.at }
    }

    /// The next so many bytes.
    ///
    /// # Errors
    /// [`Damage`] if there are fewer.
    pub fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Damage> {
        let end = self.at.checked_add(length).ok_or_else(|| self.damage(what))?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| self.damage(what))?;
        self.at = end;
        Ok(taken)
    }

    /// The next so many pieces of a fixed length.
    ///
    /// # Errors
    /// [`Damage`] if there are fewer.
    pub fn pieces<const N: usize>(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<&'a [[u8; N]], Damage> {
        let length = count.checked_mul(N).ok_or_else(|| self.damage(what))?;
        Ok(self.take(length, what)?.as_chunks::<N>().0)
    }

    /// One piece of a fixed length.
    ///
    /// # Errors
    /// [`Damage`] if there are fewer bytes.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Damage> {
        self.take(N, what)?.try_into().map_err(|_| self.damage(what))
    }

    /// A byte.
    ///
    /// # Errors
    /// [`Damage`] if there is none.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Damage> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// A number of four bytes.
    ///
    /// # Errors
    /// [`Damage`] if there are fewer.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Damage> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// A number of eight bytes.
    ///
    /// # Errors
    /// [`Damage`] if there are fewer.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, Damage> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count of four bytes, for use as a length.
    ///
    /// # Errors
    /// [`Damage`] if there are fewer.
    pub fn count(&mut self, what: &'static str) -> Result<usize, Damage> {
        self.u32(what).map(|count| count as usize)
    }

    /// A text that has its length before it.
    ///
    /// # Errors
    /// [`Damage`] if it is cut off, or no UTF-8.
    pub fn text(&mut self, what: &'static str) -> Result<&'a str, Damage> {
        let length = self.count(what)?;
        let bytes = self.take(length, what)?;
        str::from_utf8(bytes).map_err(|_| self.damage(what))
    }

    /// Nothing more may follow.
    ///
    /// # Errors
    /// [`Damage`] if there are bytes left.
    pub fn end(&self) -> Result<(), Damage> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.damage("the end")) }
    }
}

/// Writes a text with its length before it.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
