//! A YAML document as a tree that knows where each value stands and where it came from.

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// Where something was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Lines of the file, from 1, both included.
    Lines { first: u32, last: u32 },
    /// A `--set`.
    Set,
    /// Nowhere: a default.
    Default,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Already reported.
    Broken,
}

#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) form: Form,
}

/// What a scalar's notation says of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Unquoted: `5` is a number.
    Plain,
    /// Quoted: `"5"` is text.
    Quoted,
    /// From `--set`: `5` is what the key wants.
    Untyped,
    /// Filled in from these references, such as `${env:NAME}`: as `Untyped`, and never shown.
    Filled(Vec<String>),
    /// As `Filled`, but text whatever it looks like.
    FilledText(Vec<String>),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// The value under a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => {
                entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
            }
            Value::Null | Value::Scalar(_) | Value::List(_) | Value::Broken => None,
        }
    }

    /// True if nothing was written.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The children, in order.
    pub(crate) fn children(&self) -> Vec<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().map(|entry| &entry.node).collect(),
            Value::List(items) => items.iter().collect(),
            Value::Null | Value::Scalar(_) | Value::Broken => Vec::new(),
        }
    }

    /// Calls `visit` with each scalar of the tree.
    pub(crate) fn scalars(&self, visit: &mut impl FnMut(&Scalar)) {
        if let Value::Scalar(scalar) = &self.value {
            visit(scalar);
        }
        for child in self.children() {
            child.scalars(visit);
        }
    }

    /// The node at a path such as `policies[2].latency.threshold_ms`, or the last one on the way
    /// that exists. Keys may hold dots themselves: the longest one that fits is taken.
    pub(crate) fn at(&self, path: &str) -> &Node {
        let mut node = self;
        let mut rest = path;
        while let Some((child, left)) = node.step(rest) {
            (node, rest) = (child, left);
        }
        node
    }

    fn step<'p>(&self, path: &'p str) -> Option<(&Node, &'p str)> {
        match &self.value {
            Value::Map(entries) => {
                let path = path.strip_prefix('.').unwrap_or(path);
                let fits = |entry: &&Entry| {
                    let rest = path.strip_prefix(entry.key.as_str());
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                };
                let longest = entries.iter().filter(fits).max_by_key(|entry| entry.key.len())?;
                Some((&longest.node, &path[longest.key.len()..]))
            }
            Value::List(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, rest))
            }
            Value::Null | Value::Scalar(_) | Value::Broken => None,
        }
    }

    /// What was given, fit to be shown: values from the environment and from files are not.
    pub(crate) fn given(&self) -> String {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
            Value::Broken => "a broken reference".into(),
            Value::Scalar(scalar) => match &scalar.form {
                Form::Filled(references) | Form::FilledText(references) => {
                    format!("(from {})", references.join(" and "))
                }
                Form::Quoted => quoted(&scalar.text),
                Form::Plain | Form::Untyped => {
                    let plain = !scalar.text.is_empty()
                        && !scalar.text.chars().any(|c| c.is_control() || c == '"');
                    if plain { shortened(&scalar.text) } else { quoted(&scalar.text) }
                }
            },
        }
    }
}

/// The path of a key within a mapping, fit to be shown.
pub(crate) fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && !key.chars().any(|c| c.is_control() || c.is_whitespace());
    let key = if plain { shortened(key) } else { quoted(key) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// In quotes, without control characters, and not too long for a line.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
