//! Values as keys want them, with all that is refused and all that is read otherwise than it looks.

use super::go::{self, Typed, typed};
use super::{Matter, Note};
use crate::error::{ConfigError, Origin};
use crate::node::{Entry, Form, Node, Place, Scalar, Value};
use crate::suggest::nearest;

/// What has been found so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) errors: Vec<ConfigError>,
    pub(super) notes: Vec<Note>,
}

impl Reader {
    pub(super) fn refuse(&mut self, place: Place, path: &str, message: impl Into<String>) {
        self.errors.push(ConfigError::new(Origin::of(place), path, message));
    }

    /// Something that tailsift does otherwise.
    pub(super) fn differs(
        &mut self,
        place: Place,
        path: &str,
        collector: impl Into<String>,
        tailsift: impl Into<String>,
    ) {
        self.note(Matter::Difference, place, path, collector.into(), tailsift.into());
    }

    /// Something that is done as the Collector does it, and is probably not meant.
    pub(super) fn warn(&mut self, place: Place, path: &str, collector: impl Into<String>) {
        self.note(Matter::Warning, place, path, collector.into(), "does the same".to_owned());
    }

    fn note(
        &mut self,
        matter: Matter,
        place: Place,
        path: &str,
        collector: String,
        tailsift: String,
    ) {
        let (origin, path) = (Origin::of(place), path.to_owned());
        self.notes.push(Note { matter, origin, path, collector, tailsift });
    }

    fn expected<T>(&mut self, what: &str, node: &Node, path: &str) -> Option<T> {
        self.refuse(node.place, path, format!("expected {what}, got {}", node.given()));
        None
    }

    /// Text; nothing is "".
    pub(super) fn text(&mut self, node: &Node, path: &str) -> Option<Node> {
        if let Value::Scalar(Scalar { text, form }) = &node.value
            && matches!(form, Form::Filled(_))
        {
            return Some(text_node(text, node));
        }
        match typed(node) {
            Typed::Null => Some(text_node("", node)),
            Typed::Text(text) => Some(text_node(text, node)),
            Typed::Broken => None,
            Typed::Integer(_) | Typed::Float(_) => {
                self.expected("text (a number needs quotes to be text)", node, path)
            }
            Typed::Boolean(_) => {
                self.expected("text (a truth value needs quotes to be text)", node, path)
            }
            Typed::List | Typed::Map => self.expected("text", node, path),
        }
    }

    pub(super) fn boolean(&mut self, node: &Node, path: &str) -> Option<Node> {
        match typed(node) {
            Typed::Null => Some(number_node("false".into(), node)),
            Typed::Boolean(value) => Some(number_node(value.to_string(), node)),
            Typed::Broken => None,
            Typed::Integer(_) | Typed::Float(_) | Typed::Text(_) | Typed::List | Typed::Map => {
                self.expected("true or false without quotes", node, path)
            }
        }
    }

    /// A whole number within bounds; fractions are cut toward zero.
    pub(super) fn integer(
        &mut self,
        node: &Node,
        path: &str,
        min: i128,
        max: i128,
    ) -> Option<i128> {
        let value = match typed(node) {
            Typed::Null => 0,
            Typed::Integer(value) => value,
            Typed::Float(value) if value.is_finite() && value.abs() < 1e30 => {
                let cut = value.trunc() as i128;
                if value.fract() != 0.0 {
                    let collector = format!("cuts {} to {cut}", node.given());
                    self.differs(node.place, path, collector, format!("reads {cut}"));
                }
                cut
            }
            Typed::Broken => return None,
            Typed::Text(_) => {
                return self.expected("a whole number without quotes or unit", node, path);
            }
            Typed::Float(_) | Typed::Boolean(_) | Typed::List | Typed::Map => {
                return self.expected("a whole number", node, path);
            }
        };
        if (min..=max).contains(&value) {
            return Some(value);
        }
        let what = if value < 0 && min == 0 {
            format!("a whole number from 0 to {max}")
        } else {
            format!("a whole number from {min} to {max} (the Collector would wrap it around)")
        };
        self.expected(&what, node, path)
    }

    pub(super) fn float(&mut self, node: &Node, path: &str) -> Option<Node> {
        match typed(node) {
            Typed::Null => Some(number_node("0".into(), node)),
            Typed::Integer(value) => Some(number_node(value.to_string(), node)),
            Typed::Float(value) if value.is_finite() => Some(number_node(value.to_string(), node)),
            Typed::Broken => None,
            Typed::Text(_) => self.expected("a number without quotes or unit", node, path),
            Typed::Float(_) | Typed::Boolean(_) | Typed::List | Typed::Map => {
                self.expected("a finite number", node, path)
            }
        }
    }

