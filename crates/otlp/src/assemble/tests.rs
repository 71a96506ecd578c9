use super::*;
use crate::json_to_protobuf;

fn request(json: &str) -> Vec<u8> {
    json_to_protobuf(json.as_bytes()).unwrap()
}

/// A request of one resource and scope with the named spans.
fn of_spans(names: &[&str]) -> Vec<u8> {
    let spans: Vec<_> = names.iter().map(|name| format!(r#"{{"name": "{name}"}}"#)).collect();
    request(&format!(
        r#"{{"resourceSpans": [{{"resource": {{}}, "scopeSpans": [{{"scope": {{"name": "s"}}, "spans": [{}]}}]}}]}}"#,
        spans.join(",")
    ))
}

#[test]
fn a_request_within_the_limit_is_not_copied() {
    let whole = of_spans(&["a", "b"]);
    let split = split_to_size(&whole, whole.len()).unwrap();
    assert!(matches!(&*split.records, [Cow::Borrowed(record)] if *record == &*whole));
    assert_eq!(split.oversize, []);
    assert_eq!(split_to_size(&[], 0).unwrap(), SplitRecords::default());
}

#[test]
fn spans_are_packed_tightly_and_headers_repeated() {
    let pair = of_spans(&["a", "b"]);
    let whole = of_spans(&["a", "b", "c", "d", "e"]);
    let split = split_to_size(&whole, pair.len()).unwrap();
    assert_eq!(split.records, [pair, of_spans(&["c", "d"]), of_spans(&["e"])]);
    assert_eq!(split.oversize, []);
}

#[test]
fn resources_that_fit_stay_whole() {
    let (small, large) = (of_spans(&["a"]), of_spans(&["b", "c", "d"]));
    let whole = [&*small, &large, &small].concat();
    let split = split_to_size(&whole, large.len()).unwrap();
    assert_eq!(split.records, [&*small, &large, &small]);
}

#[test]
fn a_span_over_the_limit_is_handed_back() {
    let long = "x".repeat(100);
    let whole = of_spans(&["a", &long, "b"]);
    let split = split_to_size(&whole, 40).unwrap();
    assert_eq!(split.records, [[of_spans(&["a"]), of_spans(&["b"])].concat()]);
    // Keys and lengths of the span's field and of its name.
    let span_bytes = 2 + 2 + 100;
    assert_eq!(split.oversize, [Oversize { request: of_spans(&[&long]), span_bytes }]);
}

#[test]
fn a_header_over_the_limit_takes_its_spans_along() {
    let key = "k".repeat(100);
    let with_spans = |names: &[&str]| {
        let spans: Vec<_> = names.iter().map(|name| format!(r#"{{"name": "{name}"}}"#)).collect();
        request(&format!(
            r#"{{"resourceSpans": [{{"resource": {{"attributes": [{{"key": "{key}"}}]}}, "scopeSpans": [{{"spans": [{}]}}]}}]}}"#,
            spans.join(",")
        ))
    };
    let whole = with_spans(&["a", "b"]);
    let split = split_to_size(&whole, 50).unwrap();
    assert!(split.records.is_empty());
    let requests: Vec<_> = split.oversize.into_iter().map(|part| part.request).collect();
    assert_eq!(requests, [with_spans(&["a"]), with_spans(&["b"])]);
}

#[test]
fn bytes_that_are_no_request_are_an_error() {
    assert!(split_to_size(&[0x0a, 5, 1], 2).is_err());
}
