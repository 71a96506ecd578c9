//! Redaction on the wire against a slow one over decoded requests, rule by rule.

use std::borrow::Cow;
use std::sync::LazyLock;

use hmac::{Hmac, Mac};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message;
use regex::bytes::Regex;
use sha2::Sha256;
use tailsift_otlp::{
    HashKey, RedactionAction, RedactionCounts, RedactionKeys, RedactionPlace, RedactionRule,
    RedactionValues, Redactor,
};

use crate::corpus;
use crate::encode::{encode_oddly, with_unknown_fields};
use crate::generate;
use crate::seen::KEYS;

/// Rules that change nearly everything, and nothing a second time.
pub(crate) fn redactor_of_everything() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
        let rule = |action, keys, values: Option<&str>| RedactionRule {
            action,
            keys,
            values: values.map(|pattern| RedactionValues::Regex(pattern.into())),
            places: Vec::new(),
        };
        let mask = || RedactionAction::Mask { with: "*".into() };
        let rules = [
            rule(RedactionAction::Truncate { above: 9 }, RedactionKeys::Any, None),
            rule(RedactionAction::Delete, RedactionKeys::Matching(".*id".into()), None),
            rule(mask(), RedactionKeys::Matching("k|.*e.*".into()), None),
            rule(mask(), RedactionKeys::Any, Some("[a-z0-9]+")),
        ];
        Redactor::new(&rules).expect("the rules do")
    });
    &REDACTOR
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn equals_a_slow_redactor(request in generate::request(), rules in vec(rule(), 0..5)) {
        let payload = request.encode_to_vec();
        assert_equal(&payload, request, &rules)?;
    }

    #[test]
    fn equals_it_however_the_request_is_written(
        request in generate::request(),
        seed: u64,
        rules in vec(rule(), 0..5),
    ) {
        // The hash of a list depends on how it was written.
        let is_hash = |rule: &RedactionRule| matches!(rule.action, RedactionAction::Hash { .. });
        let rules: Vec<_> = rules.into_iter().filter(|rule| !is_hash(rule)).collect();
        assert_equal(&encode_oddly(&request, seed), request, &rules)?;
    }

    #[test]
    fn what_no_rule_touches_stays_byte_for_byte(request in generate::request(), seed: u64) {
        let rules = [
            RedactionRule { keys: RedactionKeys::Listed(vec!["no such key".into()]), ..mask() },
            RedactionRule { keys: RedactionKeys::Matching("[0-9]{3}".into()), ..mask() },
            RedactionRule { values: Some(RedactionValues::Regex("no such text".into())), ..mask() },
        ];
        let redactor = Redactor::new(&rules).unwrap();
        for payload in [encode_oddly(&request, seed), with_unknown_fields(&request)] {
            let redacted = redactor.rewrite(&payload).unwrap();
            prop_assert!(matches!(redacted.request, Cow::Borrowed(_)));
            prop_assert_eq!(&*redacted.request, &*payload);
            prop_assert_eq!(redacted.counts, RedactionCounts::default());
        }
    }

    #[test]
    fn a_second_time_changes_nothing(request in generate::request(), seed: u64) {
        let once = encode_oddly(&request, seed);
        let once = redactor_of_everything().rewrite(&once).unwrap();
        let twice = redactor_of_everything().rewrite(&once.request).unwrap();
        prop_assert_eq!(&*twice.request, &*once.request);
    }
}

/// Unknown fields stay where they were, whatever changes around them.
#[test]
fn unknown_fields_stay() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut changed = 0;
    for _ in 0..50 {
        let request = generate::request().new_tree(&mut runner).unwrap().current();
        let payload = with_unknown_fields(&request);
        let redacted = redactor_of_everything().rewrite(&payload).unwrap();
        for text in ["request", "before", "scope", "span", "after"] {
            let framed = [&[text.len() as u8], text.as_bytes()].concat();
            let count = |bytes: &[u8]| bytes.windows(framed.len()).filter(|b| *b == framed).count();
            assert_eq!(count(&redacted.request), count(&payload), "{text}");
        }
        changed += usize::from(redacted.counts != RedactionCounts::default());
    }
    assert!(changed > 20, "{changed}");
}

#[test]
fn recorded_requests_are_redacted_as_prost_reads_them() {
    let rule = |action, keys: &str| RedactionRule {
        action,
        keys: RedactionKeys::Matching(keys.into()),
        values: None,
        places: Vec::new(),
    };
    let rules = [
        rule(RedactionAction::Delete, "http.*"),
        rule(RedactionAction::Hash { key: HashKey(b"key".to_vec()) }, "service.*|.*id"),
        RedactionRule { values: Some(RedactionValues::Regex("[0-9]+".into())), ..mask() },
    ];
    let mut changed = 0;
    for file in corpus::PROTO_FILES {
        for payload in corpus::values(file).iter().take(300) {
            let request = ExportTraceServiceRequest::decode(&**payload).unwrap();
            assert_equal(payload, request, &rules).unwrap();
            changed += 1;
        }
    }
    assert!(changed > 500, "{changed}");
}

