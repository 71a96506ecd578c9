//! `--set key.path=value`.

use crate::error::{ConfigError, Origin};
use crate::key::{Type, Within};
use crate::node::{Entry, Form, Node, Place, Scalar, Value, join, quoted};
use crate::table::{KINDS, POLICY, ROOT, SUB_POLICY};
use crate::yaml::{self, Document};

/// The most steps of a path.
const STEPS_MAX: usize = 16;
const SHAPE: &str = "expected key.path=value, for example window.decision_wait=10s";

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Sets one value in a tree, over what stands there.
pub(crate) fn apply(root: &mut Node, text: &str) -> Result<(), ConfigError> {
    let fail = |path: &str, message: String| ConfigError::new(Origin::Set, path, message);
    // What follows the sign may be a secret, so a text without one is not repeated either.
    let Some((path, value)) = text.split_once('=') else {
        return Err(fail("", SHAPE.into()));
    };
    let path = path.trim();
    let (steps, kind) = steps(path).map_err(|message| fail("", message))?;
    let node = value_of(value, kind).map_err(|message| fail(path, message))?;
    let mut changed = root.clone();
    put(&mut changed, &steps, node).map_err(|message| fail(path, message))?;
    *root = changed;
    Ok(())
}

/// The steps of a path, and the type of what is there, if it is known.
fn steps(path: &str) -> Result<(Vec<Step<'_>>, Option<&'static Type>), String> {
    static WHOLE: Type = Type::Section(&ROOT);
    let mut steps = Vec::new();
    let mut kind = Some(&WHOLE);
    let mut rest = path;
    while !rest.is_empty() {
        if steps.len() >= STEPS_MAX {
            return Err(format!("{} has more than {STEPS_MAX} steps", quoted(path)));
        }
        if let Some(after) = rest.strip_prefix('[') {
            let index = after.split_once(']').and_then(|(index, after)| {
                Some((index.parse().ok()?, after.strip_prefix('.').unwrap_or(after)))
            });
            let Some((index, after)) = index else {
                return Err(format!("{} has a bad index: {SHAPE}", quoted(path)));
            };
            steps.push(Step::Index(index));
            kind = if let Some(Type::List { item, .. }) = kind { Some(item) } else { None };
            rest = after;
            continue;
        }
        // Names of properties and model versions hold dots themselves.
        let end = if let Some(Type::Properties | Type::Map { .. }) = kind {
            rest.len()
        } else {
            rest.find(['.', '[']).unwrap_or(rest.len())
        };
        let (key, after) = rest.split_at(end);
        if key.is_empty() {
            return Err(format!("{} has an empty step: {SHAPE}", quoted(path)));
        }
        steps.push(Step::Key(key));
        kind = kind.and_then(|kind| child(kind, key));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    if steps.is_empty() { Err(SHAPE.into()) } else { Ok((steps, kind)) }
}

fn child(kind: &'static Type, key: &str) -> Option<&'static Type> {
    if let Type::Section(section) | Type::SectionOrOff(section) = kind {
        section.key(key).map(|key| &key.kind)
    } else if let Type::Map { item } = kind {
        Some(item)
    } else if let Type::Policy(within) = kind {
        let section = if *within == Within::List { &POLICY } else { &SUB_POLICY };
        let body = || KINDS.iter().find(|kind| kind.name == key)?.body.as_ref();
        section.key(key).map(|key| &key.kind).or_else(body)
    } else {
        None
    }
}

/// Collections are YAML; anything else is taken as it is, so that nothing needs quotes twice.
fn value_of(text: &str, kind: Option<&Type>) -> Result<Node, String> {
    let always = matches!(
        kind,
        Some(
            Type::Section(_)
                | Type::List { .. }
                | Type::Map { .. }
                | Type::Properties
                | Type::Policy { .. }
        )
    );
    let sometimes = matches!(kind, Some(Type::SectionOrOff(_)));
    if always || sometimes && text.trim_start().starts_with('{') {
        let first = |errors: Vec<ConfigError>| {
            errors.into_iter().next().map_or_else(String::new, |error| error.message)
        };
        let Document { root: mut node, errors } = yaml::parse(text).map_err(first)?;
        if !errors.is_empty() {
            return Err(first(errors));
        }
        set_place(&mut node);
        return Ok(node);
    }
    let scalar = Scalar { text: text.to_owned(), form: Form::Untyped };
    Ok(Node { value: Value::Scalar(scalar), place: Place::Set })
}

fn set_place(node: &mut Node) {
    node.place = Place::Set;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(set_place),
        Value::Map(entries) => {
            for entry in entries {
                entry.place = Place::Set;
                set_place(&mut entry.node);
            }
        }
        Value::Null | Value::Scalar(_) | Value::Broken => {}
    }
}

fn put(mut node: &mut Node, steps: &[Step<'_>], value: Node) -> Result<(), String> {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                path = join(&path, key);
                node = under(node, key).ok_or_else(|| format!("{path} is no mapping"))?;
            }
            Step::Index(index) => {
                let Value::List(items) = &mut node.value else {
                    return Err(format!("{path} is no list that could be indexed"));
                };
                let count = items.len();
                let Some(item) = items.get_mut(*index) else {
                    return Err(format!("{path} has {count} items, counted from 0"));
                };
                path.push_str(&format!("[{index}]"));
                node = item;
            }
        }
    }
    *node = value;
    Ok(())
}

/// The value under a key of what is a mapping or becomes one.
fn under<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    if !matches!(node.value, Value::Map(_)) {
        *node = Node { value: Value::Map(Vec::new()), place: Place::Set };
    }
    let Value::Map(entries) = &mut node.value else { return None };
    let place = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let node = Node { value: Value::Null, place: Place::Set };
        entries.push(Entry { key: key.to_owned(), place: Place::Set, node });
        entries.len() - 1
    });
    entries.get_mut(place).map(|entry| &mut entry.node)
}
