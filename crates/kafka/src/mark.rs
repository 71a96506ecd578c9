//! What goes with a committed offset: who committed it, and the stream's time there.

use std::fmt;

use tailsift_trace::Millis;

/// Which of a process's epochs committed an offset: enough to tell, after a commit whose answer
/// was lost, whether it took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetMark {
    /// Drawn at random when the worker starts.
    pub incarnation: u64,
    /// Counts the worker's epochs.
    pub epoch: u64,
}

/// The metadata of a committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetMetadata {
    pub(crate) mark: OffsetMark,
    /// Stream time just before the record at the offset was applied, if the clock had started.
    pub(crate) stream_time: Option<Millis>,
}

impl OffsetMetadata {
    /// Reads what [`Display`](fmt::Display) wrote; `None` for anything else, such as the metadata
    /// of an operator's reset.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(bytes).ok()?.split(' ');
        if fields.next()? != "v1" {
            return None;
        }
        let incarnation = u64::from_str_radix(fields.next()?, 16).ok()?;
        let epoch = u64::from_str_radix(fields.next()?, 16).ok()?;
        let stream_time = match fields.next()? {
            "-" => None,
            time => Some(Millis(time.parse().ok()?)),
        };
        let mark = OffsetMark { incarnation, epoch };
        fields.next().is_none().then_some(Self { mark, stream_time })
    }
}

impl fmt::Display for OffsetMetadata {
    /// `v1 <incarnation> <epoch> <stream time>`: two numbers in hex, then milliseconds or `-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OffsetMark { incarnation, epoch } = self.mark;
        write!(f, "v1 {incarnation:016x} {epoch:x} ")?;
        match self.stream_time {
            Some(time) => write!(f, "{}", time.0),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back() {
        for stream_time in [None, Some(Millis(-1)), Some(Millis(1_795_346_631_501))] {
            let mark = OffsetMark { incarnation: 0xab, epoch: 17 };
            let metadata = OffsetMetadata { mark, stream_time };
            assert_eq!(OffsetMetadata::parse(metadata.to_string().as_bytes()), Some(metadata));
        }
    }

    #[test]
    fn other_metadata_is_none() {
        for bytes in ["", "v1", "v1 ab 1", "v2 ab 1 -", "v1 ab 1 - -", "v1 x 1 -", "v1 ab 1 soon"] {
            assert_eq!(OffsetMetadata::parse(bytes.as_bytes()), None, "{bytes}");
        }
        assert_eq!(OffsetMetadata::parse(&[0xff]), None);
    }
}
