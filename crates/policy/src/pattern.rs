//! The Collector's regular expressions, for an engine that reads some of them otherwise.

/// Rewrites what the Collector's engine (RE2, as in Go) and ours read differently: there `\d`,
/// `\w`, `\s` and `\b` know ASCII alone, and `\<` and `\>` are the characters.
pub(crate) fn from_collector(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        // A class in a class is its union, so these stand inside brackets too.
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t\n\f\r ]"),
            Some('S') => out.push_str(r"[^\t\n\f\r ]"),
            Some(edge @ ('b' | 'B')) => out.extend(["(?-u:\\", edge.encode_utf8(&mut [0; 4]), ")"]),
            Some(plain @ ('<' | '>')) => out.push(plain),
            Some(escaped) => out.extend(['\\', escaped]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::from_collector;

    #[test]
    fn classes_are_ascii() {
        for (pattern, text, expect) in [
            (r"^\d$", "7", true),
            (r"^\d$", "٣", false),
            (r"^\w+$", "café", false),
            (r"\W", "é", true),
            (r"^[\w.]+$", "a.b", true),
            (r"^[^\d\s]$", "٣", true),
            (r"^\s$", "\u{a0}", false),
            (r"^\S$", "\u{a0}", true),
            (r"\bcaf\b", "café", true),
            (r"\Bé", "café", false),
            (r"\<a\>", "<a>", true),
            (r"^\\d$", r"\d", true),
            (r"^.\.$", "é.", true),
            (r"(?i)^É$", "é", true),
        ] {
            let regex = Regex::new(&from_collector(pattern)).unwrap();
            assert_eq!(regex.is_match(text.as_bytes()), expect, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_is_no_pattern_stays_none() {
        for pattern in ["\\", "[", r"[\", "(", r"\Z", r"[\b]"] {
            assert!(Regex::new(&from_collector(pattern)).is_err(), "{pattern}");
        }
    }
}
