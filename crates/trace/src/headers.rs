//! A record's headers as one byte string, cheap to compare and to keep.

/// Encodes headers: per header a name's length (`u32`, little-endian) and bytes, then the
/// value's, with `u32::MAX` for a null value. No headers are no bytes.
pub fn encode_headers<'a>(
    headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    out: &mut Vec<u8>,
) {
    for (name, value) in headers {
        put(name, out);
        match value {
            Some(value) => put(value, out),
            None => out.extend_from_slice(&u32::MAX.to_le_bytes()),
        }
    }
}

/// Reads back what [`encode_headers`] wrote; stops at anything else.
pub fn decode_headers(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    std::iter::from_fn(move || {
        let name = take(&mut bytes)??;
        let value = take(&mut bytes)?;
        Some((name, value))
    })
}

/// The headers of `a` that `b` has too, name and value, in their order.
///
/// Of lists with more than 64 headers only equal ones have any in common, so that the
/// work stays in proportion to the bytes.
pub fn common_headers(a: &[u8], b: &[u8]) -> Vec<u8> {
    if a == b {
        return a.to_vec();
    }
    let mut others: Vec<_> = decode_headers(b).collect();
    let mut common = Vec::new();
    if others.len() > COMMON_MAX || decode_headers(a).count() > COMMON_MAX {
        return common;
    }
    let shared = decode_headers(a).filter(|header| {
        let place = others.iter().position(|other| other == header);
        place.map(|place| others.remove(place)).is_some()
    });
    encode_headers(shared, &mut common);
    common
}

/// The most headers that [`common_headers`] compares one by one.
const COMMON_MAX: usize = 64;

fn put(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (len, rest) = bytes.split_first_chunk()?;
    let len = u32::from_le_bytes(*len);
    if len == u32::MAX {
        *bytes = rest;
        return Some(None);
    }
    let (taken, rest) = rest.split_at_checked(len as usize)?;
    *bytes = rest;
    Some(Some(taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Header = (&'static [u8], Option<&'static [u8]>);

    fn encoded(headers: &[Header]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_headers(headers.iter().copied(), &mut bytes);
        bytes
    }

    #[test]
    fn common_headers_agree_in_name_and_value() {
        let agent: Header = (b"agent", Some(b"go"));
        let tenant: Header = (b"tenant", Some(b"a"));
        let none: Header = (b"tenant", None);
        for (a, b, common) in [
            (&[agent, tenant][..], &[tenant, (b"agent", Some(b"py"))][..], &[tenant][..]),
            (&[tenant, tenant], &[tenant], &[tenant]),
            (&[tenant, none], &[none, tenant], &[tenant, none]),
            (&[tenant], &[], &[]),
            (&[tenant; 65], &[tenant; 65], &[tenant; 65]),
            (&[tenant; 65], &[tenant], &[]),
        ] {
            assert_eq!(common_headers(&encoded(a), &encoded(b)), encoded(common));
        }
    }

    #[test]
    fn headers_come_back() {
        let headers: [Header; 4] =
            [(b"a", Some(b"1")), (b"", None), (b"b", Some(b"")), (&[0xff], Some(&[0]))];
        let mut bytes = Vec::new();
        encode_headers(headers.into_iter(), &mut bytes);
        assert_eq!(decode_headers(&bytes).collect::<Vec<_>>(), headers);
        for end in 0..bytes.len() {
            assert!(decode_headers(&bytes[..end]).count() < headers.len());
        }
    }
}
