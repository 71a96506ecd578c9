//! Explicit trace randomness and thresholds, as a span's tracestate carries it.

/// The 56 bits of `rv` in the `ot` member of a W3C tracestate
/// (OpenTelemetry, "TraceState: Probability Sampling": 14 lower-case hex digits).
/// Anything else is no randomness.
pub(crate) fn explicit_randomness(trace_state: &[u8]) -> Option<u64> {
    let rv = field(trace_state, "rv:")?;
    if rv.len() == DIGITS { from_hex(rv) } else { None }
}

/// The rejection threshold, of 56 bits, that an earlier sampler has left: `th` in the same place, 1
/// to 14 digits, zeros at the end left out.
pub(crate) fn explicit_threshold(trace_state: &[u8]) -> Option<u64> {
    let th = field(trace_state, "th:").filter(|th| (1..=DIGITS).contains(&th.len()))?;
    Some(from_hex(th)? << (4 * (DIGITS - th.len())))
}

const DIGITS: usize = 14;

fn field<'t>(trace_state: &'t [u8], key: &str) -> Option<&'t str> {
    if trace_state.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(trace_state).ok()?;
    let ot = text.split(',').find_map(|member| member.trim().strip_prefix("ot="))?;
    ot.split(';').find_map(|field| field.strip_prefix(key))
}

fn from_hex(digits: &str) -> Option<u64> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_hex = digits.bytes().all(is_digit);
    if is_hex { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rv_is_read_among_other_members() {
        for (trace_state, expect) in [
            ("ot=th:c;rv:0123456789abcd", Some(0x01_2345_6789_abcd)),
            ("a=1, ot=rv:ffffffffffffff;x:1 ,b=2", Some((1 << 56) - 1)),
            ("ot=rv:0123456789ABCD", None),
            ("ot=rv:0123456789abc", None),
            ("rv:0123456789abcd", None),
            ("", None),
        ] {
            assert_eq!(explicit_randomness(trace_state.as_bytes()), expect, "{trace_state}");
        }
    }

    #[test]
    fn th_is_read_with_its_zeros() {
        for (trace_state, expect) in [
            ("ot=th:c;rv:0123456789abcd", Some(3 << 54)),
            ("a=1,ot=rv:0123456789abcd;th:00000000000001", Some(1)),
            ("ot=th:0", Some(0)),
            ("ot=th:", None),
            ("ot=th:+c", None),
            ("ot=th:C", None),
            ("ot=th:000000000000001", None),
            ("th:c", None),
            ("", None),
        ] {
            assert_eq!(explicit_threshold(trace_state.as_bytes()), expect, "{trace_state}");
        }
    }
}
