//! Trace and span ids.

use std::fmt;
use std::str::FromStr;

/// A trace ID: 16 bytes, valid when at least one is not zero (W3C Trace Context §3.2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

/// A span ID: 8 bytes; all zeros stands for "absent" (a root's parent).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// Reads a wire value: `None` unless it is 16 bytes of which one is not zero.
    #[inline]
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        let id: [u8; 16] = bytes.try_into().ok()?;
        (u128::from_ne_bytes(id) != 0).then_some(Self(id))
    }

    /// The low 56 bits: the trace's randomness where no `rv` is given
    /// (OpenTelemetry, "TraceState: Probability Sampling").
    pub fn randomness(self) -> u64 {
        let [.., a, b, c, d, e, f, g] = self.0;
        u64::from_be_bytes([0, a, b, c, d, e, f, g])
    }

    /// The 32 lower-case hex digits, as bytes (the key of an export record).
    pub fn hex(self) -> [u8; 32] {
        let mut out = [0; 32];
        write_hex(&self.0, &mut out);
        out
    }
}

impl SpanId {
    /// Reads a wire value: `None` unless it is 8 bytes of which one is not zero.
    #[inline]
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        let id: [u8; 8] = bytes.try_into().ok()?;
        (u64::from_ne_bytes(id) != 0).then_some(Self(id))
    }
}

fn write_hex(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

fn fmt_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    let error = || ParseIdError { digits: N * 2, got: text.chars().take(40).collect() };
    if text.len() != N * 2 {
        return Err(error());
    }
    let mut id = [0; N];
    for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return Err(error());
        };
        *byte = high << 4 | low;
    }
    Ok(id)
}

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError {
    digits: usize,
    got: String,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} hex digits, got {:?}", self.digits, self.got)
    }
}

impl std::error::Error for ParseIdError {}

macro_rules! hex_text {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt_hex(&self.0, f)
            }
        }

        impl FromStr for $id {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text).map(Self)
            }
        }
    };
}

hex_text!(TraceId);
hex_text!(SpanId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_lower_case_hex() {
        let id: TraceId = "00F067AA0BA902B7a3ce929d0e0e4736".parse().unwrap();
        assert_eq!(id.to_string(), "00f067aa0ba902b7a3ce929d0e0e4736");
        assert_eq!(&id.hex(), b"00f067aa0ba902b7a3ce929d0e0e4736");
        assert_eq!(id.randomness(), 0xce_929d_0e0e_4736);
    }

    #[test]
    fn a_wrong_text_says_what_was_expected() {
        let error = "xyz".parse::<TraceId>().unwrap_err();
        assert_eq!(error.to_string(), "expected 32 hex digits, got \"xyz\"");
        assert!("é".repeat(16).parse::<TraceId>().is_err());
    }

    #[test]
    fn wire_ids_have_a_length_and_a_bit() {
        assert_eq!(TraceId::from_wire(&[0; 16]), None);
        assert_eq!(TraceId::from_wire(&[1; 15]), None);
        assert_eq!(TraceId::from_wire(&[1; 16]), Some(TraceId([1; 16])));
        assert_eq!(SpanId::from_wire(&[]), None);
        assert_eq!(SpanId::from_wire(&[0; 8]), None);
    }
}
