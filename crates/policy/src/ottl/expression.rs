//! Conditions and expressions, compiled: evaluation for one span or event.

use std::borrow::Cow;

use tailsift_trace::{AttributeKey, Batch, Event, Span, UnixNano, trace_state_member};

use super::call::Call;
use super::compare::compare;
use super::path::{Path, Place};
use super::syntax::MathOp;
use super::token::CompareOp;
use super::value::{Answer, Failure, Item, Items, Val};

/// Whatever an expression may look at.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'v> {
    pub(crate) span: &'v Span<'v>,
    pub(crate) batch: &'v Batch<'v>,
    /// For a condition on events.
    pub(crate) event: Option<&'v Event<'v>>,
    /// Stream time, if whoever folds knows it.
    pub(crate) now: Option<UnixNano>,
}

/// What holds or does not.
#[derive(Debug)]
pub(super) enum Condition {
    Constant(bool),
    Any(Box<[Condition]>),
    All(Box<[Condition]>),
    Not(Box<Condition>),
    Compare(CompareOp, Expression, Expression),
    /// A call whose answer is a truth value, or fails.
    True(Expression),
}

/// What has a value.
#[derive(Debug)]
pub(super) enum Expression {
    Constant(Val<'static>),
    Path(Path),
    /// A span's or resource's attribute by a key that is known beforehand.
    Attribute(Place, AttributeKey),
    TraceStateMember(Box<[u8]>),
    Keyed(Box<Expression>, Box<[Expression]>),
    Math(MathOp, Box<Expression>, Box<Expression>),
    Negated(Box<Expression>),
    List(Box<[Expression]>),
    Map(Box<[(Box<[u8]>, Expression)]>),
    Call(Box<Call>),
}

impl Condition {
    pub(super) fn constant(&self) -> Option<bool> {
        match self {
            Self::Constant(answer) => Some(*answer),
            // A part before the one that settles it may fail, unless it is constant, too.
            Self::Any(parts) => match parts.iter().find(|part| part.constant() != Some(false)) {
                Some(part) => part.constant(),
                None => Some(false),
            },
            Self::All(parts) => match parts.iter().find(|part| part.constant() != Some(true)) {
                Some(part) => part.constant(),
                None => Some(true),
            },
            Self::Not(part) => part.constant().map(|answer| !answer),
            Self::Compare(op, left, right) => {
                compare(*op, left.constant()?, right.constant()?).ok()
            }
            Self::True(_) => None,
        }
    }

    pub(super) fn holds(&self, scope: &Scope<'_>) -> Answer<bool> {
        match self {
            Self::Constant(answer) => Ok(*answer),
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Not(part) => Ok(!part.holds(scope)?),
            Self::Compare(op, left, right) => {
                compare(*op, &left.value(scope)?, &right.value(scope)?)
            }
            Self::True(call) => {
                let Val::Bool(answer) = call.value(scope)? else { return Err(Failure) };
                Ok(answer)
            }
        }
    }
}

impl Expression {
    pub(super) fn value<'v>(&'v self, scope: &Scope<'v>) -> Answer<Val<'v>> {
        match self {
            Self::Constant(value) => Ok(value.view()),
            Self::Path(path) => path.value(scope),
            Self::Attribute(place, key) => Ok(place.attribute(*key, scope)?.unwrap_or(Val::Nil)),
            // A missing member is an empty text; a header that is not usable has none.
            Self::TraceStateMember(key) => Ok(trace_state_member(scope.span.trace_state, key)
                .map_or(Val::Nil, |value| Val::text(value.unwrap_or_default()))),
            Self::Keyed(whole, keys) => {
                let mut value = whole.present(scope)?;
                for key in keys {
                    let key = key.value(scope)?;
                    value = match value {
                        Some(value) => value.at(&key)?,
                        None => None,
                    };
                }
                Ok(value.unwrap_or(Val::Nil))
            }
            Self::Math(op, left, right) => math(*op, &left.value(scope)?, &right.value(scope)?),
            Self::Negated(value) => math(MathOp::Subtract, &Val::Int(0), &value.value(scope)?),
            Self::List(items) => {
                let values: Answer<Vec<_>> = items.iter().map(|item| item.value(scope)).collect();
                Ok(Val::list(values?))
            }
            Self::Map(entries) => {
                let items: Answer<Vec<_>> = entries
                    .iter()
                    .map(|(key, value)| {
                        Ok(Item { key: Cow::Borrowed(&**key), value: value.value(scope)? })
                    })
                    .collect();
                Ok(Val::Map(Items::Owned(items?)))
            }
            Self::Call(call) => call.value(scope),
        }
    }

