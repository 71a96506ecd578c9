//! JSON texts: values written in it, and read from it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::value::{Answer, Failure, Item, Items, Val};

/// Lists in lists that are read.
const DEPTH_MAX: usize = 64;

/// Appends a value as the Collector writes it: keys in order, of repeated ones the last, bytes in
/// base 64, and `<`, `>` and `&` escaped.
///
/// # Errors
/// For infinities and not-a-number, times and identifiers, and what was not read for its depth.
pub(super) fn write(value: &Val<'_>, out: &mut Vec<u8>) -> Answer<()> {
    match value {
        Val::Nil => out.extend_from_slice(b"null"),
        Val::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Val::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Val::Double(number) => write_double(*number, out)?,
        Val::Text(text) => write_text(text, out),
        Val::Bytes(bytes) => write_base64(bytes, out),
        Val::List(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(&item?.1, out)?;
            }
            out.push(b']');
        }
        Val::Map(items) => write_map(items, out)?,
        Val::Time(_) | Val::Duration(_) | Val::TraceId(_) | Val::SpanId(_) => return Err(Failure),
    }
    Ok(())
}

fn write_map(items: &Items<'_>, out: &mut Vec<u8>) -> Answer<()> {
    let mut sorted = BTreeMap::new();
    for item in items.iter() {
        let (key, value) = item?;
        sorted.insert(key, value);
    }
    out.push(b'{');
    for (place, (key, value)) in sorted.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// The shortest digits that read back as the same number; an exponent only where it is far from 1.
fn write_double(number: f64, out: &mut Vec<u8>) -> Answer<()> {
    if !number.is_finite() {
        return Err(Failure);
    }
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        out.extend_from_slice(number.to_string().as_bytes());
        return Ok(());
    }
    let digits = format!("{number:e}");
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    out.extend_from_slice(format!("{mantissa}e{sign}{exponent:0>2}").as_bytes());
    Ok(())
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes());
                }
                _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        chunk.invalid().iter().for_each(|_| out.extend_from_slice(b"\\ufffd"));
    }
    out.push(b'"');
}

fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=group.len()].copy_from_slice(group);
        let number = u32::from_be_bytes(padded);
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { digit } else { b'=' });
        }
    }
    out.push(b'"');
}

/// Reads a map or a list; all its numbers are doubles.
///
/// # Errors
/// If it is neither, no JSON, or nested too deep.
pub(super) fn parse(text: &[u8]) -> Answer<Val<'static>> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.space();
    let whole = reader.rest.is_empty() && matches!(value, Val::List(_) | Val::Map(_));
    whole.then_some(value).ok_or(Failure)
}

