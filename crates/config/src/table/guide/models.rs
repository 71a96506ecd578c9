//! The guide to kinds that the Collector has not.

use super::Guide;

pub(super) static OURS: [Guide; 8] = [
    Guide {
        kind: "low_confidence",
        meaning: "Keeps a trace in which a model was not sure: the confidence on a span, under one \
            of the names of `derive.confidence`, is below a bound, or below that of its model \
            version. Of several confidences on a span each is looked at.",
        example: "- name: unsure\n  type: low_confidence\n  low_confidence:\n    below: 0.5\n    per_model_version: {recsys-v3: 0.6}  # a newer one is expected to do better\n",
        cost: "A span: its attributes of interest are searched for six names (the default); of one \
            with a confidence the version is looked for, too, if bounds differ. A trace: a bit.",
        pitfalls: &[
            "Confidences from 0 to 100 need `scale: percent`; the bounds stay between 0 and 1.",
            "Texts and, without `of_arrays`, lists are no confidences: \
             `tailsift_confidence_unreadable_total` counts them.",
            "A low confidence is not a wrong answer, and a sure one may be wrong.",
        ],
    },
    Guide {
        kind: "span_latency",
        meaning: "Keeps a trace if a span of this name took longer than `above`.",
        example: "- name: slow-features\n  type: span_latency\n  span_latency: {span_name: Feature Extraction, above: 500ms, service: recommender}\n",
        cost: "A span: its duration is compared, and the name only of those that are long. A trace: \
            a bit.",
        pitfalls: &[
            "Names are compared byte for byte; names with IDs in them need `match: prefix` or \
             `regex`.",
            "A span without a start never counts.",
        ],
    },
    Guide {
        kind: "trace_condition",
        meaning: "Keeps a trace if `all`, or `any`, of some tests of the whole trace hold: how many \
            spans match, the sum, least, greatest or ratio of a number attribute, a span that is \
            absent, something at the root.",
        example: "- name: expensive-and-unanswered\n  type: trace_condition\n  trace_condition:\n    all:\n      - {sum: gen_ai.usage.input_tokens, above: 8000}\n      - {absent: {attribute: gen_ai.response.finish_reasons}}\n",
        cost: "A span: each test matches it, numbers are added up. A trace: 8 bytes for a count, 16 \
            for a sum, in one place that is allocated with its first span; a comparison for each \
            test.",
        pitfalls: &[
            "A span that was delivered twice counts twice.",
            "`absent` holds as well while the span is still on its way: leave `decision_wait` long \
             enough.",
            "Sums and extremes of an attribute that no span has meet no bound, `below: 1` neither.",
        ],
    },
    Guide {
        kind: "failure",
        meaning: "Keeps a trace in which something failed for good. An error is forgiven if a span \
            of the same name under the same parent began after it had ended and did not fail, or if \
            what it failed within was itself done again with success. With `recovered: keep` any \
            error will do.",
        example: "- name: failed\n  type: failure\n  failure: {recovered: ignore}\n",
        cost: "A span: 16 bytes for each kind of success and 40 for each error, in lists that grow \
            by doubling, up to 1024 and 256. A trace: its errors are sorted.",
        pitfalls: &[
            "A trace of more errors than that counts as failed (`tailsift_kin_too_many_total`).",
            "Retries under another name, or by another service, mend nothing.",
            "Whether late spans would have changed its mind is not known.",
        ],
    },
    Guide {
        kind: "fragmented",
        meaning: "Keeps a trace of which parents are missing: context was lost on the way, or a \
            service sends no spans. It finds gaps in instrumentation.",
        example: "- name: broken\n  type: and\n  and:\n    and_sub_policy:\n      - {type: fragmented, fragmented: {missing_parents_above: 0}}\n      - {type: probabilistic, probabilistic: {sampling_percentage: 5}}  # gaps tend to be everywhere\n",
        cost: "A span: 16 bytes in two lists that grow by doubling, up to 4096 spans. A trace: the \
            lists are sorted and compared.",
        pitfalls: &[
            "A trace that is judged early looks fragmented if a parent is still under way.",
            "Traces that begin outside of what you see (a client's span, a gateway's) have a parent \
             that never comes.",
            "A trace of more than 4096 spans is taken for whole.",
        ],
    },
    Guide {
        kind: "forced",
        meaning: "Keeps a trace that somebody asked for, by an attribute of a span or a member of its \
            tracestate, up to `traces_per_second`; twice as many may come at once.",
        example: "- name: asked-for\n  type: forced\n  forced: {attribute: trace.force, traces_per_second: 10}\n",
        cost: "A span: the attribute is searched for, or the tracestate taken apart. A trace: a bit, \
            and of those that ask a token bucket.",
        pitfalls: &[
            "Each partition of the input has an equal share of the rate: with many partitions a \
             single one has little, though its first request always passes.",
            "Any value but `false` asks, unless `value` says which.",
        ],
    },
    Guide {
        kind: "rate_per_key",
        meaning: "Keeps so many traces a second in all, and of those whose key is rare a larger part: \
            the budget is divided by the logarithm of how frequent keys are. Each trace is kept or \
            not by its own randomness, so the probability of what is kept is known.",
        example: "- name: some-of-each\n  type: rate_per_key\n  rate_per_key:\n    by: [service.name, http.route]\n    traces_per_second: 50\n",
        cost: "A span: its attributes of interest are searched for the key. A trace: 8 bytes for each \
            attribute of `by` and 8 more, in one place that is allocated with its first span; a \
            look-up among at most `keys_max` keys.",
        pitfalls: &[
            "What is usual is learned for each partition, and begins anew with each owner.",
            "Keys beyond `keys_max` share one part: leave IDs out of `by`.",
        ],
    },
    Guide {
        kind: "drift",
        meaning: "Keeps some traces of every version of a model, and all of one whose answers become \
            less sure than they were. [drift.md](drift.md) is the guide from an alarm to a \
            roll-back.",
        example: "- name: drifting\n  type: drift\n  drift:\n    by: [model_version, preprocessing_version]\n    floor_per_minute: 1\n    low_confidence_below: 0.5\n",
        cost: "A span: its attributes of interest are searched for confidences and versions. A \
            trace: 8 bytes for each name of `by`, in one place that is allocated with its first \
            span; a look-up among at most 1024 keys, some 100 KB for each partition.",
        pitfalls: &[
            "It learns what is usual for ten minutes and more after each start or change of owner, \
             and keeps only its floor meanwhile.",
            "Something in `by` that is no version, such as a request's ID, makes it forget keys all \
             the time (`tailsift_drift_keys_forgotten_total`).",
            "The order in which traces are judged counts, that of spans does not.",
        ],
    },
];
