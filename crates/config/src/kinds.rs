//! The page about the kinds of policy, written from the tables of keys and of guides.

use crate::key::{Section, Type};
use crate::reference::{heading, push, rows};
use crate::table::{Guide, KINDS, MEASURED, guide};

const HEAD: &str = "\
# Kinds of policy

What each kind wants, with an example, its keys, what it costs and what surprises people. \
[policies.md](policies.md) says how their votes become a verdict, how budgets are shared, and where \
the Collector answers otherwise; `tailsift check FILE` warns of policies that can never match and of \
those that others leave nothing for.

Written from the program's own tables by `cargo xtask gen`.
";

const COST: &str = "\
## What policies cost

Policies look at a span once, when it comes, and note what they need: bits, and for some kinds \
numbers. They never look at a span again, so a trace that is judged costs the same whatever its \
size, but for `failure` and `fragmented`. Of a span only those attributes are read that some policy \
names. No kind allocates for a span, which a test holds them to; what notes numbers allocates once \
for each trace, `failure` and `fragmented` each time that their lists double, and `ottl_condition` \
where a function makes a text or a list.

Nanoseconds as `cargo bench -p tailsift-policy` prints them, on one core of a small shared machine, \
for spans with ten attributes that no policy wants, so that each is looked at to its end. Reading \
the span from its record is not in it.
";

/// All kinds of policy with meaning, example, keys, cost and pitfalls, as Markdown.
pub fn policy_kinds() -> String {
    let mut text = format!("{HEAD}\n");
    for kind in &KINDS {
        push(&mut text, format_args!("- [`{0}`](#{0}): {1}\n", kind.name, kind.doc));
    }
    push(
        &mut text,
        format_args!("\n{COST}\n| policies | a span | a trace |\n| --- | --- | --- |\n"),
    );
    for (what, span, trace) in &MEASURED {
        push(&mut text, format_args!("| {what} | {span} | {trace} |\n"));
    }
    for kind in &KINDS {
        let section = match &kind.body {
            Some(Type::Section(section)) => Some(*section),
            Some(_) | None => None,
        };
        if let Some(guide) = guide(kind.name) {
            one(&mut text, guide, section);
        }
    }
    text
}

fn one(text: &mut String, guide: &Guide, body: Option<&Section>) {
    let Guide { kind, meaning, example, cost, pitfalls } = guide;
    push(text, format_args!("\n## {kind}\n\n{meaning}\n\n```yaml\n{example}```\n\n"));
    match body {
        Some(section) => {
            heading(text);
            rows(text, section, "");
        }
        None => text.push_str("It has no settings.\n"),
    }
    push(text, format_args!("\n**Cost.** {cost}\n\n**Pitfalls.**\n\n"));
    pitfalls.iter().for_each(|pitfall| push(text, format_args!("- {pitfall}\n")));
}
