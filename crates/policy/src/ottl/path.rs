//! What conditions can look at, by the names that the language gives it.

use std::borrow::Cow;

use tailsift_trace::{
    Attribute, AttributeKey, Details, Event, SpanDetail, SpanId, UnixNano, Value,
};

use super::expression::Scope;
use super::value::{Answer, Failure, Items, Val};

/// Where attributes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Span,
    Event,
    Scope,
    Resource,
}

/// A path without keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Path {
    /// All attributes, as a map.
    Attributes(Place),
    DroppedAttributes(Place),
    Name,
    Kind,
    KindText,
    StatusCode,
    StatusMessage,
    TraceState,
    Flags,
    TraceId,
    TraceIdText,
    SpanId,
    SpanIdText,
    ParentSpanId,
    ParentSpanIdText,
    Start,
    StartTime,
    End,
    EndTime,
    DroppedEvents,
    DroppedLinks,
    /// Counted only: `Len(events)`.
    Events,
    /// Counted only: `Len(links)`.
    Links,
    EventName,
    EventTime,
    EventTimeNanos,
    ScopeName,
    ScopeVersion,
}

/// Paths of spans, as a condition on spans writes them; in one on events `span.` stands before.
const OF_SPAN: [(&str, Path); 23] = [
    ("attributes", Path::Attributes(Place::Span)),
    ("dropped_attributes_count", Path::DroppedAttributes(Place::Span)),
    ("dropped_events_count", Path::DroppedEvents),
    ("dropped_links_count", Path::DroppedLinks),
    ("end_time", Path::EndTime),
    ("end_time_unix_nano", Path::End),
    ("events", Path::Events),
    ("flags", Path::Flags),
    ("kind", Path::Kind),
    ("kind.string", Path::KindText),
    ("links", Path::Links),
    ("name", Path::Name),
    ("parent_span_id", Path::ParentSpanId),
    ("parent_span_id.string", Path::ParentSpanIdText),
    ("span_id", Path::SpanId),
    ("span_id.string", Path::SpanIdText),
    ("start_time", Path::StartTime),
    ("start_time_unix_nano", Path::Start),
    ("status.code", Path::StatusCode),
    ("status.message", Path::StatusMessage),
    ("trace_id", Path::TraceId),
    ("trace_id.string", Path::TraceIdText),
    ("trace_state", Path::TraceState),
];

const OF_SCOPE: [(&str, Path); 4] = [
    ("attributes", Path::Attributes(Place::Scope)),
    ("dropped_attributes_count", Path::DroppedAttributes(Place::Scope)),
    ("name", Path::ScopeName),
    ("version", Path::ScopeVersion),
];

const OF_RESOURCE: [(&str, Path); 2] = [
    ("attributes", Path::Attributes(Place::Resource)),
    ("dropped_attributes_count", Path::DroppedAttributes(Place::Resource)),
];

const OF_EVENT: [(&str, Path); 5] = [
    ("attributes", Path::Attributes(Place::Event)),
    ("dropped_attributes_count", Path::DroppedAttributes(Place::Event)),
    ("name", Path::EventName),
    ("time", Path::EventTime),
    ("time_unix_nano", Path::EventTimeNanos),
];

impl Path {
    /// The path that is written so in a condition on spans, or on events.
    ///
    /// # Errors
    /// What is wrong with it, and which there are.
    pub(super) fn find(segments: &[String], on_events: bool) -> Result<Self, String> {
        let written = segments.join(".");
        let bare = if on_events { &OF_EVENT[..] } else { &OF_SPAN[..] };
        let (known, prefix, rest): (_, _, &[String]) = match segments {
            [first, rest @ ..] if !rest.is_empty() => match first.as_str() {
                "span" => (&OF_SPAN[..], "span.", rest),
                "spanevent" if on_events => (&OF_EVENT[..], "spanevent.", rest),
                "resource" => (&OF_RESOURCE[..], "resource.", rest),
                "scope" | "instrumentation_scope" => (&OF_SCOPE[..], "scope.", rest),
                _ => (bare, "", segments),
            },
            _ => (bare, "", segments),
        };
        let name = rest.join(".");
        if let Some((_, path)) = known.iter().find(|(known, _)| *known == name) {
            return Ok(*path);
        }
        if name == "event_index" && on_events {
            return Err("event_index is supported nowhere: the Collector never sets it, and a \
                        condition that uses it fails for every event; remove it"
                .to_owned());
        }
        if ["null", "none", "undefined"].contains(&&*written) {
            return Err(format!("{written} is no value: for a missing one write nil"));
        }
        let names: Vec<_> = known.iter().map(|(known, _)| format!("{prefix}{known}")).collect();
        let names = names.join(", ");
        Err(match (prefix, on_events) {
            ("", false) => format!(
                "{written} is no path of a span that is supported; there are: {names}, and \
                 resource.… and scope.…"
            ),
            ("", true) => format!(
                "{written} is no path of an event that is supported; there are: {names}, and \
                 span.…, resource.… and scope.…"
            ),
            (_, _) => format!("{written} is no path that is supported; there are: {names}"),
        })
    }

