//! Patterns as Go reads them, written anew for our engine. Nothing is handed on as it stands: each
//! construct is read, checked and written in a form that both engines understand alike.

use super::class;

/// A pattern for our engine.
pub(super) struct Translated {
    pub(super) text: String,
    /// Which groups have which names.
    pub(super) names: Vec<(usize, String)>,
}

/// Groups within groups.
const DEPTH_MAX: u32 = 100;

/// How often something may repeat, nested repeats multiplied.
const REPEAT_MAX: u32 = 1000;

/// # Errors
/// What is wrong with the pattern, and where.
pub(super) fn translate(pattern: &str) -> Result<Translated, String> {
    let mut reader = Reader {
        whole: pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() * 2),
        names: Vec::new(),
        groups: 0,
        depth: 0,
    };
    let mut flags = Flags::default();
    reader.alternatives(&mut flags)?;
    if !reader.rest.is_empty() {
        return Err(reader.error("unexpected ): no group is open"));
    }
    Ok(Translated { text: reader.out, names: reader.names })
}

/// Only this one matters for what is written; the others are written as flags.
#[derive(Clone, Copy, Default)]
struct Flags {
    /// `U`: lazy and greedy change places.
    ungreedy: bool,
}

/// Something that can be repeated, by its place in what was written.
struct Atom {
    start: usize,
    end: usize,
    /// How often its innermost part may repeat.
    repeats: u32,
}

pub(super) struct Reader<'p> {
    whole: &'p str,
    pub(super) rest: &'p str,
    pub(super) out: String,
    names: Vec<(usize, String)>,
    groups: usize,
    depth: u32,
}

impl<'p> Reader<'p> {
    /// Up to a closing parenthesis or the end; gives how often the innermost part may repeat.
    fn alternatives(&mut self, flags: &mut Flags) -> Result<u32, String> {
        let mut repeats = self.sequence(flags)?;
        while self.take("|") {
            self.out.push('|');
            repeats = repeats.max(self.sequence(flags)?);
        }
        Ok(repeats)
    }

    fn sequence(&mut self, flags: &mut Flags) -> Result<u32, String> {
        let mut last: Option<Atom> = None;
        let mut after_repeat = false;
        let mut repeats = 1;
        while let Some(char) = self.rest.chars().next() {
            let bounds = match char {
                '|' | ')' => break,
                '*' => Some((0, None)),
                '+' => Some((1, None)),
                '?' => Some((0, Some(1))),
                '{' => self.bounds()?,
                _ => None,
            };
            match bounds {
                Some(bounds) => {
                    if after_repeat {
                        return Err(self.error("a repeat of a repeat: put the inner one in (?:…)"));
                    }
                    let Some(atom) = &mut last else {
                        return Err(self.error("nothing stands before this that could repeat"));
                    };
                    self.repeat(atom, char, bounds, *flags)?;
                    repeats = repeats.max(atom.repeats);
                    after_repeat = true;
                }
                None => {
                    let start = self.out.len();
                    let inner = self.atom(char, flags)?;
                    after_repeat = false;
                    if let Some(inner) = inner {
                        // A quoted text repeats its last character alone.
                        let start = inner.start.unwrap_or(start);
                        last = Some(Atom { start, end: self.out.len(), repeats: inner.repeats });
                        repeats = repeats.max(inner.repeats);
                    }
                }
            }
        }
        Ok(repeats)
    }

