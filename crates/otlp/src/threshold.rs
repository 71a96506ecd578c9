//! `ot=th`: how likely a span was to be kept, written where OpenTelemetry's consistent probability
//! sampling looks for it (OTEP 235; "TraceState: Probability Sampling").
//!
//! The threshold is a field of the `ot` member of a span's W3C tracestate. Nothing else of a
//! request changes, but for the lengths of the messages around it.

use std::borrow::Cow;
use std::ops::{AddAssign, Range};

use tailsift_trace::{TRACE_STATE_MEMBERS_MAX, trace_state_member};

use crate::ScanError;
use crate::edits::Edits;
use crate::fields::{request, resource_spans, scope_spans, span};
use crate::wire::Cursor;

/// What becomes of the spans' thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdEdit {
    /// This many of 2^56 traces were rejected, fewer than all. What says more already stays.
    Raise(u64),
    /// The probability is unknown: a threshold that says otherwise goes.
    Erase,
}

/// Spans, by what became of their thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThresholdCounts {
    /// It was written.
    pub written: u64,
    /// It was there, as high or higher.
    pub kept: u64,
    /// It was taken out.
    pub erased: u64,
    /// The tracestate is against W3C's or OpenTelemetry's rules, so it was left alone.
    pub unreadable: u64,
    /// The tracestate has no room for it, so it was left alone.
    pub no_room: u64,
}

/// The most bytes of a tracestate that everybody has to pass on (W3C Trace Context, 3.3.1.5).
const TRACE_STATE_BYTES_MAX: usize = 512;

/// The most bytes of a member's value (W3C Trace Context, 3.3.1.3.2).
const VALUE_BYTES_MAX: usize = 256;

/// Hex digits of a threshold, and of randomness.
const DIGITS: usize = 14;

/// Writes a threshold into each span of an `ExportTraceServiceRequest`, or takes it out; in time
/// linear in its length. All else stays byte for byte, other members and other fields of `ot` in
/// their order. The request is borrowed if nothing changed.
///
/// # Errors
/// If a message down to the spans cannot be read.
pub fn edit_thresholds(
    request: &[u8],
    edit: ThresholdEdit,
) -> Result<(Cow<'_, [u8]>, ThresholdCounts), ScanError> {
    let edit = match edit {
        ThresholdEdit::Raise(threshold) => ThresholdEdit::Raise(threshold.min((1 << 56) - 1)),
        ThresholdEdit::Erase => ThresholdEdit::Erase,
    };
    let counts = ThresholdCounts::default();
    let mut walk = Walk { edit, edits: Edits::new(request), counts };
    let mut fields = Cursor::new(request)?;
    while !fields.is_empty() {
        match fields.key()? {
            request::RESOURCE_SPANS => walk.within(&mut fields, Walk::resource_spans)?,
            other => fields.skip_unknown(other, request::KNOWN)?,
        }
    }
    Ok((walk.edits.apply(), walk.counts))
}

struct Walk<'p> {
    edit: ThresholdEdit,
    edits: Edits<'p>,
    counts: ThresholdCounts,
}

