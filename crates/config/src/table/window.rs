//! The section `window`.

use super::{KIB, LONGEST, MIB, choice, key, ms, refused};
use crate::key::Presence::Default;
use crate::key::{Choice, Section, Type};

pub(crate) static COMPLETION: [Choice; 2] = [
    choice("wait", "a trace is judged when decision_wait has passed"),
    choice(
        "structural",
        "before that, once all its parents have come, and the children of calls that usually have one, and nothing more of it for settle (docs/completion.md)",
    ),
];
pub(crate) static REMOTE_PARENTS: [Choice; 2] = [
    choice("ignored", "a span whose parent is in another process is a root"),
    choice("learned", "such a parent is waited for if it usually comes"),
];
pub(super) static WINDOW: Section = Section {
    keys: &[
        key(
            "decision_wait",
            Type::Duration { min: ms(1), max: LONGEST },
            Default("30s"),
            "A trace is judged this long after its first record, on the stream's own clock",
        ),
        key(
            "decision_wait_after_root_received",
            Type::Duration { min: ms(0), max: LONGEST },
            Default("0s"),
            "A trace is judged this long after its root span, if that is sooner; 0s turns it off",
        ),
        key(
            "completion",
            Type::Choice { here: &COMPLETION, later: &[] },
            Default("structural"),
            "When a trace counts as complete; with `compatibility: collector` the default is wait",
        ),
        key(
            "settle",
            Type::Duration { min: ms(0), max: LONGEST },
            Default("1s"),
            "Of `completion: structural`: for so long nothing more of a trace must have come, on the stream's own clock; at most window.decision_wait, which is the default if it is shorter",
        ),
        key(
            "remote_parents",
            Type::Choice { here: &REMOTE_PARENTS, later: &[] },
            Default("ignored"),
            "Of `completion: structural`: what is asked of parents that spans' flags say are in another process. `learned` judges fewer traces before their callers' spans have come, and holds traces longer",
        ),
        key(
            "edges_max",
            Type::Integer { min: 0, max: 1_000_000 },
            Default("10000"),
            "Of `completion: structural`: of so many pairs of service and span name each partition learns whether their calls usually have a child (and their parents usually come, see remote_parents); those met least lately are forgotten first",
        ),
        key(
            "memory_limit",
            Type::Size { min: MIB, max: 1 << 50 },
            Default("1GiB"),
            "For the window and remembered verdicts of the whole process; over it the oldest traces are judged early",
        ),
        key(
            "spans_per_trace_limit",
            Type::Integer { min: 1, max: u32::MAX as i64 },
            Default("100000"),
            "A trace with this many spans is judged at once",
        ),
        key(
            "bytes_per_trace_limit",
            Type::Size { min: KIB, max: 1 << 40 },
            Default("64MiB"),
            "A trace with this many bytes is judged at once",
        ),
    ],
    refused: &[refused(
        "compression",
        "is not supported by this version: the window is held as it came, within window.memory_limit",
    )],
};