    /// Reads `{n}`, `{n,}` or `{n,m}`; anything else in braces is text.
    fn bounds(&self) -> Result<Option<(u32, Option<u32>)>, String> {
        let number = |text: &'p str| -> Option<(u32, &'p str)> {
            let len = text.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, rest) = text.split_at(len);
            let plain = len > 0 && (len == 1 || !digits.starts_with('0'));
            plain.then(|| (digits.parse().unwrap_or(u32::MAX), rest))
        };
        let Some((least, rest)) = number(&self.rest[1..]) else { return Ok(None) };
        let (most, rest) = match rest.strip_prefix(',') {
            None => (Some(least), rest),
            Some(rest) if rest.starts_with('}') => (None, rest),
            Some(rest) => match number(rest) {
                Some((most, rest)) => (Some(most), rest),
                None => return Ok(None),
            },
        };
        if !rest.starts_with('}') {
            return Ok(None);
        }
        if least > REPEAT_MAX || most.is_some_and(|most| most > REPEAT_MAX || most < least) {
            return Err(self.error("expected repeats from a smaller to a larger number up to 1000"));
        }
        Ok(Some((least, most)))
    }

    fn repeat(
        &mut self,
        atom: &mut Atom,
        sign: char,
        (least, most): (u32, Option<u32>),
        flags: Flags,
    ) -> Result<(), String> {
        let counted = sign == '{';
        if counted {
            let times = most.unwrap_or(least);
            let product = atom.repeats.saturating_mul(times);
            if product > REPEAT_MAX {
                return Err(self.error("nested repeats come to more than 1000"));
            }
            atom.repeats = product.max(1);
            self.rest = self.rest.split_once('}').map_or("", |(_, rest)| rest);
        } else {
            self.rest = &self.rest[1..];
        }
        let lazy = self.take("?") != flags.ungreedy;
        let mut suffix = match (counted, most) {
            (false, _) => format!("){sign}"),
            (true, None) => format!("){{{least},}}"),
            (true, Some(most)) => format!("){{{least},{most}}}"),
        };
        if lazy {
            suffix.push('?');
        }
        self.out.insert_str(atom.end, &suffix);
        self.out.insert_str(atom.start, "(?:");
        atom.end += suffix.len() + 3;
        Ok(())
    }

    /// Reads anything but a repeat; gives what can be repeated of it.
    fn atom(&mut self, char: char, flags: &mut Flags) -> Result<Option<Inner>, String> {
        match char {
            '(' => return self.group(flags),
            '[' => class::bracketed(self)?,
            '\\' => return self.escape(),
            '.' | '^' | '$' => {
                self.rest = &self.rest[1..];
                self.out.push(char);
            }
            _ => {
                self.rest = &self.rest[char.len_utf8()..];
                push_literal(char, &mut self.out);
            }
        }
        Ok(Some(Inner::one()))
    }

    fn group(&mut self, flags: &mut Flags) -> Result<Option<Inner>, String> {
        let named = ["(?P<", "(?<"].iter().find(|open| self.rest.starts_with(**open));
        let mut inner = *flags;
        if let Some(open) = named {
            self.name(open)?;
            self.out.push('(');
        } else if self.rest.starts_with("(?") {
            if !self.flags(&mut inner)? {
                *flags = inner;
                return Ok(None);
            }
        } else {
            self.rest = &self.rest[1..];
            self.groups += 1;
            self.out.push('(');
        }
        if self.depth == DEPTH_MAX {
            return Err(self.error("groups are nested more than 100 levels deep"));
        }
        self.depth += 1;
        let repeats = self.alternatives(&mut inner)?;
        self.depth -= 1;
        if !self.take(")") {
            return Err(self.error("a group is not closed: ) is missing"));
        }
        self.out.push(')');
        Ok(Some(Inner { start: None, repeats }))
    }

    fn name(&mut self, open: &str) -> Result<(), String> {
        let after = &self.rest[open.len()..];
        let name = after.split_once('>');
        let valid = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match name {
            Some((name, rest)) if valid(name) => {
                self.groups += 1;
                self.names.push((self.groups, name.to_owned()));
                self.rest = rest;
                Ok(())
            }
            Some(_) | None => Err(self.error(
                "expected a group's name of letters, digits and _; there is no look-behind",
            )),
        }
    }

    /// Reads `(?flags)` or `(?flags:`; true if a group was opened.
    fn flags(&mut self, flags: &mut Flags) -> Result<bool, String> {
        let refusal = "expected (?:…), (?P<name>…) or flags of i, m, s and U; there are no \
                       look-arounds, atomic groups, comments or conditions";
        let (mut negative, mut seen) = (false, false);
        let mut written = String::from("(?");
        for (place, char) in self.rest[2..].char_indices() {
            match char {
                'i' | 'm' | 's' => {
                    written.push(char);
                    seen = true;
                }
                'U' => {
                    flags.ungreedy = !negative;
                    seen = true;
                }
                '-' if !negative => {
                    negative = true;
                    seen = false;
                    written.push('-');
                }
                ':' | ')' if !negative || seen => {
                    self.rest = &self.rest[2 + place + 1..];
                    // Our engine refuses empty lists of flags.
                    let written = written.strip_suffix('-').unwrap_or(&written);
                    if char == ':' {
                        self.out.push_str(written);
                        self.out.push(':');
                    } else if written != "(?" {
                        self.out.push_str(written);
                        self.out.push(')');
                    }
                    return Ok(char == ':');
                }
                _ => break,
            }
        }
        Err(self.error(refusal))
    }

    fn escape(&mut self) -> Result<Option<Inner>, String> {
        let Some(char) = self.rest[1..].chars().next() else {
            return Err(self.error("a backslash stands at the end: write \\\\ for one"));
        };
        match char {
            'A' => self.out.push_str("\\A"),
            'z' => self.out.push_str("\\z"),
            'b' => self.out.push_str("(?-u:\\b)"),
            'B' => self.out.push_str("(?-u:\\B)"),
            'Q' => return Ok(self.quoted()),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P' => {
                class::escaped(self)?;
                return Ok(Some(Inner::one()));
            }
            _ => {
                let literal = self.character_escape()?;
                push_literal(literal, &mut self.out);
                return Ok(Some(Inner::one()));
            }
        }
        self.rest = &self.rest[2..];
        Ok(Some(Inner::one()))
    }

    /// `\Q…\E`: all of it is text, up to the end if nothing ends it.
    fn quoted(&mut self) -> Option<Inner> {
        let (text, rest) = self.rest[2..].split_once("\\E").unwrap_or((&self.rest[2..], ""));
        self.rest = rest;
        let mut start = None;
        for char in text.chars() {
            start = Some(self.out.len());
            push_literal(char, &mut self.out);
        }
        start.map(|start| Inner { start: Some(start), repeats: 1 })
    }

    /// An escape that stands for one character, in a class or outside.
    pub(super) fn character_escape(&mut self) -> Result<char, String> {
        let mut chars = self.rest[1..].chars();
        let Some(char) = chars.next() else {
            return Err(self.error("a backslash stands at the end: write \\\\ for one"));
        };
        let after = chars.as_str();
        let octal = |text: &str| text.starts_with(|char| ('0'..='7').contains(&char));
        let found = match char {
            'a' => Some(('\x07', after)),
            'f' => Some(('\x0c', after)),
            'n' => Some(('\n', after)),
            'r' => Some(('\r', after)),
            't' => Some(('\t', after)),
            'v' => Some(('\x0b', after)),
            // One digit alone would be a reference to a group, which there is not.
            '1'..='7' if !octal(after) => None,
            '0'..='7' => {
                let text = &self.rest[1..];
                let len =
                    text.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let code = u32::from_str_radix(&text[..len], 8).ok();
                code.and_then(char::from_u32).map(|char| (char, &text[len..]))
            }
            'x' => hexadecimal(after),
            _ if char.is_ascii() && !char.is_ascii_alphanumeric() => Some((char, after)),
            _ => None,
        };
        let Some((literal, rest)) = found else {
            return Err(self.error(&format!(
                "\\{char} is no escape; there are no references to groups, and \\pL, \\d, \\s, \\w, \
                 \\b, \\A, \\z, \\Q…\\E, \\n and the like, \\101 and \\x41"
            )));
        };
        self.rest = rest;
        Ok(literal)
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn error(&self, message: &str) -> String {
        let read = &self.whole[..self.whole.len() - self.rest.len()];
        let rest: String = self.rest.chars().take(12).collect();
        let place = read.chars().count() + 1;
        if rest.is_empty() {
            return format!("at its end: {message}");
        }
        format!("at character {place}, `{rest}`: {message}")
    }
}

/// What can be repeated of an atom.
struct Inner {
    /// Where it begins, if not with the atom.
    start: Option<usize>,
    repeats: u32,
}

impl Inner {
    fn one() -> Self {
        Self { start: None, repeats: 1 }
    }
}

/// `\xhh` or `\x{h…}`, from behind the x on.
fn hexadecimal(after: &str) -> Option<(char, &str)> {
    let (digits, rest) = match after.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => after.split_at_checked(2)?,
    };
    let hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| hex)?;
    Some((char::from_u32(code)?, rest))
}

/// Writes a character that stands for itself, in a class or outside.
pub(super) fn push_literal(char: char, out: &mut String) {
    if char.is_alphanumeric() || char == '_' {
        out.push(char);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(char)));
    }
}
