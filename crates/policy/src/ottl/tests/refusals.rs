//! What is said of conditions that cannot be compiled.

use super::fixture::refusal;

const REFUSALS: &[(&str, &str)] = &[
    ("", "line 1, column 1, in ``: expected a value, but the condition ends"),
    (
        "name",
        "line 1, column 1, in `name`: a path alone is no condition: compare it, for \
                  example … == true, or … != nil",
    ),
    ("name = \"x\"", "line 1, column 6, in `name = \"x\"`: unexpected '=': to compare, write =="),
    (
        "name =~ \"x\"",
        "line 1, column 6, in `name =~ \"x\"`: unexpected '=': to match a \
                           pattern, write IsMatch(value, \"pattern\")",
    ),
    (
        "true\n  and nme == 1 ",
        "line 2, column 7, in `true and nme == 1`: nme is no path of a \
            span that is supported; there are: attributes, dropped_attributes_count, \
            dropped_events_count, dropped_links_count, end_time, end_time_unix_nano, events, \
            flags, kind, kind.string, links, name, parent_span_id, parent_span_id.string, span_id, \
            span_id.string, start_time, start_time_unix_nano, status.code, status.message, \
            trace_id, trace_id.string, trace_state, and resource.… and scope.…",
    ),
    (
        "resource.name == 1",
        "line 1, column 1, in `resource.name == 1`: resource.name is no \
            path that is supported; there are: resource.attributes, \
            resource.dropped_attributes_count",
    ),
    (
        "name == null",
        "line 1, column 9, in `name == null`: null is no value: for a missing \
                          one write nil",
    ),
    (
        "kind == SERVER",
        "line 1, column 9, in `kind == SERVER`: SERVER is no symbol; there \
            are: SPAN_KIND_UNSPECIFIED, SPAN_KIND_INTERNAL, SPAN_KIND_SERVER, SPAN_KIND_CLIENT, \
            SPAN_KIND_PRODUCER, SPAN_KIND_CONSUMER, STATUS_CODE_UNSET, STATUS_CODE_OK, \
            STATUS_CODE_ERROR",
    ),
    (
        "ISMATCH(name, \"x\")",
        "line 1, column 1, in `ISMATCH(name, \"x\")`: ISMATCH is no \
                                  function: did you mean IsMatch?",
    ),
    ("IsMatch(name)", "line 1, column 1, in `IsMatch(name)`: IsMatch takes 2 arguments, got 1"),
    (
        "IsRootSpan(name)",
        "line 1, column 1, in `IsRootSpan(name)`: IsRootSpan() takes no \
                              arguments, got 1",
    ),
    (
        "IsMatch(name, \"(\")",
        "line 1, column 15, in `IsMatch(name, \"(\")`: no pattern: at its \
                                  end: a group is not closed: ) is missing",
    ),
    (
        "IsMatch(trace_id, \"a\")",
        "line 1, column 9, in `IsMatch(trace_id, \"a\")`: IsMatch \
            takes a value that has a text form; that of an identifier is ….string, of a time \
            ….…_unix_nano here",
    ),
    (
        "Int(name)",
        "line 1, column 1, in `Int(name)`: Int gives a value, which is no condition: \
                       compare it, for example Int(…) == …",
    ),
    (
        "name == Duration(\"5 parsecs\")",
        "line 1, column 18, in \
            `name == Duration(\"5 parsecs\")`: Duration cannot read this: write a duration as in \
            \"1m30s\"; units are ns, us, ms, s, m and h",
    ),
    (
        "name == Duration(5)",
        "line 1, column 18, in `name == Duration(5)`: Duration takes a \
                                 text here",
    ),
    (
        "span_id == SpanID(0x01)",
        "line 1, column 19, in `span_id == SpanID(0x01)`: SpanID \
            cannot read this: a span ID has 8 bytes, or 16 hexadecimal digits in quotes",
    ),
    (
        "1 < 2 < 3",
        "line 1, column 7, in `1 < 2 < 3`: comparisons cannot be chained: join two \
                       of them with and",
    ),
    (
        "(1 < 2) == true",
        "line 1, column 4, in `(1 < 2) == true`: a condition is no value: it \
            cannot be compared, reckoned with or handed to a function",
    ),
    ("true AND true", "line 1, column 6, in `true AND true`: unexpected AND: write and"),
    (
        "true true",
        "line 1, column 6, in `true true`: expected the end of the condition, and, \
                       or, but got true",
    ),
    ("not not true", "line 1, column 5, in `not not true`: expected a value, but got not"),
    (
        "1e3 == 1",
        "line 1, column 2, in `1e3 == 1`: expected the end of the condition, and, or, \
                      but got e3",
    ),
    (
        "name == \"\\d\"",
        "line 1, column 10, in `name == \"\\d\"`: \\d is no escape: there are \
            \\a \\b \\f \\n \\r \\t \\v \\\\ \\\" \\ooo \\xhh \\uhhhh \\Uhhhhhhhh, and a backslash \
            itself is written \\\\",
    ),
    (
        "name == \"x",
        "line 1, column 9, in `name == \"x`: unexpected '\"': this text has no \
                         closing quote",
    ),
    (
        "name == 0x123",
        "line 1, column 9, in `name == 0x123`: 0x123 is no whole number of \
                           bytes: two digits make one",
    ),
    (
        "events == nil",
        "line 1, column 1, in `events == nil`: events can only be counted: write \
                           Len(events)",
    ),
    (
        "attributes[\"a\"].b == 1",
        "line 1, column 16, in `attributes[\"a\"].b == 1`: keys in \
            brackets come last: nothing is within them by a dot",
    ),
    (
        "name[\"a\"] == 1",
        "line 1, column 1, in `name[\"a\"] == 1`: name has no keys: remove \
                              what stands in brackets",
    ),
    (
        "attributes[\"l\"] == [\"a\",]",
        "line 1, column 25, in `attributes[\"l\"] == \
            [\"a\",]`: expected a value, but got ]",
    ),
    (
        "set(name, 1)",
        "line 1, column 1, in `set(name, 1)`: set(…) is no function of \
            conditions: their names begin with a capital, and what changes spans has no place here",
    ),
    (
        "ConvertCase(name, \"Up\") == 1",
        "line 1, column 19, in `ConvertCase(name, \"Up\") == \
            1`: ConvertCase knows \"lower\", \"upper\", \"snake\" and \"camel\"",
    ),
    (
        "ExtractPatterns(name, \"a\") == 1",
        "line 1, column 23, in `ExtractPatterns(name, \
            \"a\") == 1`: the pattern has no named groups, such as (?P<name>…), to extract",
    ),
    (
        "IsInCIDR(name, [\"10.0.0.0\"])",
        "line 1, column 16, in `IsInCIDR(name, \
            [\"10.0.0.0\"])`: expected networks in quotes, such as \"10.0.0.0/8\" or \"fd00::/8\"",
    ),
    (
        "{\"a\": 1, \"a\": 2} == nil",
        "line 1, column 15, in `{\"a\": 1, \"a\": 2} == nil`: the \
            key \"a\" stands in this map twice: remove one",
    ),
];

#[test]
fn refusals() {
    for (condition, expect) in REFUSALS {
        assert_eq!(refusal(condition, false), *expect, "{condition}");
    }
    let of_events = refusal("event_index == 1", true);
    assert!(of_events.contains("event_index is supported nowhere"), "{of_events}");
    let of_events = refusal("IsRootSpan()", true);
    assert!(of_events.contains("IsRootSpan is for conditions on spans"), "{of_events}");
}
