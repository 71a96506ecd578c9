//! A tree as a file of ours, with what is to be known of it at its head.

use std::fmt::Write as _;

use super::whole::Streams;
use super::{Matter, Note};
use crate::error::Origin;
use crate::fill::is_variable;
use crate::node::{Form, Node, Scalar, Value};

/// Columns of a line that need not be broken.
const WIDTH: usize = 100;

/// The file.
pub(super) fn file(tree: &Node, notes: &[Note], streams: &Streams) -> String {
    let mut out = String::from("# What tailsift runs in place of a Collector's ");
    out.push_str(&comment(streams.processor.as_deref().unwrap_or("tail_sampling")));
    out.push_str(".\n");
    if streams.brokers_are_unknown() {
        out.push_str(
            "# The Collector's file does not tell the brokers: set kafka.bootstrap_servers.\n",
        );
    }
    if !streams.tells_input() {
        out.push_str(
            "# Nor the topics: input.topic and output.topic are otlp_spans and otlp_spans_kept.\n",
        );
    }
    out.push_str("# Records that are not keyed by trace ID need input.keyed_by: none.\n");
    for (matter, title) in [(Matter::Difference, "Differences"), (Matter::Warning, "Warnings")] {
        let mut listed = notes.iter().filter(|note| note.matter == matter).peekable();
        if listed.peek().is_some() {
            let _ = writeln!(out, "#\n# {title}:");
        }
        for note in listed {
            let line = match note.origin {
                Origin::Line(line) => format!(" (line {line})"),
                Origin::Nowhere | Origin::Set => String::new(),
            };
            let path = if note.path.is_empty() { "the file" } else { &note.path };
            let _ = writeln!(out, "#   {}{line}", comment(path));
            let _ = writeln!(out, "#     the Collector {}", comment(&note.collector));
            let _ = writeln!(out, "#     tailsift {}", comment(&note.tailsift));
        }
    }
    out.push('\n');
    block(&mut out, tree, 0);
    out
}

fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn block(out: &mut String, node: &Node, indent: usize) {
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let key = plain_or_quoted(&entry.key);
                let _ = write!(out, "{:indent$}{key}:", "");
                // The policies are a list to be edited.
                let is_list = indent == 0 && matches!(entry.node.value, Value::List(_));
                child(out, &entry.node, indent, key.chars().count() + 2, is_list);
            }
        }
        Value::List(items) => {
            for item in items {
                let _ = write!(out, "{:indent$}-", "");
                let flow = flow(item);
                if is_scalar(item) || indent + 2 + flow.chars().count() <= WIDTH {
                    let _ = writeln!(out, " {flow}");
                } else {
                    let mut inner = String::new();
                    block(&mut inner, item, indent + 2);
                    let _ = write!(out, " {}", inner.trim_start());
                }
            }
        }
        Value::Null | Value::Scalar(_) | Value::Broken => {
            let _ = writeln!(out, "{:indent$}{}", "", flow(node));
        }
    }
}

/// What follows a key.
fn child(out: &mut String, node: &Node, indent: usize, taken: usize, is_list: bool) {
    let flow = flow(node);
    let fits = indent + taken + flow.chars().count() <= WIDTH && !is_list;
    if is_scalar(node) || fits || node.children().is_empty() {
        let _ = writeln!(out, " {flow}");
    } else {
        out.push('\n');
        block(out, node, indent + 2);
    }
}

fn is_scalar(node: &Node) -> bool {
    matches!(node.value, Value::Scalar(_) | Value::Null | Value::Broken)
}

fn flow(node: &Node) -> String {
    match &node.value {
        Value::Null | Value::Broken => "null".into(),
        Value::Scalar(scalar) => shown(scalar),
        Value::List(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let pair = |entry: &crate::node::Entry| {
                format!("{}: {}", plain_or_quoted(&entry.key), flow(&entry.node))
            };
            format!("{{{}}}", entries.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

fn shown(scalar: &Scalar) -> String {
    match &scalar.form {
        Form::Plain | Form::Untyped => scalar.text.clone(),
        Form::Quoted => plain_or_quoted(&escaped(&scalar.text)),
        Form::Filled(references) | Form::FilledText(references) => {
            let reference = match references.as_slice() {
                [written] => our_reference(written),
                _ => None,
            };
            match (reference, &scalar.form) {
                (Some(reference), _) => quoted(&reference),
                (None, Form::Filled(_)) => scalar.text.clone(),
                (None, _) => quoted(&escaped(&scalar.text)),
            }
        }
    }
}

/// A text with references as we write them; `None` if we have no such.
fn our_reference(written: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = written;
    while let Some(start) = rest.find('$') {
        out.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        if let Some(after) = after.strip_prefix('$') {
            out.push_str("$$");
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (reference, after) = after.split_once('}')?;
            let variable = reference.strip_prefix("env:").unwrap_or(reference);
            let (name, default) = variable.split_once(":-").unwrap_or((variable, ""));
            if !is_variable(name) || default.contains("${") {
                return None;
            }
            // Unset, it is empty to the Collector and an error to us.
            let _ = write!(out, "${{env:{name}:-{default}}}");
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Some(out)
}

/// A text that is not to be filled in.
fn escaped(text: &str) -> String {
    if text.contains("${") || text.contains("$$") { text.replace('$', "$$") } else { text.into() }
}

fn plain_or_quoted(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':');
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(inner)
        && !text.ends_with(':')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
