//! What some policies want to know of a span beyond its scalars and named attributes.

use std::ops::Range;

use crate::batch::emptied;
use crate::{UnixNano, Value};

/// What else is read of each span, its events, scope and resource. Nothing, unless asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Details {
    /// [`SpanDetail::status_message`].
    pub status_message: bool,
    /// [`SpanDetail::dropped_attributes`], `dropped_events`, `dropped_links` and `links`.
    pub counts: bool,
    /// [`SpanDetail::attributes`].
    pub attributes: bool,
    /// [`SpanDetail::events`].
    pub events: bool,
    /// [`Event::attributes`]; only together with `events`.
    pub event_attributes: bool,
    /// [`SpanDetail::scope`].
    pub scope: bool,
    /// [`Detailed::resources`].
    pub resource: bool,
}

/// Room for what [`Details`] ask for, in a [`Batch`](crate::Batch).
#[derive(Debug, Default)]
pub struct Detailed<'p> {
    /// One for each span, found by [`Span::detail`](crate::Span::detail); none if no detail of
    /// spans, events or scopes is asked for.
    pub spans: Vec<SpanDetail<'p>>,
    /// Events; spans hold ranges into this.
    pub events: Vec<Event<'p>>,
    /// The `ScopeSpans` messages that hold spans.
    pub scopes: Vec<Scope<'p>>,
    /// One for each of [`Batch::resources`](crate::Batch::resources), if asked for.
    pub resources: Vec<ResourceDetail>,
    /// Values; a forest in the order of the wire, parents before their children.
    pub nodes: Vec<Node<'p>>,
    /// Lists and maps among [`Batch::attributes`](crate::Batch::attributes) that an interest wants
    /// with their items, in order of `attribute`.
    pub trees: Vec<Tree>,
}

/// What else there is of a span. Fields that were not asked for are empty.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SpanDetail<'p> {
    /// `status.message`.
    pub status_message: &'p [u8],
    /// `dropped_attributes_count`.
    pub dropped_attributes: u32,
    /// `dropped_events_count`.
    pub dropped_events: u32,
    /// `dropped_links_count`.
    pub dropped_links: u32,
    /// How many links it has.
    pub links: u32,
    /// All its attributes in [`Detailed::nodes`].
    pub attributes: Range<u32>,
    /// Its events in [`Detailed::events`], in wire order.
    pub events: Range<u32>,
    /// Its scope in [`Detailed::scopes`].
    pub scope: u32,
}

/// An event of a span.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Event<'p> {
    /// `time_unix_nano`.
    pub time: UnixNano,
    /// `name`.
    pub name: &'p [u8],
    /// `dropped_attributes_count`.
    pub dropped_attributes: u32,
    /// All its attributes in [`Detailed::nodes`].
    pub attributes: Range<u32>,
}

/// An instrumentation scope.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scope<'p> {
    /// `name`.
    pub name: &'p [u8],
    /// `version`.
    pub version: &'p [u8],
    /// `dropped_attributes_count`.
    pub dropped_attributes: u32,
    /// All its attributes in [`Detailed::nodes`].
    pub attributes: Range<u32>,
}

/// What else there is of a resource.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResourceDetail {
    /// `dropped_attributes_count`.
    pub dropped_attributes: u32,
    /// All its attributes in [`Detailed::nodes`].
    pub attributes: Range<u32>,
}

/// An attribute's list or map with all that is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    /// The attribute's place in [`Batch::attributes`](crate::Batch::attributes).
    pub attribute: u32,
    /// The place of its value in [`Detailed::nodes`].
    pub node: u32,
}

/// A value with the values in it behind it: the `len` nodes that follow are within this one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Node<'p> {
    /// The key of a map's entry; empty in a list.
    pub key: &'p [u8],
    /// The value; of a list or map that it is one.
    pub value: Value<'p>,
    /// How many nodes are within this one, at any depth.
    pub len: u32,
    /// It lies so deep that what is within it was not read.
    pub is_cut: bool,
}

