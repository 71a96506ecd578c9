//! What a Collector accepts and nobody means: policies that never match, drops of everything.

use super::go::{self, Typed, typed};
use super::policies::text_of;
use super::reader::Reader;
use super::settings::of;
use crate::node::{Node, Value, join};

/// Whether a policy says sampled, if that can be told without a trace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Always,
    Never,
    Depends,
}

/// Looks at all policies of a tree of ours.
pub(super) fn look(reader: &mut Reader, tree: &Node) {
    let policies = tree.get("policies").map_or(&[][..], go::items);
    let mut drops_all: Option<usize> = None;
    let mut asked_last: Option<usize> = None;
    let first_match = tree
        .get("sample_on_first_match")
        .is_some_and(|node| matches!(typed(node), Typed::Boolean(true)));
    for (index, policy) in policies.iter().enumerate() {
        let path = format!("policies[{index}]");
        let certainty = judge(reader, policy, &path);
        let is_drop = kind(policy) == "drop";
        if let Some(first) = drops_all.filter(|_| is_drop) {
            let collector = format!("never asks it: policies[{first}] drops every trace before");
            reader.warn(policy.place, &path, collector);
        }
        if let Some(first) = asked_last.filter(|_| !is_drop) {
            let collector = format!(
                "never asks it: policies[{first}] samples every trace, and \
                         sample_on_first_match ends there"
            );
            reader.warn(policy.place, &path, collector);
        }
        match (is_drop, certainty) {
            (true, Certainty::Always) => {
                drops_all = drops_all.or(Some(index));
                reader.warn(policy.place, &path, "drops every trace: nothing is ever kept");
            }
            (true, Certainty::Never) => {
                reader.warn(policy.place, &path, "never drops a trace by it");
            }
            (false, Certainty::Never) => {
                reader.warn(policy.place, &path, "never samples a trace by it");
            }
            (false, Certainty::Always) if first_match => asked_last = asked_last.or(Some(index)),
            (false, Certainty::Always) | (_, Certainty::Depends) => {}
        }
    }
}

fn kind(policy: &Node) -> &str {
    policy.get("type").and_then(text_of).unwrap_or("")
}

/// Warns of what is within a policy, and says what it comes to.
fn judge(reader: &mut Reader, policy: &Node, path: &str) -> Certainty {
    let kind = kind(policy);
    let path = join(path, kind);
    match kind {
        "and" => all(reader, policy, &format!("{path}.and_sub_policy"), "keeps every trace"),
        "drop" => all(reader, policy, &format!("{path}.drop_sub_policy"), "drops every trace"),
        "not" => {
            let Some(child) = of(policy, "not_sub_policy") else { return Certainty::Depends };
            match judge(reader, child, &format!("{path}.not_sub_policy")) {
                Certainty::Always => Certainty::Never,
                Certainty::Never => Certainty::Always,
                Certainty::Depends => Certainty::Depends,
            }
        }
        "composite" => composite(reader, policy, &path),
        _ => simple(reader, policy, kind, &path),
    }
}

/// Sub-policies that must agree.
fn all(reader: &mut Reader, policy: &Node, path: &str, empty: &str) -> Certainty {
    let key = path.rsplit('.').next().unwrap_or("");
    let children = of(policy, key).map_or(&[][..], go::items);
    if children.is_empty() {
        reader.warn(policy.place, path, format!("{empty} if it is empty"));
    }
    let judged = |(index, child)| judge(reader, child, &format!("{path}[{index}]"));
    let votes: Vec<_> = children.iter().enumerate().map(judged).collect();
    if votes.contains(&Certainty::Never) {
        Certainty::Never
    } else if votes.iter().all(|vote| *vote == Certainty::Always) {
        Certainty::Always
    } else {
        Certainty::Depends
    }
}

