//! The head of a GGUF file: what is said of the model, and where its numbers are. Read within bounds, and nothing of it is
//! believed that could make the model panic or take more memory than the file has.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::HashMap;
use std::io::{Read, Seek};

use candle_core::Shape;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value, VersionedMagic};

use super::error::Flaw;

const MAGIC: [u8; 4] = *b"GGUF";
/// The most that is said of a model: things, bytes of one text, items of one list, bytes of all.
const MOST_THINGS: u64 = 4_096;
const MOST_TEXT: u64 = 1 << 20;
const MOST_ITEMS: u64 = 1 << 20;
const MOST_HEAD: u64 = 256 << 20;
/// The lists that are read. An item takes up to 32 times the memory that it has of the file, so others are left empty.
const LISTS: [&str; 3] = ["tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.token_type"];
/// The most blocks of numbers, and dimensions of one.
const MOST_TENSORS: u64 = 65_536;
const MOST_DIMENSIONS: u32 = 4;
/// Where blocks of numbers begin, if nothing is said: at multiples of this.
const ALIGNMENT: u64 = 32;

/// Reads the head of a file of this length.
pub(super) fn read(reader: &mut (impl Read + Seek), length: u64) -> Result<Content, Flaw> {
    let mut head = Head { reader, position: 0, end: length.min(MOST_HEAD), length };
    if head.bytes::<4>().map_err(|_| no_model())? != MAGIC {
        return Err(no_model());
    }
    let magic = match head.u32()? {
        2 => VersionedMagic::GgufV2,
        3 => VersionedMagic::GgufV3,
        other => {
            return Err(Flaw::unsupported(format!("version {other} of GGUF is not known here: 2 and 3 are")));
        }
    };
    let tensors = head.count("blocks of numbers", MOST_TENSORS)?;
    let things = head.count("things said of the model", MOST_THINGS)?;
    let mut metadata = HashMap::new();
    for _ in 0..things {
        let name = head.text()?;
        let kind = head.u32()?;
        let value = head.value(&name, kind)?;
        metadata.insert(name, value);
    }
    let mut tensor_infos = HashMap::new();
    for _ in 0..tensors {
        let name = head.text()?;
        let info = head.tensor(&name)?;
        if tensor_infos.insert(name.clone(), info).is_some() {
            return Err(Flaw::invalid(format!("`{}` stands twice", clip(&name))));
        }
    }
    let alignment = match metadata.get("general.alignment") {
        None => ALIGNMENT,
        Some(Value::U32(number)) if number.is_power_of_two() && (8..=65_536).contains(number) => {
            u64::from(*number)
        }
        Some(_) => return Err(Flaw::invalid("`general.alignment` is no power of two from 8 to 65536")),
    };
    let tensor_data_offset = head.position.next_multiple_of(alignment);
    for (name, info) in &tensor_infos {
        let end =
            tensor_data_offset.checked_add(info.offset).and_then(|start| start.checked_add(size(info)?));
        if end.is_none_or(|end| end > length) {
            let why = format!("it ends before the numbers of `{}`: it has {length} bytes", clip(name));
            return Err(Flaw::invalid(why));
        }
    }
    Ok(Content { magic, metadata, tensor_infos, tensor_data_offset })
}

fn no_model() -> Flaw {
    Flaw::invalid("it is no GGUF file")
}

/// The bytes of a block of numbers.
fn size(info: &TensorInfo) -> Option<u64> {
    let blocks = info.shape.elem_count() / info.ggml_dtype.block_size();
    (blocks as u64).checked_mul(info.ggml_dtype.type_size() as u64)
}

/// The beginning of a text that may be anything.
pub(super) fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The head, as far as it has been read.
struct Head<'r, R> {
    reader: &'r mut R,
    position: u64,
    /// Where it must have ended.
    end: u64,
    length: u64,
}

