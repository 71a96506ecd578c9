//! Functions of texts. A text is bytes; what is no UTF-8 in it becomes U+FFFD where case matters.

use std::borrow::Cow;

use super::value::{Answer, Failure, Val};

/// What `ConvertCase` makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Case {
    Lower,
    Upper,
    Snake,
    Camel,
}

impl Case {
    pub(super) fn find(name: &str) -> Option<Self> {
        match name {
            "lower" => Some(Self::Lower),
            "upper" => Some(Self::Upper),
            "snake" => Some(Self::Snake),
            "camel" => Some(Self::Camel),
            _ => None,
        }
    }

    pub(super) fn convert(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Lower => lower(text),
            Self::Upper => upper(text),
            Self::Snake => {
                words(text).map(<[u8]>::to_ascii_lowercase).collect::<Vec<_>>().join(&b'_')
            }
            Self::Camel => words(text)
                .flat_map(|word| {
                    let mut word = word.to_ascii_lowercase();
                    if let Some(first) = word.first_mut() {
                        first.make_ascii_uppercase();
                    }
                    word
                })
                .collect(),
        }
    }
}

/// The words of a name: between separators, where the case rises, at digits, and before the last
/// capital of several that a small letter follows. Only ASCII letters have a case here.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.trim_ascii();
    text.split(|byte| b" _-.".contains(byte)).flat_map(|part| {
        let mut rest = part;
        let mut ended = false;
        std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let next = (1..rest.len()).find(|place| begins_word(rest, *place));
            let (word, more) = rest.split_at(next.unwrap_or(rest.len()));
            ended = next.is_none();
            rest = more;
            Some(word)
        })
    })
}

fn begins_word(text: &[u8], place: usize) -> bool {
    let (before, here) = (text[place - 1], text[place]);
    let letter_and_digit = |a: u8, b: u8| a.is_ascii_alphabetic() && b.is_ascii_digit();
    let acronym_ends = before.is_ascii_uppercase()
        && here.is_ascii_uppercase()
        && text.get(place + 1).is_some_and(u8::is_ascii_lowercase);
    before.is_ascii_lowercase() && here.is_ascii_uppercase()
        || letter_and_digit(before, here)
        || letter_and_digit(here, before)
        || acronym_ends
}

pub(super) fn lower(text: &[u8]) -> Vec<u8> {
    by_char(text, |char| {
        let mut mapped = char.to_lowercase();
        match (mapped.next(), mapped.next()) {
            (Some(only), None) => only,
            // İ, the one letter whose full mapping is longer than its simple one.
            (first, _) => first.unwrap_or(char),
        }
    })
}

pub(super) fn upper(text: &[u8]) -> Vec<u8> {
    by_char(text, |char| {
        let mut mapped = char.to_uppercase();
        match (mapped.next(), mapped.next(), u32::from(char)) {
            (Some(only), None, _) => only,
            // Greek with iota below: the simple mapping is the title case letter.
            (_, _, code @ (0x1f80..=0x1faf)) => char::from_u32(code | 8).unwrap_or(char),
            (_, _, code @ (0x1fb3 | 0x1fc3 | 0x1ff3)) => char::from_u32(code + 9).unwrap_or(char),
            // ß and others that have no capital of one letter.
            (_, _, _) => char,
        }
    })
}

fn by_char(text: &[u8], map: impl Fn(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut push = |char: char| out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|char| push(map(char)));
        chunk.invalid().iter().for_each(|_| push('\u{fffd}'));
    }
    out
}

/// Removes spaces on both sides, and nothing else.
pub(super) fn trim(text: Cow<'_, [u8]>) -> Val<'_> {
    let start = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    let end = text.iter().rposition(|byte| *byte != b' ').map_or(start, |last| last + 1);
    slice(text, start, end)
}

/// Counts in bytes.
///
/// # Errors
/// If that is not all within the text, or nothing.
pub(super) fn substring(text: Cow<'_, [u8]>, start: i64, len: i64) -> Answer<Val<'_>> {
    let start = usize::try_from(start).map_err(|_| Failure)?;
    let len = usize::try_from(len).map_err(|_| Failure)?;
    let end = start.checked_add(len).filter(|end| *end <= text.len()).ok_or(Failure)?;
    if len == 0 {
        return Err(Failure);
    }
    Ok(slice(text, start, end))
}

fn slice(text: Cow<'_, [u8]>, start: usize, end: usize) -> Val<'_> {
    match text {
        Cow::Borrowed(text) => Val::text(&text[start..end]),
        Cow::Owned(text) => Val::text(text[start..end].to_vec()),
    }
}

/// The parts between delimiters; with an empty one every character.
pub(super) fn split<'v>(text: &[u8], delimiter: &[u8]) -> Val<'v> {
    let part = |part: &[u8]| Val::text(part.to_vec());
    if delimiter.is_empty() {
        let chars = text.utf8_chunks().flat_map(|chunk| {
            let valid = chunk.valid().split("").filter(|char| !char.is_empty());
            let invalid = chunk.invalid().chunks(1);
            valid.map(str::as_bytes).chain(invalid).map(part).collect::<Vec<_>>()
        });
        return Val::list(chars);
    }
    let mut parts = Vec::new();
    let (mut start, mut place) = (0, 0);
    while place + delimiter.len() <= text.len() {
        if text[place..].starts_with(delimiter) {
            parts.push(part(&text[start..place]));
            place += delimiter.len();
            start = place;
        } else {
            place += 1;
        }
    }
    parts.push(part(&text[start..]));
    Val::list(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        for (case, text, expect) in [
            (Case::Snake, "MyOperation", "my_operation"),
            (Case::Snake, "my operation", "my_operation"),
            (Case::Snake, "my-operation", "my_operation"),
            (Case::Snake, "MY_OPERATION", "my_operation"),
            (Case::Snake, "JSONData2", "json_data_2"),
            (Case::Snake, "", ""),
            (Case::Camel, "my_operation name", "MyOperationName"),
            (Case::Camel, "JSONData", "JsonData"),
            (Case::Lower, "ÄÖÜ İ", "äöü i"),
            (Case::Upper, "äöü straße", "ÄÖÜ STRAßE"),
            (Case::Upper, "ᾳᾀ", "ᾼᾈ"),
        ] {
            let converted = String::from_utf8(case.convert(text.as_bytes())).unwrap();
            assert_eq!(converted, expect, "{text:?} as {case:?}");
        }
        assert_eq!(lower(b"A\xffB"), "a\u{fffd}b".as_bytes());
    }

    #[test]
    fn splitting() {
        let texts = |text: &str, delimiter: &str| -> Vec<String> {
            let Val::List(items) = split(text.as_bytes(), delimiter.as_bytes()) else { panic!() };
            let text = |value: Val<'_>| {
                let Val::Text(text) = value else { panic!("{value:?}") };
                String::from_utf8_lossy(&text).into_owned()
            };
            items.iter().map(|item| text(item.unwrap().1)).collect()
        };
        assert_eq!(texts("a//b", "/"), ["a", "", "b"]);
        assert_eq!(texts("aaa", "aa"), ["", "a"]);
        assert_eq!(texts("", "/"), [""]);
        assert_eq!(texts("aé", ""), ["a", "é"]);
        assert_eq!(texts("", ""), Vec::<String>::new());
    }
}
