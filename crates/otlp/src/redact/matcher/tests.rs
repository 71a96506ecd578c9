use super::*;

fn found(preset: Preset, text: &str) -> Vec<&str> {
    let matcher = Matcher::compile(&RedactionValues::Preset(preset)).unwrap();
    let pattern = Regex::new(matcher.pattern()).unwrap();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(range) = matcher.find(text.as_bytes(), from) {
        assert!(!range.is_empty());
        from = range.end;
        found.push(&text[range]);
    }
    assert!(found.is_empty() || pattern.is_match(text.as_bytes()), "{text}");
    found
}

fn check(preset: Preset, cases: &[(&str, &[&str])]) {
    for (text, expect) in cases {
        assert_eq!(found(preset, text), *expect, "{preset:?} in {text:?}");
    }
}

#[test]
fn emails() {
    check(
        Preset::Email,
        &[
            ("write to alice@example.com.", &["alice@example.com"]),
            ("<a.b+tag@mail.example.co.uk>,c_d@x.io", &["a.b+tag@mail.example.co.uk", "c_d@x.io"]),
            ("https://x.io/?user=alice%40example.com&b=1", &["alice%40example.com"]),
            ("josé@exämple.de", &["josé@exämple.de"]),
            ("mailto:o'neil@example.com", &["o'neil@example.com"]),
            ("a@b", &[]),
            ("@handle and user@", &[]),
            ("git@github.com:org/repo", &["git@github.com"]),
            ("", &[]),
        ],
    );
}

#[test]
fn cards() {
    check(
        Preset::CreditCard,
        &[
            ("4111111111111111", &["4111111111111111"]),
            ("card 4111 1111 1111 1111 exp 12/27", &["4111 1111 1111 1111"]),
            ("5500-0000-0000-0004,340000000000009", &["5500-0000-0000-0004", "340000000000009"]),
            (
                "4111 1111 1111 1111 5500 0000 0000 0004",
                &["4111 1111 1111 1111", "5500 0000 0000 0004"],
            ),
            ("1 4111111111111111 2", &["4111111111111111"]),
            ("2223003122003222 6011000000000004", &["2223003122003222", "6011000000000004"]),
            ("30000000000004", &["30000000000004"]),
            // A wrong check digit, too long, an unknown issuer, a time in nanoseconds, a fraction.
            ("4111111111111112", &[]),
            ("41111111111111111111", &[]),
            ("9111111111111111", &[]),
            ("1760000000000000000", &[]),
            ("0.4111111111111111", &[]),
            ("4111-1111", &[]),
        ],
    );
}

#[test]
fn phones() {
    check(
        Preset::Phone,
        &[
            ("call +49 30 1234567 now", &["+49 30 1234567"]),
            ("+1 (415) 555-2671", &["+1 (415) 555-2671"]),
            ("tel:+442071838750", &["+442071838750"]),
            ("(415) 555-2671 or 415-555-2671", &["(415) 555-2671", "415-555-2671"]),
            ("2024-01-01T00:00:00+02:00", &[]),
            ("1760000000", &[]),
            ("+123", &[]),
        ],
    );
}

#[test]
fn addresses() {
    check(
        Preset::Ip,
        &[
            ("from 10.0.0.1:8080", &["10.0.0.1"]),
            ("ip=192.168.1.255,", &["192.168.1.255"]),
            ("256.1.1.1 1.2.3 1.1.1.256", &[]),
            ("2001:db8::1", &["2001:db8::1"]),
            ("2001:db8::1: refused", &["2001:db8::1"]),
            ("[::1]:443", &["::1"]),
            ("::ffff:10.0.0.1", &["::ffff:10.0.0.1"]),
            ("time:fe80::1%eth0", &["fe80::1"]),
            (
                "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
                &["2001:0db8:85a3:0000:0000:8a2e:0370:7334"],
            ),
            ("std::vector<a::b> at 12:34:56", &[]),
            ("00:1a:2b:3c:4d:5e", &[]),
            (":::::", &[]),
        ],
    );
}

#[test]
fn tokens() {
    check(
        Preset::BearerToken,
        &[
            ("Authorization: Bearer abc.DEF-123_x==", &["Bearer abc.DEF-123_x=="]),
            ("basic dXNlcjpwYXNz", &["basic dXNlcjpwYXNz"]),
            (
                "t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln;",
                &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"],
            ),
            ("sk-proj-abcdefghijklmnop1234", &["sk-proj-abcdefghijklmnop1234"]),
            (
                "ghp_0123456789abcdefABCD AKIAIOSFODNN7EXAMPLE",
                &["ghp_0123456789abcdefABCD", "AKIAIOSFODNN7EXAMPLE"],
            ),
            ("?api_key=abcd1234&x=1", &["api_key=abcd1234"]),
            (r#"{"access_token": "abcd1234"}"#, &[r#"access_token": "abcd1234"#]),
            ("password=hunter22 ok", &["password=hunter22"]),
            ("bearer of bad news", &[]),
            ("task-force", &[]),
            ("the token is gone", &[]),
        ],
    );
}

/// Searching takes time in proportion, also where nearly everything looks like the beginning of
/// something.
#[test]
fn search_is_linear() {
    for piece in ["a", "1", "1:", "a@b.", "+1", "eyJ", "4111 ", "::", "1.", "(415) 555-", "bearer "]
    {
        let text = piece.repeat(1_000_000 / piece.len());
        for preset in Preset::ALL {
            let started = std::time::Instant::now();
            found(preset, &text);
            let took = started.elapsed();
            assert!(took < std::time::Duration::from_secs(3), "{preset:?} {piece:?}: {took:?}");
        }
    }
}
