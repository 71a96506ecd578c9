//! What is read only if some policy asks for it: details of spans, scopes and resources, and lists
//! and maps with their items. Each reading is a walk of its own, so that a scan without them is as
//! fast as if they did not exist.

use tailsift_trace::{
    Detailed, Event, NODE_DEPTH_MAX, Node, ResourceDetail, Scope, Span, SpanDetail, TraceId, Tree,
    UnixNano, Value,
};

use super::Walk;
use crate::ScanError;
use crate::attribute::{Pair, merge_any_value};
use crate::fields::{event, list, resource, resource_spans, scope, scope_spans, span, status};
use crate::wire::Cursor;

/// How much of the details there was before a message that may turn out to hold no spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    spans: usize,
    events: usize,
    scopes: usize,
    resources: usize,
    nodes: usize,
    trees: usize,
}

impl Mark {
    #[inline]
    pub(super) fn of(details: &Detailed<'_>) -> Self {
        Self {
            spans: details.spans.len(),
            events: details.events.len(),
            scopes: details.scopes.len(),
            resources: details.resources.len(),
            nodes: details.nodes.len(),
            trees: details.trees.len(),
        }
    }

    /// Forgets what came since.
    pub(super) fn restore(self, details: &mut Detailed<'_>) {
        details.spans.truncate(self.spans);
        details.events.truncate(self.events);
        details.scopes.truncate(self.scopes);
        details.resources.truncate(self.resources);
        details.nodes.truncate(self.nodes);
        details.trees.truncate(self.trees);
    }
}

impl<'p, G: FnMut(TraceId) -> TraceId> Walk<'_, 'p, G> {
    /// `message` is the `ResourceSpans`, as a resource may come in several parts; its named
    /// attributes begin at `attributes`.
    #[inline(never)]
    pub(super) fn more_of_resource(
        &mut self,
        message: Cursor<'p>,
        attributes: usize,
    ) -> Result<(), ScanError> {
        self.trees(message, attributes)?;
        if !self.interest.details().resource {
            return Ok(());
        }
        let nodes = &mut self.batch.detailed.nodes;
        let first = nodes.len() as u32;
        let mut detail = ResourceDetail::default();
        let mut fields = message;
        while !fields.is_empty() {
            match fields.key()? {
                resource_spans::RESOURCE => {
                    read_resource(fields.message()?, nodes, &mut detail.dropped_attributes)?;
                }
                resource_spans::SCOPE_SPANS | resource_spans::SCHEMA_URL => {
                    fields.delimited()?;
                }
                other => fields.skip_unknown(other, resource_spans::KNOWN)?,
            }
        }
        detail.attributes = first..nodes.len() as u32;
        self.batch.detailed.resources.push(detail);
        Ok(())
    }

    /// Reads the scope of a `ScopeSpans`: it may stand behind its spans, and in several parts.
    #[inline(never)]
    pub(super) fn scope(&mut self, message: Cursor<'p>) -> Result<(), ScanError> {
        if !self.interest.details().scope {
            return Ok(());
        }
        let nodes = &mut self.batch.detailed.nodes;
        let first = nodes.len() as u32;
        let mut found = Scope::default();
        let mut fields = message;
        while !fields.is_empty() {
            match fields.key()? {
                scope_spans::SCOPE => read_scope(fields.message()?, nodes, &mut found)?,
                scope_spans::SPANS | scope_spans::SCHEMA_URL => {
                    fields.delimited()?;
                }
                other => fields.skip_unknown(other, scope_spans::KNOWN)?,
            }
        }
        found.attributes = first..nodes.len() as u32;
        self.batch.detailed.scopes.push(found);
        Ok(())
    }

    /// Reads what else is wanted of a span whose scalars and named attributes have been read.
    #[inline(never)]
    pub(super) fn more_of_span(
        &mut self,
        message: Cursor<'p>,
        span: &mut Span<'p>,
    ) -> Result<(), ScanError> {
        self.trees(message, span.attributes.start as usize)?;
        let wanted = self.interest.details();
        if !wanted.of_spans() {
            return Ok(());
        }
        let mut detail = SpanDetail::default();
        if wanted.scope {
            detail.scope = self.batch.detailed.scopes.len() as u32 - 1;
        }
        if wanted.status_message || wanted.counts || wanted.attributes {
            let nodes = &mut self.batch.detailed.nodes;
            let first = nodes.len() as u32;
            read_span(message, wanted.attributes.then_some(&mut *nodes), &mut detail)?;
            detail.attributes = first..nodes.len() as u32;
        }
        if wanted.events {
            let first = self.batch.detailed.events.len() as u32;
            read_events(message, wanted.event_attributes, &mut self.batch.detailed)?;
            detail.events = first..self.batch.detailed.events.len() as u32;
        }
        span.detail = self.batch.detailed.spans.len() as u32;
        self.batch.detailed.spans.push(detail);
        Ok(())
    }

    /// Reads the items of lists and maps among the named attributes from `first` on.
    fn trees(&mut self, within: Cursor<'p>, first: usize) -> Result<(), ScanError> {
        let details = &mut self.batch.detailed;
        for (place, attribute) in self.batch.attributes.iter().enumerate().skip(first) {
            if is_list(attribute.value) && self.interest.wants_tree(attribute.key) {
                let node = details.nodes.len() as u32;
                details.trees.push(Tree { attribute: place as u32, node });
                push_node(b"", attribute.value, 0, within, &mut details.nodes)?;
            }
        }
        Ok(())
    }
}

