//! Comparison: never an error between types, only inequality.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::token::CompareOp;
use super::value::{Answer, Items, Val};

/// Maps of more entries are compared by way of an index: their writer may be hostile.
const ENTRIES_BY_SEARCH_MAX: usize = 16;

/// Compares two values: of one kind, or numbers; all else is unequal.
///
/// # Errors
/// If a list lies too deep to have been read.
pub(super) fn compare(op: CompareOp, left: &Val<'_>, right: &Val<'_>) -> Answer<bool> {
    use CompareOp::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let ordering = match (left, right) {
        (Val::List(a), Val::List(b)) => return equality(op, || lists_equal(a, b)),
        (Val::Map(a), Val::Map(b)) => return equality(op, || maps_equal(a, b)),
        (Val::TraceId(a), Val::TraceId(b)) => return equality(op, || Ok(a == b)),
        (Val::SpanId(a), Val::SpanId(b)) => return equality(op, || Ok(a == b)),
        (Val::Nil, Val::Nil) => Some(Ordering::Equal),
        (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Double(a), Val::Double(b)) => a.partial_cmp(b),
        (Val::Int(a), Val::Double(b)) => (*a as f64).partial_cmp(b),
        (Val::Double(a), Val::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Val::Text(a), Val::Text(b)) | (Val::Bytes(a), Val::Bytes(b)) => Some(a.cmp(b)),
        (Val::Time(a), Val::Time(b)) | (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
        (_, _) => None,
    };
    Ok(match (op, ordering) {
        (Equal, ordering) => ordering == Some(Ordering::Equal),
        (NotEqual, ordering) => ordering != Some(Ordering::Equal),
        (Less | LessOrEqual | Greater | GreaterOrEqual, None) => false,
        (Less, Some(ordering)) => ordering.is_lt(),
        (LessOrEqual, Some(ordering)) => ordering.is_le(),
        (Greater, Some(ordering)) => ordering.is_gt(),
        (GreaterOrEqual, Some(ordering)) => ordering.is_ge(),
    })
}

/// The answer for what can only be equal or not.
fn equality(op: CompareOp, equal: impl FnOnce() -> Answer<bool>) -> Answer<bool> {
    match op {
        CompareOp::Equal => equal(),
        CompareOp::NotEqual => Ok(!equal()?),
        CompareOp::Less
        | CompareOp::LessOrEqual
        | CompareOp::Greater
        | CompareOp::GreaterOrEqual => Ok(false),
    }
}

/// Equality within lists and maps, where 1 is not 1.0.
fn items_equal(left: &Val<'_>, right: &Val<'_>) -> Answer<bool> {
    match (left, right) {
        (Val::Int(_), Val::Double(_)) | (Val::Double(_), Val::Int(_)) => Ok(false),
        (_, _) => compare(CompareOp::Equal, left, right),
    }
}

fn lists_equal(left: &Items<'_>, right: &Items<'_>) -> Answer<bool> {
    let (mut left, mut right) = (left.iter(), right.iter());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ok(true),
            (None, Some(_)) | (Some(_), None) => return Ok(false),
            (Some(a), Some(b)) => {
                if !items_equal(&a?.1, &b?.1)? {
                    return Ok(false);
                }
            }
        }
    }
}

/// Equal in any order. Of keys that repeat the first counts.
fn maps_equal(left: &Items<'_>, right: &Items<'_>) -> Answer<bool> {
    let len = left.len();
    if len != right.len() {
        return Ok(false);
    }
    let mut index = BTreeMap::new();
    if len > ENTRIES_BY_SEARCH_MAX {
        for entry in right.iter() {
            let (key, value) = entry?;
            index.entry(key).or_insert(value);
        }
    }
    for entry in left.iter() {
        let (key, value) = entry?;
        let equal = if len > ENTRIES_BY_SEARCH_MAX {
            index.get(key).map(|other| items_equal(&value, other)).transpose()?
        } else {
            let found = right.iter().find(|other| other.as_ref().is_ok_and(|(k, _)| *k == key));
            found.map(|other| items_equal(&value, &other?.1)).transpose()?
        };
        if equal != Some(true) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// True if a list holds the value, numbers of either type being comparable.
pub(super) fn contains(list: &Items<'_>, wanted: &Val<'_>) -> Answer<bool> {
    for item in list.iter() {
        if compare(CompareOp::Equal, &item?.1, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}