fn assert_equal(
    payload: &[u8],
    request: ExportTraceServiceRequest,
    rules: &[RedactionRule],
) -> Result<(), TestCaseError> {
    let redacted = Redactor::new(rules).expect("generated rules do").rewrite(payload);
    let redacted = redacted.expect("it is OTLP");
    let mut slow = request;
    rules.iter().for_each(|rule| Slow::new(rule).request(&mut slow));
    let fast = ExportTraceServiceRequest::decode(&*redacted.request).expect("it is still OTLP");
    // NaN is equal to nothing, its bytes are.
    let is_equal = fast.encode_to_vec() == slow.encode_to_vec();
    prop_assert!(is_equal, "{:?}\n{:?}\n{:?}", rules, fast, slow);
    prop_assert_eq!(redacted.counts.unreadable, 0);
    Ok(())
}

fn mask() -> RedactionRule {
    RedactionRule {
        action: RedactionAction::Mask { with: "****".into() },
        keys: RedactionKeys::Any,
        values: None,
        places: Vec::new(),
    }
}

fn rule() -> impl Strategy<Value = RedactionRule> {
    let action = prop_oneof![
        Just(RedactionAction::Delete),
        Just(RedactionAction::Mask { with: "****".into() }),
        "[ab8]{0,3}".prop_map(|with| RedactionAction::Replace { with }),
        Just(RedactionAction::Hash { key: HashKey(b"key".to_vec()) }),
        (0..9usize).prop_map(|above| RedactionAction::Truncate { above }),
    ];
    let keys = prop_oneof![
        Just(RedactionKeys::Any),
        vec(select(&KEYS[..]), 1..3).prop_map(|keys| {
            RedactionKeys::Listed(keys.into_iter().map(str::to_owned).collect())
        }),
        select(&["m.*", ".*n.*|k", "[a-z]*", ""][..])
            .prop_map(|pattern| RedactionKeys::Matching(pattern.into())),
    ];
    // None of them matches what `encode_oddly` writes and then overwrites.
    let values = select(&["[ab]+", "x{3,}", "é", "[124-689]{2}", r"\*"][..]);
    let places = vec(select(&RedactionPlace::ALL[..]), 0..3);
    (action, keys, proptest::option::of(values), places).prop_filter_map(
        "a rule that does",
        |(action, keys, values, places)| {
            let truncates = matches!(action, RedactionAction::Truncate { .. });
            let values = values.filter(|_| !truncates);
            let values = values.map(|pattern| RedactionValues::Regex(pattern.into()));
            let does = truncates || values.is_some() || keys != RedactionKeys::Any;
            does.then_some(RedactionRule { action, keys, values, places })
        },
    )
}

/// One rule over a decoded request.
struct Slow<'r> {
    rule: &'r RedactionRule,
    values: Option<Regex>,
    keys: Option<Regex>,
}

impl<'r> Slow<'r> {
    fn new(rule: &'r RedactionRule) -> Self {
        let values = rule.values.as_ref().map(|values| match values {
            RedactionValues::Regex(pattern) => Regex::new(pattern).expect("a pattern"),
            RedactionValues::Preset(_) => panic!("presets are tested by themselves"),
        });
        let keys = match &rule.keys {
            RedactionKeys::Matching(pattern) => {
                Some(Regex::new(&format!("^(?:{pattern})$")).expect("a pattern"))
            }
            RedactionKeys::Any | RedactionKeys::Listed(_) => None,
        };
        Self { rule, values, keys }
    }

    fn request(&self, request: &mut ExportTraceServiceRequest) {
        for resource_spans in &mut request.resource_spans {
            if let Some(resource) = &mut resource_spans.resource {
                self.attributes(&mut resource.attributes, RedactionPlace::Resource);
            }
            for scope_spans in &mut resource_spans.scope_spans {
                if let Some(scope) = &mut scope_spans.scope {
                    self.text(&mut scope.name, RedactionPlace::Scope);
                    self.text(&mut scope.version, RedactionPlace::Scope);
                    self.attributes(&mut scope.attributes, RedactionPlace::Scope);
                }
                for span in &mut scope_spans.spans {
                    self.text(&mut span.name, RedactionPlace::Span);
                    self.attributes(&mut span.attributes, RedactionPlace::Span);
                    if let Some(status) = &mut span.status {
                        self.text(&mut status.message, RedactionPlace::Span);
                    }
                    for event in &mut span.events {
                        self.text(&mut event.name, RedactionPlace::Event);
                        self.attributes(&mut event.attributes, RedactionPlace::Event);
                    }
                    for link in &mut span.links {
                        self.attributes(&mut link.attributes, RedactionPlace::Link);
                    }
                }
            }
        }
    }

    fn is_at(&self, place: RedactionPlace) -> bool {
        self.rule.places.is_empty() || self.rule.places.contains(&place)
    }

    fn is_plain(&self) -> bool {
        self.rule.keys == RedactionKeys::Any
    }