fn read_resource<'p>(
    mut fields: Cursor<'p>,
    nodes: &mut Vec<Node<'p>>,
    dropped: &mut u32,
) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            resource::ATTRIBUTES => push_attribute(fields.message()?, nodes)?,
            resource::DROPPED_ATTRIBUTES_COUNT => *dropped = fields.varint()? as u32,
            resource::ENTITY_REFS => {
                fields.delimited()?;
            }
            other => fields.skip_unknown(other, resource::KNOWN)?,
        }
    }
    Ok(())
}

fn read_scope<'p>(
    mut fields: Cursor<'p>,
    nodes: &mut Vec<Node<'p>>,
    found: &mut Scope<'p>,
) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            scope::NAME => found.name = fields.delimited()?,
            scope::VERSION => found.version = fields.delimited()?,
            scope::ATTRIBUTES => push_attribute(fields.message()?, nodes)?,
            scope::DROPPED_ATTRIBUTES_COUNT => found.dropped_attributes = fields.varint()? as u32,
            other => fields.skip_unknown(other, scope::KNOWN)?,
        }
    }
    Ok(())
}

/// What was read once already is passed over; `nodes` receives the attributes, if wanted.
fn read_span<'p>(
    mut fields: Cursor<'p>,
    mut nodes: Option<&mut Vec<Node<'p>>>,
    detail: &mut SpanDetail<'p>,
) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            span::STATUS => read_status_message(fields.message()?, &mut detail.status_message)?,
            span::ATTRIBUTES => {
                let message = fields.message()?;
                if let Some(nodes) = &mut nodes {
                    push_attribute(message, nodes)?;
                }
            }
            span::DROPPED_ATTRIBUTES_COUNT => detail.dropped_attributes = fields.varint()? as u32,
            span::DROPPED_EVENTS_COUNT => detail.dropped_events = fields.varint()? as u32,
            span::DROPPED_LINKS_COUNT => detail.dropped_links = fields.varint()? as u32,
            span::LINKS => {
                fields.delimited()?;
                detail.links += 1;
            }
            other => pass_over(&mut fields, other)?,
        }
    }
    Ok(())
}

