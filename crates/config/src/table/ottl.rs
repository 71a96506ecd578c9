//! The keys of `ottl_condition`.

use super::{choice, key};
use crate::key::Presence::Default;
use crate::key::{Choice, Section, Type};

pub(crate) static ERROR_MODES: [Choice; 3] = [
    choice("silent", "it does not hold for that span or event; counted"),
    choice("ignore", "the same"),
    choice("propagate", "the policy has no vote for that trace, whatever comes later; counted"),
];

const CONDITIONS: Type = Type::List { item: &Type::AnyText, min: 0, max: 1000 };

pub(crate) static OTTL_CONDITION: Section = Section {
    keys: &[
        key(
            "error_mode",
            Type::Choice { here: &ERROR_MODES, later: &[] },
            Default("silent"),
            "What becomes of a condition that fails while it is tried, such as a division by zero",
        ),
        key(
            "span",
            CONDITIONS,
            Default("[]"),
            "Conditions on spans. All that one says must hold for one span; any of them will do",
        ),
        key(
            "spanevent",
            CONDITIONS,
            Default("[]"),
            "Conditions on events of spans; span.… and resource.… are what the event belongs to",
        ),
    ],
    refused: &[],
};
