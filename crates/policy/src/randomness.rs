//! Explicit trace randomness, as a span's tracestate carries it.

/// The 56 bits of `rv` in the `ot` member of a W3C tracestate
/// (OpenTelemetry, "TraceState: Probability Sampling": 14 lower-case hex digits).
/// Anything else is no randomness.
pub(crate) fn explicit_randomness(trace_state: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(trace_state).ok()?;
    let ot = text.split(',').find_map(|member| member.trim().strip_prefix("ot="))?;
    let rv = ot.split(';').find_map(|field| field.strip_prefix("rv:"))?;
    let well_formed = rv.len() == 14 && rv.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if !well_formed {
        return None;
    }
    u64::from_str_radix(rv, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::explicit_randomness;

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
}
