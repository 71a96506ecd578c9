//! References in texts: `${env:NAME}`, `${env:NAME:-default}`, `${file:path}`; `$$` is a `$`.

use std::io;
use std::path::Path;

use crate::error::{ConfigError, Origin};
use crate::node::{Form, Node, Scalar, Value, join, quoted};

/// The most bytes that a reference may bring in.
pub(crate) const FILLED_BYTES_MAX: usize = 64 << 10;
const SHAPES: &str =
    "write ${env:NAME}, ${env:NAME:-default} or ${file:path}, or $${ for a plain ${";

/// Where references are looked up.
pub(crate) struct Sources<'a> {
    pub(crate) environment: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) read_file: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Sources<'_> {
    /// Fills in all texts of a tree. What cannot be filled in is reported and left broken.
    pub(crate) fn fill(&self, node: &mut Node, path: &str, errors: &mut Vec<ConfigError>) {
        match &mut node.value {
            Value::Null | Value::Broken => {}
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.fill(item, &format!("{path}[{index}]"), errors);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.fill(&mut entry.node, &join(path, &entry.key), errors);
                }
            }
            Value::Scalar(scalar) => {
                if let Err(message) = self.fill_text(scalar) {
                    errors.push(ConfigError::new(Origin::of(node.place), path, message));
                    node.value = Value::Broken;
                }
            }
        }
    }

    fn fill_text(&self, scalar: &mut Scalar) -> Result<(), String> {
        if !scalar.text.contains('$') {
            return Ok(());
        }
        let mut filled = String::with_capacity(scalar.text.len());
        let mut references = Vec::new();
        let mut rest = scalar.text.as_str();
        while let Some(start) = rest.find('$') {
            filled.push_str(&rest[..start]);
            let after = &rest[start + 1..];
            if let Some(after) = after.strip_prefix('$') {
                filled.push('$');
                rest = after;
            } else if let Some(after) = after.strip_prefix('{') {
                let (reference, after) = after
                    .split_once('}')
                    .ok_or_else(|| format!("a reference has no closing }}: {SHAPES}"))?;
                let (name, value) = self.look_up(reference)?;
                if filled.len() + value.len() > FILLED_BYTES_MAX {
                    return Err(format!("{name} is larger than {FILLED_BYTES_MAX} bytes"));
                }
                filled.push_str(&value);
                references.push(name);
                rest = after;
            } else {
                filled.push('$');
                rest = after;
            }
        }
        filled.push_str(rest);
        if !references.is_empty() {
            references.dedup();
            scalar.form = Form::Filled(references);
        }
        scalar.text = filled;
        Ok(())
    }

    /// The reference as it is shown, and its value.
    fn look_up(&self, reference: &str) -> Result<(String, String), String> {
        if let Some(path) = reference.strip_prefix("file:") {
            let name = format!("${{file:{path}}}");
            let value = (self.read_file)(Path::new(path))
                .map_err(|error| format!("{name} cannot be read: {error}"))?;
            let end =
                value.strip_suffix('\n').map(|value| value.strip_suffix('\r').unwrap_or(value));
            return Ok((name, end.map(str::to_owned).unwrap_or(value)));
        }
        let Some(variable) = reference.strip_prefix("env:") else {
            return Err(format!(
                "{} is no reference: {SHAPES}",
                quoted(&format!("${{{reference}}}"))
            ));
        };
        let (variable, default) = match variable.split_once(":-") {
            Some((variable, default)) => (variable, Some(default)),
            None => (variable, None),
        };
        if !is_variable(variable) {
            return Err(format!("{} names no environment variable: {SHAPES}", quoted(variable)));
        }
        if default.is_some_and(|default| default.contains("${")) {
            return Err(format!(
                "the default of {} holds a reference: they do not nest",
                quoted(variable)
            ));
        }
        let name = format!("${{env:{variable}}}");
        match ((self.environment)(variable), default) {
            (Some(value), _) if !value.is_empty() => Ok((name, value)),
            (_, Some(default)) => Ok((name, default.to_owned())),
            (Some(empty), None) => Ok((name, empty)),
            (None, None) => Err(format!(
                "{name} is not set: set it, or give a default as in ${{env:{variable}:-default}}"
            )),
        }
    }
}

pub(crate) fn is_variable(name: &str) -> bool {
    let tail = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(tail)
}
