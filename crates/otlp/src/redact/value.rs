//! Attributes and their values, in the walk.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write as _;
use std::ops::Range;

use tailsift_trace::Value;

use super::rule::{Change, RedactionPlace};
use super::rule_set::RuleSet;
use super::walk::{Fate, Unreadable, Walk};
use crate::attribute::{key_of, merge_any_value};
use crate::fields::{any_value, key_value, list};
use crate::wire::{Cursor, framed_len, push_key, push_varint};

/// Lists and maps within each other; prost reads some 30, JSON readers 128.
const DEPTH_MAX: u32 = 64;

/// Where a value is.
#[derive(Clone, Copy)]
pub(super) struct Here {
    pub(super) place: RedactionPlace,
    /// Rules for the texts within.
    pub(super) active: RuleSet,
    pub(super) depth: u32,
}

impl<'p> Walk<'_, 'p> {
    /// A `KeyValue`.
    pub(super) fn pair(&mut self, message: Cursor<'p>, here: Here) -> Result<Fate, Unreadable> {
        let redactor = self.redactor;
        let rules = redactor.keyed(key_of(message)?, here.place) & self.limit;
        let whole = rules & redactor.whole;
        if !(whole & redactor.deletes).is_empty() {
            self.counts.deleted += 1;
            return Ok(Fate::Goes);
        }
        let here = Here { active: here.active | rules.without(whole), ..here };
        let mut fields = message;
        while !fields.is_empty() {
            match fields.key()? {
                key_value::VALUE => {
                    let value = |walk: &mut Self, message| walk.any_value(message, whole, here);
                    if let Fate::Goes = self.child(&mut fields, value)?? {
                        return Ok(Fate::Goes);
                    }
                }
                key_value::KEY => drop(fields.delimited()?),
                key_value::KEY_STRINDEX => drop(fields.varint()?),
                other => fields.skip_unknown(other, key_value::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    /// An `AnyValue`; the rules of `whole` take all of it. Each member of the `oneof` that is there
    /// is redacted, as all of them are in the bytes.
    fn any_value(
        &mut self,
        message: Cursor<'p>,
        whole: RuleSet,
        here: Here,
    ) -> Result<Fate, Unreadable> {
        if let Some(first) = whole.first() {
            return self.whole_value(message, whole, first, here);
        }
        let mut fields = message;
        while !fields.is_empty() {
            let at = fields.position();
            let fate = match fields.key()? {
                key @ (any_value::STRING | any_value::BYTES) => {
                    let text = fields.delimited()?;
                    let change = self.change(text, here.active, RuleSet::NONE, true);
                    self.member(change, at..fields.position(), key)
                }
                any_value::INT => {
                    let number = fields.varint()? as i64;
                    let change = self.change_number(number, here.active);
                    self.member(change, at..fields.position(), any_value::STRING)
                }
                any_value::ARRAY => {
                    self.child(&mut fields, |walk, list| walk.array(list, here))??
                }
                any_value::KVLIST => {
                    self.child(&mut fields, |walk, list| walk.map(list, here))??
                }
                any_value::BOOL | any_value::STRING_STRINDEX => {
                    fields.varint()?;
                    Fate::Stays
                }
                any_value::DOUBLE => {
                    fields.fixed64()?;
                    Fate::Stays
                }
                other => {
                    fields.skip_unknown(other, any_value::KNOWN)?;
                    Fate::Stays
                }
            };
            if let Fate::Goes = fate {
                return Ok(Fate::Goes);
            }
        }
        Ok(Fate::Stays)
    }

    fn member(&mut self, change: Change, old: Range<usize>, key: u32) -> Fate {
        match change {
            Change::Same => {}
            Change::Goes => return Fate::Goes,
            Change::Text(text) => self.edits.put(old, key, &text),
        }
        Fate::Stays
    }

    fn array(&mut self, mut fields: Cursor<'p>, here: Here) -> Result<Fate, Unreadable> {
        let here = self.deeper(here)?;
        while !fields.is_empty() {
            match fields.key()? {
                list::VALUES => {
                    let value =
                        |walk: &mut Self, message| walk.any_value(message, RuleSet::NONE, here);
                    if let Fate::Goes = self.child(&mut fields, value)?? {
                        return Ok(Fate::Goes);
                    }
                }
                other => fields.skip_unknown(other, list::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn map(&mut self, mut fields: Cursor<'p>, here: Here) -> Result<Fate, Unreadable> {
        let here = self.deeper(here)?;
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                list::VALUES => {
                    self.item(&mut fields, at, |walk, message| walk.pair(message, here))?;
                }
                other => fields.skip_unknown(other, list::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn deeper(&self, here: Here) -> Result<Here, Unreadable> {
        if here.depth == DEPTH_MAX {
            Err(Unreadable)
        } else {
            Ok(Here { depth: here.depth + 1, ..here })
        }
    }

    /// A value that becomes one text, by the rules of `whole` and those around them. What else is
    /// in its bytes goes.
    fn whole_value(
        &mut self,
        message: Cursor<'p>,
        whole: RuleSet,
        first: usize,
        here: Here,
    ) -> Result<Fate, Unreadable> {
        let mut value = Value::Empty;
        merge_any_value(message, &mut value)?;
        let rules = here.active | whole;
        let before = RuleSet::before(first);
        let (text, rules, is_text) = match value {
            Value::Empty => return Ok(Fate::Stays),
            Value::Text(text) | Value::Bytes(text) => (Cow::Borrowed(text), rules, true),
            Value::Bool(value) => (owned(value), rules.without(before), false),
            Value::Int(value) => (owned(value), rules, false),
            Value::Double(value) => (owned(value), rules.without(before), false),
            Value::Array(bytes) | Value::Map(bytes) => {
                let is_map = matches!(value, Value::Map(_));
                let Some(bytes) = self.listing(bytes, is_map, before, here)? else {
                    return Ok(Fate::Goes);
                };
                (bytes, rules.without(before), false)
            }
        };
        let text = match self.change(&text, rules, whole, is_text) {
            Change::Same => text,
            Change::Goes => return Ok(Fate::Goes),
            Change::Text(text) => Cow::Owned(text),
        };
        let mut field = Vec::with_capacity(framed_len(text.len()));
        push_key(&mut field, any_value::STRING);
        push_varint(&mut field, text.len() as u64);
        field.extend_from_slice(&text);
        if field != message.rest() {
            let start = message.position();
            self.edits.put(start..start + message.rest().len(), any_value::STRING, &text);
        }
        Ok(Fate::Stays)
    }

    /// What the rules of `before` leave of a list or map; `None` if its attribute goes.
    fn listing<'b>(
        &mut self,
        bytes: &'b [u8],
        is_map: bool,
        before: RuleSet,
        here: Here,
    ) -> Result<Option<Cow<'b, [u8]>>, Unreadable> {
        let mut walk = Walk::new(self.redactor, bytes);
        walk.limit = self.limit & before;
        let here = Here { active: here.active & before, ..here };
        let list = Cursor::new(bytes)?;
        let fate = if is_map { walk.map(list, here) } else { walk.array(list, here) };
        self.counts += walk.counts;
        Ok(match fate? {
            Fate::Stays => Some(walk.finish()),
            Fate::Goes => None,
        })
    }

    fn change_number(&mut self, number: i64, rules: RuleSet) -> Change {
        if (rules & self.redactor.valued).is_empty() {
            return Change::Same;
        }
        let mut digits = [0; 20];
        let mut rest = &mut digits[..];
        // 20 bytes hold any of them.
        let _ = write!(rest, "{number}");
        let free = rest.len();
        self.change(&digits[..20 - free], rules, RuleSet::NONE, false)
    }

    /// What rules, one after another, leave of a text. Rules of `whole` are among them; what is no
    /// text is not truncated.
    pub(super) fn change(
        &mut self,
        text: &[u8],
        rules: RuleSet,
        whole: RuleSet,
        is_text: bool,
    ) -> Change {
        let redactor = self.redactor;
        if whole.is_empty() && (rules.is_empty() || !redactor.may_change(text, rules)) {
            return Change::Same;
        }
        let mut is_text = is_text;
        let mut changed: Option<Vec<u8>> = None;
        for index in rules.iter() {
            let rule = &redactor.rules[index];
            if rule.limit().is_some() && !is_text {
                continue;
            }
            match rule.apply(changed.as_deref().unwrap_or(text)) {
                Change::Same => continue,
                Change::Goes => {
                    self.counts.count(rule.action());
                    return Change::Goes;
                }
                Change::Text(new) => changed = Some(new),
            }
            is_text = true;
            self.counts.count(rule.action());
        }
        changed.map_or(Change::Same, Change::Text)
    }
}

fn owned(value: impl Display) -> Cow<'static, [u8]> {
    Cow::Owned(value.to_string().into_bytes())
}
