use expect_test::expect;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::*;

fn converted(json: &str, values: TagValues) -> ExportTraceServiceRequest {
    let bytes = zipkin_to_protobuf(json.as_bytes(), values).unwrap();
    ExportTraceServiceRequest::decode(&*bytes).unwrap()
}

fn shown(members: &str, values: TagValues) -> String {
    let request = converted(&format!(r#"[{{"traceId": "1", "id": "2", {members}}}]"#), values);
    let mut shown = String::new();
    for of_resource in request.resource_spans {
        for pair in of_resource.resource.unwrap_or_default().attributes {
            shown += &format!("resource {} {:?}\n", pair.key, pair.value);
        }
        for of_scope in of_resource.scope_spans {
            shown += &format!("{:?}\n", of_scope.scope);
            for span in of_scope.spans {
                for pair in &span.attributes {
                    shown += &format!("{} {:?}\n", pair.key, pair.value);
                }
                shown += &format!("{} {} {:?}\n", span.kind, span.trace_state, span.status);
                shown += &format!("{} {}\n", span.start_time_unix_nano, span.end_time_unix_nano);
                shown += &format!("{:?}\n{:?}\n", span.events, span.links);
            }
        }
    }
    shown
}

#[test]
fn every_member_has_its_place() {
    let members = r#""timestamp": 1000, "duration": 7, "kind": "CLIENT", "name": null,
        "localEndpoint": {"serviceName": "shop", "ipv4": "10.0.0.1", "port": 80},
        "remoteEndpoint": {"serviceName": "redis", "ipv6": "::ffff:1.2.3.4", "port": 6379},
        "annotations": [{"timestamp": 1, "value": "plain"}, {"timestamp": 2, "value": "a|b|c"},
            {"timestamp": 3, "value": "full|{\"n\":1,\"x\":0.5,\"l\":[true,null]}|4"}],
        "tags": {"host.name": "h", "otel.library.name": "lib", "otel.library.version": "1",
            "w3c.tracestate": "a=b", "otel.status_code": "Error", "otel.status_description": "why",
            "error": "true", "n": "17", "x": "-0.25", "v": "1.2.3", "b": "true",
            "otlp.link.0": "00000000000000000000000000000001|0000000000000002|t|{\"k\":\"v|w\"}|3",
            "otlp.link.1": "no link"}"#;
    expect![[r#"
        resource service.name Some(AnyValue { value: Some(StringValue("shop")) })
        resource host.name Some(AnyValue { value: Some(StringValue("h")) })
        Some(InstrumentationScope { name: "lib", version: "1", attributes: [], dropped_attributes_count: 0 })
        b Some(AnyValue { value: Some(BoolValue(true)) })
        n Some(AnyValue { value: Some(IntValue(17)) })
        otlp.link.1 Some(AnyValue { value: Some(StringValue("no link")) })
        v Some(AnyValue { value: Some(StringValue("1.2.3")) })
        x Some(AnyValue { value: Some(DoubleValue(-0.25)) })
        network.local.address Some(AnyValue { value: Some(StringValue("10.0.0.1")) })
        net.host.port Some(AnyValue { value: Some(IntValue(80)) })
        service.peer.name Some(AnyValue { value: Some(StringValue("redis")) })
        network.peer.address Some(AnyValue { value: Some(StringValue("1.2.3.4")) })
        net.peer.port Some(AnyValue { value: Some(IntValue(6379)) })
        3 a=b Some(Status { message: "why", code: Error })
        1000000 1007000
        [Event { time_unix_nano: 1000, name: "plain", attributes: [], dropped_attributes_count: 0 }, Event { time_unix_nano: 2000, name: "a|b|c", attributes: [], dropped_attributes_count: 0 }, Event { time_unix_nano: 3000, name: "full", attributes: [KeyValue { key: "l", value: Some(AnyValue { value: Some(ArrayValue(ArrayValue { values: [AnyValue { value: Some(BoolValue(true)) }, AnyValue { value: None }] })) }), key_strindex: 0 }, KeyValue { key: "n", value: Some(AnyValue { value: Some(IntValue(1)) }), key_strindex: 0 }, KeyValue { key: "x", value: Some(AnyValue { value: Some(DoubleValue(0.5)) }), key_strindex: 0 }], dropped_attributes_count: 4 }]
        [Link { trace_id: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], span_id: [0, 0, 0, 0, 0, 0, 0, 2], trace_state: "t", attributes: [KeyValue { key: "k", value: Some(AnyValue { value: Some(StringValue("v|w")) }), key_strindex: 0 }], dropped_attributes_count: 3, flags: 0 }]
    "#]].assert_eq(&shown(members, TagValues::Parsed));
}

#[test]
fn tags_are_texts_unless_asked_otherwise() {
    let members =
        r#""timestamp": 1, "tags": {"n": "17", "error": "late", "span.kind": "internal"}"#;
    expect![[r#"
        None
        error Some(AnyValue { value: Some(StringValue("late")) })
        n Some(AnyValue { value: Some(StringValue("17")) })
        1  Some(Status { message: "", code: Error })
        1000 1000
        []
        []
    "#]]
    .assert_eq(&shown(members, TagValues::Texts));
}

#[test]
fn a_span_without_a_time_says_so() {
    expect![[r#"
        None
        otel.zipkin.absentField.startTime Some(AnyValue { value: Some(BoolValue(true)) })
        0  None
        0 3000
        []
        []
    "#]]
    .assert_eq(&shown(r#""duration": 3"#, TagValues::Texts));
}

#[test]
fn each_span_keeps_its_resource_and_scope() {
    let span = |id: u8, host: &str, scope: &str| {
        format!(
            r#"{{"traceId": "1", "id": "{id}", "localEndpoint": {{"serviceName": "shop"}},
                "tags": {{"host.name": "{host}", "otel.scope.name": "{scope}"}}}}"#
        )
    };
    let spans = [span(1, "a", "x"), span(2, "b", "x"), span(3, "a", "y"), span(4, "a", "x")];
    let request = converted(&format!("[{}, null]", spans.join(",")), TagValues::Texts);
    let ids: Vec<Vec<Vec<u8>>> = request
        .resource_spans
        .iter()
        .map(|of_resource| {
            let scopes = of_resource.scope_spans.iter();
            scopes.map(|scope| scope.spans.iter().map(|span| span.span_id[7]).collect()).collect()
        })
        .collect();
    assert_eq!(ids, [vec![vec![1, 4], vec![3]], vec![vec![2]]]);
}

#[test]
fn an_error_names_the_path() {
    let cases = [
        "",
        "{}",
        "[1]",
        r#"[{"traceId": "xyz"}]"#,
        r#"[{"id": "00000000000000001"}]"#,
        r#"[{"traceId": ""}]"#,
        r#"[{"timestamp": -1}]"#,
        r#"[{}, {"tags": {"n": 17}}]"#,
        r#"[{"tags": ["n"]}]"#,
        r#"[{"kind": 3}]"#,
        r#"[{"remoteEndpoint": {"port": "x"}}]"#,
        r#"[{"annotations": [{"value": {}}]}]"#,
    ];
    let error = |json: &str| zipkin_to_protobuf(json.as_bytes(), TagValues::Texts).unwrap_err();
    let errors: String = cases.map(|json| error(json).to_string() + "\n").concat();
    expect![[r#"
        not Zipkin JSON: EOF while parsing a value at line 1 column 0
        not Zipkin JSON: the whole: expected an array, got {}
        not Zipkin JSON: [0]: expected an object, got 1
        not Zipkin JSON: [0].traceId: expected an id of 1 to 32 hex digits, got "xyz"
        not Zipkin JSON: [0].id: expected an id of 1 to 16 hex digits, got "00000000000000001"
        not Zipkin JSON: [0].traceId: expected an id of 1 to 32 hex digits, got ""
        not Zipkin JSON: [0].timestamp: expected an integer from 0 to 2^64-1, as a number or a string, got -1
        not Zipkin JSON: [1].tags.n: expected a string, got 17
        not Zipkin JSON: [0].tags: expected an object, got ["n"]
        not Zipkin JSON: [0].kind: expected a string, got 3
        not Zipkin JSON: [0].remoteEndpoint.port: expected an integer from 0 to 2^32-1, got "x"
        not Zipkin JSON: [0].annotations[0].value: expected a string, got {}
    "#]].assert_eq(&errors);
}