impl<R: Read + Seek> Head<'_, R> {
    fn short(&self) -> Flaw {
        Flaw::invalid(if self.end < self.length {
            format!("more than {MOST_HEAD} bytes are said of the model")
        } else {
            format!("it ends in the middle of what is said of the model: it has {} bytes", self.length)
        })
    }

    /// Takes so many bytes of what is left.
    fn take(&mut self, count: u64) -> Result<(), Flaw> {
        let after = self.position.checked_add(count).filter(|after| *after <= self.end);
        self.position = after.ok_or_else(|| self.short())?;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        self.take(N as u64)?;
        let mut bytes = [0; N];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|error| Flaw::invalid(format!("it cannot be read: {error}")))?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, Flaw> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Flaw> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn count(&mut self, of: &str, most: u64) -> Result<u64, Flaw> {
        let count = self.u64()?;
        if count > most {
            return Err(Flaw::invalid(format!("{count} {of}: {most} is the most")));
        }
        Ok(count)
    }

    fn text(&mut self) -> Result<String, Flaw> {
        let length = self.count("bytes of one text", MOST_TEXT)?;
        self.take(length)?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|error| Flaw::invalid(format!("it cannot be read: {error}")))?;
        // Some words of some models are no UTF-8, and some texts end with a zero.
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned())
    }

    fn value(&mut self, name: &str, kind: u32) -> Result<Value, Flaw> {
        const LIST: u32 = 9;
        if kind != LIST {
            return self.single(kind);
        }
        let kind = self.u32()?;
        let count = self.count("items of one list", MOST_ITEMS)?;
        let kept = LISTS.contains(&name);
        let mut items = Vec::new();
        // Lists of lists are of no use to any model here.
        for _ in 0..count {
            let item = self.single(kind)?;
            if kept {
                items.push(item);
            }
        }
        Ok(Value::Array(items))
    }

    fn single(&mut self, kind: u32) -> Result<Value, Flaw> {
        Ok(match kind {
            0 => Value::U8(u8::from_le_bytes(self.bytes()?)),
            1 => Value::I8(i8::from_le_bytes(self.bytes()?)),
            2 => Value::U16(u16::from_le_bytes(self.bytes()?)),
            3 => Value::I16(i16::from_le_bytes(self.bytes()?)),
            4 => Value::U32(self.u32()?),
            5 => Value::I32(i32::from_le_bytes(self.bytes()?)),
            6 => Value::F32(f32::from_le_bytes(self.bytes()?)),
            7 => Value::Bool(self.bytes::<1>()? != [0]),
            8 => Value::String(self.text()?),
            10 => Value::U64(self.u64()?),
            11 => Value::I64(i64::from_le_bytes(self.bytes()?)),
            12 => Value::F64(f64::from_le_bytes(self.bytes()?)),
            other => return Err(Flaw::invalid(format!("a value of the kind {other}, which there is not"))),
        })
    }

    fn tensor(&mut self, name: &str) -> Result<TensorInfo, Flaw> {
        let name = clip(name);
        let count = self.u32()?;
        if !(1..=MOST_DIMENSIONS).contains(&count) {
            return Err(Flaw::invalid(format!("`{name}` has {count} dimensions")));
        }
        let mut dimensions = Vec::new();
        for _ in 0..count {
            dimensions.push(self.u64()?);
        }
        let whole = dimensions.iter().try_fold(1_u64, |whole, dimension| whole.checked_mul(*dimension));
        if whole.is_none_or(|whole| whole == 0 || whole > self.length.saturating_mul(8)) {
            return Err(Flaw::invalid(format!("`{name}` cannot have the dimensions {dimensions:?}")));
        }
        let ggml_dtype = self.u32().and_then(|kind| number(kind, &name))?;
        let block = ggml_dtype.block_size() as u64;
        // Pairs of blocks are multiplied at once.
        let row = dimensions.first().copied().unwrap_or_default();
        if !row.is_multiple_of(block) || (block == 32 && !row.is_multiple_of(2 * block)) {
            return Err(Flaw::invalid(format!(
                "`{name}` has rows of {row} numbers, which are no whole blocks"
            )));
        }
        let offset = self.u64()?;
        let shape = dimensions.iter().rev().filter_map(|dimension| usize::try_from(*dimension).ok());
        Ok(TensorInfo { ggml_dtype, shape: Shape::from(shape.collect::<Vec<usize>>()), offset })
    }
}

/// The kinds of numbers, as the format counts them.
fn number(kind: u32, name: &str) -> Result<GgmlDType, Flaw> {
    Ok(match kind {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        other => {
            let what = format!(
                "`{name}` has numbers of the kind {other}, which is not known here: use a file of the kind Q4_K_M or Q8_0"
            );
            return Err(Flaw::unsupported(what));
        }
    })
}
