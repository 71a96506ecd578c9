//! Classes of characters: bracketed, named, by property.

use super::translate::{Reader, push_literal};

/// Named classes; all of them of ASCII alone.
const POSIX: [(&str, &str); 14] = [
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("ascii", "\\x{0}-\\x{7F}"),
    ("blank", "\\x{9}\\x{20}"),
    ("cntrl", "\\x{0}-\\x{1F}\\x{7F}"),
    ("digit", "0-9"),
    ("graph", "\\x{21}-\\x{7E}"),
    ("lower", "a-z"),
    ("print", "\\x{20}-\\x{7E}"),
    ("punct", "\\x{21}-\\x{2F}\\x{3A}-\\x{40}\\x{5B}-\\x{60}\\x{7B}-\\x{7E}"),
    ("space", "\\x{9}-\\x{D}\\x{20}"),
    ("upper", "A-Z"),
    ("word", "0-9A-Za-z_"),
    ("xdigit", "0-9A-Fa-f"),
];

/// Categories by their short names, and by their long ones.
#[rustfmt::skip]
const CATEGORIES: [(&str, &str); 38] = [
    ("c", "other"), ("cc", "control"), ("cf", "format"), ("cn", "unassigned"),
    ("co", "privateuse"), ("cs", "surrogate"), ("l", "letter"), ("lc", "casedletter"),
    ("ll", "lowercaseletter"), ("lm", "modifierletter"), ("lo", "otherletter"),
    ("lt", "titlecaseletter"), ("lu", "uppercaseletter"), ("m", "mark"), ("mc", "spacingmark"),
    ("me", "enclosingmark"), ("mn", "nonspacingmark"), ("n", "number"), ("nd", "decimalnumber"),
    ("nl", "letternumber"), ("no", "othernumber"), ("p", "punctuation"),
    ("pc", "connectorpunctuation"), ("pd", "dashpunctuation"), ("pe", "closepunctuation"),
    ("pf", "finalpunctuation"), ("pi", "initialpunctuation"), ("po", "otherpunctuation"),
    ("ps", "openpunctuation"), ("s", "symbol"), ("sc", "currencysymbol"),
    ("sk", "modifiersymbol"), ("sm", "mathsymbol"), ("so", "othersymbol"), ("z", "separator"),
    ("zl", "lineseparator"), ("zp", "paragraphseparator"), ("zs", "spaceseparator"),
];

/// No character at all.
const NOTHING: &str = "[^\\x{0}-\\x{10FFFF}]";

/// `[…]`, from the bracket on.
pub(super) fn bracketed(reader: &mut Reader<'_>) -> Result<(), String> {
    let unclosed = reader.error("the class is not closed: ] is missing");
    reader.take("[");
    reader.out.push('[');
    if reader.take("^") {
        reader.out.push('^');
    }
    let mut first = true;
    loop {
        let Some(char) = reader.rest.chars().next() else { return Err(unclosed) };
        if char == ']' && !first {
            break;
        }
        first = false;
        if reader.rest.starts_with("[:") && named(reader)? {
            continue;
        }
        let perl = ["\\d", "\\D", "\\s", "\\S", "\\w", "\\W", "\\p", "\\P"];
        if perl.iter().any(|escape| reader.rest.starts_with(escape)) {
            escaped(reader)?;
            continue;
        }
        range(reader)?;
    }
    reader.take("]");
    reader.out.push(']');
    Ok(())
}

/// A character, or a range of them. A hyphen that ends the class is one.
fn range(reader: &mut Reader<'_>) -> Result<(), String> {
    let start = reader.rest;
    let low = character(reader)?;
    let is_range = reader.rest.starts_with('-') && !reader.rest.starts_with("-]");
    let mut high = low;
    if is_range && reader.rest.len() > 1 {
        reader.take("-");
        high = character(reader)?;
    }
    if high < low {
        reader.rest = start;
        return Err(reader.error("the range runs backwards"));
    }
    push_literal(low, &mut reader.out);
    if high != low {
        reader.out.push('-');
        push_literal(high, &mut reader.out);
    }
    Ok(())
}

