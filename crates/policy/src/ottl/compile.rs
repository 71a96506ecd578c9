//! From a tree of words to conditions: names get their meaning, or are refused.

use std::borrow::Cow;

use super::call::{Call, Prepared};
use super::cidr::Network;
use super::expression::{Condition, Expression};
use super::function::{Function, Makes, Signature, Takes};
use super::path::{Path, Place, SYMBOLS};
use super::refusal::Refusal;
use super::syntax::{Form, Syntax};
use super::value::{Item, Items, Val};
use super::words::Case;
use crate::pattern;

use tailsift_trace::Interest;

/// Turns one condition's tree into what can be evaluated.
pub(super) struct Meaning<'c> {
    /// Receives what has to be read.
    pub(super) interest: &'c mut Interest,
    pub(super) on_events: bool,
}

type Compiled<T> = Result<T, Refusal>;

impl Meaning<'_> {
    pub(super) fn condition(&mut self, syntax: &Syntax) -> Compiled<Condition> {
        match &syntax.form {
            Form::Any(parts) => Ok(Condition::Any(self.conditions(parts)?)),
            Form::All(parts) => Ok(Condition::All(self.conditions(parts)?)),
            Form::Not(part) => Ok(Condition::Not(Box::new(self.condition(part)?))),
            Form::Compare(op, left, right) => {
                Ok(Condition::Compare(*op, self.expression(left)?, self.expression(right)?))
            }
            Form::Bool(answer) => Ok(Condition::Constant(*answer)),
            Form::Call(name, _) => {
                let makes = self.signature(syntax, name)?.makes;
                if makes == Makes::Value {
                    let message = format!(
                        "{name} gives a value, which is no condition: compare it, for example \
                         {name}(…) == …"
                    );
                    return Err(Refusal::new(syntax.at, message));
                }
                Ok(Condition::True(self.expression(syntax)?))
            }
            Form::Keyed(whole, _) if matches!(whole.form, Form::Call(..)) => {
                Ok(Condition::True(self.expression(syntax)?))
            }
            Form::Math(..)
            | Form::Negated(_)
            | Form::Nil
            | Form::Int(_)
            | Form::Double(_)
            | Form::Text(_)
            | Form::Bytes(_)
            | Form::List(_)
            | Form::Map(_)
            | Form::Path(_)
            | Form::Symbol(_)
            | Form::Keyed(..) => {
                let what = described(&syntax.form);
                let message = format!(
                    "{what} is no condition: compare it, for example … == true, or … != nil"
                );
                Err(Refusal::new(syntax.at, message))
            }
        }
    }

    fn conditions(&mut self, parts: &[Syntax]) -> Compiled<Box<[Condition]>> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    fn expression(&mut self, syntax: &Syntax) -> Compiled<Expression> {
        let constant = |value| Ok(Expression::Constant(value));
        match &syntax.form {
            Form::Nil => constant(Val::Nil),
            Form::Bool(value) => constant(Val::Bool(*value)),
            Form::Int(value) => constant(Val::Int(*value)),
            Form::Double(value) => constant(Val::Double(*value)),
            Form::Text(text) => constant(Val::text(text.clone())),
            Form::Bytes(bytes) => constant(Val::Bytes(Cow::Owned(bytes.clone()))),
            Form::Symbol(name) => constant(Val::Int(symbol(name, syntax.at)?)),
            Form::List(items) => Ok(constant_list(self.expressions(items)?)),
            Form::Map(entries) => self.map(entries),
            Form::Math(op, left, right) => {
                let (left, right) = (self.expression(left)?, self.expression(right)?);
                Ok(Expression::Math(*op, Box::new(left), Box::new(right)))
            }
            Form::Negated(value) => {
                let value = self.expression(value)?;
                if let Expression::Constant(Val::Int(value)) = value {
                    return constant(Val::Int(value.wrapping_neg()));
                }
                if let Expression::Constant(Val::Double(value)) = value {
                    return constant(Val::Double(-value));
                }
                Ok(Expression::Negated(Box::new(value)))
            }
            Form::Path(segments) => self.path(segments, syntax.at),
            Form::Keyed(whole, keys) => self.keyed(whole, keys),
            Form::Call(name, arguments) => self.call(syntax, name, arguments),
            Form::Any(_) | Form::All(_) | Form::Not(_) | Form::Compare(..) => {
                let message = "a condition is no value: it cannot be compared, reckoned with or \
                               handed to a function";
                Err(Refusal::new(syntax.at, message))
            }
        }
    }

    fn expressions(&mut self, parts: &[Syntax]) -> Compiled<Vec<Expression>> {
        parts.iter().map(|part| self.expression(part)).collect()
    }

    fn map(&mut self, entries: &[(Vec<u8>, Syntax)]) -> Compiled<Expression> {
        let mut compiled: Vec<(Box<[u8]>, Expression)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if compiled.iter().any(|(known, _)| **known == **key) {
                let key = String::from_utf8_lossy(key);
                let message = format!("the key {key:?} stands in this map twice: remove one");
                return Err(Refusal::new(value.at, message));
            }
            compiled.push((key.as_slice().into(), self.expression(value)?));
        }
        let items: Option<Vec<_>> = compiled
            .iter()
            .map(|(key, value)| {
                let value = value.constant()?.clone();
                Some(Item { key: Cow::Owned(key.to_vec()), value })
            })
            .collect();
        Ok(match items {
            Some(items) => Expression::Constant(Val::Map(Items::Owned(items))),
            None => Expression::Map(compiled.into()),
        })
    }

    fn path(&mut self, segments: &[String], at: usize) -> Compiled<Expression> {
        let path = self.known_path(segments, at)?;
        if path.is_count() {
            let name = segments.join(".");
            let message = format!("{name} can only be counted: write Len({name})");
            return Err(Refusal::new(at, message));
        }
        self.interest.add_details(path.details());
        Ok(Expression::Path(path))
    }

    fn known_path(&self, segments: &[String], at: usize) -> Compiled<Path> {
        Path::find(segments, self.on_events).map_err(|message| Refusal::new(at, message))
    }

    fn keyed(&mut self, whole: &Syntax, keys: &[Syntax]) -> Compiled<Expression> {
        let Form::Path(segments) = &whole.form else {
            let called = self.expression(whole)?;
            if called.constant().is_some() {
                let message = "keys in brackets stand behind paths and functions alone";
                return Err(Refusal::new(whole.at, message));
            }
            return Ok(Expression::Keyed(Box::new(called), self.expressions(keys)?.into()));
        };
        let path = self.known_path(segments, whole.at)?;
        let first = match keys.first().map(|key| &key.form) {
            Some(Form::Text(key)) => Some(key),
            Some(_) | None => None,
        };
        let (whole, keys) = match (path, first) {
            (Path::Attributes(place @ (Place::Span | Place::Resource)), Some(key)) => {
                let key = self.interest.add_tree(key);
                (Expression::Attribute(place, key), &keys[1..])
            }
            (Path::Attributes(_), _) => {
                self.interest.add_details(path.details());
                (Expression::Path(path), keys)
            }
            (Path::TraceState, Some(key)) if keys.len() == 1 => {
                return Ok(Expression::TraceStateMember(key.as_slice().into()));
            }
            (Path::TraceState, _) => {
                let message = "trace_state takes one key in quotes, as in trace_state[\"key\"]";
                return Err(Refusal::new(whole.at, message));
            }
            (_, _) => {
                let name = segments.join(".");
                let message = format!("{name} has no keys: remove what stands in brackets");
                return Err(Refusal::new(whole.at, message));
            }
        };
        if keys.is_empty() {
            return Ok(whole);
        }
        Ok(Expression::Keyed(Box::new(whole), self.expressions(keys)?.into()))
    }

    fn signature(&self, syntax: &Syntax, name: &str) -> Compiled<&'static Signature> {
        Signature::find(name, self.on_events).map_err(|message| Refusal::new(syntax.at, message))
    }

    fn call(&mut self, syntax: &Syntax, name: &str, given: &[Syntax]) -> Compiled<Expression> {
        let signature = self.signature(syntax, name)?;
        if given.len() != signature.takes.len() {
            let message = format!("{}, got {}", signature.takes_exactly(), given.len());
            return Err(Refusal::new(syntax.at, message));
        }
        let mut arguments = Vec::with_capacity(given.len());
        for (argument, takes) in given.iter().zip(signature.takes) {
            arguments.push(self.argument(signature, argument, *takes)?);
        }
        let prepared = prepare(signature.function, &arguments, given)?;
        let call = Call { function: signature.function, arguments: arguments.into(), prepared };
        let known =
            matches!(signature.function, Function::Duration | Function::TraceId | Function::SpanId);
        if known && let [Expression::Constant(value)] = &*call.arguments {
            let made = call.function.of_constant(value);
            let message = || format!("{name} cannot read this: {}", remedy(signature.function));
            return made
                .map(Expression::Constant)
                .map_err(|_| Refusal::new(given[0].at, message()));
        }
        Ok(Expression::Call(Box::new(call)))
    }

    fn argument(
        &mut self,
        signature: &Signature,
        syntax: &Syntax,
        takes: Takes,
    ) -> Compiled<Expression> {
        if takes == Takes::Countable
            && let Form::Path(segments) = &syntax.form
        {
            let path = self.known_path(segments, syntax.at)?;
            if path.is_count() {
                self.interest.add_details(path.details());
                return Ok(Expression::Path(path));
            }
        }
        let argument = self.expression(syntax)?;
        let has_form = matches!(takes, Takes::TextForm | Takes::Text);
        let expected = if has_form && argument.has_no_text() {
            Some(
                "a value that has a text form; that of an identifier is ….string, of a time \
                 ….…_unix_nano",
            )
        } else {
            match argument.constant() {
                Some(value) => takes.misses(value),
                None => (takes == Takes::LiteralText).then_some("a text in quotes"),
            }
        };
        let Some(expected) = expected else { return Ok(argument) };
        let message = format!("{} takes {expected} here", signature.name);
        Err(Refusal::new(syntax.at, message))
    }
}

