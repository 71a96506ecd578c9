//! What a reader of one page should know of each kind of policy: `docs/policy-kinds.md`.

mod models;

/// A kind's section of the page, beside its keys.
pub(crate) struct Guide {
    pub(crate) kind: &'static str,
    /// What it wants, in sentences.
    pub(crate) meaning: &'static str,
    /// A policy as it stands in a file's list, with a comment or two.
    pub(crate) example: &'static str,
    /// What is done for each span and for each trace.
    pub(crate) cost: &'static str,
    /// What surprises people, a sentence or two each.
    pub(crate) pitfalls: &'static [&'static str],
}

/// The guide to a kind.
pub(crate) fn guide(kind: &str) -> Option<&'static Guide> {
    COLLECTORS.iter().chain(&models::OURS).find(|guide| guide.kind == kind)
}

/// Nanoseconds for a span and for a trace: the medians that the bench prints.
pub(crate) static MEASURED: [(&str, &str, &str); 17] = [
    ("**1**: `status_code`", "6", "18"),
    ("**5**: and `latency`, `string_attribute`, `low_confidence`, `probabilistic`", "54", "35"),
    (
        "**50**: and `and`, `span_latency`, `numeric_attribute`, `string_attribute`, `ottl_condition`, each nine times",
        "729",
        "260",
    ),
    ("`ottl_condition` of a cheap condition, two comparisons", "59", "19"),
    ("`ottl_condition` with a pattern", "77", "19"),
    ("`ottl_condition` of 20 conditions", "903", "19"),
    ("`ottl_condition` on events", "42", "20"),
    ("`string_attribute` with two patterns", "47", "19"),
    ("`low_confidence`; of lists", "35; 59", "20"),
    ("`trace_condition` with a count; with a sum", "22; 28", "21; 25"),
    ("`probabilistic`, of spans with a tracestate", "35", "25"),
    ("`trace_state`", "49", "19"),
    ("`failure`, of 100 spans without an error", "42", "21"),
    ("`fragmented`, of 100 spans", "13", "251"),
    ("`drift`, of spans whose path names the version", "253", "34"),
    ("`and`, `drop`, `composite` of two", "11 to 12", "20 to 25"),
    ("every other kind", "6 to 9", "18 to 22"),
];