fn character(reader: &mut Reader<'_>) -> Result<char, String> {
    if reader.rest.starts_with('\\') {
        return reader.character_escape();
    }
    let Some(char) = reader.rest.chars().next() else {
        return Err(reader.error("the class is not closed: ] is missing"));
    };
    reader.rest = &reader.rest[char.len_utf8()..];
    Ok(char)
}

/// `[:name:]` or `[:^name:]`; false if it is none, and the bracket a character.
fn named(reader: &mut Reader<'_>) -> Result<bool, String> {
    let Some((name, rest)) = reader.rest[2..].split_once(":]") else { return Ok(false) };
    let (negated, plain) = match name.strip_prefix('^') {
        Some(plain) => (true, plain),
        None => (false, name),
    };
    let Some((_, ranges)) = POSIX.iter().find(|(known, _)| *known == plain) else {
        let names: Vec<_> = POSIX.iter().map(|(known, _)| *known).collect();
        let message = format!("no such class in [:…:]; there are {}", names.join(", "));
        return Err(reader.error(&message));
    };
    push_class(negated, ranges, &mut reader.out);
    reader.rest = rest;
    Ok(true)
}

/// `\d`, `\p{…}` and the like, from the backslash on, in a class or outside.
pub(super) fn escaped(reader: &mut Reader<'_>) -> Result<(), String> {
    let (name, negated) = match reader.rest.as_bytes()[1] {
        b'd' => ("0-9", false),
        b'D' => ("0-9", true),
        b's' => ("\\x{9}\\x{A}\\x{C}\\x{D}\\x{20}", false),
        b'S' => ("\\x{9}\\x{A}\\x{C}\\x{D}\\x{20}", true),
        b'w' => ("0-9A-Za-z_", false),
        b'W' => ("0-9A-Za-z_", true),
        sign => return property(reader, sign == b'P'),
    };
    reader.rest = &reader.rest[2..];
    push_class(negated, name, &mut reader.out);
    Ok(())
}

fn push_class(negated: bool, ranges: &str, out: &mut String) {
    out.push_str(if negated { "[^" } else { "[" });
    out.push_str(ranges);
    out.push(']');
}

/// `\pL`, `\p{Greek}`, `\p{^Lu}`: a category or a script.
fn property(reader: &mut Reader<'_>, negated: bool) -> Result<(), String> {
    let after = &reader.rest[2..];
    let found = match after.strip_prefix('{') {
        Some(braced) => braced.split_once('}'),
        None => after.chars().next().map(|char| after.split_at(char.len_utf8())),
    };
    let named = found.and_then(|(name, rest)| {
        let (negated, name) = match name.strip_prefix('^') {
            Some(name) => (!negated, name),
            None => (negated, name),
        };
        Some((class_of(name)?, negated, rest))
    });
    let Some((class, negated, rest)) = named else {
        return Err(reader.error(
            "no such property: expected a category such as \\p{Lu} or \\p{Letter}, or a script \
             such as \\p{Greek}",
        ));
    };
    push_class(negated, &class, &mut reader.out);
    reader.rest = rest;
    Ok(())
}

/// A category or script in the words of our engine, whose names leave case, spaces, hyphens and
/// underscores aside as Go does.
fn class_of(name: &str) -> Option<String> {
    let letters = |char: &char| !matches!(char, ' ' | '-' | '_');
    let plain: String = name.chars().filter(letters).collect::<String>().to_ascii_lowercase();
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    match plain.as_str() {
        "any" => return Some("\\x{0}-\\x{10FFFF}".to_owned()),
        "ascii" => return Some("\\x{0}-\\x{7F}".to_owned()),
        "assigned" => return Some("\\P{Cn}".to_owned()),
        _ => {}
    }
    if let Some((short, _)) =
        CATEGORIES.iter().find(|(short, long)| [*short, *long].contains(&plain.as_str()))
    {
        // Texts hold no halves of characters.
        let none = *short == "cs";
        return Some(if none { NOTHING.to_owned() } else { format!("\\p{{gc={short}}}") });
    }
    let script = format!("\\p{{sc={plain}}}");
    regex::bytes::Regex::new(&script).is_ok().then_some(script)
}