    /// A list of texts; one text is split at commas, as the Collector does.
    pub(super) fn texts(&mut self, node: &Node, path: &str) -> Option<Node> {
        let split = |text: &str| -> Vec<Node> {
            if text.is_empty() {
                return Vec::new();
            }
            text.split(',').map(|part| part_node(part, node)).collect()
        };
        let items = match (&node.value, typed(node)) {
            (Value::Scalar(Scalar { text, form: Form::Filled(_) }), Typed::Text(_)) => split(text),
            (_, Typed::Null) => Vec::new(),
            (_, Typed::Text(text)) => split(text),
            (_, Typed::List) => {
                let read = |(index, item)| self.text(item, &format!("{path}[{index}]"));
                // All of them, so that every error is found.
                let items: Vec<_> = go::items(node).iter().enumerate().map(read).collect();
                items.into_iter().collect::<Option<_>>()?
            }
            (_, Typed::Broken) => return None,
            (_, Typed::Integer(_) | Typed::Float(_) | Typed::Boolean(_) | Typed::Map) => {
                return self.expected("a list of texts", node, path);
            }
        };
        if !matches!(node.value, Value::List(_) | Value::Null) {
            let collector = format!(
                "splits a text that stands for a list at its commas, here into {}",
                items.len()
            );
            self.differs(node.place, path, collector, "is given the list itself");
        }
        Some(Node { value: Value::List(items), place: node.place })
    }

    pub(super) fn error_mode(&mut self, node: &Node, path: &str) -> Option<Node> {
        const MODES: [&str; 3] = ["ignore", "silent", "propagate"];
        let text = self.text(node, path)?;
        let Value::Scalar(scalar) = &text.value else { return None };
        let lower = scalar.text.to_lowercase();
        if MODES.contains(&lower.as_str()) {
            return Some(text_node(&lower, &text));
        }
        self.expected("ignore, silent or propagate", node, path)
    }

    /// Nanoseconds.
    pub(super) fn duration(&mut self, node: &Node, path: &str) -> Option<i64> {
        const WHAT: &str = "a duration with units (ns, us, ms, s, m, h) such as 30s or 1m30s";
        match typed(node) {
            Typed::Text(text) => match go::duration(text) {
                Some(nanos) => Some(nanos),
                None => self.expected(WHAT, node, path),
            },
            Typed::Null => Some(0),
            Typed::Integer(_) | Typed::Float(_) => {
                let nanos = self.integer(node, path, i64::MIN.into(), i64::MAX.into())?;
                let collector = format!("takes a number without a unit, {nanos}, for nanoseconds");
                self.warn(node.place, path, collector);
                i64::try_from(nanos).ok()
            }
            Typed::Broken => None,
            Typed::Boolean(_) | Typed::List | Typed::Map => self.expected(WHAT, node, path),
        }
    }

    /// The entries of a mapping; nothing is an empty one.
    pub(super) fn map<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n [Entry]> {
        match typed(node) {
            Typed::Null | Typed::Map => Some(go::entries(node)),
            Typed::Broken => None,
            Typed::Boolean(_)
            | Typed::Integer(_)
            | Typed::Float(_)
            | Typed::Text(_)
            | Typed::List => self.expected("a mapping", node, path),
        }
    }

    /// The items of a list of mappings; nothing is an empty one.
    pub(super) fn list<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n [Node]> {
        match typed(node) {
            Typed::Null | Typed::List => Some(go::items(node)),
            Typed::Broken => None,
            Typed::Boolean(_)
            | Typed::Integer(_)
            | Typed::Float(_)
            | Typed::Text(_)
            | Typed::Map => self.expected("a list", node, path),
        }
    }
}

/// Why a key is none of these, and which it could be.
pub(super) fn unknown(key: &str, names: impl Iterator<Item = &'static str> + Clone) -> String {
    let known = names.clone().collect::<Vec<_>>().join(", ");
    match nearest(key, names) {
        Some(meant) => {
            format!("the Collector knows no such key here: did you mean {meant}? It knows {known}")
        }
        None => format!("the Collector knows no such key here: it knows {known}"),
    }
}

/// A text, which may have been filled in.
pub(super) fn text_node(text: &str, from: &Node) -> Node {
    let form = match &from.value {
        Value::Scalar(Scalar { form: Form::Filled(references), .. })
        | Value::Scalar(Scalar { form: Form::FilledText(references), .. }) => {
            Form::FilledText(references.clone())
        }
        Value::Scalar(_) | Value::Null | Value::List(_) | Value::Map(_) | Value::Broken => {
            Form::Quoted
        }
    };
    Node { value: Value::Scalar(Scalar { text: text.to_owned(), form }), place: from.place }
}

/// A piece of a text: a reference no longer stands for it.
fn part_node(text: &str, from: &Node) -> Node {
    let mut node = text_node(text, from);
    if let Value::Scalar(Scalar { form: Form::FilledText(references), .. }) = &mut node.value
        && references.len() == 1
    {
        references.push(super::expand::ITEMS.to_owned());
    }
    node
}

/// A number or truth value, which may have been filled in.
pub(super) fn number_node(text: String, from: &Node) -> Node {
    let form = match &from.value {
        Value::Scalar(Scalar { form: Form::Filled(references), text: written }) => {
            // A reference may stand for a value that is as it came.
            let mut references = references.clone();
            if *written != text && references.len() == 1 {
                references.push(super::expand::ITEMS.to_owned());
            }
            Form::Filled(references)
        }
        Value::Scalar(_) | Value::Null | Value::List(_) | Value::Map(_) | Value::Broken => {
            Form::Plain
        }
    };
    Node { value: Value::Scalar(Scalar { text, form }), place: from.place }
}
