//! A segment of vectors in memory, and how it is written: a head, the codes, the graph if there is one, the vectors.

use bytes::Bytes;

use super::codes::Codes;
use super::floats::Floats;
use super::graph::Graph;
use super::space::{Metric, Space};
use crate::segments::{Columns, Damage, ItemId, Reading};

const MAGIC: &[u8; 8] = b"ICEVEC01";

/// A segment of vectors.
#[derive(Debug)]
pub struct Segment {
    pub(super) ids: Vec<ItemId>,
    /// The rows in the order of their ids.
    order: Vec<u32>,
    pub(super) columns: Columns,
    pub(super) floats: Floats,
    pub(super) codes: Codes,
    pub(super) graph: Option<Graph>,
    /// Whether numbers are of a size that codes can stand for.
    is_tame: bool,
}

impl Segment {
    /// From the parts that [`Segment::encode`] has made.
    pub(super) fn open(space: &Space, parts: Vec<Bytes>) -> Result<Self, Damage> {
        let absent = |what| Damage { what, at: 0 };
        let mut parts = parts.into_iter();
        let head = parts.next().ok_or_else(|| absent("the head of a segment"))?;
        let mut reading = Reading::new(&head);
        if reading.array::<8>("the head of a segment")? != *MAGIC {
            return Err(absent("the head of a segment of a format that is known"));
        }
        let dimension = reading.count("a dimension")?;
        if dimension != space.dimension.get() {
            return Err(reading.damage("the dimension of the collection"));
        }
        let rows = reading.count("a number of rows")?;
        let has_graph = match reading.u32("whether there is a graph")? {
            0 => false,
            1 => true,
            _ => return Err(reading.damage("whether there is a graph")),
        };
        let ids: Vec<ItemId> =
            reading.pieces::<16>(rows, "an id per row")?.iter().copied().map(ItemId::new).collect();
        let factors = Codes::decode_factors(&mut reading, rows)?;
        let columns = Columns::decode(&mut reading)?;
        reading.end()?;
        if columns.rows() != rows {
            return Err(absent("attributes for each row"));
        }
        let order = sorted(&ids)?;
        let codes = Codes::open(dimension, factors, parts.next().ok_or_else(|| absent("codes"))?)?;
        let graph = match has_graph {
            true => Some(Graph::open(&codes, &parts.next().ok_or_else(|| absent("a graph"))?)?),
            false => None,
        };
        let floats = Floats::open(space.dimension, rows, parts.collect())?;
        let is_tame = codes.are_tame();
        Ok(Self { ids, order, columns, floats, codes, graph, is_tame })
    }

    /// The parts of a segment; `floats` are its vectors as parts already.
    pub(super) fn encode(
        space: &Space,
        ids: &[ItemId],
        columns: &Columns,
        codes: &Codes,
        graph: Option<&Graph>,
        floats: Vec<Bytes>,
    ) -> Vec<Bytes> {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&count(space.dimension.get()));
        head.extend_from_slice(&count(ids.len()));
        head.extend_from_slice(&count(graph.is_some().into()));
        ids.iter().for_each(|id| head.extend_from_slice(&id.bytes()));
        codes.encode_factors(&mut head);
        columns.encode(&mut head);
        let mut parts = vec![head.into(), codes.blob().clone()];
        parts.extend(graph.map(|graph| Bytes::from(graph.encode())));
        parts.extend(floats);
        parts
    }

    /// How many rows it has, the dead ones included.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.floats.rows()
    }

    /// Whether it has a graph.
    #[must_use]
    pub const fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// What it takes in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let graph = self.graph.as_ref().map_or(0, Graph::bytes);
        self.ids.len() * 20 + self.columns.bytes() + self.floats.bytes() + self.codes.bytes() + graph
    }

    pub(super) fn row_of(&self, id: ItemId) -> Option<u32> {
        let id_of = |row: &u32| self.ids.get(*row as usize).copied();
        let place = self.order.binary_search_by(|row| id_of(row).cmp(&Some(id))).ok()?;
        self.order.get(place).copied()
    }

    pub(super) const fn is_tame(&self) -> bool {
        self.is_tame
    }
}

/// Whether a graph leads to the nearest by a metric: by products only if all vectors are as long as each other.
pub(super) fn may_have_graph(metric: Metric, codes: &Codes) -> bool {
    codes.are_tame()
        && match metric {
            Metric::Cosine | Metric::Euclidean => true,
            Metric::Dot => codes.are_even(),
        }
}

/// The rows in the order of their ids, each of which is there once.
fn sorted(ids: &[ItemId]) -> Result<Vec<u32>, Damage> {
    let mut order: Vec<u32> = (0_u32..).zip(ids).map(|(row, _)| row).collect();
    let id_of = |row: &u32| ids.get(*row as usize).copied();
    order.sort_by_key(id_of);
    let is_once = order.is_sorted_by(|one, other| id_of(one) < id_of(other));
    if is_once { Ok(order) } else { Err(Damage { what: "ids that are there once", at: 0 }) }
}
