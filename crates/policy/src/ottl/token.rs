//! The words of a condition.

use std::ops::Range;

use winnow::ascii::{digit0, digit1, hex_digit1};
use winnow::combinator::{alt, opt};
use winnow::prelude::*;
use winnow::stream::{AsChar, LocatingSlice, Location};
use winnow::token::{any, none_of, one_of, take_while};

use super::refusal::Refusal;

/// A word.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    /// A keyword, a segment of a path, a function or an enum's symbol.
    Name(String),
    Int(i64),
    Double(f64),
    /// A text without its quotes and escapes. Escapes can make bytes that are no UTF-8.
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    Compare(CompareOp),
    Plus,
    Minus,
    Star,
    Slash,
    Dot,
    Comma,
    Colon,
    Open,
    Close,
    OpenList,
    CloseList,
    OpenMap,
    CloseMap,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A word with its place in the text, in bytes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

type Input<'t> = LocatingSlice<&'t str>;
type Parsed<T> = winnow::Result<T>;

/// Cuts a text into words.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Refusal> {
    let mut input = LocatingSlice::new(text);
    let mut found = Vec::new();
    loop {
        let Ok(_) = space(&mut input) else { unreachable!("no space is space enough") };
        if input.is_empty() {
            return Ok(found);
        }
        let start = input.current_token_start();
        let Ok(raw) = raw_token(&mut input) else {
            return Err(unreadable(text, start));
        };
        let end = start + raw.len();
        found.push(Placed { token: read(raw, start)?, span: start..end });
    }
}

fn space<'t>(input: &mut Input<'t>) -> Parsed<&'t str> {
    take_while(0.., ['\t', '\n', '\x0c', '\r', ' ']).parse_next(input)
}

/// One word as it is written.
fn raw_token<'t>(input: &mut Input<'t>) -> Parsed<&'t str> {
    alt((
        ("0x", hex_digit1).take(),
        double,
        digit1.take(),
        (one_of((AsChar::is_alpha, '_')), take_while(0.., (AsChar::is_alphanum, '_'))).take(),
        text.take(),
        alt(("==", "!=", "<=", ">=")).take(),
        one_of(['<', '>', '+', '-', '*', '/', '.', ',', ':', '(', ')', '[', ']', '{', '}']).take(),
    ))
    .parse_next(input)
}

fn double<'t>(input: &mut Input<'t>) -> Parsed<&'t str> {
    let exponent = || opt((one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1));
    alt(((digit1, '.', digit0, exponent()).take(), ('.', digit1, exponent()).take()))
        .parse_next(input)
}

fn text<'t>(input: &mut Input<'t>) -> Parsed<&'t str> {
    '"'.parse_next(input)?;
    loop {
        match any.parse_next(input)? {
            '"' => return Ok(""),
            '\\' => any.void().parse_next(input)?,
            _ => take_while(0.., |char| char != '"' && char != '\\').void().parse_next(input)?,
        }
    }
}

/// What a word means.
fn read(raw: &str, at: usize) -> Result<Token, Refusal> {
    let first = raw.as_bytes()[0];
    Ok(match raw {
        "==" => Token::Compare(CompareOp::Equal),
        "!=" => Token::Compare(CompareOp::NotEqual),
        "<=" => Token::Compare(CompareOp::LessOrEqual),
        ">=" => Token::Compare(CompareOp::GreaterOrEqual),
        "<" => Token::Compare(CompareOp::Less),
        ">" => Token::Compare(CompareOp::Greater),
        "+" => Token::Plus,
        "-" => Token::Minus,
        "*" => Token::Star,
        "/" => Token::Slash,
        "." => Token::Dot,
        "," => Token::Comma,
        ":" => Token::Colon,
        "(" => Token::Open,
        ")" => Token::Close,
        "[" => Token::OpenList,
        "]" => Token::CloseList,
        "{" => Token::OpenMap,
        "}" => Token::CloseMap,
        _ if first == b'"' => Token::Text(unquoted(&raw[1..raw.len() - 1], at + 1)?),
        _ if raw.starts_with("0x") => Token::Bytes(hex(&raw[2..]).ok_or_else(|| {
            Refusal::new(at, format!("{raw} is no whole number of bytes: two digits make one"))
        })?),
        _ if !first.is_ascii_digit() && first != b'.' => Token::Name(raw.to_owned()),
        _ if raw.contains('.') => match raw.parse::<f64>() {
            Ok(number) if number.is_finite() => Token::Double(number),
            _ => return Err(Refusal::new(at, format!("{raw} is too large for a double"))),
        },
        _ => Token::Int(raw.parse().map_err(|_| {
            let message = format!("{raw} is too large: integers go up to {}", i64::MAX);
            Refusal::new(at, message)
        })?),
    })
}

