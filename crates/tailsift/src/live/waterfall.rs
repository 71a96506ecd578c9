//! A trace's spans as a tree, in the order in which a waterfall draws them.

use std::collections::HashMap;
use std::mem::take;

use serde::Serialize;
use tailsift_otlp::DetailedSpan;
use tailsift_trace::{SpanId, StatusCode, UnixNano};

/// Rows of a waterfall; nobody reads further, and it bounds the answer.
pub(crate) const ROWS_MAX: usize = 10_000;

/// The rows, parents before children, siblings by start time.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Waterfall {
    rows: Vec<Row>,
    #[serde(skip)]
    left_out: usize,
}

/// One span.
#[derive(Serialize)]
struct Row {
    /// Ancestors that are in the trace.
    depth: usize,
    span_id: Option<String>,
    /// The parent that the span names, whether it is in the trace or not.
    parent: Option<String>,
    /// The span names a parent that is not in the trace.
    parent_missing: bool,
    service: String,
    scope: String,
    name: String,
    kind: String,
    /// Start since the trace's earliest start; null if the span has none.
    offset_ms: Option<f64>,
    /// Null if the span has no start or no end; negative if it ends before it starts.
    duration_ms: Option<f64>,
    status: String,
    status_message: String,
    attributes: Vec<Attribute>,
    events: Vec<Event>,
}

#[derive(Serialize)]
struct Attribute {
    key: String,
    value: String,
}

#[derive(Serialize)]
struct Event {
    offset_ms: Option<f64>,
    name: String,
    attributes: Vec<Attribute>,
}

impl Waterfall {
    /// Orders spans that came in any order.
    ///
    /// Every span has a row: one whose parent is not there stands at the top, and so does the
    /// earliest of spans that are each other's ancestors.
    pub(crate) fn new(mut spans: Vec<DetailedSpan>) -> Self {
        let origin = spans.iter().map(|span| span.start).filter(|start| start.0 != 0).min();
        let tree = Tree::new(&spans);
        let order = tree.order();
        let left_out = order.len().saturating_sub(ROWS_MAX);
        let rows = order.into_iter().take(ROWS_MAX);
        let rows = rows.map(|(index, depth)| {
            let parent_missing = tree.parents[index].is_none();
            row(take(&mut spans[index]), depth, parent_missing, origin)
        });
        Self { rows: rows.collect(), left_out }
    }

    /// How many rows are not there, if any.
    pub(crate) fn left_out(&self) -> Option<usize> {
        Some(self.left_out).filter(|left_out| *left_out > 0)
    }
}

/// Who is whose child, by index.
struct Tree {
    parents: Vec<Option<usize>>,
    /// Children in the order of their starts.
    children: Vec<Vec<usize>>,
    /// All spans in the order of their starts.
    by_start: Vec<usize>,
}

impl Tree {
    fn new(spans: &[DetailedSpan]) -> Self {
        let mut places: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            if let Some(id) = span.span_id {
                // Of spans that came twice the first one has the children.
                places.entry(id).or_insert(index);
            }
        }
        let parent = |span: &DetailedSpan| places.get(&span.parent_span_id?).copied();
        let parents: Vec<_> = spans.iter().map(parent).collect();
        let mut by_start: Vec<usize> = (0..spans.len()).collect();
        by_start.sort_by_key(|index| spans[*index].start);
        let mut children = vec![Vec::new(); spans.len()];
        for index in &by_start {
            if let Some(parent) = parents[*index] {
                children[parent].push(*index);
            }
        }
        Self { parents, children, by_start }
    }

    /// Indices and depths, parents before children. Iterative: a chain may be as long as the trace.
    fn order(&self) -> Vec<(usize, usize)> {
        let mut order = Vec::with_capacity(self.by_start.len());
        let mut placed = vec![false; self.by_start.len()];
        let roots = self.by_start.iter().filter(|index| self.parents[**index].is_none());
        // What no root leads to is part of a cycle, or hangs below one.
        for root in roots.chain(&self.by_start) {
            let mut stack = vec![(*root, 0)];
            while let Some((index, depth)) = stack.pop() {
                if placed[index] {
                    continue;
                }
                placed[index] = true;
                order.push((index, depth));
                let children = self.children[index].iter().rev();
                stack.extend(children.map(|child| (*child, depth + 1)));
            }
        }
        order
    }
}

fn row(span: DetailedSpan, depth: usize, no_parent_here: bool, origin: Option<UnixNano>) -> Row {
    let timed = span.start.0 != 0 && span.end.0 != 0;
    let offset =
        |time: UnixNano| origin.filter(|_| time.0 != 0).map(|origin| milliseconds(origin, time));
    let events = span.events.into_iter().map(|event| Event {
        offset_ms: offset(event.time),
        name: event.name,
        attributes: attributes(event.attributes),
    });
    Row {
        depth,
        span_id: span.span_id.map(|id| id.to_string()),
        parent_missing: no_parent_here && span.parent_span_id.is_some(),
        parent: span.parent_span_id.map(|id| id.to_string()),
        service: span.service,
        scope: span.scope,
        name: span.name,
        kind: kind_name(span.kind),
        offset_ms: offset(span.start),
        duration_ms: timed.then(|| milliseconds(span.start, span.end)),
        status: status_name(span.status),
        status_message: span.status_message,
        attributes: attributes(span.attributes),
        events: events.collect(),
    }
}

fn attributes(pairs: Vec<(String, String)>) -> Vec<Attribute> {
    pairs.into_iter().map(|(key, value)| Attribute { key, value }).collect()
}

fn milliseconds(from: UnixNano, to: UnixNano) -> f64 {
    (i128::from(to.0) - i128::from(from.0)) as f64 / 1e6
}

fn kind_name(kind: i32) -> String {
    let name = match kind {
        0 => "unspecified",
        1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        other => return other.to_string(),
    };
    name.to_owned()
}

fn status_name(status: StatusCode) -> String {
    let name = match status {
        StatusCode::UNSET => "unset",
        StatusCode::OK => "ok",
        StatusCode::ERROR => "error",
        StatusCode(other) => return other.to_string(),
    };
    name.to_owned()
}
