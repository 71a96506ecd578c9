//! W3C tracestate: the members of a header.

/// The most members of a header (W3C Trace Context, 3.3.1.1).
pub const TRACE_STATE_MEMBERS_MAX: usize = 32;

/// The value of a member, a part of the header, if there is one; `None` unless all of the header is
/// in order: each member `key=value`, no key twice, at most [`TRACE_STATE_MEMBERS_MAX`].
pub fn trace_state_member<'h>(header: &'h [u8], wanted: &[u8]) -> Option<Option<&'h [u8]>> {
    let mut keys: [&[u8]; TRACE_STATE_MEMBERS_MAX] = [&[]; TRACE_STATE_MEMBERS_MAX];
    let mut found = None;
    let members = header.split(|byte| *byte == b',').filter(|member| !member.is_empty());
    for (index, member) in members.enumerate() {
        let equals = member.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (trim_start(&member[..equals]), trim_end(&member[equals + 1..]));
        let (known, free) = keys.split_at_mut_checked(index)?;
        if known.contains(&key) || !is_trace_state_key(key) || !is_value(value) {
            return None;
        }
        *free.first_mut()? = key;
        if key == wanted {
            found = Some(value);
        }
    }
    Some(found)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    &text[blanks..]
}

fn trim_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| is_blank(**byte)).count();
    &text[..text.len() - blanks]
}

/// True for a key of a member: a simple one, or a tenant's at a system.
pub fn is_trace_state_key(key: &[u8]) -> bool {
    let part = |part: &[u8], max: usize, may_begin_with_digit: bool| {
        let Some((first, rest)) = part.split_first() else { return false };
        let begins = first.is_ascii_lowercase() || may_begin_with_digit && first.is_ascii_digit();
        let follows = |byte: &u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'*' | b'/')
        };
        begins && part.len() <= max && rest.iter().all(follows)
    };
    match key.iter().position(|byte| *byte == b'@') {
        Some(at) => part(&key[..at], 241, true) && part(&key[at + 1..], 14, false),
        None => part(key, 256, false),
    }
}

fn is_value(value: &[u8]) -> bool {
    let allowed = |byte: &u8| (b' '..=b'~').contains(byte) && !matches!(byte, b',' | b'=');
    let last = value.last().is_some_and(|byte| *byte != b' ');
    last && value.len() <= 256 && value.iter().all(allowed)
}

#[cfg(test)]
mod tests;