const MATCH_REMEDY: &str = "to match a pattern, write IsMatch(value, \"pattern\")";

fn unreadable(text: &str, at: usize) -> Refusal {
    let char = text[at..].chars().next().unwrap_or(' ');
    let remedy = match char {
        '=' if text[at..].starts_with("=~") => MATCH_REMEDY,
        '"' => "this text has no closing quote",
        '=' => "to compare, write ==",
        '!' => "for \"not\", write not",
        '&' => "for \"and\", write and",
        '|' => "for \"or\", write or",
        '\'' => "texts stand in double quotes",
        '~' => MATCH_REMEDY,
        _ => "it has no meaning in a condition",
    };
    Refusal::new(at, format!("unexpected {char:?}: {remedy}"))
}

/// Pairs of hexadecimal digits as bytes.
pub(super) fn hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Resolves escapes, as Go writes them.
fn unquoted(raw: &str, at: usize) -> Result<Vec<u8>, Refusal> {
    let mut input = LocatingSlice::new(raw);
    let mut out = Vec::with_capacity(raw.len());
    while !input.is_empty() {
        let place = at + input.current_token_start();
        match piece(&mut input, &mut out) {
            Ok(()) => {}
            Err(_) if raw[place - at..].starts_with('\n') => {
                return Err(Refusal::new(
                    place,
                    "a text ends on its line: write \\n for a new one",
                ));
            }
            Err(_) => {
                let escape: String = raw[place - at..].chars().take(2).collect();
                let message = format!(
                    "{escape} is no escape: there are \\a \\b \\f \\n \\r \\t \\v \\\\ \\\" \\ooo \\xhh \
                     \\uhhhh \\Uhhhhhhhh, and a backslash itself is written \\\\"
                );
                return Err(Refusal::new(place, message));
            }
        }
    }
    Ok(out)
}

/// A run of plain characters, or one escape.
fn piece(input: &mut Input<'_>, out: &mut Vec<u8>) -> Parsed<()> {
    if input.starts_with('\\') {
        return ('\\', any)
            .parse_next(input)
            .and_then(|(_, escape)| self::escape(escape, input, out));
    }
    none_of('\n').void().parse_peek(*input)?;
    let plain = take_while(1.., |char| char != '\\' && char != '\n').parse_next(input)?;
    out.extend_from_slice(plain.as_bytes());
    Ok(())
}

fn escape(char: char, input: &mut Input<'_>, out: &mut Vec<u8>) -> Parsed<()> {
    let digits = |count: usize, input: &mut Input<'_>| -> Parsed<u32> {
        take_while(count, AsChar::is_hex_digit)
            .try_map(|digits| u32::from_str_radix(digits, 16))
            .parse_next(input)
    };
    match char {
        'a' => out.push(7),
        'b' => out.push(8),
        'f' => out.push(12),
        'n' => out.push(b'\n'),
        'r' => out.push(b'\r'),
        't' => out.push(b'\t'),
        'v' => out.push(11),
        '\\' | '"' => out.push(char as u8),
        'x' => out.push(digits(2, input)? as u8),
        'u' | 'U' => {
            let code = digits(if char == 'u' { 4 } else { 8 }, input)?;
            let char = char::from_u32(code).ok_or_else(winnow::error::ContextError::new)?;
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        '0'..='7' => {
            let rest = take_while(2, '0'..='7').parse_next(input)?;
            let byte = u8::from_str_radix(&format!("{char}{rest}"), 8);
            out.push(byte.map_err(|_| winnow::error::ContextError::new())?);
        }
        _ => return Err(winnow::error::ContextError::new()),
    }
    Ok(())
}