    fn is_whole(&self) -> bool {
        let truncates = matches!(self.rule.action, RedactionAction::Truncate { .. });
        !self.is_plain() && self.values.is_none() && !truncates
    }

    fn text(&self, text: &mut String, place: RedactionPlace) {
        if self.is_at(place) && self.is_plain() {
            let left = self.leaf(text.as_bytes(), true).unwrap_or_default();
            *text = utf8(left);
        }
    }

    fn attributes(&self, attributes: &mut Vec<KeyValue>, place: RedactionPlace) {
        if self.is_at(place) {
            attributes.retain_mut(|pair| self.pair(pair, self.is_plain()));
        }
    }

    /// False if it goes.
    fn pair(&self, pair: &mut KeyValue, is_active: bool) -> bool {
        let hit = match &self.rule.keys {
            RedactionKeys::Any => false,
            RedactionKeys::Listed(keys) => keys.contains(&pair.key),
            RedactionKeys::Matching(_) => {
                self.keys.as_ref().is_some_and(|keys| keys.is_match(pair.key.as_bytes()))
            }
        };
        let value = pair.value.as_mut().and_then(|value| value.value.as_mut());
        match (hit && self.is_whole(), value) {
            (true, _) if self.rule.action == RedactionAction::Delete => false,
            (true, Some(value)) => {
                if let Some(bytes) = whole(value) {
                    let text = self.instead_of(&bytes);
                    *value = Value::StringValue(utf8(text));
                }
                true
            }
            (false, Some(value)) => self.value(value, is_active || hit && !self.is_whole()),
            (_, None) => true,
        }
    }

    fn value(&self, value: &mut Value, is_active: bool) -> bool {
        match value {
            Value::StringValue(text) if is_active => match self.leaf(text.as_bytes(), true) {
                Some(left) => *text = utf8(left),
                None => return false,
            },
            Value::BytesValue(bytes) if is_active => match self.leaf(bytes, true) {
                Some(left) => *bytes = left,
                None => return false,
            },
            Value::IntValue(number) if is_active => {
                let digits = number.to_string();
                match self.leaf(digits.as_bytes(), false) {
                    Some(left) if left == digits.as_bytes() => {}
                    Some(left) => *value = Value::StringValue(utf8(left)),
                    None => return false,
                }
            }
            Value::ArrayValue(array) => {
                let mut items =
                    array.values.iter_mut().filter_map(|AnyValue { value }| value.as_mut());
                return items.all(|value| self.value(value, is_active));
            }
            Value::KvlistValue(map) => map.values.retain_mut(|pair| self.pair(pair, is_active)),
            Value::StringValue(_)
            | Value::BytesValue(_)
            | Value::IntValue(_)
            | Value::BoolValue(_)
            | Value::DoubleValue(_)
            | Value::StringValueStrindex(_) => {}
        }
        true
    }

    /// `None` if it goes.
    fn leaf(&self, text: &[u8], is_text: bool) -> Option<Vec<u8>> {
        if let RedactionAction::Truncate { above } = self.rule.action {
            let mut end = text.len().min(if is_text { above } else { usize::MAX });
            if let Ok(text) = std::str::from_utf8(text) {
                end = text.floor_char_boundary(end);
            } else if end < text.len() {
                // What is no text is cut as if it were.
                let back = (0..=end.min(3)).find(|back| text[end - back] & 0xc0 != 0x80);
                end -= back.unwrap_or(0);
            }
            return Some(text[..end].to_vec());
        }
        let Some(values) = &self.values else { return Some(text.to_vec()) };
        if self.rule.action == RedactionAction::Delete && values.is_match(text) {
            return None;
        }
        let replace = |found: &regex::bytes::Captures<'_>| self.instead_of(&found[0]);
        Some(values.replace_all(text, replace).into_owned())
    }

    fn instead_of(&self, secret: &[u8]) -> Vec<u8> {
        match &self.rule.action {
            RedactionAction::Mask { with } | RedactionAction::Replace { with } => {
                with.clone().into()
            }
            RedactionAction::Hash { key } => {
                let mut hmac = Hmac::<Sha256>::new_from_slice(&key.0).expect("any length does");
                hmac.update(secret);
                let sum = hmac.finalize().into_bytes();
                sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
            }
            RedactionAction::Delete | RedactionAction::Truncate { .. } => Vec::new(),
        }
    }
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("rules keep texts texts")
}

/// A value as the bytes that are hashed.
fn whole(value: &Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::StringValue(text) => text.clone().into(),
        Value::BoolValue(value) => value.to_string().into(),
        Value::IntValue(value) => value.to_string().into(),
        Value::DoubleValue(value) => value.to_string().into(),
        Value::ArrayValue(array) => array.encode_to_vec(),
        Value::KvlistValue(map) => map.encode_to_vec(),
        Value::BytesValue(bytes) => bytes.clone(),
        // A reference to a dictionary that traces do not have.
        Value::StringValueStrindex(_) => return None,
    })
}