/// Lists in lists that are read as nodes; what lies deeper is [cut](Node::is_cut). Far beyond what
/// writers nest, and shallow enough to be walked with a call for each level.
pub const NODE_DEPTH_MAX: u32 = 64;

impl Details {
    /// What either asks for.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            status_message: self.status_message | other.status_message,
            counts: self.counts | other.counts,
            attributes: self.attributes | other.attributes,
            events: self.events | other.events,
            event_attributes: self.event_attributes | other.event_attributes,
            scope: self.scope | other.scope,
            resource: self.resource | other.resource,
        }
    }

    /// True if there has to be a [`SpanDetail`] for each span.
    pub fn of_spans(self) -> bool {
        self.status_message | self.counts | self.attributes | self.events | self.scope
    }
}

impl<'p> Detailed<'p> {
    /// The nodes of a range: siblings, each followed by what is within it.
    pub fn nodes_of(&self, range: &Range<u32>) -> &[Node<'p>] {
        &self.nodes[range.start as usize..range.end as usize]
    }

    /// A node with all that is within it.
    pub fn node(&self, place: u32) -> &[Node<'p>] {
        let rest = &self.nodes[place as usize..];
        &rest[..=rest[0].len as usize]
    }

    /// Empties it and frees it from its payload; the vectors keep their capacity.
    pub(crate) fn recycle<'q>(self) -> Detailed<'q> {
        let Self { spans, events, scopes, mut resources, nodes, mut trees } = self;
        resources.clear();
        trees.clear();
        Detailed {
            spans: emptied(spans),
            events: emptied(events),
            scopes: emptied(scopes),
            resources,
            nodes: emptied(nodes),
            trees,
        }
    }

    /// The node of an attribute's list or map, given the attribute's place in
    /// [`Batch::attributes`](crate::Batch::attributes); `None` if nobody asked for it.
    pub fn tree(&self, attribute: u32) -> Option<&[Node<'p>]> {
        let found = self.trees.binary_search_by_key(&attribute, |tree| tree.attribute);
        found.ok().map(|place| self.node(self.trees[place].node))
    }
}

/// The siblings among `nodes`, each with what is within it.
pub fn siblings<'a, 'p>(
    mut nodes: &'a [Node<'p>],
) -> impl Iterator<Item = (&'a Node<'p>, &'a [Node<'p>])> + use<'a, 'p> {
    std::iter::from_fn(move || {
        let (first, rest) = nodes.split_first()?;
        let (within, next) = rest.split_at(first.len as usize);
        nodes = next;
        Some((first, within))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value<'static>, len: u32) -> Node<'static> {
        Node { key: b"", value, len, is_cut: false }
    }

    #[test]
    fn siblings_step_over_what_is_within() {
        let list = Value::Array(b"");
        let nodes = [
            node(list, 3),
            node(list, 1),
            node(Value::Int(1), 0),
            node(Value::Int(2), 0),
            node(Value::Int(3), 0),
        ];
        let seen: Vec<_> =
            siblings(&nodes).map(|(node, within)| (node.value, within.len())).collect();
        assert_eq!(seen, [(list, 3), (Value::Int(3), 0)]);
        let within = siblings(&nodes[1..4]).map(|(_, within)| within.len());
        assert_eq!(within.collect::<Vec<_>>(), [1, 0]);
        assert_eq!(siblings(&[]).count(), 0);
    }

    #[test]
    fn trees_are_found_by_attribute() {
        let detailed = Detailed {
            nodes: vec![
                node(Value::Array(b""), 1),
                node(Value::Int(1), 0),
                node(Value::Map(b""), 0),
            ],
            trees: vec![Tree { attribute: 3, node: 0 }, Tree { attribute: 7, node: 2 }],
            ..Detailed::default()
        };
        assert_eq!(detailed.tree(3).map(<[_]>::len), Some(2));
        assert_eq!(detailed.tree(7).map(<[_]>::len), Some(1));
        assert_eq!(detailed.tree(4), None);
    }
}
