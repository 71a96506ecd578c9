//! The walk over a request.

use std::borrow::Cow;

use super::rule::{Change, RedactionPlace};
use super::rule_set::RuleSet;
use super::value::Here;
use super::{RedactionCounts, Redactor};
use crate::ScanError;
use crate::edits::Edits;
use crate::fields::{
    event, link, request, resource, resource_spans, scope, scope_spans, span, status,
};
use crate::wire::Cursor;

/// One walk over a request, or over a list or map that is to become a text.
pub(super) struct Walk<'r, 'p> {
    pub(super) redactor: &'r Redactor,
    /// The rules that are applied.
    pub(super) limit: RuleSet,
    pub(super) edits: Edits<'p>,
    pub(super) counts: RedactionCounts,
}

/// What becomes of a message.
pub(super) enum Fate {
    Stays,
    /// The attribute or entry that holds it goes.
    Goes,
}

/// Bytes that are no OTLP, or nest too deep.
pub(super) struct Unreadable;

impl From<ScanError> for Unreadable {
    fn from(_: ScanError) -> Self {
        Self
    }
}

impl<'r, 'p> Walk<'r, 'p> {
    pub(super) fn new(redactor: &'r Redactor, payload: &'p [u8]) -> Self {
        let counts = RedactionCounts::default();
        Self { redactor, limit: RuleSet::ALL, edits: Edits::new(payload), counts }
    }

