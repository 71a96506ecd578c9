//! Values of expressions, mostly borrowed from a span or from the condition itself.

use std::borrow::Cow;

use tailsift_trace::{Node, SpanId, TraceId, Value, siblings};

/// A condition, or a part of one, cannot be answered for this span: what the language calls an
/// error at run time. Why is of no use to a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Failure;

pub(super) type Answer<T> = Result<T, Failure>;

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Val<'v> {
    /// Missing or empty.
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'v, [u8]>),
    Bytes(Cow<'v, [u8]>),
    /// Nanoseconds since the epoch.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
    /// Zeros for none.
    TraceId(TraceId),
    /// Zeros for none.
    SpanId(SpanId),
    List(Items<'v>),
    Map(Items<'v>),
}

/// What is in a list or a map.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Items<'v> {
    /// Of an attribute.
    Nodes(&'v [Node<'v>]),
    /// Of the condition.
    Shared(&'v [Item<'v>]),
    /// Made by a function.
    Owned(Vec<Item<'v>>),
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Item<'v> {
    /// Of a map; empty in a list.
    pub(super) key: Cow<'v, [u8]>,
    pub(super) value: Val<'v>,
}

impl<'v> Val<'v> {
    pub(super) fn text(text: impl Into<Cow<'v, [u8]>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn list(values: impl IntoIterator<Item = Self>) -> Self {
        let item = |value| Item { key: Cow::Borrowed(&b""[..]), value };
        Self::List(Items::Owned(values.into_iter().map(item).collect()))
    }

    /// The value of a node, given what is within it.
    ///
    /// # Errors
    /// If it lies too deep to have been read.
    pub(super) fn of_node(node: &Node<'v>, within: &'v [Node<'v>]) -> Answer<Self> {
        if node.is_cut {
            return Err(Failure);
        }
        Ok(match node.value {
            Value::Array(_) => Self::List(Items::Nodes(within)),
            Value::Map(_) => Self::Map(Items::Nodes(within)),
            Value::Empty => Self::Nil,
            Value::Text(text) => Self::text(text),
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Double(value) => Self::Double(value),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
        })
    }

    /// The same value, borrowed.
    pub(super) fn view(&self) -> Val<'_> {
        match self {
            Self::Nil => Val::Nil,
            Self::Bool(value) => Val::Bool(*value),
            Self::Int(value) => Val::Int(*value),
            Self::Double(value) => Val::Double(*value),
            Self::Text(text) => Val::Text(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Val::Bytes(Cow::Borrowed(bytes)),
            Self::Time(value) => Val::Time(*value),
            Self::Duration(value) => Val::Duration(*value),
            Self::TraceId(id) => Val::TraceId(*id),
            Self::SpanId(id) => Val::SpanId(*id),
            Self::List(items) => Val::List(items.view()),
            Self::Map(items) => Val::Map(items.view()),
        }
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// What stands under a key: of a map its text, of a list its place. `None` if a map has none.
    ///
    /// # Errors
    /// If this has no such keys, or a list is shorter.
    pub(super) fn at(self, key: &Val<'_>) -> Answer<Option<Self>> {
        match (self, key) {
            (Self::Map(items), Val::Text(key)) => items.find(key),
            (Self::List(items), Val::Int(place)) => {
                let place = usize::try_from(*place).map_err(|_| Failure)?;
                items.nth(place)?.map(Some).ok_or(Failure)
            }
            (_, _) => Err(Failure),
        }
    }
}

impl<'v> Items<'v> {
    pub(super) fn view(&self) -> Items<'_> {
        match self {
            Self::Nodes(nodes) => Items::Nodes(nodes),
            Self::Shared(items) => Items::Shared(items),
            Self::Owned(items) => Items::Shared(items),
        }
    }

    /// Keys and values in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Answer<(&[u8], Val<'_>)>> {
        let (nodes, items) = match self {
            Self::Nodes(nodes) => (*nodes, &[][..]),
            Self::Shared(items) => (&[][..], *items),
            Self::Owned(items) => (&[][..], &**items),
        };
        let nodes =
            siblings(nodes).map(|(node, within)| Ok((node.key, Val::of_node(node, within)?)));
        nodes.chain(items.iter().map(|item| Ok((&*item.key, item.value.view()))))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nodes(nodes) => siblings(nodes).count(),
            Self::Shared(items) => items.len(),
            Self::Owned(items) => items.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Nodes(nodes) => nodes.is_empty(),
            Self::Shared(items) => items.is_empty(),
            Self::Owned(items) => items.is_empty(),
        }
    }

    /// The first value under a key.
    fn find(self, key: &[u8]) -> Answer<Option<Val<'v>>> {
        match self {
            Self::Nodes(nodes) => siblings(nodes)
                .find(|(node, _)| node.key == key)
                .map(|(node, within)| Val::of_node(node, within))
                .transpose(),
            Self::Shared(items) => {
                Ok(items.iter().find(|item| *item.key == *key).map(|item| item.value.view()))
            }
            Self::Owned(items) => {
                Ok(items.into_iter().find(|item| *item.key == *key).map(|item| item.value))
            }
        }
    }

    /// The first value that is not nil; nil without one.
    pub(super) fn first_present(self) -> Answer<Val<'v>> {
        let mut values: Box<dyn Iterator<Item = Answer<Val<'v>>> + 'v> = match self {
            Self::Nodes(nodes) => {
                Box::new(siblings(nodes).map(|(node, within)| Val::of_node(node, within)))
            }
            Self::Shared(items) => Box::new(items.iter().map(|item| Ok(item.value.view()))),
            Self::Owned(items) => Box::new(items.into_iter().map(|item| Ok(item.value))),
        };
        let found = values.find(|value| value.as_ref().map_or(true, |value| !value.is_nil()));
        found.unwrap_or(Ok(Val::Nil))
    }

    fn nth(self, place: usize) -> Answer<Option<Val<'v>>> {
        match self {
            Self::Nodes(nodes) => siblings(nodes)
                .nth(place)
                .map(|(node, within)| Val::of_node(node, within))
                .transpose(),
            Self::Shared(items) => Ok(items.get(place).map(|item| item.value.view())),
            Self::Owned(items) => Ok(items.into_iter().nth(place).map(|item| item.value)),
        }
    }
}
