//! A record's headers as one opaque byte string, so that the core can compare and keep them.

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
