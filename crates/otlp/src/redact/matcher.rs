//! Where secrets are in a text.

use std::net::Ipv6Addr;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::rule::RedactionValues;

/// Patterns of values that come with the product. They find what is written in the usual ways, in
/// time linear in the text; where in doubt they find too much rather than too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// E-mail addresses, also with the `@` as `%40`.
    Email,
    /// Card numbers of 13 to 19 digits, perhaps in groups: by their issuer's first digits and the
    /// check digit (Luhn).
    CreditCard,
    /// Phone numbers: international ones with a `+`, North American ones with separators.
    Phone,
    /// IPv4 and IPv6 addresses.
    Ip,
    /// Credentials: what follows `Bearer` or `Basic`, JSON Web Tokens, API keys with the prefixes
    /// of well-known issuers, and what is assigned to names such as `api_key` and `access_token`.
    BearerToken,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Email, Self::CreditCard, Self::Phone, Self::Ip, Self::BearerToken];
}

/// A way to find something.
pub(super) enum Matcher {
    Regex(Regex),
    Card,
    Ip,
}

/// In UTF-8 every byte of a character beyond ASCII is 80 or above.
const EMAIL: &str = r"(?-u)[A-Za-z0-9._%+'\x80-\xff-]+(?:@|%40)(?:[A-Za-z0-9\x80-\xff-]+\.)+[A-Za-z\x80-\xff][A-Za-z0-9\x80-\xff-]+";
const CARD: &str = r"(?-u)[0-9](?:[ -]?[0-9]){12}";
const PHONE: &str = r"(?-u)\+[1-9](?:[ .()/-]{0,2}[0-9]){6,14}|(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}\b";
const IP: &str = r"(?-u)(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]{1,4})?|(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const TOKEN: &str = concat!(
    r"(?-u)\b(?i:bearer|basic)(?:\s+|%20)[A-Za-z0-9._~+/%-]{6,}=*",
    r"|\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*)*",
    r"|\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{16,}",
    r"|\b(?:gh[opsur]|hf|npm|glpat|github_pat|xox[abeoprs]|xapp)[-_][A-Za-z0-9_-]{10,}",
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"|\bAIza[0-9A-Za-z_-]{30,}",
    r#"|\b(?i:(?:x[-_])?api[-_]?key|(?:access|auth|refresh|id)[-_]?token|client[-_]?secret|password)["']?\s*(?:=|:|%3[Dd])\s*["']?[^\s"'&,;]{4,}"#,
);

static IP_REGEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(IP).expect("the pattern of addresses is one"));

impl Matcher {
    /// # Errors
    /// What is wrong with a regular expression.
    pub(super) fn compile(values: &RedactionValues) -> Result<Self, String> {
        let pattern = match values {
            RedactionValues::Preset(Preset::CreditCard) => return Ok(Self::Card),
            RedactionValues::Preset(Preset::Ip) => return Ok(Self::Ip),
            RedactionValues::Preset(Preset::Email) => EMAIL,
            RedactionValues::Preset(Preset::Phone) => PHONE,
            RedactionValues::Preset(Preset::BearerToken) => TOKEN,
            RedactionValues::Regex(pattern) => {
                // Over texts a pattern cannot match a part of a character.
                regex::Regex::new(pattern).map_err(|error| no_regex(pattern, &error))?;
                pattern
            }
        };
        let regex = Regex::new(pattern).map_err(|error| no_regex(pattern, &error))?;
        if regex.is_match(b"") {
            return Err(
                "expected a pattern of something, got one that matches the empty text".into()
            );
        }
        Ok(Self::Regex(regex))
    }

    /// A pattern that matches wherever something is found, and perhaps elsewhere.
    pub(super) fn pattern(&self) -> &str {
        match self {
            Self::Regex(regex) => regex.as_str(),
            Self::Card => CARD,
            Self::Ip => IP,
        }
    }