fn read_events<'p>(
    mut fields: Cursor<'p>,
    with_attributes: bool,
    details: &mut Detailed<'p>,
) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            span::EVENTS => {
                let message = fields.message()?;
                let nodes = &mut details.nodes;
                let first = nodes.len() as u32;
                let mut event = Event::default();
                read_event(message, with_attributes.then_some(&mut *nodes), &mut event)?;
                event.attributes = first..nodes.len() as u32;
                details.events.push(event);
            }
            span::ATTRIBUTES | span::LINKS | span::STATUS => {
                fields.delimited()?;
            }
            span::DROPPED_ATTRIBUTES_COUNT
            | span::DROPPED_EVENTS_COUNT
            | span::DROPPED_LINKS_COUNT => {
                fields.varint()?;
            }
            other => pass_over(&mut fields, other)?,
        }
    }
    Ok(())
}

/// Passes over a field of a span that the scan itself reads.
fn pass_over(fields: &mut Cursor<'_>, key: u32) -> Result<(), ScanError> {
    match key {
        span::TRACE_ID
        | span::SPAN_ID
        | span::TRACE_STATE
        | span::PARENT_SPAN_ID
        | span::NAME
        | span::EVENTS => fields.delimited().map(drop),
        span::KIND => fields.varint().map(drop),
        span::START_TIME | span::END_TIME => fields.fixed64().map(drop),
        span::FLAGS => fields.fixed32().map(drop),
        other => fields.skip_unknown(other, span::KNOWN),
    }
}

fn read_event<'p>(
    mut fields: Cursor<'p>,
    mut nodes: Option<&mut Vec<Node<'p>>>,
    found: &mut Event<'p>,
) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            event::TIME => found.time = UnixNano(fields.fixed64()?),
            event::NAME => found.name = fields.delimited()?,
            event::ATTRIBUTES => {
                let message = fields.message()?;
                if let Some(nodes) = &mut nodes {
                    push_attribute(message, nodes)?;
                }
            }
            event::DROPPED_ATTRIBUTES_COUNT => found.dropped_attributes = fields.varint()? as u32,
            other => fields.skip_unknown(other, event::KNOWN)?,
        }
    }
    Ok(())
}

/// Reads `status.message` over what an earlier `Status` has left.
fn read_status_message<'p>(
    mut fields: Cursor<'p>,
    message: &mut &'p [u8],
) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            status::MESSAGE => *message = fields.delimited()?,
            status::CODE => {
                fields.varint()?;
            }
            other => fields.skip_unknown(other, status::KNOWN)?,
        }
    }
    Ok(())
}

fn push_attribute<'p>(message: Cursor<'p>, nodes: &mut Vec<Node<'p>>) -> Result<(), ScanError> {
    let pair = Pair::read(message)?;
    push_node(pair.key, pair.value()?, 0, message, nodes)
}

/// Appends a value and what is in it. `within` is any message around it, for places in errors.
fn push_node<'p>(
    key: &'p [u8],
    value: Value<'p>,
    depth: u32,
    within: Cursor<'p>,
    nodes: &mut Vec<Node<'p>>,
) -> Result<(), ScanError> {
    let place = nodes.len();
    let is_cut = depth == NODE_DEPTH_MAX && is_list(value);
    nodes.push(Node { key, value, len: 0, is_cut });
    if is_cut {
        return Ok(());
    }
    match value {
        Value::Array(bytes) => each_item(within.within(bytes), |item| {
            let mut value = Value::Empty;
            merge_any_value(item, &mut value)?;
            push_node(b"", value, depth + 1, within, nodes)
        })?,
        Value::Map(bytes) => each_item(within.within(bytes), |item| {
            let pair = Pair::read(item)?;
            push_node(pair.key, pair.value()?, depth + 1, within, nodes)
        })?,
        Value::Empty
        | Value::Text(_)
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Double(_)
        | Value::Bytes(_) => return Ok(()),
    }
    nodes[place].len = (nodes.len() - place - 1) as u32;
    Ok(())
}

fn each_item<'p>(
    mut fields: Cursor<'p>,
    mut read: impl FnMut(Cursor<'p>) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    while !fields.is_empty() {
        match fields.key()? {
            list::VALUES => read(fields.message()?)?,
            other => fields.skip_unknown(other, list::KNOWN)?,
        }
    }
    Ok(())
}

fn is_list(value: Value<'_>) -> bool {
    matches!(value, Value::Array(_) | Value::Map(_))
}
