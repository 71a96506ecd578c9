//! How a waiting trace's spans hang together, as far as its completion asks.

use tailsift_trace::{Millis, SpanId};

use crate::edges::{EdgeId, Edges};
use crate::slab::Key;

/// Of so many spans, those included that are only named as parents, a trace's structure is known.
/// A larger one is never complete.
const NODES_MAX: usize = 4096;
/// So many need no memory of their own.
const NODES_INLINE: usize = 8;

/// What is kept of a trace: its spans, and whom they name.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    /// `None` in a slot that is free.
    key: Option<Key>,
    nodes: Nodes,
    is_too_large: bool,
    /// How often the trace was filed as quiet from then on and has not come up.
    filed: u32,
    /// When it comes up last, if that is known.
    due: Option<Millis>,
}

/// A span that came, or that others name as their parent.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    id: u64,
    /// Bits, and above them the edge of which the other end is waited for: a call's to its child,
    /// or, of a span that has not come, that from a child to it.
    mark: u64,
}

const CAME: u64 = 1;
const HAS_CHILD: u64 = 2;
/// Named as a parent that is not remote.
const IS_LOCAL: u64 = 4;
const HAS_EDGE: u64 = 8;
const BITS: u32 = EdgeId::SPARE_BITS;

impl Node {
    fn edge(&self) -> EdgeId {
        EdgeId::of(self.mark >> BITS)
    }
}

/// A parent as its child tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    /// In the same process, for all that is known.
    Local,
    /// In another one, waited for if those at the end of this edge usually come.
    Usual(EdgeId),
    /// In another one, not waited for.
    Elsewhere,
}

/// What a span's coming is to its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coming {
    /// It is new, and other spans have named it as their parent or not.
    First { has_child: bool },
    /// It came before, or there are too many.
    Again,
}

impl Structure {
    /// Of a trace of which nothing has come yet.
    pub(crate) fn of(key: Key) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    pub(crate) fn is_of(&self, key: Key) -> bool {
        self.key == Some(key)
    }

    /// The trace is quiet from now on and to come up at `due`. False if it comes up then anyway.
    pub(crate) fn file(&mut self, due: Option<Millis>) -> bool {
        let is_filed = self.filed > 0 && due.is_some() && due == self.due;
        if !is_filed {
            self.filed += 1;
            self.due = due;
        }
        !is_filed
    }

    /// It comes up. False if more of it has come since it was filed.
    pub(crate) fn comes_up(&mut self) -> bool {
        self.filed = self.filed.saturating_sub(1);
        self.filed == 0
    }

    /// A span came; `edge` is the one to its child, if it is a call.
    pub(crate) fn come(&mut self, id: SpanId, edge: Option<EdgeId>) -> Coming {
        let Some(node) = self.node(id) else { return Coming::Again };
        if node.mark & CAME != 0 {
            return Coming::Again;
        }
        let has_child = node.mark & HAS_CHILD != 0;
        node.mark = CAME | node.mark & HAS_CHILD | mark(edge);
        Coming::First { has_child }
    }

    /// A span names its parent. True if that has come.
    pub(crate) fn name(&mut self, id: SpanId, parent: Parent) -> bool {
        let Some(node) = self.node(id) else { return false };
        node.mark |= HAS_CHILD;
        if node.mark & CAME != 0 {
            return true;
        }
        match parent {
            Parent::Local => node.mark |= IS_LOCAL,
            // Of several edges that lead to it, always the same one, whoever comes first.
            Parent::Usual(edge) if node.mark & HAS_EDGE == 0 || edge < node.edge() => {
                node.mark = node.mark & (HAS_CHILD | IS_LOCAL) | mark(Some(edge));
            }
            Parent::Usual(_) | Parent::Elsewhere => {}
        }
        false
    }

    /// True if nothing is waited for: no parent, and no child of a call.
    pub(crate) fn is_complete(&self, edges: &Edges) -> bool {
        let is_usual = |node: &Node| node.mark & HAS_EDGE != 0 && edges.is_usual(node.edge());
        let waits = |node: &Node| match node.mark & CAME != 0 {
            true => node.mark & HAS_CHILD == 0 && is_usual(node),
            false => node.mark & IS_LOCAL != 0 || is_usual(node),
        };
        !self.is_too_large && !self.nodes.as_slice().iter().any(waits)
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// Bytes on the heap beyond the struct itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.nodes {
            Nodes::Inline { .. } => 0,
            Nodes::Heap(nodes) => nodes.capacity() * size_of::<Node>(),
        }
    }

    fn node(&mut self, id: SpanId) -> Option<&mut Node> {
        if self.is_too_large {
            return None;
        }
        let id = u64::from_be_bytes(id.0);
        let nodes = self.nodes.as_slice();
        let place = match nodes.binary_search_by_key(&id, |node| node.id) {
            Ok(place) => place,
            Err(_) if nodes.len() == NODES_MAX => {
                self.nodes = Nodes::default();
                self.is_too_large = true;
                return None;
            }
            Err(place) => {
                self.nodes.insert(place, Node { id, mark: 0 });
                place
            }
        };
        Some(&mut self.nodes.as_mut_slice()[place])
    }
}

fn mark(edge: Option<EdgeId>) -> u64 {
    edge.map_or(0, |edge| edge.number() << BITS | HAS_EDGE)
}

/// Sorted by ID.
#[derive(Debug)]
enum Nodes {
    Inline { len: u8, nodes: [Node; NODES_INLINE] },
    Heap(Vec<Node>),
}

impl Default for Nodes {
    fn default() -> Self {
        Self::Inline { len: 0, nodes: Default::default() }
    }
}

impl Nodes {
    fn as_slice(&self) -> &[Node] {
        match self {
            Self::Inline { len, nodes } => &nodes[..usize::from(*len)],
            Self::Heap(nodes) => nodes,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Node] {
        match self {
            Self::Inline { len, nodes } => &mut nodes[..usize::from(*len)],
            Self::Heap(nodes) => nodes,
        }
    }

    fn insert(&mut self, place: usize, node: Node) {
        match self {
            Self::Inline { len, nodes } if usize::from(*len) < NODES_INLINE => {
                nodes.copy_within(place..usize::from(*len), place + 1);
                nodes[place] = node;
                *len += 1;
            }
            Self::Inline { .. } => {
                let mut nodes = Vec::with_capacity(2 * NODES_INLINE);
                nodes.extend_from_slice(self.as_slice());
                nodes.insert(place, node);
                *self = Self::Heap(nodes);
            }
            Self::Heap(nodes) => nodes.insert(place, node),
        }
    }
}

#[cfg(test)]
mod tests;
