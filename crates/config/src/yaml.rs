//! YAML text to a tree of [`Node`]s, within bounds.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag, options};

use crate::error::{ConfigError, Origin};
use crate::node::{Entry, Form, Node, Place, Scalar, Value, join};

/// The longest text that is read, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;
/// The deepest nesting, aliases expanded.
const DEPTH_MAX: usize = 64;
/// The most memory that a tree may take, aliases expanded: bytes of text, and so much per node.
const WEIGHT_MAX: usize = 16 << 20;
const NODE_WEIGHT: usize = 32;
/// The most keys of one mapping.
const KEYS_MAX: usize = 4096;

/// A document that could be read.
pub(crate) struct Document {
    pub(crate) root: Node,
    /// Repeated keys, of which the first was taken.
    pub(crate) errors: Vec<ConfigError>,
}

/// Reads one document.
///
/// # Errors
/// What makes it unreadable, after the repeated keys before it.
pub(crate) fn parse(text: &str) -> Result<Document, Vec<ConfigError>> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("at most {TEXT_BYTES_MAX} bytes are read, got {}", text.len());
        return Err(vec![ConfigError::new(Origin::Nowhere, "", message)]);
    }
    let options = options! {
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let outcome = match next {
            Ok((event, span)) => builder.handle(event, &span),
            Err(error) => Err(syntax(&error, text)),
        };
        if let Err(error) = outcome {
            builder.errors.push(error);
            return Err(builder.errors);
        }
    }
    let place = Place::Lines { first: 1, last: 1 };
    let root = builder.root.unwrap_or(Node { value: Value::Null, place });
    Ok(Document { root, errors: builder.errors })
}

fn syntax(error: &ScanError, text: &str) -> ConfigError {
    let line = error.marker().line();
    let mut message = format!("is not YAML: {}", error.info());
    let source = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    if source.contains("${") && source.contains(['{', '[', '}', ']']) {
        message.push_str("; within { } and [ ] put references such as \"${env:NAME}\" in quotes");
    }
    if source.contains('\t') {
        message.push_str("; indent with spaces, not tabs");
    }
    ConfigError::new(Origin::Line(clamp(line)), "", message)
}

/// Puts events together.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    /// Complete nodes with an anchor, and their depths.
    anchored: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    weight: usize,
    documents: usize,
    errors: Vec<ConfigError>,
}

/// A collection whose end has not come yet.
struct Open {
    first: u32,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Place)> },
}

impl Builder {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's enum is open")]
    fn handle(&mut self, event: Event<'_>, span: &Span) -> Result<(), ConfigError> {
        let place = lines(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(at(place, "a second document starts here: write one document"));
                }
            }
            Event::Alias(id) => {
                let Some((node, depth)) = self.anchored.get(&id).cloned() else {
                    return Err(at(place, "this alias stands within its own anchor"));
                };
                if self.open.len() + depth > DEPTH_MAX {
                    return Err(too_deep(place));
                }
                self.weigh(weight_of(&node), place)?;
                self.complete(node, place, 0)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.weigh(NODE_WEIGHT + text.len(), place)?;
                let text_tag = check_tag(tag.as_deref(), place)?;
                let plain = style == ScalarStyle::Plain && !text_tag;
                let value = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    let form = if plain { Form::Plain } else { Form::Quoted };
                    Value::Scalar(Scalar { text: text.into_owned(), form })
                };
                self.complete(Node { value, place }, place, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), place)?;
                self.start(Content::List(Vec::new()), place, anchor)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), place)?;
                self.start(Content::Map { entries: Vec::new(), key: None }, place, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place)?,
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            _ => debug_assert!(false, "the options ask for no other events"),
        }
        Ok(())
    }

    fn start(&mut self, content: Content, place: Place, anchor: usize) -> Result<(), ConfigError> {
        self.weigh(NODE_WEIGHT, place)?;
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep(place));
        }
        self.open.push(Open { first: first_line(place), anchor, content });
        Ok(())
    }

    fn end(&mut self, place: Place) -> Result<(), ConfigError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let last = first_line(place).max(open.first);
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, .. } => Value::Map(entries),
        };
        let place = Place::Lines { first: open.first, last };
        self.complete(Node { value, place }, place, open.anchor)
    }

    /// Puts a node where it belongs.
    fn complete(&mut self, node: Node, place: Place, anchor: usize) -> Result<(), ConfigError> {
        if anchor != 0 {
            self.weigh(weight_of(&node), place)?;
            self.anchored.insert(anchor, (node.clone(), depth_of(&node)));
        }
        let Some((open, outer)) = self.open.split_last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { key: key @ None, .. } => *key = Some((key_text(node, place)?, place)),
            Content::Map { entries, key } => {
                let Some((key, place)) = key.take() else { return Ok(()) };
                if entries.len() >= KEYS_MAX {
                    return Err(at(place, &format!("a mapping has at most {KEYS_MAX} keys")));
                }
                match entries.iter().find(|entry| entry.key == key) {
                    None => entries.push(Entry { key, place, node }),
                    Some(first) => self.errors.push(given_twice(outer, first, place)),
                }
            }
        }
        Ok(())
    }

    fn weigh(&mut self, weight: usize, place: Place) -> Result<(), ConfigError> {
        self.weight += weight;
        if self.weight > WEIGHT_MAX {
            return Err(at(place, "the document is too large here, with its aliases expanded"));
        }
        Ok(())
    }
}

