//! The functions of the language that are supported.

use super::value::Val;

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Function {
    Bool,
    Coalesce,
    Concat,
    ContainsValue,
    ConvertCase,
    Double,
    Duration,
    ExtractPatterns,
    Fnv,
    HasPrefix,
    HasSuffix,
    Hex,
    Hours,
    Int,
    IsBool,
    IsDouble,
    IsEmpty,
    IsInCidr,
    IsInt,
    IsList,
    IsMap,
    IsMatch,
    IsRootSpan,
    IsString,
    Keys,
    Len,
    Microseconds,
    Milliseconds,
    Minutes,
    Nanoseconds,
    Now,
    ParseInt,
    ParseJson,
    Seconds,
    Sha256,
    SpanId,
    Split,
    String,
    Substring,
    ToLowerCase,
    ToUpperCase,
    TraceId,
    Trim,
    Url,
}

/// What a function makes of its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Makes {
    /// A truth value, so that a call is a condition.
    Truth,
    /// Something that may turn out to be a truth value.
    Anything,
    /// Never a truth value.
    Value,
}

/// What a function takes. Other values fail while the condition is tried; those that are written
/// in the condition itself are refused at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Takes {
    Anything,
    Text,
    /// Whatever has a text form: no identifiers and times.
    TextForm,
    Pattern,
    /// A text in the condition itself.
    LiteralText,
    Integer,
    List,
    Map,
    /// Something that has a length, events and links among them.
    Countable,
    Duration,
    /// Bytes or hexadecimal digits of an identifier.
    Id,
}

impl Takes {
    /// What would do, unless this value, which stands in the condition itself, does.
    pub(super) fn misses(self, value: &Val<'_>) -> Option<&'static str> {
        let (fits, expected) = match self {
            Self::Anything | Self::TextForm | Self::Countable => (true, ""),
            Self::Text | Self::Pattern => (matches!(value, Val::Text(_)), "a text"),
            Self::LiteralText => (matches!(value, Val::Text(_)), "a text in quotes"),
            Self::Integer => (matches!(value, Val::Int(_)), "an integer"),
            Self::List => (matches!(value, Val::List(_)), "a list"),
            Self::Map => (matches!(value, Val::Map(_)), "a map"),
            Self::Duration => {
                (matches!(value, Val::Duration(_)), "a duration, such as end_time - start_time")
            }
            Self::Id => (
                matches!(value, Val::Text(_) | Val::Bytes(_)),
                "bytes, or hexadecimal digits in quotes",
            ),
        };
        (!fits).then_some(expected)
    }
}

/// A function as it is written.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) function: Function,
    pub(super) takes: &'static [Takes],
    pub(super) makes: Makes,
}

const fn signature(
    name: &'static str,
    function: Function,
    takes: &'static [Takes],
    makes: Makes,
) -> Signature {
    Signature { name, function, takes, makes }
}

use Makes as M;
use Takes as T;

