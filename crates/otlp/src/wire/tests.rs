use expect_test::expect;

use super::*;

fn cursor(bytes: &[u8]) -> Cursor<'_> {
    Cursor::new(bytes).unwrap()
}

#[test]
fn varints_come_back() {
    for shift in 0..64 {
        for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, value);
            let bits = 64 - (value | 1).leading_zeros() as usize;
            assert_eq!(bytes.len(), bits.div_ceil(7), "{value}");
            let mut fields = cursor(&bytes);
            assert_eq!(fields.varint(), Ok(value));
            assert!(fields.is_empty());
        }
    }
    assert_eq!(framed_len(127), 129);
    assert_eq!(framed_len(128), 131);
}

#[test]
fn a_varint_of_more_than_64_bits_is_refused() {
    let fault = |bytes: &[u8]| cursor(bytes).varint().unwrap_err().what;
    assert_eq!(fault(&[]), Fault::Varint);
    assert_eq!(fault(&[0x80]), Fault::Varint);
    assert_eq!(fault(&[0xff; 11]), Fault::Varint);
    let mut bytes = [0xff; 10];
    bytes[9] = 2;
    assert_eq!(fault(&bytes), Fault::Varint);
    bytes[9] = 1;
    assert_eq!(cursor(&bytes).varint(), Ok(u64::MAX));
}

fn skip_all(bytes: &[u8]) -> Result<(), ScanError> {
    let mut fields = Cursor::new(bytes)?;
    while !fields.is_empty() {
        let key = fields.key()?;
        fields.skip_unknown(key, NONE_KNOWN)?;
    }
    Ok(())
}

/// No field has this number.
const NONE_KNOWN: RangeInclusive<u32> = u32::MAX..=u32::MAX;

/// Where and how skipping failed.
type Outcome = Result<(), (usize, Fault)>;

#[test]
fn unknown_fields_are_skipped_or_refused() {
    let start = |number: u8| number << 3 | 3;
    let end = |number: u8| number << 3 | 4;
    let deep = |depth: usize| [vec![start(1); depth], vec![end(1); depth]].concat();
    let cases: [(&[u8], Outcome); 12] = [
        (&[0x08, 0x96, 0x01], Ok(())),
        (&[0x09, 1, 2, 3, 4, 5, 6, 7, 8], Ok(())),
        (&[0x0a, 2, 1, 2], Ok(())),
        (&[0x0d, 1, 2, 3, 4], Ok(())),
        (&[start(2), start(3), 0x08, 1, end(3), end(2)], Ok(())),
        (&deep(100), Ok(())),
        (&deep(101), Err((101, Fault::GroupDepth))),
        (&[start(2), end(3)], Err((2, Fault::GroupEnd(3)))),
        (&[start(2)], Err((1, Fault::Varint))),
        (&[0x0a, 3, 1, 2], Err((2, Fault::Truncated { expected: 3, got: 2 }))),
        (&[0x0e], Err((1, Fault::Key(0x0e)))),
        (&[0x02, 0], Err((1, Fault::Key(2)))),
    ];
    for (bytes, expected) in cases {
        let got = skip_all(bytes).map_err(|error| (error.offset, error.what));
        assert_eq!(got, expected, "{bytes:?}");
    }
}

#[test]
fn a_known_field_of_another_type_is_refused() {
    let mut fields = cursor(&[0x08, 1]);
    let key = fields.key().unwrap();
    let error = fields.skip_unknown(key, 1..=3).unwrap_err();
    assert_eq!(error.what, Fault::WireType { number: 1, wire_type: 0 });
}

#[test]
fn a_message_does_not_reach_over_its_end() {
    let mut fields = cursor(&[2, 0x0a, 5, 1, 1, 1, 1, 1]);
    let mut inner = fields.message().unwrap();
    inner.key().unwrap();
    let error = inner.delimited().unwrap_err();
    assert_eq!(error, ScanError { offset: 3, what: Fault::Truncated { expected: 5, got: 0 } });
}

#[test]
fn an_error_says_where_and_what() {
    let error = skip_all(&[0x0a, 9]).unwrap_err();
    expect!["not an OTLP trace request: byte 2: expected 9 more bytes in the message, got 0; check that the producer writes OTLP protobuf (OTLP/JSON has an encoding of its own in the settings)"].assert_eq(&error.to_string());
}