/// Kinds that the Collector has, too.
static COLLECTORS: [Guide; 17] = [
    Guide {
        kind: "status_code",
        meaning: "Keeps a trace if any of its spans has one of the listed status codes. Services \
            set `ERROR` themselves, by their SDK; few ever set `OK`, so that a span that is well is \
            `UNSET`.",
        example: "- name: errors\n  type: status_code\n  status_code: {status_codes: [ERROR]}\n",
        cost: "A span: its code is compared. A trace: one bit is looked at.",
        pitfalls: &[
            "Errors that were mended by a retry count, too: `failure` tells them apart.",
            "An HTTP status of 404 is no error on the server's span by OpenTelemetry's conventions, \
             and one on the client's.",
        ],
    },
    Guide {
        kind: "latency",
        meaning: "Keeps a trace that took longer than the threshold, from the earliest start of its \
            spans to their latest end. With `upper_threshold_ms` only traces up to that long count.",
        example: "- name: slow\n  type: latency\n  latency: {threshold_ms: 500}  # 500 ms sharp is not long\n",
        cost: "A span: nothing beyond what is kept of every trace. A trace: one subtraction.",
        pitfalls: &[
            "It is the whole trace that is measured, work after the answer was given included. \
             `span_latency` measures one step.",
            "A threshold of `window.decision_wait` or more hardly ever holds: the trace is judged \
             before its last spans come.",
            "Clocks of hosts that differ make traces longer than they were.",
        ],
    },
    Guide {
        kind: "numeric_attribute",
        meaning: "Keeps a trace if a number attribute of a span, or of its resource, lies between \
            `min_value` and `max_value`, both included. Doubles are compared as they are.",
        example: "- name: server-errors\n  type: numeric_attribute\n  numeric_attribute: {key: http.response.status_code, min_value: 500}\n",
        cost: "A span: its attributes of interest are searched for the key, until one was in range. \
            A trace: a bit.",
        pitfalls: &[
            "A number in a text (`\"500\"`) is no number: `ottl_condition` converts.",
            "`invert_match` keeps traces of which no span is in range, traces without the attribute \
             included.",
        ],
    },
    Guide {
        kind: "string_attribute",
        meaning: "Keeps a trace if a text attribute of a span, or of its resource, is one of \
            `values`, or with `enabled_regex_matching` matches one of them.",
        example: "- name: checkout\n  type: string_attribute\n  string_attribute:\n    key: url.path\n    values: ['^/(cart|checkout)(/|$)']\n    enabled_regex_matching: true\n",
        cost: "A span: its attributes of interest are searched for the key, the value is compared \
            with each of the list, until one matched. Patterns go through the text once each. A \
            trace: a bit.",
        pitfalls: &[
            "Patterns may match anywhere in the text: write `^` and `$` for all of it.",
            "Hundreds of values are compared one after another; a pattern with alternatives is \
             searched for in one go.",
            "`invert_match` keeps every trace that has no such span, most of them.",
        ],
    },
    Guide {
        kind: "boolean_attribute",
        meaning: "Keeps a trace if a truth attribute of a span, or of its resource, has this value.",
        example: "- name: cache-misses\n  type: boolean_attribute\n  boolean_attribute: {key: cache.hit, value: false}\n",
        cost: "A span: its attributes of interest are searched for the key, until one matched. A \
            trace: a bit.",
        pitfalls: &["Texts (`\"true\"`) never match."],
    },
    Guide {
        kind: "trace_state",
        meaning: "Keeps a trace if the W3C tracestate of a span has the member `key` with one of \
            these values. Whoever starts a trace can so ask for it, through every service.",
        example: "- name: asked-by-vendor\n  type: trace_state\n  trace_state: {key: vendor, values: [debug, replay]}\n",
        cost: "A span: nothing if it has no tracestate; else the header is taken apart, all of it, \
            until one matched. A trace: a bit.",
        pitfalls: &[
            "A header that breaks W3C's rules anywhere has no members at all.",
            "Without a budget anybody can have all traces kept: `forced` has one.",
        ],
    },
    Guide {
        kind: "trace_flags",
        meaning: "Keeps a trace if a span has the W3C flag *sampled*: a head sampler upstream wanted \
            it.",
        example: "- {name: head-sampled, type: trace_flags}\n",
        cost: "A span: a bit of it. A trace: a bit.",
        pitfalls: &["SDKs export only what they sampled, so that usually every span has the flag."],
    },
    Guide {
        kind: "span_count",
        meaning: "Keeps a trace of `min_spans` to `max_spans` spans.",
        example: "- name: fan-out\n  type: span_count\n  span_count: {min_spans: 500}\n",
        cost: "A span: nothing. A trace: two comparisons.",
        pitfalls: &[
            "A span that was delivered twice counts twice.",
            "A trace of `window.spans_per_trace_limit` spans is judged at once: a greater \
             `min_spans` hardly ever holds.",
        ],
    },
    Guide {
        kind: "probabilistic",
        meaning: "Keeps a share of all traces by the trace's own randomness (`ot=rv` of its \
            tracestate, else the trace ID's low 56 bits), so that all samplers which follow \
            OpenTelemetry agree on the same traces.",
        example: "- name: baseline\n  type: probabilistic\n  probabilistic: {sampling_percentage: 1}\n",
        cost: "A span: `ot=rv` is looked for in its tracestate, if it has one. A trace: one \
            comparison; under `compatibility: collector` a hash of 16 bytes.",
        pitfalls: &[
            "Two of them do not add up: the traces of the lesser share are among those of the \
             greater.",
            "IDs that are not random, as some load generators make them, are kept all or not at all.",
        ],
    },
    Guide {
        kind: "rate_limiting",
        meaning: "Keeps whole traces while their spans fit into a budget of spans for each second of \
            stream time. It takes whatever comes first.",
        example: "- name: some-checkouts\n  type: and\n  and:\n    and_sub_policy:  # the filter first: what it refuses costs nothing\n      - {type: string_attribute, string_attribute: {key: service.name, values: [checkout]}}\n      - {type: rate_limiting, rate_limiting: {spans_per_second: 200}}\n",
        cost: "A span: nothing. A trace: a token bucket.",
        pitfalls: &[
            "The budget is charged for traces that another policy keeps anyway. Within an `and`, \
             behind the filter, it is charged for what passed the filter alone.",
            "Each partition of the input has an equal share, and it is full again with each new \
             owner ([policies.md](policies.md), *Budgets*).",
            "What it keeps has no known probability, so counts cannot be scaled up from it.",
        ],
    },
    Guide {
        kind: "bytes_limiting",
        meaning: "As `rate_limiting`, with a budget of bytes for each second of stream time.",
        example: "- name: volume\n  type: bytes_limiting\n  bytes_limiting: {bytes_per_second: 5000000}\n",
        cost: "A span: it is measured as protobuf, which takes a second look at all of it when the \
            record is read. A trace: a token bucket.",
        pitfalls: &[
            "A trace larger than `burst_capacity` never passes.",
            "The same as for `rate_limiting`.",
        ],
    },
    Guide {
        kind: "always_sample",
        meaning: "Keeps every trace. Good for trying things out, behind `and` with a limiter, and as \
            the last policy of a `composite`.",
        example: "- {name: everything, type: always_sample}\n",
        cost: "Nothing.",
        pitfalls: &["In the list it makes all other policies but drops a matter of names."],
    },
    Guide {
        kind: "and",
        meaning: "Keeps a trace that all of its policies want. They are asked in order, up to the \
            first that does not.",
        example: "- name: slow-checkouts\n  type: and\n  and:\n    and_sub_policy:\n      - {type: string_attribute, string_attribute: {key: service.name, values: [checkout]}}\n      - {type: latency, latency: {threshold_ms: 800}}\n",
        cost: "What its policies cost together.",
        pitfalls: &[
            "Each policy may be satisfied by another span: an error in one service and a slow call \
             in another will do. `ottl_condition` asks one span for several things.",
            "A limiter within it stands last, or it pays for what the others refuse.",
        ],
    },
    Guide {
        kind: "not",
        meaning: "Keeps a trace that its policy does not want.",
        example: "- name: not-from-bots\n  type: and\n  and:\n    and_sub_policy:\n      - type: not\n        not: {not_sub_policy: {type: string_attribute, string_attribute: {key: user_agent.name, values: [bot]}}}\n      - {type: probabilistic, probabilistic: {sampling_percentage: 5}}\n",
        cost: "What its policy costs.",
        pitfalls: &[
            "In the list it keeps nearly everything: it is meant for `and` and `drop`.",
            "A policy that failed has no vote, and neither has its opposite.",
        ],
    },
    Guide {
        kind: "drop",
        meaning: "Drops a trace that all of its policies want, whatever others say. Drops are asked \
            first, wherever they stand.",
        example: "- name: probes\n  type: drop\n  drop:\n    drop_sub_policy:\n      - {type: string_attribute, string_attribute: {key: url.path, values: [/healthz, /readyz]}}\n      - type: not  # but failed ones are kept\n        not: {not_sub_policy: {type: status_code, status_code: {status_codes: [ERROR]}}}\n",
        cost: "What its policies cost together; all others are spared if it drops.",
        pitfalls: &[
            "It wins over every policy that keeps, errors included: say within it what it must not \
             drop.",
            "One span is enough: a trace that calls `/healthz` on its way is dropped whole.",
        ],
    },
    Guide {
        kind: "composite",
        meaning: "Asks its policies in order; the first that wants the trace decides, if its share \
            of a budget of spans for each second of stream time has room. It divides one budget \
            among several wishes.",
        example: "- name: budget\n  type: composite\n  composite:\n    max_total_spans_per_second: 1000\n    composite_sub_policy:\n      - {name: failed, type: status_code, status_code: {status_codes: [ERROR]}}\n      - {name: rest, type: always_sample}\n    rate_allocation: [{policy: failed, percent: 70}]  # `rest` has the rest\n",
        cost: "What its policies cost together, and two counters a trace.",
        pitfalls: &[
            "A trace that its policy's share cannot pay for is not offered to the next one.",
            "A share that is not used in a second is lost, not lent.",
        ],
    },
    Guide {
        kind: "ottl_condition",
        meaning: "Keeps a trace if one of its spans, or an event of one, fulfils a condition in \
            OTTL. It is the one kind that can ask a single span for several things at once. \
            [ottl.md](ottl.md) says what can be written.",
        example: "- name: slow-queries\n  type: ottl_condition\n  ottl_condition:\n    span: ['attributes[\"db.system.name\"] == \"postgresql\" and end_time - start_time > Duration(\"300ms\")']\n    spanevent: ['name == \"exception\" and IsMatch(attributes[\"exception.type\"], \"Timeout\")']\n",
        cost: "A span: each condition, until one held. Comparisons of attributes and fields \
            allocate nothing; functions that make a text or a list (`Concat`, `Split`, \
            `ToLowerCase` and their like) allocate it, and patterns that are not literals are \
            compiled for each span. Events, scopes and whole attribute maps are read only if a \
            condition names them. A trace: a bit.",
        pitfalls: &[
            "A condition that fails (text in a sum, division by zero) does not hold, and is counted \
             in `tailsift_ottl_failures_total`. With `error_mode: propagate` the order of spans \
             counts: what fails first ends the matter.",
            "A missing attribute is `nil`: `!=` holds for it whatever it is compared with, `<` and \
             `>` never do.",
        ],
    },
];
