//! Addresses of the web, taken apart into attributes as OpenTelemetry names them.

use std::borrow::Cow;

use super::value::{Answer, Failure, Item, Items, Val};

/// The parts of an absolute or relative address that it has: `url.original`, `url.scheme`,
/// `url.username`, `url.password`, `url.domain`, `url.port` (an integer), `url.path`,
/// `url.extension`, `url.query` and `url.fragment`.
///
/// # Errors
/// If the text is none: control characters, a port that is no number, an escape that is none.
pub(super) fn parts(text: &[u8]) -> Answer<Val<'static>> {
    let original = std::str::from_utf8(text).map_err(|_| Failure)?;
    if original.chars().any(|char| char.is_ascii_control()) {
        return Err(Failure);
    }
    let mut found = Parts::default();
    found.add("original", original);
    let (rest, fragment) = cut(original, '#');
    let (scheme, rest) = scheme(rest)?;
    let (rest, query) = cut(rest, '?');
    if let Some(scheme) = scheme {
        found.add("scheme", &scheme.to_ascii_lowercase());
    }
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            found.authority(authority)?;
            path
        }
        None => rest,
    };
    let path = unescaped(path)?;
    let file = path.rsplit('/').next().unwrap_or_default();
    found.add("path", &path);
    if let Some((_, extension)) = file.rsplit_once('.') {
        found.add_present("extension", extension);
    }
    found.add_present("query", query.unwrap_or_default());
    found.add_present("fragment", &unescaped(fragment.unwrap_or_default())?);
    Ok(Val::Map(Items::Owned(found.items)))
}

#[derive(Default)]
struct Parts {
    items: Vec<Item<'static>>,
}

impl Parts {
    fn add(&mut self, name: &str, value: &str) {
        self.push(name, Val::text(value.as_bytes().to_vec()));
    }

    fn add_present(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.add(name, value);
        }
    }

    fn push(&mut self, name: &str, value: Val<'static>) {
        self.items.push(Item { key: Cow::Owned(format!("url.{name}").into_bytes()), value });
    }

    fn authority(&mut self, authority: &str) -> Answer<()> {
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if let Some(user) = user {
            let (name, password) = cut(user, ':');
            self.add_present("username", &unescaped(name)?);
            if let Some(password) = password {
                self.add("password", &unescaped(password)?);
            }
        }
        let (domain, port) = match host.strip_prefix('[') {
            Some(rest) => {
                let (domain, port) = rest.split_once(']').ok_or(Failure)?;
                (domain, port)
            }
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        if domain.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
            return Err(Failure);
        }
        self.add("domain", domain);
        match port.strip_prefix(':') {
            Some("") => Ok(()),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.push("port", Val::Int(digits.parse().map_err(|_| Failure)?));
                Ok(())
            }
            None if port.is_empty() => Ok(()),
            Some(_) | None => Err(Failure),
        }
    }
}

/// What stands before the first colon, if that is a scheme.
///
/// # Errors
/// If a colon comes first, or in the first segment of a relative path.
fn scheme(text: &str) -> Answer<(Option<&str>, &str)> {
    let end = text.find(|char: char| !char.is_ascii_alphanumeric() && !"+-.".contains(char));
    let Some((scheme, rest)) = end.map(|end| text.split_at(end)) else { return Ok((None, text)) };
    match rest.strip_prefix(':') {
        Some(rest) if scheme.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            Ok((Some(scheme), rest))
        }
        Some(_) => Err(Failure),
        None => {
            let segment = text.split('/').next().unwrap_or_default();
            if segment.contains(':') { Err(Failure) } else { Ok((None, text)) }
        }
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Resolves `%` escapes.
fn unescaped(text: &str) -> Answer<Cow<'_, str>> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(Failure)?;
        let digits = std::str::from_utf8(digits).map_err(|_| Failure)?;
        out.extend(super::token::hex(digits).ok_or(Failure)?);
        rest = after;
    }
    Ok(Cow::Owned(String::from_utf8_lossy(&out).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All parts but the original, in order.
    fn taken_apart(text: &str) -> Option<String> {
        let Val::Map(items) = parts(text.as_bytes()).ok()? else { panic!("expected a map") };
        let part = |item: Answer<(&[u8], Val<'_>)>| {
            let (key, value) = item.unwrap();
            let value = crate::ottl::convert::text_form(&value).unwrap().unwrap().into_owned();
            let key = String::from_utf8_lossy(&key[4..]).into_owned();
            format!("{key}={}", String::from_utf8_lossy(&value))
        };
        Some(items.iter().skip(1).map(part).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn addresses() {
        for (text, expect) in [
            (
                "https://example.com/a?b=c",
                Some("scheme=https domain=example.com path=/a query=b=c"),
            ),
            (
                "HTTP://bob:s%40x@h:8080/x/y.tar.gz#top",
                Some(
                    "scheme=http username=bob password=s@x domain=h port=8080 path=/x/y.tar.gz \
                     extension=gz fragment=top",
                ),
            ),
            ("http://[::1]:80", Some("scheme=http domain=::1 port=80 path=")),
            ("/a%20b", Some("path=/a b")),
            ("a/b:c", Some("path=a/b:c")),
            ("http://h:x/", None),
            ("http://[::1", None),
            (":foo", None),
            ("http://a b/", None),
            ("/%zz", None),
            ("/a\n", None),
        ] {
            assert_eq!(taken_apart(text).as_deref(), expect, "{text}");
        }
    }
}
