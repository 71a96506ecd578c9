//! Patterns as data: whether they match, as the Collector's engine has it.

use super::{of_collector, translate::translate};
use proptest::prelude::*;

const MATCHES: &[(&str, &str, bool)] = &[
    // Classes are of ASCII.
    (r"^\d$", "7", true),
    (r"^\d$", "٣", false),
    (r"^\w+$", "café", false),
    (r"\W", "é", true),
    (r"^[\w.]+$", "a.b", true),
    (r"^[^\d\s]$", "٣", true),
    (r"^\s$", "\u{a0}", false),
    (r"^\s$", "\u{b}", false),
    (r"^[[:space:]]$", "\u{b}", true),
    (r"^\S$", "\u{a0}", true),
    (r"\bcaf\b", "café", true),
    (r"\Bé", "café", false),
    (r"^[[:alpha:]]+$", "é", false),
    (r"^[[:^alpha:]]$", "é", true),
    // Case folds over all of Unicode, letter by letter.
    ("(?i)^k$", "\u{212a}", true),
    (r"(?i)^\w$", "\u{212a}", true),
    (r"(?i)^\W$", "\u{212a}", false),
    ("(?i)^É$", "é", true),
    ("(?i)^straße$", "STRASSE", false),
    ("a(?i)b|c", "aB", true),
    ("a(?i)b|c", "C", true),
    ("(?i:a)b", "AB", false),
    ("(?i)a(?-i)b", "Ab", true),
    ("(?i)a(?-i)b", "AB", false),
    // Lines and ends.
    ("^a.b$", "a\nb", false),
    ("^a.b$", "a\rb", true),
    ("(?s)^a.b$", "a\nb", true),
    ("a$", "a\n", false),
    ("(?m)^a$", "b\na\nc", true),
    (r"(?m)\Aa", "b\na", false),
    (r"a\z", "a\n", false),
    ("^[^a]$", "\n", true),
    // Text in disguise.
    (r"^\Qa.b\E$", "a.b", true),
    (r"^\Qa.b\E$", "axb", false),
    (r"^\Q[a", "[a", true),
    (r"^\Qab\E+$", "abb", true),
    (r"^\Qab\E+$", "abab", false),
    ("^a{,2}$", "a{,2}", true),
    ("^a{,2}$", "aa", false),
    ("^a{x$", "a{x", true),
    ("^a{01}$", "a{01}", true),
    ("^{$", "{", true),
    (r"a\b{start}", "a{start}", true),
    (r"\<a\>", "<a>", true),
    (r"^\_\-\/\@$", "_-/@", true),
    ("^a ?#b$", "a#b", true),
    ("^[[a]]$", "[]", true),
    ("^[[a]]$", "a]", true),
    ("^[a&&b]$", "&", true),
    ("^[a~~b]$", "~", true),
    ("^[]a]$", "]", true),
    ("^[^]a]$", "]", false),
    ("^[a-]$", "-", true),
    ("^[-a]$", "-", true),
    (r"^[a\-z]$", "-", true),
    (r"^[\]]$", "]", true),
    (r"^[\d-z]$", "-", true),
    ("^[[:x]$", ":", true),
    ("^[ -~]$", "#", true),
    // Characters by number.
    (r"^\101$", "A", true),
    (r"^\0$", "\0", true),
    (r"^\x41\x{e9}$", "Aé", true),
    (r"^[\x41-\x43]$", "B", true),
    (r"^\a\f\n\r\t\v$", "\x07\x0c\n\r\t\x0b", true),
    // Properties.
    (r"^\pN\p{L}$", "1é", true),
    (r"^\p{lu}$", "A", true),
    (r"^\p{lu}$", "a", false),
    (r"^\p{Letter}$", "a", true),
    (r"^\p{Uppercase_Letter}$", "a", false),
    (r"^\p{greek}$", "α", true),
    (r"^\P{Greek}$", "α", false),
    (r"^\p{^Greek}$", "α", false),
    (r"^\P{^Greek}$", "α", true),
    (r"^[\p{Greek}\d]+$", "α1", true),
    (r"^\p{Any}$", "α", true),
    (r"\p{Cs}", "α", false),
    (r"^\P{Cs}$", "α", true),
    // Repeats.
    ("^a+?b$", "aab", true),
    ("(?U)^a+b$", "aab", true),
    ("^a{2}$", "aa", true),
    ("^a{2,}$", "aaa", true),
    ("^a{2,3}$", "aaaa", false),
    ("^(ab){2}$", "abab", true),
    ("^(?:a*)*$", "aa", true),
    ("^a(?i)*$", "aaa", true),
    ("^é*$", "éé", true),
    ("^*a", "a", true),
    ("a||b", "x", true),
    ("^()$", "", true),
    ("", "x", true),
    // Groups.
    ("(?P<1>a)b", "ab", true),
    ("(?<n>a)(?P<n>b)", "ab", true),
    ("(?)a", "a", true),
];

