//! Conditions as data: a text and what it says of one span, or of one event of it.

mod fixture;
mod hostile;
mod refusals;

use fixture::{holds, holds_for_event};

/// What a condition says: it holds, does not, or fails.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Says {
    Yes,
    No,
    Fails,
}

use Says::{Fails, No, Yes};

#[track_caller]
fn check(cases: &[(&str, Says)]) {
    for (condition, expect) in cases {
        assert_eq!(holds(condition), *expect, "{condition}");
    }
}

#[test]
fn comparisons() {
    check(&[
        (r#"attributes["text"] == "x""#, Yes),
        (r#""x" == attributes["text"]"#, Yes),
        (r#"attributes["text"] == 1"#, No),
        (r#"attributes["text"] != 1"#, Yes),
        (r#"attributes["text"] < 1"#, No),
        (r#"attributes["int"] == 7"#, Yes),
        (r#"attributes["int"] == 7.0"#, Yes),
        (r#"attributes["int"] <= 7.5"#, Yes),
        (r#"attributes["double"] > 1"#, Yes),
        (r#"attributes["large"] == 9007199254740992.0"#, Yes),
        (r#"attributes["nan"] == attributes["nan"]"#, No),
        (r#"attributes["nan"] != attributes["nan"]"#, Yes),
        (r#"attributes["true"] > false"#, Yes),
        (r#"attributes["missing"] == nil"#, Yes),
        (r#"attributes["empty"] == nil"#, Yes),
        (r#"attributes["missing"] >= nil"#, Yes),
        (r#"attributes["missing"] > nil"#, No),
        (r#"attributes["missing"] != "x""#, Yes),
        (r#"attributes["missing"] < 1"#, No),
        (r#"attributes["bytes"] == 0xFF00"#, Yes),
        (r#"attributes["bytes"] < 0xff01"#, Yes),
        (r#"attributes["list"] == [1, "two", {"z": true}]"#, Yes),
        (r#"attributes["list"] == [1.0, "two", {"z": true}]"#, No),
        (r#"attributes["list"] < [2]"#, No),
        (r#"attributes["map"] == {"b": [1, 2], "a": nil}"#, Yes),
        (r#"attributes["map"] != {"a": nil}"#, Yes),
        (r#"attributes == resource.attributes"#, No),
        ("1 < 2", Yes),
        ("nil <= nil", Yes),
        ("- 5 < -4", Yes),
        (".5 == 5.0e-1", Yes),
    ]);
}

#[test]
fn logic_decides_before_what_would_fail() {
    check(&[
        ("true", Yes),
        ("not true", No),
        ("not (not true)", Yes),
        ("true or false and false", Yes),
        ("(true or false) and false", No),
        ("not false and false", No),
        ("not true == false", Yes),
        (r#"name == "op" or 1 / 0 == 1"#, Yes),
        (r#"name == "no" and 1 / 0 == 1"#, No),
        (r#"1 / 0 == 1 or name == "op""#, Fails),
        ("not (1 / 0 == 1)", Fails),
        (" name == \"op\"\n\tand kind == 2 ", Yes),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        (r#"1 + attributes["int"] * 2 == 15"#, Yes),
        (r#"(1 + attributes["int"]) * 2 == 16"#, Yes),
        (r#"10 - 4 - 3 == 3"#, Yes),
        (r#"-attributes["int"] / 2 == -3"#, Yes),
        (r#"attributes["int"] / 2.0 == 3.5"#, Yes),
        (r#"-(attributes["int"] + 1) == -8"#, Yes),
        ("9223372036854775807 + 1 < 0", Yes),
        ("(-9223372036854775807 - 1) / -1 < 0", Yes),
        (r#"attributes["int"] / 0 == 1"#, Fails),
        (r#"attributes["double"] / 0.0 == 1"#, Fails),
        (r#"attributes["text"] + 1 == 1"#, Fails),
        (r#"attributes["missing"] + 1 == 1"#, Fails),
        (r#"-attributes["true"] == 1"#, Fails),
        (r#"end_time - start_time == Duration("1.5s")"#, Yes),
        (r#"start_time + Duration("1500ms") == end_time"#, Yes),
        (r#"(end_time - start_time) + Duration("1s") > Duration("2s")"#, Yes),
        ("end_time - start_time == 1500000000", No),
        ("end_time * 2 == 1", Fails),
        ("end_time_unix_nano - start_time_unix_nano == 1500000000", Yes),
    ]);
}

#[test]
fn paths_of_spans() {
    check(&[
        (r#"span.name == "op""#, Yes),
        ("kind == SPAN_KIND_SERVER", Yes),
        (r#"kind.string == "Server""#, Yes),
        ("status.code == STATUS_CODE_ERROR", Yes),
        (r#"status.message == "boom""#, Yes),
        ("flags == 257", Yes),
        ("dropped_attributes_count == 1", Yes),
        ("dropped_events_count == 2 and dropped_links_count == 3", Yes),
        ("Len(events) == 2 and Len(links) == 4", Yes),
        (r#"trace_state["k"] == "v""#, Yes),
        (r#"trace_state["other"] == """#, Yes),
        (r#"trace_state == "k=v""#, Yes),
        (r#"trace_id == TraceID(0x07070707070707070707070707070707)"#, Yes),
        (r#"trace_id.string == "07070707070707070707070707070707""#, Yes),
        (r#"trace_id == "07070707070707070707070707070707""#, No),
        (r#"span_id == SpanID("0101010101010101")"#, Yes),
        (r#"parent_span_id.string == "0000000000000000""#, Yes),
        ("parent_span_id == nil", No),
        ("span_id > parent_span_id", No),
        ("IsRootSpan()", Yes),
        (r#"resource.attributes["service.name"] == "shop""#, Yes),
        ("resource.dropped_attributes_count == 5", Yes),
        ("Len(resource.attributes) == 1", Yes),
        (r#"scope.name == "lib" and instrumentation_scope.version == "1.2""#, Yes),
        (r#"scope.attributes["k"] == "v" and scope.attributes["l"] == nil"#, Yes),
        ("scope.dropped_attributes_count == 6", Yes),
        ("Now() > end_time", Yes),
    ]);
}

#[test]
fn keys_reach_into_values() {
    check(&[
        (r#"attributes["list"][1] == "two""#, Yes),
        (r#"attributes["list"][2]["z"] == true"#, Yes),
        (r#"attributes["list"][2]["y"] == nil"#, Yes),
        (r#"attributes["map"]["b"][0] == 1"#, Yes),
        (r#"attributes["map"]["b"][attributes["map"]["b"][0]] == 2"#, Yes),
        (r#"attributes["missing"]["k"] == nil"#, Yes),
        (r#"attributes["missing"][0] == nil"#, Yes),
        (r#"attributes["map"]["none"]["k"] == nil"#, Yes),
        (r#"attributes["empty"]["k"] == nil"#, Fails),
        (r#"attributes["map"]["a"]["k"] == nil"#, Fails),
        (r#"attributes["map"][0] == nil"#, Fails),
        (r#"attributes["list"]["k"] == nil"#, Fails),
        (r#"attributes["list"][3] == nil"#, Fails),
        (r#"attributes["list"][-1] == nil"#, Fails),
        (r#"attributes["text"]["k"] == nil"#, Fails),
        (r#"attributes[0] == nil"#, Fails),
        (r#"attributes[1.5] == nil"#, Fails),
        (r#"attributes[resource.attributes["service.name"]] == "by name""#, Yes),
        (r#"attributes[Concat(["te", "xt"], "")] == "x""#, Yes),
        (r#"attributes["deep"] == [[1]]"#, Fails),
        (r#"Len(attributes["deep"]) == 1"#, Yes),
        (r#"IsMatch(attributes["deep"], "1")"#, Fails),
    ]);
}

#[test]
fn tests_of_type() {
    check(&[
        (r#"IsString(attributes["text"])"#, Yes),
        (r#"IsInt(attributes["int"]) and IsDouble(attributes["double"])"#, Yes),
        (r#"IsBool(attributes["true"]) and IsList(attributes["list"])"#, Yes),
        (r#"IsMap(attributes["map"]) and IsMap(attributes)"#, Yes),
        (r#"IsString(attributes["missing"]) or IsInt(attributes["empty"])"#, No),
        (r#"IsEmpty(attributes["missing"]) and IsEmpty("") and IsEmpty(0)"#, Yes),
        (r#"IsEmpty(attributes["text"]) or IsEmpty([0])"#, No),
        (r#"IsRootSpan() == true"#, Yes),
    ]);
}

#[test]
fn conversions() {
    check(&[
        (r#"Int("007") == 7 and Int("x") == nil and Int(5.9) == 5"#, Yes),
        (r#"Int(attributes["true"]) == 1 and Int(attributes["missing"]) == nil"#, Yes),
        (r#"Int(attributes["list"]) == 1"#, Fails),
        (r#"Double("1e3") == 1000 and Double(true) == 1.0"#, Yes),
        (r#"Double("x") == 1"#, Fails),
        (r#"Bool("T") and not Bool("0") and Bool(2)"#, Yes),
        (r#"Bool("yes")"#, Fails),
        (r#"Bool(attributes["missing"])"#, Fails),
        (r#"String(5.0) == "5" and String(attributes["bytes"]) == "ff00""#, Yes),
        (r#"String(attributes["map"]) == "{\"a\":null,\"b\":[1,2]}""#, Yes),
        (r#"String(attributes["missing"]) == nil"#, Yes),
        (r#"String(attributes["nan"]) == "NaN""#, Fails),
        (r#"ParseInt("ff", 16) == 255"#, Yes),
        (r#"ParseInt(attributes["int"], 10) == 7"#, Fails),
        (r#"Hex("a") == "61" and Hex(1) == "0000000000000001""#, Yes),
        (r#"ParseJSON("{\"a\": [1]}")["a"][0] == 1.0"#, Yes),
        (r#"ParseJSON("{\"ok\": true}")["ok"]"#, Yes),
        (r#"ParseJSON("1") == 1"#, Fails),
        ("Seconds(end_time - start_time) == 1.5", Yes),
        ("Milliseconds(end_time - start_time) == 1500", Yes),
        ("Minutes(end_time - start_time) == 0.025", Yes),
        ("Seconds(start_time) == 1", Fails),
        (r#"Duration(attributes["text"]) == Duration("1s")"#, Fails),
    ]);
}

#[test]
fn texts() {
    check(&[
        (r#"IsMatch(name, "^o") and not IsMatch(name, "^\\d")"#, Yes),
        (r#"IsMatch(attributes["int"], "^7$") and IsMatch(attributes["list"], "^\\[1,")"#, Yes),
        (r#"IsMatch(attributes["missing"], ".*")"#, No),
        (r#"IsMatch(name, attributes["text"])"#, No),
        (r#"IsMatch(name, attributes["missing"])"#, Fails),
        (r#"IsMatch(name, attributes["bad pattern"])"#, Fails),
        (r#"ConvertCase("Ärger x", "upper") == "ÄRGER X""#, Yes),
        (r#"ToLowerCase(name) == "op" and ToUpperCase(name) == "OP""#, Yes),
        (r#"ToLowerCase(attributes["int"]) == "7""#, Fails),
        (r#"Trim("  a b\t ") == "a b\t""#, Yes),
        (r#"HasPrefix(name, "o") and HasSuffix(name, "p")"#, Yes),
        (r#"HasPrefix(attributes["missing"], "o")"#, Fails),
        (r#"Split("a/b/c", "/")[1] == "b" and Len(Split("", "/")) == 1"#, Yes),
        (r#"Substring("hello", 1, 3) == "ell""#, Yes),
        (r#"Substring("hello", 1, 5) == "ello""#, Fails),
        (r#"Substring("hello", 1, 0) == """#, Fails),
        (r#"Substring(name, -1, 2) == "x""#, Fails),
        (r#"Concat([name, attributes["missing"], 1.0, [1]], "-") == "op-<nil>-1-[1]""#, Yes),
        (r#"Concat(attributes["list"], "") == "1two{\"z\":true}""#, Yes),
        (r#"Len(name) == 2 and Len("é") == 2 and Len(attributes["bytes"]) == 2"#, Yes),
        (r#"Len(attributes["missing"]) == 0"#, Fails),
        (r#"Len(attributes["int"]) == 1"#, Fails),
        (r#"Len(Split(attributes["long"], ",")) == 1"#, Fails),
        (r#"Concat([attributes["long"], ""], "") == """#, Fails),
        (r#"ParseJSON(attributes["long"]) == nil"#, Fails),
        (r#"ContainsValue(attributes["list"], 1.0)"#, Yes),
        (r#"ContainsValue(["a", name], "op")"#, Yes),
        (r#"ContainsValue(attributes["text"], "x")"#, Fails),
        (r#"ContainsValue(Keys(attributes), "int")"#, Yes),
        (r#"Coalesce([attributes["missing"], attributes["int"], 1 / 0]) == 7"#, Yes),
        (r#"Coalesce([nil, nil]) == nil"#, Yes),
        (r#"Coalesce(attributes["list"]) == 1"#, Yes),
        (r#"ExtractPatterns("GET /x", "^(?P<verb>\\w+) ")["verb"] == "GET""#, Yes),
        (r#"ExtractPatterns("x", "^(?P<verb>\\d+) ") == {}"#, Yes),
        (r#"URL("https://h:1/p")["url.port"] == 1"#, Yes),
        (r#"IsInCIDR("10.1.2.3", ["fd00::/8", "10.0.0.0/8"])"#, Yes),
        (r#"IsInCIDR(name, ["10.0.0.0/8"])"#, Fails),
        (r#"IsInCIDR("10.1.2.3", [attributes["text"]])"#, Fails),
        ("FNV(name) == 626094939311595530", Yes),
        (r#"Substring(SHA256(""), 0, 8) == "e3b0c442""#, Yes),
        (r#""\x41\101\u0041\U00000041\"\\" == "AAAA\"\\""#, Yes),
    ]);
}

#[test]
fn events() {
    for (condition, expect) in [
        (r#"name == "exception""#, [Yes, No]),
        (r#"spanevent.name != "exception""#, [No, Yes]),
        (r#"attributes["exception.type"] == "E""#, [Yes, No]),
        (r#"Len(attributes) == 1"#, [Yes, No]),
        (r#"attributes["exception.type"]["k"] == nil"#, [Fails, Yes]),
        ("time_unix_nano - span.start_time_unix_nano == 10", [Yes, No]),
        ("time - span.start_time == Duration(\"10ns\")", [Yes, No]),
        ("dropped_attributes_count == 9", [No, Yes]),
        (r#"span.name == "op" and resource.attributes["service.name"] == "shop""#, [Yes, Yes]),
        (r#"scope.name == "lib" and span.attributes["int"] == 7"#, [Yes, Yes]),
    ] {
        assert_eq!([0, 1].map(|event| holds_for_event(condition, event)), expect, "{condition}");
    }
}