struct Reader<'t> {
    rest: &'t [u8],
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Answer<Val<'static>> {
        self.space();
        match self.rest.first().ok_or(Failure)? {
            b'{' if depth < DEPTH_MAX => self.map(depth),
            b'[' if depth < DEPTH_MAX => {
                let mut values = Vec::new();
                self.list(b']', |reader| {
                    values.push(reader.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Val::list(values))
            }
            b'"' => Ok(Val::text(self.text()?)),
            b't' => self.word(b"true", Val::Bool(true)),
            b'f' => self.word(b"false", Val::Bool(false)),
            b'n' => self.word(b"null", Val::Nil),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Failure),
        }
    }

    /// Of repeated keys the last counts.
    fn map(&mut self, depth: usize) -> Answer<Val<'static>> {
        let mut entries = BTreeMap::new();
        self.list(b'}', |reader| {
            reader.space();
            let key = reader.text()?;
            reader.space();
            reader.take(b':')?;
            entries.insert(key, reader.value(depth + 1)?);
            Ok(())
        })?;
        let item = |(key, value)| Item { key: Cow::Owned(key), value };
        Ok(Val::Map(Items::Owned(entries.into_iter().map(item).collect())))
    }

    fn list(&mut self, close: u8, mut item: impl FnMut(&mut Self) -> Answer<()>) -> Answer<()> {
        self.rest = &self.rest[1..];
        self.space();
        if self.take(close).is_ok() {
            return Ok(());
        }
        loop {
            item(self)?;
            self.space();
            if self.take(b',').is_err() {
                return self.take(close);
            }
        }
    }

    fn number(&mut self) -> Answer<Val<'static>> {
        let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let start = self.rest;
        let mut len = usize::from(start[0] == b'-');
        let whole = digits(&start[len..]);
        if whole == 0 || whole > 1 && start[len] == b'0' {
            return Err(Failure);
        }
        len += whole;
        if let [b'.', fraction @ ..] = &start[len..] {
            let count = digits(fraction);
            if count == 0 {
                return Err(Failure);
            }
            len += 1 + count;
        }
        if let [b'e' | b'E', exponent @ ..] = &start[len..] {
            let sign = usize::from(matches!(exponent.first(), Some(b'+' | b'-')));
            let count = digits(&exponent[sign..]);
            if count == 0 {
                return Err(Failure);
            }
            len += 1 + sign + count;
        }
        self.rest = &start[len..];
        let number = std::str::from_utf8(&start[..len]).ok().and_then(|text| text.parse().ok());
        number.filter(|number: &f64| number.is_finite()).map(Val::Double).ok_or(Failure)
    }

    fn text(&mut self) -> Answer<Vec<u8>> {
        self.take(b'"')?;
        let mut out = Vec::new();
        loop {
            let (byte, rest) = self.rest.split_first().ok_or(Failure)?;
            self.rest = rest;
            match byte {
                b'"' => break,
                b'\\' => self.escape(&mut out)?,
                0..=0x1f => return Err(Failure),
                byte => out.push(*byte),
            }
        }
        Ok(match String::from_utf8_lossy(&out) {
            Cow::Borrowed(_) => out,
            Cow::Owned(mended) => mended.into_bytes(),
        })
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Answer<()> {
        let (escape, rest) = self.rest.split_first().ok_or(Failure)?;
        self.rest = rest;
        out.push(match escape {
            b'"' | b'\\' | b'/' => *escape,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let char = self.char()?;
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(Failure),
        });
        Ok(())
    }

    /// A character in one or two escapes; half of one becomes U+FFFD.
    fn char(&mut self) -> Answer<char> {
        let high = self.unit()?;
        if let (0xd800..=0xdbff, [b'\\', b'u', ..]) = (high, self.rest) {
            let before = self.rest;
            self.rest = &self.rest[2..];
            let low = self.unit()?;
            if (0xdc00..=0xdfff).contains(&low) {
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(code).ok_or(Failure);
            }
            self.rest = before;
        }
        Ok(char::from_u32(high).unwrap_or('\u{fffd}'))
    }

    fn unit(&mut self) -> Answer<u32> {
        let (digits, rest) = self.rest.split_at_checked(4).ok_or(Failure)?;
        self.rest = rest;
        digits.iter().try_fold(0, |unit, byte| {
            Ok(unit << 4 | char::from(*byte).to_digit(16).ok_or(Failure)?)
        })
    }

    fn word(&mut self, word: &[u8], value: Val<'static>) -> Answer<Val<'static>> {
        self.rest = self.rest.strip_prefix(word).ok_or(Failure)?;
        Ok(value)
    }

    fn take(&mut self, byte: u8) -> Answer<()> {
        self.rest = self.rest.strip_prefix(&[byte]).ok_or(Failure)?;
        Ok(())
    }

    fn space(&mut self) {
        let space = self.rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.rest = &self.rest[space..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &Val<'_>) -> Option<String> {
        let mut out = Vec::new();
        write(value, &mut out).ok()?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_is_read_is_written() {
        for (text, expect) in [
            (r#"{"b": [1, 2.5, null], "a": true, "b": "x"}"#, Some(r#"{"a":true,"b":"x"}"#)),
            (r#"["\u00e9\ud83d\ude00\ud83d\n"]"#, Some("[\"é😀\u{fffd}\\n\"]")),
            ("[1e21, 1e-7, -0.0, 100]", Some("[1e+21,1e-07,-0,100]")),
            ("[\"<a>\"]", Some(r#"["\u003ca\u003e"]"#)),
            (" [ ] ", Some("[]")),
            ("1", None),
            ("[1,]", None),
            ("[01]", None),
            ("[1e999]", None),
            ("{\"a\"}", None),
            ("[\"a", None),
            ("[\"\\ud83\"]", None),
            ("[] []", None),
            ("", None),
        ] {
            let read = parse(text.as_bytes()).ok();
            assert_eq!(read.as_ref().and_then(written).as_deref(), expect, "{text}");
        }
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
        assert!(parse(deep(DEPTH_MAX).as_bytes()).is_ok());
        assert!(parse(deep(DEPTH_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn bytes_are_written_in_base_64() {
        for (bytes, expect) in [("", ""), ("5", "NQ=="), ("55", "NTU="), ("555", "NTU1")] {
            let bytes = Val::Bytes(bytes.as_bytes().into());
            assert_eq!(written(&bytes), Some(format!("\"{expect}\"")));
        }
        assert_eq!(written(&Val::Double(f64::NAN)), None);
    }
}
