//! The forms in which a Collector writes records.

/// A form of records, and how tailsift is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Protobuf without keys: what the exporter does unless it is told otherwise.
    Unkeyed,
    /// Protobuf, keyed by trace.
    Keyed,
    /// JSON without keys.
    Json,
}

impl Form {
    pub(super) const ALL: [Self; 3] = [Self::Unkeyed, Self::Keyed, Self::Json];

    /// As it is called in topics, groups and files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unkeyed => "unkeyed",
            Self::Keyed => "keyed",
            Self::Json => "json",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Unkeyed => "otlp_proto, no keys",
            Self::Keyed => "otlp_proto, keyed by trace",
            Self::Json => "otlp_json, no keys",
        }
    }

    /// The topic that the Collector writes.
    pub(super) fn written(self) -> String {
        format!("written-{}", self.name())
    }

    /// The topic that tailsift writes.
    pub(super) fn kept(self) -> String {
        format!("kept-{}", self.name())
    }

    pub(super) fn is_keyed(self) -> bool {
        self == Self::Keyed
    }

    pub(super) fn is_json(self) -> bool {
        self == Self::Json
    }

    /// What tailsift has to be told, as values of `--set`.
    pub(super) fn settings(self) -> [String; 2] {
        let keyed_by = if self.is_keyed() { "trace_id" } else { "none" };
        let encoding = if self.is_json() { "otlp_json" } else { "otlp_proto" };
        [format!("input.keyed_by={keyed_by}"), format!("input.encoding={encoding}")]
    }
}