fn given_twice(outer: &[Open], first: &Entry, place: Place) -> ConfigError {
    let mut path = String::new();
    for open in outer {
        match &open.content {
            Content::List(items) => path.push_str(&format!("[{}]", items.len())),
            Content::Map { key, .. } => {
                path = join(&path, key.as_ref().map_or("", |(key, _)| key));
            }
        }
    }
    let line = first_line(first.place);
    let message = format!("is given twice, first on line {line}: remove one");
    ConfigError::new(Origin::of(place), join(&path, &first.key), message)
}

fn key_text(node: Node, place: Place) -> Result<String, ConfigError> {
    match node.value {
        Value::Scalar(scalar) if scalar.form == Form::Plain && scalar.text == "<<" => {
            Err(at(place, "merge keys (<<) are not supported: repeat the keys"))
        }
        Value::Scalar(scalar) => Ok(scalar.text),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Broken => {
            Err(at(place, &format!("a key must be text, got {}", node.given())))
        }
    }
}

/// True if the tag says "text".
fn check_tag(tag: Option<&Tag>, place: Place) -> Result<bool, ConfigError> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(true),
        Some(tag) if tag.core_suffix().is_some() => Ok(false),
        Some(_) => Err(at(place, "tags (!…) are not supported: remove it")),
    }
}

fn weight_of(node: &Node) -> usize {
    let own = match &node.value {
        Value::Scalar(scalar) => scalar.text.len(),
        Value::Map(entries) => entries.iter().map(|entry| entry.key.len()).sum(),
        Value::Null | Value::List(_) | Value::Broken => 0,
    };
    NODE_WEIGHT + own + node.children().into_iter().map(weight_of).sum::<usize>()
}

fn depth_of(node: &Node) -> usize {
    let deepest = node.children().into_iter().map(depth_of).max();
    deepest.map_or(0, |depth| depth + 1)
}

fn at(place: Place, message: &str) -> ConfigError {
    ConfigError::new(Origin::of(place), "", message)
}

fn too_deep(place: Place) -> ConfigError {
    at(place, &format!("is nested more than {DEPTH_MAX} levels deep"))
}

fn lines(span: &Span) -> Place {
    let first = clamp(span.start.line());
    Place::Lines { first, last: clamp(span.end.line()).max(first) }
}

fn first_line(place: Place) -> u32 {
    match place {
        Place::Lines { first, .. } => first,
        Place::Set | Place::Default => 0,
    }
}

fn clamp(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