    /// What has to be read for it.
    pub(super) fn details(self) -> Details {
        let none = Details::default();
        match self {
            Self::Attributes(Place::Span) => Details { attributes: true, ..none },
            Self::Attributes(Place::Event) => {
                Details { events: true, event_attributes: true, ..none }
            }
            Self::DroppedAttributes(Place::Event) | Self::Events => {
                Details { events: true, ..none }
            }
            Self::Attributes(Place::Scope)
            | Self::DroppedAttributes(Place::Scope)
            | Self::ScopeName
            | Self::ScopeVersion => Details { scope: true, ..none },
            Self::Attributes(Place::Resource) | Self::DroppedAttributes(Place::Resource) => {
                Details { resource: true, ..none }
            }
            Self::DroppedAttributes(Place::Span)
            | Self::DroppedEvents
            | Self::DroppedLinks
            | Self::Links => Details { counts: true, ..none },
            Self::StatusMessage => Details { status_message: true, ..none },
            Self::Name
            | Self::Kind
            | Self::KindText
            | Self::StatusCode
            | Self::TraceState
            | Self::Flags
            | Self::TraceId
            | Self::TraceIdText
            | Self::SpanId
            | Self::SpanIdText
            | Self::ParentSpanId
            | Self::ParentSpanIdText
            | Self::Start
            | Self::StartTime
            | Self::End
            | Self::EndTime
            | Self::EventName
            | Self::EventTime
            | Self::EventTimeNanos => none,
        }
    }

    /// True for what can only be counted.
    pub(super) fn is_count(self) -> bool {
        matches!(self, Self::Events | Self::Links)
    }

    /// True for identifiers and times, which have no text form.
    pub(super) fn has_no_text(self) -> bool {
        matches!(
            self,
            Self::TraceId
                | Self::SpanId
                | Self::ParentSpanId
                | Self::StartTime
                | Self::EndTime
                | Self::EventTime
        )
    }

    pub(super) fn value<'v>(self, scope: &Scope<'v>) -> Answer<Val<'v>> {
        let span = scope.span;
        let time = |time: UnixNano| Val::Time(time.0 as i64);
        let nanos = |time: UnixNano| Val::Int(time.0 as i64);
        let count = |count: u32| Val::Int(i64::from(count));
        let hex = |id: &dyn std::fmt::Display| Val::text(id.to_string().into_bytes());
        Ok(match self {
            Self::Attributes(place) => place.attributes(scope)?,
            Self::DroppedAttributes(place) => count(place.dropped_attributes(scope)?),
            Self::Name => Val::text(span.name),
            Self::Kind => Val::Int(i64::from(span.kind)),
            Self::KindText => Val::text(kind_name(span.kind)),
            Self::StatusCode => Val::Int(i64::from(span.status.0)),
            Self::StatusMessage => Val::text(scope.detail()?.status_message),
            Self::TraceState => Val::text(span.trace_state),
            Self::Flags => count(span.flags),
            Self::TraceId => Val::TraceId(span.trace_id),
            Self::TraceIdText => hex(&span.trace_id),
            Self::SpanId => Val::SpanId(span.span_id.unwrap_or(NO_SPAN)),
            Self::SpanIdText => hex(&span.span_id.unwrap_or(NO_SPAN)),
            Self::ParentSpanId => Val::SpanId(span.parent_span_id.unwrap_or(NO_SPAN)),
            Self::ParentSpanIdText => hex(&span.parent_span_id.unwrap_or(NO_SPAN)),
            Self::Start => nanos(span.start),
            Self::StartTime => time(span.start),
            Self::End => nanos(span.end),
            Self::EndTime => time(span.end),
            Self::DroppedEvents => count(scope.detail()?.dropped_events),
            Self::DroppedLinks => count(scope.detail()?.dropped_links),
            Self::Events => Val::Int(scope.detail()?.events.len() as i64),
            Self::Links => count(scope.detail()?.links),
            Self::EventName => Val::text(scope.event()?.name),
            Self::EventTime => time(scope.event()?.time),
            Self::EventTimeNanos => nanos(scope.event()?.time),
            Self::ScopeName => Val::text(scope.scope()?.name),
            Self::ScopeVersion => Val::text(scope.scope()?.version),
        })
    }
}

