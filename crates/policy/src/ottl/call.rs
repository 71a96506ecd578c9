//! Calls of functions.

use std::borrow::Cow;

use tailsift_trace::{SpanId, TraceId};

use super::cidr::{self, Network};
use super::compare::contains;
use super::convert::{self, text_form};
use super::duration::parse_duration;
use super::expression::{Expression, Scope};
use super::function::Function;
use super::value::{Answer, Failure, Item, Items, Val};
use super::words::{self, Case};
use super::{hash, json, url};
use crate::pattern::{self, Pattern};

/// The longest pattern that is compiled anew for each span, because it comes from the span.
const DYNAMIC_PATTERN_BYTES_MAX: usize = 1024;

/// The longest text that lists and maps are made of, and that is made of their items: what they
/// take is many times that.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: Function,
    /// As many as the function takes.
    pub(super) arguments: Box<[Expression]>,
    pub(super) prepared: Prepared,
}

/// What was made of arguments beforehand.
#[derive(Debug)]
pub(super) enum Prepared {
    Nothing,
    Pattern(Pattern),
    Case(Case),
    Networks(Vec<Network>),
}

impl Call {
    pub(super) fn value<'v>(&'v self, scope: &Scope<'v>) -> Answer<Val<'v>> {
        match self.function {
            Function::IsRootSpan => Ok(Val::Bool(scope.span.parent_span_id.is_none())),
            Function::Now => Ok(Val::Time(scope.now.ok_or(Failure)?.0 as i64)),
            Function::Coalesce => self.coalesce(scope),
            Function::Len => match self.arguments.first() {
                Some(Expression::Path(path)) if path.is_count() => path.value(scope),
                Some(_) | None => self.function.of_value(self.argument(0, scope)?),
            },
            Function::IsMatch => self.is_match(scope),
            Function::ExtractPatterns => self.extract(scope),
            Function::Concat => self.concat(scope),
            Function::ContainsValue => {
                let Val::List(list) = self.argument(0, scope)? else { return Err(Failure) };
                Ok(Val::Bool(contains(&list, &self.argument(1, scope)?)?))
            }
            Function::ConvertCase => {
                let Prepared::Case(case) = &self.prepared else { return Err(Failure) };
                Ok(Val::text(case.convert(&self.text(0, scope)?)))
            }
            Function::HasPrefix => {
                Ok(Val::Bool(self.text(0, scope)?.starts_with(&self.text(1, scope)?)))
            }
            Function::HasSuffix => {
                Ok(Val::Bool(self.text(0, scope)?.ends_with(&self.text(1, scope)?)))
            }
            Function::IsInCidr => Ok(Val::Bool(self.is_in_networks(scope)?)),
            Function::ParseInt => {
                let (text, base) = (self.text(0, scope)?, self.integer(1, scope)?);
                Ok(Val::Int(convert::parse_int(&text, base)?))
            }
            Function::Split => {
                Ok(words::split(&short(self.text(0, scope)?)?, &self.text(1, scope)?))
            }
            Function::Substring => {
                let text = self.text(0, scope)?;
                words::substring(text, self.integer(1, scope)?, self.integer(2, scope)?)
            }
            Function::Bool
            | Function::Double
            | Function::Duration
            | Function::Fnv
            | Function::Hex
            | Function::Hours
            | Function::Int
            | Function::IsBool
            | Function::IsDouble
            | Function::IsEmpty
            | Function::IsInt
            | Function::IsList
            | Function::IsMap
            | Function::IsString
            | Function::Keys
            | Function::Microseconds
            | Function::Milliseconds
            | Function::Minutes
            | Function::Nanoseconds
            | Function::ParseJson
            | Function::Seconds
            | Function::Sha256
            | Function::SpanId
            | Function::String
            | Function::ToLowerCase
            | Function::ToUpperCase
            | Function::TraceId
            | Function::Trim
            | Function::Url => self.function.of_value(self.argument(0, scope)?),
        }
    }

    fn argument<'v>(&'v self, place: usize, scope: &Scope<'v>) -> Answer<Val<'v>> {
        self.arguments.get(place).ok_or(Failure)?.value(scope)
    }

    fn text<'v>(&'v self, place: usize, scope: &Scope<'v>) -> Answer<Cow<'v, [u8]>> {
        text(self.argument(place, scope)?)
    }

    fn integer(&self, place: usize, scope: &Scope<'_>) -> Answer<i64> {
        let Val::Int(number) = self.argument(place, scope)? else { return Err(Failure) };
        Ok(number)
    }

