//! A segment from others and from items.

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::build::{build, without};
use super::codes::Coding;
use super::floats::Floats;
use super::item::Row;
use super::payload::Vectors;
use super::segment::{Segment, may_have_graph};
use crate::segments::{Columns, ItemId, Source};

/// From so many rows on a segment has a graph: below, looking at all codes takes no longer.
pub(super) const GRAPH_ROWS: usize = 8_192;
/// A graph of which a larger part is dead, one in so many, is built anew.
const DEAD_IN_GRAPH: usize = 4;

pub(super) fn merge(
    vectors: &Vectors,
    from: &[Source<'_, Segment>],
    items: &[(ItemId, &Row)],
    cancel: &CancellationToken,
) -> Vec<Bytes> {
    // The rows of the largest graph come first: they keep their links.
    let mut from: Vec<&Source<'_, Segment>> = from.iter().collect();
    from.sort_by_key(|source| std::cmp::Reverse(kept_links(source)));
    let dimension = vectors.space.dimension.get();
    let rows = from.iter().map(|source| alive(source)).sum::<usize>() + items.len();

    let (mut ids, mut columns, mut codes) =
        (Vec::with_capacity(rows), Columns::default(), Coding::new(dimension, rows));
    let mut places = Vec::new();
    for source in &from {
        columns.append(&source.segment.columns, source.dead);
        let mut of_source = Vec::new();
        for (row, id) in (0_u32..).zip(&source.segment.ids) {
            let is_alive = !source.dead.contains(row);
            of_source.push(is_alive.then(|| u32::try_from(ids.len()).unwrap_or(u32::MAX)));
            if is_alive {
                ids.push(*id);
                codes.copy(&source.segment.codes, row);
            }
        }
        places.push(of_source);
    }
    for (id, row) in items {
        ids.push(*id);
        columns.push(&row.attributes);
        codes.push(row.vector.numbers());
    }
    let codes = codes.finish();

    let graph = (rows >= vectors.graph_rows && may_have_graph(vectors.space.metric, &codes)).then(|| {
        let first = from.first().zip(places.first()).filter(|(source, _)| kept_links(source) > 0);
        let links = first.and_then(|(source, places)| {
            let graph = source.segment.graph.as_ref()?;
            Some(without(&source.segment.codes, graph, places, vectors.threads))
        });
        build(&codes, links.unwrap_or_default(), vectors.threads, cancel)
    });
    let old = from.iter().flat_map(|source| {
        let rows = (0_u32..).take(source.segment.rows()).filter(|row| !source.dead.contains(*row));
        rows.filter_map(|row| source.segment.floats.row(row))
    });
    let floats =
        Floats::encode(vectors.space.dimension, old.chain(items.iter().map(|(_, row)| row.vector.numbers())));
    Segment::encode(&vectors.space, &ids, &columns, &codes, graph.as_ref(), floats)
}

fn alive(source: &Source<'_, Segment>) -> usize {
    source.dead.length() - source.dead.count()
}

/// How many rows keep their links, if it is worth keeping them.
fn kept_links(source: &Source<'_, Segment>) -> usize {
    let is_worth = source.segment.has_graph() && source.dead.count() * DEAD_IN_GRAPH <= source.dead.length();
    if is_worth { alive(source) } else { 0 }
}