/// What can be prepared of arguments that are known beforehand.
fn prepare(function: Function, arguments: &[Expression], given: &[Syntax]) -> Compiled<Prepared> {
    let known = |place: usize| arguments.get(place).and_then(Expression::constant);
    let text = |place: usize| match known(place) {
        Some(Val::Text(text)) => Some(String::from_utf8_lossy(text).into_owned()),
        Some(_) | None => None,
    };
    let refuse = |message: &str| Refusal::new(given.get(1).map_or(0, |given| given.at), message);
    if matches!(function, Function::IsMatch | Function::ExtractPatterns) {
        let Some(source) = text(1) else { return Ok(Prepared::Nothing) };
        let pattern = pattern::of_collector(&source);
        let pattern = pattern.map_err(|error| refuse(&format!("no pattern: {error}")))?;
        if function == Function::ExtractPatterns && !pattern.has_names() {
            let message = "the pattern has no named groups, such as (?P<name>…), to extract";
            return Err(refuse(message));
        }
        return Ok(Prepared::Pattern(pattern));
    }
    if function == Function::ConvertCase {
        let case = text(1).as_deref().and_then(Case::find);
        let message = "ConvertCase knows \"lower\", \"upper\", \"snake\" and \"camel\"";
        return case.map(Prepared::Case).ok_or_else(|| refuse(message));
    }
    if function == Function::IsInCidr
        && let Some(Val::List(networks)) = known(1)
    {
        let networks: Option<Vec<_>> =
            networks.iter().map(|network| Network::of_value(&network.ok()?.1)).collect();
        let message = "expected networks in quotes, such as \"10.0.0.0/8\" or \"fd00::/8\"";
        return networks.map(Prepared::Networks).ok_or_else(|| refuse(message));
    }
    Ok(Prepared::Nothing)
}