const NO_SPAN: SpanId = SpanId([0; 8]);

fn kind_name(kind: i32) -> &'static [u8] {
    match kind {
        0 => b"Unspecified",
        1 => b"Internal",
        2 => b"Server",
        3 => b"Client",
        4 => b"Producer",
        5 => b"Consumer",
        _ => b"",
    }
}

/// The named constants of the language.
pub(super) const SYMBOLS: [(&str, i64); 9] = [
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

impl Place {
    /// An attribute of a span or resource by its key; the first, if it repeats.
    pub(super) fn attribute<'v>(
        self,
        key: AttributeKey,
        scope: &Scope<'v>,
    ) -> Answer<Option<Val<'v>>> {
        let range = match self {
            Self::Span => &scope.span.attributes,
            Self::Resource => &scope.batch.resources[scope.span.resource as usize].attributes,
            Self::Event | Self::Scope => return Err(Failure),
        };
        let found: Option<(u32, &Attribute<'v>)> = range
            .clone()
            .zip(&scope.batch.attributes[range.start as usize..range.end as usize])
            .find(|(_, attribute)| attribute.key == key);
        let Some((place, attribute)) = found else { return Ok(None) };
        Ok(Some(match attribute.value {
            Value::Empty => Val::Nil,
            Value::Text(text) => Val::text(text),
            Value::Bool(value) => Val::Bool(value),
            Value::Int(value) => Val::Int(value),
            Value::Double(value) => Val::Double(value),
            Value::Bytes(bytes) => Val::Bytes(Cow::Borrowed(bytes)),
            Value::Array(_) | Value::Map(_) => {
                let nodes = scope.batch.detailed.tree(place).ok_or(Failure)?;
                let (first, within) = nodes.split_first().ok_or(Failure)?;
                Val::of_node(first, within)?
            }
        }))
    }

    fn attributes<'v>(self, scope: &Scope<'v>) -> Answer<Val<'v>> {
        let range = match self {
            Self::Span => &scope.detail()?.attributes,
            Self::Event => &scope.event()?.attributes,
            Self::Scope => &scope.scope()?.attributes,
            Self::Resource => &scope.resource()?.attributes,
        };
        Ok(Val::Map(Items::Nodes(scope.batch.detailed.nodes_of(range))))
    }

    fn dropped_attributes(self, scope: &Scope<'_>) -> Answer<u32> {
        Ok(match self {
            Self::Span => scope.detail()?.dropped_attributes,
            Self::Event => scope.event()?.dropped_attributes,
            Self::Scope => scope.scope()?.dropped_attributes,
            Self::Resource => scope.resource()?.dropped_attributes,
        })
    }
}

/// What was asked for is there; whoever made the batch without it gets failures, not answers.
impl<'v> Scope<'v> {
    pub(super) fn detail(&self) -> Answer<&'v SpanDetail<'v>> {
        self.batch.detailed.spans.get(self.span.detail as usize).ok_or(Failure)
    }

    fn event(&self) -> Answer<&'v Event<'v>> {
        self.event.ok_or(Failure)
    }

    fn scope(&self) -> Answer<&'v tailsift_trace::Scope<'v>> {
        self.batch.detailed.scopes.get(self.detail()?.scope as usize).ok_or(Failure)
    }

    fn resource(&self) -> Answer<&'v tailsift_trace::ResourceDetail> {
        self.batch.detailed.resources.get(self.span.resource as usize).ok_or(Failure)
    }
}