impl<'p> Walk<'p> {
    fn within(
        &mut self,
        fields: &mut Cursor<'p>,
        walk: impl FnOnce(&mut Self, Cursor<'p>) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        let length_at = fields.position();
        let message = fields.message()?;
        let mark = self.edits.open(length_at..message.position());
        walk(self, message)?;
        self.edits.close(mark, message.rest().len());
        Ok(())
    }

    fn resource_spans(&mut self, mut fields: Cursor<'p>) -> Result<(), ScanError> {
        while !fields.is_empty() {
            match fields.key()? {
                resource_spans::SCOPE_SPANS => self.within(&mut fields, Self::scope_spans)?,
                resource_spans::RESOURCE | resource_spans::SCHEMA_URL => drop(fields.delimited()?),
                other => fields.skip_unknown(other, resource_spans::KNOWN)?,
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, mut fields: Cursor<'p>) -> Result<(), ScanError> {
        while !fields.is_empty() {
            match fields.key()? {
                scope_spans::SPANS => self.within(&mut fields, Self::span)?,
                scope_spans::SCOPE | scope_spans::SCHEMA_URL => drop(fields.delimited()?),
                other => fields.skip_unknown(other, scope_spans::KNOWN)?,
            }
        }
        Ok(())
    }

    fn span(&mut self, mut fields: Cursor<'p>) -> Result<(), ScanError> {
        // Where encoders put a tracestate: behind the IDs.
        let mut behind_ids = fields.position();
        let mut found: Option<(Range<usize>, &[u8])> = None;
        let mut is_repeated = false;
        while !fields.is_empty() {
            let at = fields.position();
            match fields.key()? {
                span::TRACE_ID | span::SPAN_ID => {
                    fields.delimited()?;
                    behind_ids = fields.position();
                }
                // Of several the last counts.
                span::TRACE_STATE => {
                    let header = fields.delimited()?;
                    is_repeated |= found.replace((at..fields.position(), header)).is_some();
                }
                other => span::skip(&mut fields, other)?,
            }
        }
        let (place, header) = found.unwrap_or((behind_ids..behind_ids, b""));
        match edited(header, self.edit) {
            Edited::Same => {
                self.counts.kept += u64::from(matches!(self.edit, ThresholdEdit::Raise(_)));
            }
            Edited::Header(header) => {
                *match self.edit {
                    ThresholdEdit::Raise(_) => &mut self.counts.written,
                    ThresholdEdit::Erase => &mut self.counts.erased,
                } += 1;
                if header.is_empty() && !is_repeated {
                    self.edits.remove(place);
                } else {
                    self.edits.put(place, span::TRACE_STATE, &header);
                }
            }
            Edited::Unreadable => self.counts.unreadable += 1,
            Edited::NoRoom => self.counts.no_room += 1,
        }
        Ok(())
    }
}

impl ThresholdCounts {
    /// Each count, with its name in metrics.
    pub fn by_outcome(&self) -> [(&'static str, u64); 5] {
        let Self { written, kept, erased, unreadable, no_room } = *self;
        [
            ("written", written),
            ("kept", kept),
            ("erased", erased),
            ("unreadable", unreadable),
            ("no_room", no_room),
        ]
    }
}

impl AddAssign for ThresholdCounts {
    fn add_assign(&mut self, other: Self) {
        self.written += other.written;
        self.kept += other.kept;
        self.erased += other.erased;
        self.unreadable += other.unreadable;
        self.no_room += other.no_room;
    }
}

/// A tracestate after an edit.
#[derive(Debug, PartialEq, Eq)]
enum Edited {
    Same,
    Header(Vec<u8>),
    Unreadable,
    NoRoom,
}

fn edited(header: &[u8], edit: ThresholdEdit) -> Edited {
    let Some(member) = trace_state_member(header, b"ot") else { return Edited::Unreadable };
    let Some(value) = member else {
        return match edit {
            ThresholdEdit::Raise(threshold) => with_member(header, threshold),
            ThresholdEdit::Erase => Edited::Same,
        };
    };
    let Some(found) = find(value) else { return Edited::Unreadable };
    let start = value.as_ptr().addr() - header.as_ptr().addr();
    let within = |place: &Range<usize>| start + place.start..start + place.end;
    match (edit, found) {
        (ThresholdEdit::Raise(ours), Some((_, theirs))) if theirs >= ours => Edited::Same,
        (ThresholdEdit::Raise(ours), found) => {
            let field = format!("th:{}", digits(ours));
            let (place, text) = match found {
                Some((place, _)) => (place, field),
                None => (0..0, field + ";"),
            };
            let has_room = value.len() - place.len() + text.len() <= VALUE_BYTES_MAX;
            if has_room { put(header, within(&place), text.as_bytes()) } else { Edited::NoRoom }
        }
        (ThresholdEdit::Erase, None) => Edited::Same,
        (ThresholdEdit::Erase, Some((place, _))) => Edited::Header(without(header, value, &place)),
    }
}

fn with_member(header: &[u8], threshold: u64) -> Edited {
    let members = header.split(|byte| *byte == b',').filter(|member| !member.is_empty()).count();
    if members >= TRACE_STATE_MEMBERS_MAX {
        return Edited::NoRoom;
    }
    let comma = if header.is_empty() { "" } else { "," };
    put(header, 0..0, format!("ot=th:{}{comma}", digits(threshold)).as_bytes())
}

fn put(header: &[u8], place: Range<usize>, text: &[u8]) -> Edited {
    let edited = [&header[..place.start], text, &header[place.end..]].concat();
    let has_room = edited.len() <= TRACE_STATE_BYTES_MAX.max(header.len());
    if has_room { Edited::Header(edited) } else { Edited::NoRoom }
}

/// The header without a field of its `ot`; without all of that if nothing else is in it.
fn without(header: &[u8], value: &[u8], field: &Range<usize>) -> Vec<u8> {
    let start = value.as_ptr().addr() - header.as_ptr().addr();
    let mut gone = start + field.start..start + field.end;
    if field.len() == value.len() {
        let is_comma = |byte: &u8| *byte == b',';
        gone.start = header[..start].iter().rposition(is_comma).map_or(0, |comma| comma + 1);
        let next = header[gone.end..].iter().position(is_comma);
        match next {
            Some(comma) => gone.end += comma + 1,
            None => {
                gone.start = gone.start.saturating_sub(1);
                gone.end = header.len();
            }
        }
    } else if field.end < value.len() {
        gone.end += 1;
    } else {
        gone.start -= 1;
    }
    [&header[..gone.start], &header[gone.end..]].concat()
}

/// Where the threshold stands in the value of `ot`, and what it is, if one is there. `None` if the
/// value is against the rules: fields `key:value`, separated by `;`, none of ours twice.
fn find(value: &[u8]) -> Option<Option<(Range<usize>, u64)>> {
    let (mut threshold, mut has_randomness) = (None, false);
    let mut start = 0;
    for field in value.split(|byte| *byte == b';') {
        let place = start..start + field.len();
        start = place.end + 1;
        let colon = field.iter().position(|byte| *byte == b':')?;
        let (key, text) = (&field[..colon], &field[colon + 1..]);
        let is_key = key.first()?.is_ascii_lowercase()
            && key.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let may_stand =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if !is_key || !text.iter().all(may_stand) {
            return None;
        }
        match key {
            b"th" if threshold.is_some() => return None,
            b"th" => threshold = Some((place, from_digits(text)?)),
            b"rv" if has_randomness || text.len() != DIGITS => return None,
            b"rv" => {
                from_digits(text)?;
                has_randomness = true;
            }
            _ => {}
        }
    }
    Some(threshold)
}

/// Hex digits without zeros at the end, but for one of a 0.
fn digits(threshold: u64) -> String {
    let all = format!("{threshold:014x}");
    let trimmed = all.trim_end_matches('0');
    if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() }
}

fn from_digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > DIGITS {
        return None;
    }
    text.iter().chain(std::iter::repeat_n(&b'0', DIGITS - text.len())).try_fold(0, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests;