    /// Items in the condition itself are evaluated one by one, up to the first that is there.
    fn coalesce<'v>(&'v self, scope: &Scope<'v>) -> Answer<Val<'v>> {
        if let Some(Expression::List(items)) = self.arguments.first() {
            for item in items {
                let value = item.value(scope)?;
                if !value.is_nil() {
                    return Ok(value);
                }
            }
            return Ok(Val::Nil);
        }
        let Val::List(items) = self.argument(0, scope)? else { return Err(Failure) };
        items.first_present()
    }

    fn concat<'v>(&'v self, scope: &Scope<'v>) -> Answer<Val<'v>> {
        let delimiter = self.text(1, scope)?;
        let mut out = Vec::new();
        let push = |place: usize, value: &Val<'_>, out: &mut Vec<u8>| {
            if place > 0 {
                out.extend_from_slice(&delimiter);
            }
            let form = text_form(value)?;
            out.extend_from_slice(form.as_deref().unwrap_or(b"<nil>"));
            if out.len() > TEXT_BYTES_MAX { Err(Failure) } else { Ok(()) }
        };
        if let Some(Expression::List(items)) = self.arguments.first() {
            for (place, item) in items.iter().enumerate() {
                push(place, &item.value(scope)?, &mut out)?;
            }
        } else {
            let Val::List(items) = self.argument(0, scope)? else { return Err(Failure) };
            for (place, item) in items.iter().enumerate() {
                push(place, &item?.1, &mut out)?;
            }
        }
        Ok(Val::text(out))
    }

    fn is_match<'v>(&'v self, scope: &Scope<'v>) -> Answer<Val<'v>> {
        let dynamic;
        let pattern = if let Prepared::Pattern(pattern) = &self.prepared {
            pattern
        } else {
            dynamic = dynamic_pattern(&self.text(1, scope)?)?;
            &dynamic
        };
        let value = self.argument(0, scope)?;
        let form = text_form(&value)?;
        Ok(Val::Bool(form.is_some_and(|form| pattern.is_match(&form))))
    }

    /// The named groups of the first match, by name; empty without one.
    fn extract<'v>(&'v self, scope: &Scope<'v>) -> Answer<Val<'v>> {
        let text = self.text(0, scope)?;
        let groups = if let Prepared::Pattern(pattern) = &self.prepared {
            pattern.named_groups(&text)
        } else {
            let pattern = dynamic_pattern(&self.text(1, scope)?)?;
            if !pattern.has_names() {
                return Err(Failure);
            }
            pattern.named_groups(&text)
        };
        let item = |(name, text): (String, Vec<u8>)| Item {
            key: Cow::Owned(name.into_bytes()),
            value: Val::text(text),
        };
        Ok(Val::Map(Items::Owned(groups.into_iter().map(item).collect())))
    }

    fn is_in_networks(&self, scope: &Scope<'_>) -> Answer<bool> {
        let address = cidr::address(&self.text(0, scope)?).ok_or(Failure)?;
        if let Prepared::Networks(networks) = &self.prepared {
            return Ok(networks.iter().any(|network| network.contains(address)));
        }
        let Val::List(networks) = self.argument(1, scope)? else { return Err(Failure) };
        for network in networks.iter() {
            if Network::of_value(&network?.1).ok_or(Failure)?.contains(address) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Function {
    /// The answer for a value that stands in the condition.
    pub(super) fn of_constant(self, value: &Val<'static>) -> Answer<Val<'static>> {
        self.of_value(value.clone())
    }

    /// The answer of a function of one value.
    fn of_value(self, value: Val<'_>) -> Answer<Val<'_>> {
        Ok(match self {
            Self::IsBool => Val::Bool(matches!(value, Val::Bool(_))),
            Self::IsDouble => Val::Bool(matches!(value, Val::Double(_))),
            Self::IsInt => Val::Bool(matches!(value, Val::Int(_))),
            Self::IsList => Val::Bool(matches!(value, Val::List(_))),
            Self::IsMap => Val::Bool(matches!(value, Val::Map(_))),
            Self::IsString => Val::Bool(matches!(value, Val::Text(_))),
            Self::IsEmpty => Val::Bool(is_empty(&value)?),
            Self::Len => Val::Int(length(&value)?),
            Self::Keys => keys(&value)?,
            Self::Bool => convert::to_bool(&value)?,
            Self::Double => convert::to_double(&value)?,
            Self::Int => convert::to_int(&value)?,
            Self::String => match text_form(&value)? {
                Some(text) => Val::text(text.into_owned()),
                None => Val::Nil,
            },
            Self::Hex => convert::to_hex(&value)?,
            Self::Nanoseconds => Val::Int(duration(&value)?),
            Self::Microseconds => Val::Int(duration(&value)? / 1_000),
            Self::Milliseconds => Val::Int(duration(&value)? / 1_000_000),
            Self::Seconds => Val::Double(in_units(duration(&value)?, 1_000_000_000)),
            Self::Minutes => Val::Double(in_units(duration(&value)?, 60_000_000_000)),
            Self::Hours => Val::Double(in_units(duration(&value)?, 3_600_000_000_000)),
            Self::TraceId => Val::TraceId(TraceId(id(&value)?)),
            Self::SpanId => Val::SpanId(SpanId(id(&value)?)),
            Self::Duration => Val::Duration(parse_duration(&text(value)?).ok_or(Failure)?),
            Self::Fnv => Val::Int(hash::fnv(&text(value)?)),
            Self::Sha256 => Val::text(hash::sha256_hex(&text(value)?)),
            Self::ParseJson => json::parse(&short(text(value)?)?)?,
            Self::ToLowerCase => Val::text(words::lower(&text(value)?)),
            Self::ToUpperCase => Val::text(words::upper(&text(value)?)),
            Self::Trim => words::trim(text(value)?),
            Self::Url => url::parts(&text(value)?)?,
            Self::Coalesce
            | Self::Concat
            | Self::ContainsValue
            | Self::ConvertCase
            | Self::ExtractPatterns
            | Self::HasPrefix
            | Self::HasSuffix
            | Self::IsInCidr
            | Self::IsMatch
            | Self::IsRootSpan
            | Self::Now
            | Self::ParseInt
            | Self::Split
            | Self::Substring => return Err(Failure),
        })
    }
}

fn dynamic_pattern(source: &[u8]) -> Answer<Pattern> {
    if source.len() > DYNAMIC_PATTERN_BYTES_MAX {
        return Err(Failure);
    }
    let source = std::str::from_utf8(source).map_err(|_| Failure)?;
    pattern::of_collector_within(source, pattern::DYNAMIC_BYTES_MAX).map_err(|_| Failure)
}

fn text(value: Val<'_>) -> Answer<Cow<'_, [u8]>> {
    let Val::Text(text) = value else { return Err(Failure) };
    Ok(text)
}

fn short(text: Cow<'_, [u8]>) -> Answer<Cow<'_, [u8]>> {
    if text.len() > TEXT_BYTES_MAX { Err(Failure) } else { Ok(text) }
}

fn duration(value: &Val<'_>) -> Answer<i64> {
    let Val::Duration(nanos) = value else { return Err(Failure) };
    Ok(*nanos)
}

/// A whole part and a fraction, so that no digit of a long duration is lost.
fn in_units(nanos: i64, unit: i64) -> f64 {
    (nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64
}

/// An identifier of its bytes, or of their hexadecimal digits.
fn id<const N: usize>(value: &Val<'_>) -> Answer<[u8; N]> {
    if let Val::Bytes(bytes) = value {
        return bytes[..].try_into().map_err(|_| Failure);
    }
    let Val::Text(digits) = value else { return Err(Failure) };
    let digits = std::str::from_utf8(digits).map_err(|_| Failure)?;
    super::token::hex(digits).ok_or(Failure)?.try_into().map_err(|_| Failure)
}

fn is_empty(value: &Val<'_>) -> Answer<bool> {
    match value {
        Val::Nil => Ok(true),
        Val::Bool(value) => Ok(!value),
        Val::Int(value) => Ok(*value == 0),
        Val::Double(value) => Ok(*value == 0.0),
        Val::Text(text) | Val::Bytes(text) => Ok(text.is_empty()),
        Val::List(items) | Val::Map(items) => Ok(items.is_empty()),
        Val::Time(_) | Val::Duration(_) | Val::TraceId(_) | Val::SpanId(_) => Err(Failure),
    }
}

/// Texts are counted in bytes.
fn length(value: &Val<'_>) -> Answer<i64> {
    match value {
        Val::Text(text) | Val::Bytes(text) => Ok(text.len() as i64),
        Val::List(items) | Val::Map(items) => Ok(items.len() as i64),
        Val::Nil
        | Val::Bool(_)
        | Val::Int(_)
        | Val::Double(_)
        | Val::Time(_)
        | Val::Duration(_)
        | Val::TraceId(_)
        | Val::SpanId(_) => Err(Failure),
    }
}

fn keys<'v>(value: &Val<'v>) -> Answer<Val<'v>> {
    let Val::Map(items) = value else { return Err(Failure) };
    let keys: Answer<Vec<_>> = items.iter().map(|item| Ok(Val::text(item?.0.to_vec()))).collect();
    Ok(Val::list(keys?))
}