    /// What is left of the payload.
    pub(super) fn finish(self) -> Cow<'p, [u8]> {
        self.edits.apply()
    }

    pub(super) fn request(&mut self, mut fields: Cursor<'p>) -> Result<(), ScanError> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                request::RESOURCE_SPANS => self.item(&mut fields, at, Self::resource_spans)?,
                other => fields.skip_unknown(other, request::KNOWN)?,
            }
        }
        Ok(())
    }

    fn resource_spans(&mut self, mut fields: Cursor<'p>) -> Result<Fate, Unreadable> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                resource_spans::RESOURCE => self.item(&mut fields, at, Self::resource)?,
                resource_spans::SCOPE_SPANS => self.item(&mut fields, at, Self::scope_spans)?,
                resource_spans::SCHEMA_URL => drop(fields.delimited()?),
                other => fields.skip_unknown(other, resource_spans::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn resource(&mut self, mut fields: Cursor<'p>) -> Result<Fate, Unreadable> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                resource::ATTRIBUTES => {
                    self.attribute(&mut fields, at, RedactionPlace::Resource)?;
                }
                resource::DROPPED_ATTRIBUTES_COUNT => drop(fields.varint()?),
                resource::ENTITY_REFS => drop(fields.delimited()?),
                other => fields.skip_unknown(other, resource::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn scope_spans(&mut self, mut fields: Cursor<'p>) -> Result<Fate, Unreadable> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                scope_spans::SCOPE => self.item(&mut fields, at, Self::scope)?,
                scope_spans::SPANS => self.item(&mut fields, at, Self::span)?,
                scope_spans::SCHEMA_URL => drop(fields.delimited()?),
                other => fields.skip_unknown(other, scope_spans::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn scope(&mut self, mut fields: Cursor<'p>) -> Result<Fate, Unreadable> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                key @ (scope::NAME | scope::VERSION) => {
                    self.text(&mut fields, at, key, RedactionPlace::Scope)?;
                }
                scope::ATTRIBUTES => self.attribute(&mut fields, at, RedactionPlace::Scope)?,
                scope::DROPPED_ATTRIBUTES_COUNT => drop(fields.varint()?),
                other => fields.skip_unknown(other, scope::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn span(&mut self, mut fields: Cursor<'p>) -> Result<Fate, Unreadable> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                span::NAME => self.text(&mut fields, at, span::NAME, RedactionPlace::Span)?,
                span::ATTRIBUTES => self.attribute(&mut fields, at, RedactionPlace::Span)?,
                span::EVENTS => self.item(&mut fields, at, Self::event)?,
                span::LINKS => self.item(&mut fields, at, Self::link)?,
                span::STATUS => self.item(&mut fields, at, Self::status)?,
                other => span::skip(&mut fields, other)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn event(&mut self, mut fields: Cursor<'p>) -> Result<Fate, Unreadable> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                event::NAME => self.text(&mut fields, at, event::NAME, RedactionPlace::Event)?,
                event::ATTRIBUTES => self.attribute(&mut fields, at, RedactionPlace::Event)?,
                event::TIME => drop(fields.fixed64()?),
                event::DROPPED_ATTRIBUTES_COUNT => drop(fields.varint()?),
                other => fields.skip_unknown(other, event::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn link(&mut self, mut fields: Cursor<'p>) -> Result<Fate, Unreadable> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                link::ATTRIBUTES => self.attribute(&mut fields, at, RedactionPlace::Link)?,
                link::TRACE_ID | link::SPAN_ID | link::TRACE_STATE => drop(fields.delimited()?),
                link::DROPPED_ATTRIBUTES_COUNT => drop(fields.varint()?),
                link::FLAGS => drop(fields.fixed32()?),
                other => fields.skip_unknown(other, link::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn status(&mut self, mut fields: Cursor<'p>) -> Result<Fate, Unreadable> {
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                key @ status::MESSAGE => self.text(&mut fields, at, key, RedactionPlace::Span)?,
                status::CODE => drop(fields.varint()?),
                other => fields.skip_unknown(other, status::KNOWN)?,
            }
        }
        Ok(Fate::Stays)
    }

    fn attribute(
        &mut self,
        fields: &mut Cursor<'p>,
        at: usize,
        place: RedactionPlace,
    ) -> Result<(), ScanError> {
        let active = self.redactor.plain_at(place) & self.limit;
        if active.is_empty() && self.redactor.keyed_at(place).is_empty() {
            return fields.delimited().map(drop);
        }
        self.item(fields, at, |walk, message| walk.pair(message, Here { place, active, depth: 0 }))
    }

    /// A text that is in no attribute.
    fn text(
        &mut self,
        fields: &mut Cursor<'p>,
        at: usize,
        key: u32,
        place: RedactionPlace,
    ) -> Result<(), ScanError> {
        let text = fields.delimited()?;
        let rules = self.redactor.plain_at(place) & self.limit;
        match self.change(text, rules, RuleSet::NONE, true) {
            Change::Same => {}
            // Were it taken out, an earlier field of the same number would count.
            Change::Goes => self.edits.put(at..fields.position(), key, b""),
            Change::Text(text) => self.edits.put(at..fields.position(), key, &text),
        }
        Ok(())
    }

    /// A message that can go by itself; it goes if it cannot be read.
    pub(super) fn item(
        &mut self,
        fields: &mut Cursor<'p>,
        at: usize,
        walk: impl FnOnce(&mut Self, Cursor<'p>) -> Result<Fate, Unreadable>,
    ) -> Result<(), ScanError> {
        match self.child(fields, walk)? {
            Ok(Fate::Stays) => return Ok(()),
            Ok(Fate::Goes) => {}
            Err(Unreadable) => self.counts.unreadable += 1,
        }
        self.edits.remove(at..fields.position());
        Ok(())
    }

    /// A message within the one that is walked; nothing within it is noted unless it stays.
    pub(super) fn child(
        &mut self,
        fields: &mut Cursor<'p>,
        walk: impl FnOnce(&mut Self, Cursor<'p>) -> Result<Fate, Unreadable>,
    ) -> Result<Result<Fate, Unreadable>, ScanError> {
        let length_at = fields.position();
        let message = fields.message()?;
        let mark = self.edits.open(length_at..message.position());
        let outcome = walk(self, message);
        match outcome {
            Ok(Fate::Stays) => self.edits.close(mark, message.rest().len()),
            Ok(Fate::Goes) | Err(Unreadable) => self.edits.roll_back(mark),
        }
        Ok(outcome)
    }
}