#[test]
fn matches() {
    for (pattern, text, expect) in MATCHES {
        let compiled = of_collector(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert_eq!(compiled.is_match(text.as_bytes()), *expect, "{pattern} on {text:?}");
    }
}

#[test]
fn lazy_and_greedy_change_places() {
    for (pattern, expect) in [("(?P<x>a+)", "aa"), ("(?P<x>a+?)", "a"), ("(?U)(?P<x>a+)", "a")] {
        let groups = of_collector(pattern).unwrap().named_groups(b"aa");
        assert_eq!(groups, [("x".to_owned(), expect.as_bytes().to_vec())], "{pattern}");
    }
    let groups = of_collector("(x)?(?P<a>.)(?P<b>z)?(?P<a>.)").unwrap().named_groups(b"12");
    let groups: Vec<_> = groups.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert_eq!(groups, [("a", &b"2"[..]), ("b", b"")]);
}

#[rustfmt::skip]
const REFUSED: &[&str] = &[
    "(?<=a)b", "(?<!a)b", "(?=a)", "(?!a)", "(?>a)", "(?#x)a", "(?(1)a)", "(?x)a", "(?u)a",
    "(?R)", "(?i", "(?i-)", "(?-)", "(?P<>a)", "(?P<a-b>a)", "(?P=a)", "(?P<a", "(", "a)", "[a",
    "[", "[]", "[^", "[z-a]", "[a--b]", r"[\b]", r"[\Q]", r"[a-\d]", "[[:foo:]]", "*a", "+",
    "a|*", "(*)", "a**", "a++", "a??+", "a{2}{3}", "a{1001}", "a{2,1}", "a{99999999999}",
    "(a{40}){40}", "((a{11}){11}){11}", r"a\", r"\1", r"(a)\1", r"\8", r"\y", r"\Z", r"\h",
    r"\X", r"\C", r"\E", r"\u0041", r"\x4", r"\x{}", r"\x{110000}", r"\x{d800}", r"\p{Foo}",
    r"\p{Script=Greek}", r"\p{}", r"\p", r"\p{Alphabetic}", r"\pé",
];

#[test]
fn refusals() {
    for pattern in REFUSED {
        assert!(of_collector(pattern).is_err(), "{pattern}");
    }
    for (pattern, expect) in [
        (
            r"ab\Z",
            "at character 3, `\\Z`: \\Z is no escape; there are no references to groups, and \
                   \\pL, \\d, \\s, \\w, \\b, \\A, \\z, \\Q…\\E, \\n and the like, \\101 and \\x41",
        ),
        (r"\pL{1000}", "it takes more than 4194304 bytes when compiled: repeat less"),
    ] {
        assert_eq!(of_collector(pattern).unwrap_err(), expect, "{pattern}");
    }
    assert!(of_collector("(a{30}){30}").is_ok());
    assert!(of_collector(&"(".repeat(60_000)).is_err());
    assert!(of_collector(&"a*".repeat(30_000)).is_ok());
    assert!(of_collector(&"a".repeat(70_000)).unwrap_err().contains("at most 65536"));
}

/// Pieces that patterns are made of.
const PIECES: [&str; 40] = [
    "a",
    "é",
    "(",
    ")",
    "(?:",
    "(?i)",
    "(?U)",
    "(?P<n>",
    "(?<n>",
    "[",
    "[^",
    "]",
    "-",
    "|",
    "*",
    "+",
    "?",
    "{",
    "}",
    "{2}",
    "{2,}",
    "{,3}",
    "^",
    "$",
    ".",
    r"\b",
    r"\d",
    r"\W",
    r"\Q",
    r"\E",
    r"\pL",
    r"\p{Greek}",
    r"\x41",
    r"\1",
    r"\101",
    "[:alpha:]",
    "&&",
    "~~",
    "\\",
    "[[:digit:]]",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// What is translated is always a pattern to our engine, whatever came.
    #[test]
    fn what_is_accepted_compiles(
        pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12),
        text in "[aé1 ]{0,6}",
    ) {
        let pattern = pieces.concat();
        if let Ok(translated) = translate(&pattern) {
            let compiled = of_collector(&pattern);
            prop_assert!(compiled.is_ok(), "{} became {}", pattern, translated.text);
            compiled.unwrap().is_match(text.as_bytes());
        }
    }

    #[test]
    fn any_text(pattern in ".{0,40}") {
        if let Ok(translated) = translate(&pattern) {
            prop_assert!(of_collector(&pattern).is_ok(), "{} became {}", pattern, translated.text);
        }
    }

    /// Quoted, any text matches itself and nothing that differs.
    #[test]
    fn quoted_text_is_itself(text in "[^\\\\]{0,20}", other in "[^\\\\]{0,20}") {
        let pattern = of_collector(&format!("^\\Q{text}\\E$")).unwrap();
        prop_assert!(pattern.is_match(text.as_bytes()));
        prop_assert_eq!(pattern.is_match(other.as_bytes()), text == other);
    }
}