fn remedy(function: Function) -> &'static str {
    if function == Function::TraceId {
        "a trace ID has 16 bytes, or 32 hexadecimal digits in quotes"
    } else if function == Function::SpanId {
        "a span ID has 8 bytes, or 16 hexadecimal digits in quotes"
    } else {
        "write a duration as in \"1m30s\"; units are ns, us, ms, s, m and h"
    }
}

fn symbol(name: &str, at: usize) -> Compiled<i64> {
    if let Some((_, value)) = SYMBOLS.iter().find(|(known, _)| *known == name) {
        return Ok(*value);
    }
    if ["None", "Null", "NULL", "Nil", "NIL"].contains(&name) {
        return Err(Refusal::new(at, format!("{name} is no value: for a missing one write nil")));
    }
    let names: Vec<_> = SYMBOLS.iter().map(|(known, _)| *known).collect();
    let message = format!("{name} is no symbol; there are: {}", names.join(", "));
    Err(Refusal::new(at, message))
}

fn constant_list(items: Vec<Expression>) -> Expression {
    let values: Option<Vec<_>> = items.iter().map(|item| item.constant().cloned()).collect();
    match values {
        Some(values) => Expression::Constant(Val::list(values)),
        None => Expression::List(items.into()),
    }
}

fn described(form: &Form) -> &'static str {
    match form {
        Form::Path(_) | Form::Keyed(..) => "a path alone",
        Form::Math(..) | Form::Negated(_) => "a sum alone",
        Form::Nil => "nil alone",
        Form::Int(_) | Form::Double(_) | Form::Symbol(_) => "a number alone",
        Form::Text(_) => "a text alone",
        Form::Bytes(_) => "bytes alone",
        Form::List(_) => "a list alone",
        Form::Map(_) => "a map alone",
        Form::Any(_)
        | Form::All(_)
        | Form::Not(_)
        | Form::Compare(..)
        | Form::Bool(_)
        | Form::Call(..) => "this",
    }
}
