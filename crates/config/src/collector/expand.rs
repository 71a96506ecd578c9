//! References in a Collector's file, filled in as its loader does: `${env:NAME}`, `${NAME}`,
//! `${env:NAME:-default}`, one within another; `$$` is a `$`.

use crate::error::{ConfigError, Origin};
use crate::fill::{FILLED_BYTES_MAX, is_variable};
use crate::node::{Form, Node, Place, Scalar, Value, join, quoted};
use crate::yaml;

/// References that one text may hold, those that come in with values included.
const STEPS_MAX: usize = 100;
const SHAPES: &str = "write ${env:NAME} or ${env:NAME:-default}";
/// Stands behind the reference in what was filled in from a list or mapping as a whole.
pub(super) const ITEMS: &str = "its items";

/// Fills in all texts of a tree. What cannot be filled in is reported and left broken.
pub(super) fn expand(
    node: &mut Node,
    path: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    errors: &mut Vec<ConfigError>,
) {
    match &mut node.value {
        Value::Null | Value::Broken => {}
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                expand(item, &format!("{path}[{index}]"), environment, errors);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.node, &join(path, &entry.key), environment, errors);
            }
        }
        Value::Scalar(scalar) => match filled(scalar, node.place, environment) {
            Ok(None) => {}
            Ok(Some(value)) => node.value = value,
            Err(message) => {
                errors.push(ConfigError::new(Origin::of(node.place), path, message));
                node.value = Value::Broken;
            }
        },
    }
}

/// What stands in a scalar's place; `None` if nothing has to be changed.
fn filled(
    scalar: &Scalar,
    place: Place,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Value>, String> {
    if !scalar.text.contains('$') {
        return Ok(None);
    }
    let mut text = scalar.text.clone();
    // A text that is one reference becomes whatever its value looks like; any other stays text.
    let mut whole = false;
    let mut steps = 0;
    while let Some((start, end)) = next_reference(&text) {
        steps += 1;
        if steps > STEPS_MAX {
            return Err(format!("holds more than {STEPS_MAX} references"));
        }
        whole = (start, end) == (0, text.len());
        let value = look_up(&text[start + 2..end - 1], environment)?;
        if text.len() + value.len() > FILLED_BYTES_MAX {
            return Err(format!("is larger than {FILLED_BYTES_MAX} bytes when it is filled in"));
        }
        text.replace_range(start..end, &value);
    }
    let text = text.replace("$$", "$");
    if steps == 0 {
        let form = scalar.form.clone();
        return Ok((text != scalar.text).then_some(Value::Scalar(Scalar { text, form })));
    }
    let written = scalar.text.clone();
    if !whole {
        let form = Form::FilledText(vec![written]);
        return Ok(Some(Value::Scalar(Scalar { text, form })));
    }
    match yaml::parse(&text) {
        Ok(document) if matches!(document.root.value, Value::List(_) | Value::Map(_)) => {
            let mut root = document.root;
            mark(&mut root, place, &written);
            Ok(Some(root.value))
        }
        Ok(_) | Err(_) => {
            Ok(Some(Value::Scalar(Scalar { text, form: Form::Filled(vec![written]) })))
        }
    }
}

/// The first reference that holds no other and is not escaped by a `$` before it.
fn next_reference(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let end = from + text[from..].find('}')? + 1;
        if let Some(start) = text[from..end].rfind("${").map(|start| from + start) {
            let dollars = text[from..start].bytes().rev().take_while(|byte| *byte == b'$').count();
            if dollars.is_multiple_of(2) {
                return Some((start, end));
            }
        }
        from = end;
    }
}

fn look_up(
    reference: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let variable = match reference.split_once(':') {
        Some(("env", variable)) => variable,
        Some((scheme, rest)) if is_scheme(scheme) && !rest.starts_with('-') => {
            let given = quoted(&format!("${{{reference}}}"));
            return Err(format!("{given} is not read from a {scheme} here: {SHAPES}"));
        }
        Some(_) | None => reference,
    };
    let (name, default) = match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (variable, None),
    };
    if !is_variable(name) {
        return Err(format!("{} names no environment variable: {SHAPES}", quoted(name)));
    }
    // An unset one is empty to the Collector, too.
    Ok(environment(name).unwrap_or_else(|| default.unwrap_or_default().to_owned()))
}

/// The Collector knows a scheme by two characters or more.
fn is_scheme(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
}

/// Says of all of a tree where it came from.
fn mark(node: &mut Node, place: Place, written: &str) {
    node.place = place;
    match &mut node.value {
        Value::Null | Value::Broken => {}
        Value::Scalar(scalar) => {
            let references = vec![written.to_owned(), ITEMS.to_owned()];
            scalar.form = match scalar.form {
                Form::Quoted | Form::FilledText(_) => Form::FilledText(references),
                Form::Plain | Form::Untyped | Form::Filled(_) => Form::Filled(references),
            };
        }
        Value::List(items) => items.iter_mut().for_each(|item| mark(item, place, written)),
        Value::Map(entries) => {
            for entry in entries {
                entry.place = place;
                mark(&mut entry.node, place, written);
            }
        }
    }
}

#[cfg(test)]
mod tests;
