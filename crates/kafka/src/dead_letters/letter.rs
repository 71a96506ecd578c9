//! What the headers of a dead letter, and of a marker, say.

use std::borrow::Cow;

use tailsift_sampler::LetterKind;

use super::{KIND, LEFT_OUT, OFFSET, PARTITION, REASON, REDRIVEN, REDRIVEN_TO, TOPIC};

/// Where a record was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset; of [`LetterKind::Spans`] that of a record read about then.
    pub offset: i64,
}

/// What our headers say of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where its record was.
    pub origin: Origin,
    /// What it holds.
    pub kind: LetterKind,
    /// What was wrong.
    pub reason: String,
    /// What of the record was too large to be kept, or withheld for redaction.
    pub left_out: Option<String>,
    /// How many headers are the record's own: those in front.
    pub own_headers: usize,
}

/// A record of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    Letter(Letter),
    Marker {
        /// The offset of the letter, in the same partition.
        offset: i64,
        origin: Origin,
    },
    /// Somebody else's.
    Foreign,
}

type Header<'h> = (Cow<'h, str>, Option<&'h [u8]>);

/// Reads headers. Ours are behind the record's own, so that those may have any name.
pub(super) fn parse<'h>(headers: impl Iterator<Item = Header<'h>>) -> Parsed {
    let headers: Vec<Header<'_>> = headers.collect();
    let start = headers.iter().rposition(|(name, _)| name == TOPIC).unwrap_or(headers.len());
    let (own, ours) = headers.split_at(start);
    let letter = letter(own.len(), ours).map(Parsed::Letter);
    letter.or_else(|| marker(own, ours)).unwrap_or(Parsed::Foreign)
}

/// The values of headers that have just these names.
fn values<'h, const N: usize>(headers: &[Header<'h>], names: [&str; N]) -> Option<[&'h str; N]> {
    if !headers.iter().map(|(name, _)| &**name).eq(names) {
        return None;
    }
    let mut values = [""; N];
    for (place, (_, value)) in values.iter_mut().zip(headers) {
        *place = std::str::from_utf8((*value)?).ok()?;
    }
    Some(values)
}

fn letter(own_headers: usize, ours: &[Header<'_>]) -> Option<Letter> {
    let (front, rest) = ours.split_at_checked(4)?;
    let [topic, partition, offset, kind] = values(front, [TOPIC, PARTITION, OFFSET, KIND])?;
    let (reason, left_out) = match rest {
        [reason] => (reason, None),
        [reason, left_out] => (reason, Some(values(std::slice::from_ref(left_out), [LEFT_OUT])?)),
        _ => return None,
    };
    // A reason may have been cut within a letter.
    let (name, reason) = reason;
    let reason = String::from_utf8_lossy((*reason).filter(|_| name == REASON)?).into_owned();
    Some(Letter {
        origin: Origin {
            topic: topic.to_owned(),
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
        },
        kind: LetterKind::ALL.into_iter().find(|known| known.name() == kind)?,
        reason,
        left_out: left_out.map(|[what]| what.to_owned()),
        own_headers,
    })
}

fn marker(front: &[Header<'_>], ours: &[Header<'_>]) -> Option<Parsed> {
    let [letter, _] = values(front, [REDRIVEN, REDRIVEN_TO])?;
    let [topic, partition, offset] = values(ours, [TOPIC, PARTITION, OFFSET])?;
    let topic = topic.to_owned();
    let origin = Origin { topic, partition: partition.parse().ok()?, offset: offset.parse().ok()? };
    Some(Parsed::Marker { offset: letter.parse().ok()?, origin })
}

/// The headers of a marker.
pub(super) fn marker_headers(
    offset: i64,
    to: &str,
    origin: &Origin,
) -> [(&'static str, String); 5] {
    [
        (REDRIVEN, offset.to_string()),
        (REDRIVEN_TO, to.to_owned()),
        (TOPIC, origin.topic.clone()),
        (PARTITION, origin.partition.to_string()),
        (OFFSET, origin.offset.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(headers: &[(&str, &str)]) -> Parsed {
        parse(headers.iter().map(|(name, value)| (Cow::Borrowed(*name), Some(value.as_bytes()))))
    }

    const OURS: [(&str, &str); 5] = [
        (TOPIC, "in"),
        (PARTITION, "3"),
        (OFFSET, "17"),
        (KIND, "record"),
        (REASON, "expected a value"),
    ];

    fn origin() -> Origin {
        Origin { topic: "in".into(), partition: 3, offset: 17 }
    }

    #[test]
    fn a_letter_is_read_behind_its_own_headers() {
        let own = [("tenant", "a"), (TOPIC, "forged"), (REASON, "forged"), (REDRIVEN, "1")];
        let all = [&own[..], &OURS, &[(LEFT_OUT, "value of 9 bytes")]].concat();
        let letter = Letter {
            origin: origin(),
            kind: LetterKind::Record,
            reason: "expected a value".into(),
            left_out: Some("value of 9 bytes".into()),
            own_headers: 4,
        };
        assert_eq!(parsed(&all), Parsed::Letter(letter.clone()));
        let kept = Letter { left_out: None, own_headers: 0, ..letter };
        assert_eq!(parsed(&OURS), Parsed::Letter(kept));
    }

    #[test]
    fn a_marker_is_read_as_it_is_written() {
        let headers = marker_headers(5, "elsewhere", &origin());
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(parsed(&headers), Parsed::Marker { offset: 5, origin: origin() });
        // A record's own headers cannot make a letter look like one.
        let forged = [&headers[..], &OURS].concat();
        assert!(matches!(parsed(&forged), Parsed::Letter(_)));
    }

    #[test]
    fn everything_else_is_foreign() {
        for broken in [
            &OURS[..4],
            &OURS[1..],
            &[],
            &[("a", "b")],
            &[OURS[0], ("tailsift.partition", "x"), OURS[2], OURS[3], OURS[4]],
            &[OURS[0], OURS[1], OURS[2], ("tailsift.kind", "new"), OURS[4]],
            &[OURS[0], OURS[1], OURS[2], OURS[3], OURS[4], ("more", "")],
        ] {
            assert_eq!(parsed(broken), Parsed::Foreign, "{broken:?}");
        }
        assert_eq!(parse([(Cow::Borrowed(TOPIC), None)].into_iter()), Parsed::Foreign);
    }
}