    /// Its value, unless it is missing. An attribute whose value is empty is there, and has no
    /// keys; one that is missing has nothing under any key.
    fn present<'v>(&'v self, scope: &Scope<'v>) -> Answer<Option<Val<'v>>> {
        if let Self::Attribute(place, key) = self {
            return place.attribute(*key, scope);
        }
        Ok(Some(self.value(scope)?).filter(|value| !value.is_nil()))
    }

    /// True for identifiers and times, which have no text form.
    pub(super) fn has_no_text(&self) -> bool {
        matches!(self, Self::Path(path) if path.has_no_text())
    }

    /// Its value, if that is known beforehand.
    pub(super) fn constant(&self) -> Option<&Val<'static>> {
        match self {
            Self::Constant(value) => Some(value),
            Self::Path(_)
            | Self::Attribute(..)
            | Self::TraceStateMember(_)
            | Self::Keyed(..)
            | Self::Math(..)
            | Self::Negated(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Call(_) => None,
        }
    }
}

/// Integers stay integers and wrap; with a double all is double; times and durations as expected.
fn math<'v>(op: MathOp, left: &Val<'_>, right: &Val<'_>) -> Answer<Val<'v>> {
    match (left, right) {
        (Val::Int(a), Val::Int(b)) => integers(op, *a, *b).map(Val::Int),
        (Val::Double(a), Val::Double(b)) => doubles(op, *a, *b),
        (Val::Int(a), Val::Double(b)) => doubles(op, *a as f64, *b),
        (Val::Double(a), Val::Int(b)) => doubles(op, *a, *b as f64),
        (Val::Time(a), Val::Time(b)) if op == MathOp::Subtract => {
            Ok(Val::Duration(a.saturating_sub(*b)))
        }
        (Val::Time(a), Val::Duration(b)) => sums(op, *a, *b).map(Val::Time),
        (Val::Duration(a), Val::Time(b)) if op == MathOp::Add => Ok(Val::Time(a.wrapping_add(*b))),
        (Val::Duration(a), Val::Duration(b)) => sums(op, *a, *b).map(Val::Duration),
        (_, _) => Err(Failure),
    }
}

fn integers(op: MathOp, a: i64, b: i64) -> Answer<i64> {
    match op {
        MathOp::Add => Ok(a.wrapping_add(b)),
        MathOp::Subtract => Ok(a.wrapping_sub(b)),
        MathOp::Multiply => Ok(a.wrapping_mul(b)),
        MathOp::Divide if b == 0 => Err(Failure),
        MathOp::Divide => Ok(a.wrapping_div(b)),
    }
}

fn doubles<'v>(op: MathOp, a: f64, b: f64) -> Answer<Val<'v>> {
    match op {
        MathOp::Add => Ok(a + b),
        MathOp::Subtract => Ok(a - b),
        MathOp::Multiply => Ok(a * b),
        MathOp::Divide if b == 0.0 => Err(Failure),
        MathOp::Divide => Ok(a / b),
    }
    .map(Val::Double)
}

fn sums(op: MathOp, a: i64, b: i64) -> Answer<i64> {
    match op {
        MathOp::Add => Ok(a.wrapping_add(b)),
        MathOp::Subtract => Ok(a.wrapping_sub(b)),
        MathOp::Multiply | MathOp::Divide => Err(Failure),
    }
}
