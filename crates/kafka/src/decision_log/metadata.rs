//! What goes with a committed offset, as text that operators may read.

use std::fmt;
use std::str::FromStr;

use tailsift_sampler::{Checkpoint, Commit};
use tailsift_trace::Millis;

use super::{UnknownVersion, VERSION};

/// The metadata of a committed offset:
/// `tailsift/1 scope=<hex> inc=<hex> seq=<n> log=<n> read=<n> time=<ms|-> read_time=<ms|->
/// from=<offset|-> keep=<offset|-> config=<hex>`, below 320 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitMetadata(pub Commit);

impl CommitMetadata {
    /// What every version begins with.
    const PREFIX: &str = "tailsift/";

    /// Reads what [`Display`](fmt::Display) wrote; `None` for anything that does not begin with
    /// `tailsift/`, such as an operator's reset. Further fields after the known ones are ignored.
    ///
    /// # Errors
    /// If it begins so, but is of another version or malformed.
    pub fn parse(bytes: &[u8]) -> Result<Option<Commit>, UnknownVersion> {
        if !bytes.starts_with(Self::PREFIX.as_bytes()) {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(bytes);
        match commit(&text).map(Self) {
            Some(metadata) if is_written_as(&metadata, &text) => Ok(Some(metadata.0)),
            Some(_) | None => Err(UnknownVersion { got: text.chars().take(300).collect() }),
        }
    }
}

impl fmt::Display for CommitMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Commit { scope, checkpoint, read_to, config, .. } = &self.0;
        let Checkpoint { incarnation, sequence, log_partition } = checkpoint;
        write!(
            f,
            "{}{VERSION} scope={scope:016x} inc={incarnation:016x} seq={sequence} \
             log={log_partition} read={read_to} time={} read_time={} from={} keep={} \
             config={config:016x}",
            Self::PREFIX,
            OrDash(self.0.stream_time.map(|time| time.0)),
            OrDash(self.0.read_stream_time.map(|time| time.0)),
            OrDash(self.0.live_from),
            OrDash(self.0.kept_from),
        )
    }
}

struct OrDash(Option<i64>);

impl fmt::Display for OrDash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("-"),
        }
    }
}

/// True if the text is what would be written, and maybe further fields: nothing that was read
/// meant more or less than it said.
fn is_written_as(metadata: &CommitMetadata, text: &str) -> bool {
    let rest = text.strip_prefix(&metadata.to_string());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn commit(text: &str) -> Option<Commit> {
    let mut fields = text.split(' ');
    if fields.next()?.strip_prefix(CommitMetadata::PREFIX)? != VERSION.to_string() {
        return None;
    }
    let mut value = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
    let commit = Commit {
        scope: hex(value("scope")?)?,
        checkpoint: Checkpoint {
            incarnation: hex(value("inc")?)?,
            sequence: value("seq")?.parse().ok()?,
            log_partition: not_negative(value("log")?)?,
        },
        read_to: not_negative(value("read")?)?,
        stream_time: or_dash(value("time")?, |text| text.parse().ok())?.map(Millis),
        read_stream_time: or_dash(value("read_time")?, |text| text.parse().ok())?.map(Millis),
        live_from: or_dash(value("from")?, not_negative)?,
        kept_from: or_dash(value("keep")?, not_negative)?,
        config: hex(value("config")?)?,
    };
    fields.all(|further| further.contains('=')).then_some(commit)
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

fn not_negative<N: FromStr + Default + PartialOrd>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number| *number >= N::default())
}

fn or_dash<N>(text: &str, read: impl Fn(&str) -> Option<N>) -> Option<Option<N>> {
    if text == "-" { Some(None) } else { read(text).map(Some) }
}

#[cfg(test)]
mod tests;
