//! Policies, for the product and for the reference.

use tailsift_fixture::{NamedPolicy, ReferencePolicy};

/// A list of policies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Policies {
    /// Errors, slow requests, unsure predictions: what the synthetic load is made for.
    Usual,
    /// These, a slow step and a text: what the recorded traces hold.
    Corpus,
    /// Every trace: the most to lose.
    Everything,
}

impl Policies {
    /// The items of the configuration's list.
    pub(crate) fn yaml(self) -> &'static str {
        match self {
            Self::Usual => {
                "  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: slow, type: latency, latency: {threshold_ms: 500}}
  - {name: unsure, type: low_confidence, low_confidence: {below: 0.5}}
"
            }
            Self::Corpus => {
                "  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: slow, type: latency, latency: {threshold_ms: 500}}
  - {name: unsure, type: low_confidence, low_confidence: {below: 0.5}}
  - {name: chat, type: string_attribute, string_attribute: {key: gen_ai.operation.name, values: [chat]}}
  - {name: slow-features, type: span_latency, span_latency: {span_name: Feature Extraction, above: 4ms}}
"
            }
            Self::Everything => "  - {name: everything, type: always_sample}\n",
        }
    }

    /// The same for the reference, in the same order.
    pub(crate) fn reference(self) -> Vec<NamedPolicy> {
        let mut policies = vec![
            NamedPolicy::new("errors", ReferencePolicy::Error),
            NamedPolicy::new("slow", ReferencePolicy::Latency { above_ms: 500 }),
            NamedPolicy::new("unsure", ReferencePolicy::low_confidence(0.5)),
        ];
        match self {
            Self::Usual => {}
            Self::Corpus => {
                let chat = ReferencePolicy::StringAttribute {
                    key: "gen_ai.operation.name".to_owned(),
                    values: vec!["chat".to_owned()],
                };
                let slow = ReferencePolicy::SpanSlower {
                    name: "Feature Extraction".to_owned(),
                    above_ms: 4,
                };
                policies.push(NamedPolicy::new("chat", chat));
                policies.push(NamedPolicy::new("slow-features", slow));
            }
            Self::Everything => {
                policies = vec![NamedPolicy::new("everything", ReferencePolicy::Always)];
            }
        }
        policies
    }
}