    /// The first place from `from` on; never empty.
    pub(super) fn find(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        match self {
            Self::Regex(regex) => {
                let mut from = from;
                loop {
                    let found = regex.find_at(text, from)?;
                    if !found.is_empty() {
                        return Some(found.range());
                    }
                    from = found.end() + 1;
                    if from > text.len() {
                        return None;
                    }
                }
            }
            Self::Card => find_card(text, from),
            Self::Ip => find_ip(text, from),
        }
    }
}

/// Why a pattern does not do.
pub(super) fn no_regex(pattern: &str, error: &regex::Error) -> String {
    format!("{pattern:?} is no regular expression: {error}")
}

fn find_card(text: &[u8], from: usize) -> Option<Range<usize>> {
    let digit_at = |place: usize| text.get(place).is_some_and(u8::is_ascii_digit);
    (from..text.len()).find_map(|start| {
        let begins = digit_at(start) && !(start > 0 && digit_at(start - 1));
        // The fraction of a number.
        let is_fraction = start >= 2 && text[start - 1] == b'.' && digit_at(start - 2);
        let end = (begins && !is_fraction).then(|| card_end(text, start)).flatten()?;
        Some(start..end)
    })
}

/// Where the longest card number ends that begins here.
fn card_end(text: &[u8], start: usize) -> Option<usize> {
    const DIGITS_MAX: usize = 19;
    let mut digits = [0u8; DIGITS_MAX];
    let mut count = 0;
    let mut end = None;
    let mut place = start;
    while count < DIGITS_MAX {
        if count > 0 && matches!(text.get(place), Some(b' ' | b'-')) {
            place += 1;
        }
        let Some(digit) = text.get(place).filter(|byte| byte.is_ascii_digit()) else { break };
        digits[count] = digit - b'0';
        count += 1;
        place += 1;
        let ends = !text.get(place).is_some_and(u8::is_ascii_digit);
        if ends && is_card(&digits[..count]) {
            end = Some(place);
        }
    }
    end
}

fn is_card(digits: &[u8]) -> bool {
    let len = digits.len();
    if len < 13 {
        return false;
    }
    let first = |count: usize| digits[..count].iter().fold(0u32, |n, d| n * 10 + u32::from(*d));
    let is_issued = match (first(1), first(2), first(4)) {
        (4, ..) => matches!(len, 13 | 16 | 19),
        (_, 51..=55, _) | (_, _, 2221..=2720) => len == 16,
        (_, 34 | 37, _) => len == 15,
        (_, 30 | 36 | 38 | 39, _) => (14..=19).contains(&len),
        (_, 35, _) => (16..=19).contains(&len),
        (_, 50 | 56..=58, _) => true,
        (6, ..) => (16..=19).contains(&len),
        _ => false,
    };
    is_issued && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn find_ip(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let candidate = IP_REGEX.find_at(text, from)?;
        if let Some(end) = address_end(text, candidate.range()) {
            return Some(candidate.start()..end);
        }
        from = candidate.start() + 1;
    }
}

/// Where an address ends that a candidate may be.
fn address_end(text: &[u8], candidate: Range<usize>) -> Option<usize> {
    let byte_before = candidate.start.checked_sub(1).map(|place| text[place]);
    let is = |byte: Option<u8>, kind: fn(&u8) -> bool| byte.is_some_and(|byte| kind(&byte));
    let found = std::str::from_utf8(&text[candidate.clone()]).ok()?;
    if !found.contains(':') {
        let byte_after = text.get(candidate.end).copied();
        let is_part = is(byte_before, u8::is_ascii_digit) || is(byte_after, u8::is_ascii_digit);
        return (!is_part).then_some(candidate.end);
    }
    // The colon behind an address is not its own.
    let address = match found.strip_suffix(':') {
        Some(address) if !address.ends_with(':') => address,
        Some(_) | None => found,
    };
    let end = candidate.start + address.len();
    let is_part = is(byte_before, u8::is_ascii_alphanumeric)
        || is(text.get(end).copied(), u8::is_ascii_alphanumeric);
    // Names of code have colons too.
    let has_digit = address.bytes().any(|byte| byte.is_ascii_digit());
    (!is_part && has_digit && address.parse::<Ipv6Addr>().is_ok()).then_some(end)
}

#[cfg(test)]
mod tests;