fn simple(reader: &mut Reader, policy: &Node, kind: &str, path: &str) -> Certainty {
    let number = |key: &str| of(policy, key).map_or(0, whole);
    let never = |is: bool| if is { Certainty::Never } else { Certainty::Depends };
    match kind {
        "always_sample" => Certainty::Always,
        "latency" => {
            let (above, most) = (number("threshold_ms"), number("upper_threshold_ms"));
            never(most != 0 && most <= above)
        }
        "numeric_attribute" => {
            let (min, max) = (number("min_value"), number("max_value"));
            let empty = min != 0 && max != 0 && min > max;
            if empty {
                let collector = format!("finds no value between {min} and {max}");
                reader.warn(policy.place, path, collector);
            }
            inverted(policy, never(empty))
        }
        "span_count" => {
            let (min, max) = (number("min_spans"), number("max_spans"));
            never(max < 0 || max != 0 && min > max)
        }
        "probabilistic" => {
            let share = of(policy, "sampling_percentage").map_or(0.0, |node| match typed(node) {
                Typed::Integer(value) => value as f64,
                Typed::Float(value) => value,
                Typed::Null
                | Typed::Boolean(_)
                | Typed::Text(_)
                | Typed::List
                | Typed::Map
                | Typed::Broken => 0.0,
            });
            if share >= 100.0 { Certainty::Always } else { never(share <= 0.0) }
        }
        "rate_limiting" => never(number("spans_per_second") <= 0 && number("burst_capacity") <= 0),
        "bytes_limiting" => never(number("bytes_per_second") <= 0 && number("burst_capacity") <= 0),
        "string_attribute" => {
            let regex = of(policy, "enabled_regex_matching").is_some_and(is_true);
            let usable = |value: &Node| regex || text_of(value) != Some("");
            let values = of(policy, "values").map_or(&[][..], go::items);
            inverted(policy, never(!values.iter().any(usable)))
        }
        "trace_state" => {
            let values = of(policy, "values").map_or(&[][..], go::items);
            never(!values.iter().any(|value| text_of(value) != Some("")))
        }
        _ => Certainty::Depends,
    }
}

fn inverted(policy: &Node, certainty: Certainty) -> Certainty {
    match certainty {
        Certainty::Never if of(policy, "invert_match").is_some_and(is_true) => Certainty::Always,
        Certainty::Always | Certainty::Never | Certainty::Depends => certainty,
    }
}

fn is_true(node: &Node) -> bool {
    matches!(typed(node), Typed::Boolean(true))
}

fn whole(node: &Node) -> i128 {
    match typed(node) {
        Typed::Integer(value) => value,
        Typed::Null
        | Typed::Boolean(_)
        | Typed::Float(_)
        | Typed::Text(_)
        | Typed::List
        | Typed::Map
        | Typed::Broken => 0,
    }
}

fn composite(reader: &mut Reader, policy: &Node, path: &str) -> Certainty {
    let children = of(policy, "composite_sub_policy").map_or(&[][..], go::items);
    let names: Vec<&str> = children.iter().map(|child| name(child, "name")).collect();
    let total = of(policy, "max_total_spans_per_second").map_or(0, whole);
    let shares = of(policy, "rate_allocation").map_or(&[][..], go::items);
    let order = of(policy, "policy_order");
    if let Some(order) = order {
        let ordered: Vec<&str> = go::items(order).iter().filter_map(text_of).collect();
        if ordered != names {
            let collector = "ignores this order and asks in that of composite_sub_policy";
            reader.warn(order.place, &format!("{path}.policy_order"), collector);
        }
    }
    let mut open = false;
    for (index, child) in children.iter().enumerate() {
        let path = format!("{path}.composite_sub_policy[{index}]");
        let mut child_open = judge(reader, child, &path) != Certainty::Never;
        if !shares.iter().any(|share| share_name(share) == names[index]) {
            let collector = "gives it no span, since rate_allocation does not name it";
            reader.warn(child.place, &path, collector);
            child_open = false;
        }
        open |= child_open;
    }
    for share in shares.iter().filter(|share| !names.contains(&share_name(share))) {
        let collector = "ignores a share of a name that no sub-policy has";
        reader.warn(share.place, &format!("{path}.rate_allocation"), collector);
    }
    if total <= 0 || !open { Certainty::Never } else { Certainty::Depends }
}

fn share_name(share: &Node) -> &str {
    name(share, "policy")
}

fn name<'n>(node: &'n Node, key: &str) -> &'n str {
    match &node.value {
        Value::Map(_) => node.get(key).and_then(text_of).unwrap_or(""),
        Value::Null | Value::Scalar(_) | Value::List(_) | Value::Broken => "",
    }
}