/// All of them, by name.
pub(super) static FUNCTIONS: [Signature; 44] = [
    signature("Bool", Function::Bool, &[T::TextForm], M::Anything),
    signature("Coalesce", Function::Coalesce, &[T::List], M::Anything),
    signature("Concat", Function::Concat, &[T::List, T::LiteralText], M::Value),
    signature("ContainsValue", Function::ContainsValue, &[T::List, T::Anything], M::Truth),
    signature("ConvertCase", Function::ConvertCase, &[T::Text, T::LiteralText], M::Value),
    signature("Double", Function::Double, &[T::TextForm], M::Value),
    signature("Duration", Function::Duration, &[T::Text], M::Value),
    signature("ExtractPatterns", Function::ExtractPatterns, &[T::Text, T::Pattern], M::Value),
    signature("FNV", Function::Fnv, &[T::Text], M::Value),
    signature("HasPrefix", Function::HasPrefix, &[T::Text, T::Text], M::Truth),
    signature("HasSuffix", Function::HasSuffix, &[T::Text, T::Text], M::Truth),
    signature("Hex", Function::Hex, &[T::TextForm], M::Value),
    signature("Hours", Function::Hours, &[T::Duration], M::Value),
    signature("Int", Function::Int, &[T::TextForm], M::Value),
    signature("IsBool", Function::IsBool, &[T::Anything], M::Truth),
    signature("IsDouble", Function::IsDouble, &[T::Anything], M::Truth),
    signature("IsEmpty", Function::IsEmpty, &[T::TextForm], M::Truth),
    signature("IsInCIDR", Function::IsInCidr, &[T::Text, T::List], M::Truth),
    signature("IsInt", Function::IsInt, &[T::Anything], M::Truth),
    signature("IsList", Function::IsList, &[T::Anything], M::Truth),
    signature("IsMap", Function::IsMap, &[T::Anything], M::Truth),
    signature("IsMatch", Function::IsMatch, &[T::TextForm, T::Pattern], M::Truth),
    signature("IsRootSpan", Function::IsRootSpan, &[], M::Truth),
    signature("IsString", Function::IsString, &[T::Anything], M::Truth),
    signature("Keys", Function::Keys, &[T::Map], M::Value),
    signature("Len", Function::Len, &[T::Countable], M::Value),
    signature("Microseconds", Function::Microseconds, &[T::Duration], M::Value),
    signature("Milliseconds", Function::Milliseconds, &[T::Duration], M::Value),
    signature("Minutes", Function::Minutes, &[T::Duration], M::Value),
    signature("Nanoseconds", Function::Nanoseconds, &[T::Duration], M::Value),
    signature("Now", Function::Now, &[], M::Value),
    signature("ParseInt", Function::ParseInt, &[T::Text, T::Integer], M::Value),
    signature("ParseJSON", Function::ParseJson, &[T::Text], M::Value),
    signature("SHA256", Function::Sha256, &[T::Text], M::Value),
    signature("Seconds", Function::Seconds, &[T::Duration], M::Value),
    signature("SpanID", Function::SpanId, &[T::Id], M::Value),
    signature("Split", Function::Split, &[T::Text, T::LiteralText], M::Value),
    signature("String", Function::String, &[T::TextForm], M::Value),
    signature("Substring", Function::Substring, &[T::Text, T::Integer, T::Integer], M::Value),
    signature("ToLowerCase", Function::ToLowerCase, &[T::Text], M::Value),
    signature("ToUpperCase", Function::ToUpperCase, &[T::Text], M::Value),
    signature("TraceID", Function::TraceId, &[T::Id], M::Value),
    signature("Trim", Function::Trim, &[T::Text], M::Value),
    signature("URL", Function::Url, &[T::Text], M::Value),
];

impl Signature {
    /// # Errors
    /// Which functions there are.
    pub(super) fn find(name: &str, on_events: bool) -> Result<&'static Self, String> {
        let offered =
            |signature: &&Self| !(on_events && signature.function == Function::IsRootSpan);
        if let Some(found) = FUNCTIONS.iter().filter(offered).find(|known| known.name == name) {
            return Ok(found);
        }
        let names: Vec<_> = FUNCTIONS.iter().filter(offered).map(|known| known.name).collect();
        let names = names.join(", ");
        let near = FUNCTIONS.iter().find(|known| known.name.eq_ignore_ascii_case(name));
        Err(match near {
            Some(known) if known.function == Function::IsRootSpan && known.name == name => {
                format!("IsRootSpan is for conditions on spans; on events there are: {names}")
            }
            Some(known) => format!("{name} is no function: did you mean {}?", known.name),
            None => format!("{name} is no function that is supported; there are: {names}"),
        })
    }

    pub(super) fn takes_exactly(&self) -> String {
        match self.takes.len() {
            0 => format!("{}() takes no arguments", self.name),
            1 => format!("{} takes 1 argument", self.name),
            count => format!("{} takes {count} arguments", self.name),
        }
    }
}
