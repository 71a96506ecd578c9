//! Whose a record of the decision log is.

/// Tells group and input topic apart from others that share a decisions topic: 64-bit FNV-1a over
/// the group, a zero byte and the topic. Neither name can hold a zero byte.
pub fn scope_of(group: &str, topic: &str) -> u64 {
    let bytes = group.bytes().chain([0]).chain(topic.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The key of a batch's records.
pub(super) fn batch_key(scope: u64, partition: i32) -> String {
    format!("{scope:016x}/{partition}")
}

/// Scope and input partition of a record of the decision log, by its key, so that the batches of
/// others are skipped without decoding; `None` if it is no such key.
pub fn parse_batch_key(key: &[u8]) -> Option<(u64, i32)> {
    let text = std::str::from_utf8(key).ok()?;
    let (scope, partition) = text.split_once('/')?;
    let (scope, partition) = (u64::from_str_radix(scope, 16).ok()?, partition.parse().ok()?);
    (partition >= 0 && batch_key(scope, partition) == text).then_some((scope, partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_fnv1a() {
        // Of the empty text, FNV-1a is its offset basis; one zero byte multiplies it by the prime.
        assert_eq!(scope_of("", ""), 0xcbf2_9ce4_8422_2325_u64.wrapping_mul(0x0000_0100_0000_01b3));
        assert_eq!(scope_of("tailsift", "otlp_spans"), SCOPE);
        assert_ne!(scope_of("a", "bc"), scope_of("ab", "c"));
    }

    /// Computed by another implementation.
    const SCOPE: u64 = 0xab60_ae2c_4284_c992;

    #[test]
    fn keys_come_back() {
        for (scope, partition) in [(0, 0), (0xab, 17), (u64::MAX, i32::MAX)] {
            let key = batch_key(scope, partition);
            assert_eq!(parse_batch_key(key.as_bytes()), Some((scope, partition)));
        }
        assert_eq!(batch_key(0xab, 17), "00000000000000ab/17");
    }

    #[test]
    fn other_keys_are_none() {
        for key in [
            "",
            "/",
            "ab/17",
            "00000000000000AB/17",
            "+0000000000000ab/17",
            "00000000000000ab/",
            "00000000000000ab/017",
            "00000000000000ab/-1",
            "00000000000000ab/2147483648",
            "00000000000000ab/1/1",
        ] {
            assert_eq!(parse_batch_key(key.as_bytes()), None, "{key}");
        }
        assert_eq!(parse_batch_key(&[0xff]), None);
    }
}
