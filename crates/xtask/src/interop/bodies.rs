//! What is sent, and how.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use tailsift_fixture::{
    NamedPolicy, ReferenceTrace, canonical, read_corpus, reference, sort_by_arrival,
};
use tailsift_trace::TraceId;

use crate::replay::path_of;

/// For one answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Recorded OTLP requests in protobuf, and the same in one encoding for all.
pub(super) struct Bodies {
    sent: Vec<Vec<u8>>,
    canonical: Vec<Vec<u8>>,
}

impl Bodies {
    /// The records of these recordings (paths, or else names in the corpus), each in the order of
    /// its arrival.
    pub(super) fn read(corpora: &[impl AsRef<Path>]) -> anyhow::Result<Self> {
        let mut bodies = Self { sent: Vec::new(), canonical: Vec::new() };
        for corpus in corpora.iter().map(AsRef::as_ref) {
            let mut records = read_corpus(&path_of(corpus))?;
            sort_by_arrival(&mut records);
            for record in records {
                let canonical = canonical(&record.value).with_context(|| {
                    format!(
                        "--corpus {}, partition {}, offset {}: expected OTLP in protobuf; \
                         take another recording",
                        corpus.display(),
                        record.partition,
                        record.offset
                    )
                })?;
                bodies.canonical.push(canonical);
                bodies.sent.push(record.value);
            }
        }
        ensure!(!bodies.sent.is_empty(), "--corpus: expected records, got none");
        Ok(bodies)
    }

    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// What the policies make of them.
    pub(super) fn judged(
        &self,
        policies: &[NamedPolicy],
    ) -> anyhow::Result<BTreeMap<TraceId, ReferenceTrace>> {
        Ok(reference(policies, self.canonical.iter().map(Vec::as_slice))?)
    }

    /// Sends all of them to an OTLP/HTTP receiver, one after the other.
    pub(super) fn post(&self, receiver: SocketAddr) -> anyhow::Result<()> {
        for (index, body) in self.sent.iter().enumerate() {
            post(receiver, body).with_context(|| format!("body {index} to http://{receiver}"))?;
        }
        Ok(())
    }
}

fn post(receiver: SocketAddr, body: &[u8]) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect_timeout(&receiver, ANSWERED_WITHIN)?;
    stream.set_read_timeout(Some(ANSWERED_WITHIN))?;
    stream.set_write_timeout(Some(ANSWERED_WITHIN))?;
    stream.write_all(head(receiver, body.len()).as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    ensure_taken(&answer)
}

fn head(receiver: SocketAddr, length: usize) -> String {
    format!(
        "POST /v1/traces HTTP/1.1\r\n\
         Host: {receiver}\r\n\
         Content-Type: application/x-protobuf\r\n\
         Content-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    )
}

/// Takes nothing but 200 for an answer.
fn ensure_taken(answer: &[u8]) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let is_taken =
        words.next().is_some_and(|word| word.starts_with("HTTP/1.")) && words.next() == Some("200");
    ensure!(is_taken, "expected status 200, got {:?}", text.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_200_is_taken() {
        for (answer, is_taken) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.0 200 OK", true),
            ("HTTP/1.1 400 Bad Request\r\n\r\n200", false),
            ("HTTP/1.1 2000 Odd", false),
            ("200 200", false),
            ("", false),
        ] {
            assert_eq!(ensure_taken(answer.as_bytes()).is_ok(), is_taken, "{answer:?}");
        }
        let error = ensure_taken(b"HTTP/1.1 503 Service Unavailable\r\n\r\nfull").unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
    }

    #[test]
    fn recordings_are_read_by_name() {
        let bodies = Bodies::read(&["sdk_raw.bin", "otlp_proto_headers.bin"]).unwrap();
        assert_eq!(bodies.len(), 12 + 18);
        let all: NamedPolicy = "always".parse().unwrap();
        assert_eq!(bodies.judged(&[all]).unwrap().len(), 17 + 35);
        let refused = Bodies::read(&["zipkin_json.bin"]).err().map(|error| error.to_string());
        assert!(refused.is_some_and(|text| text.contains("expected OTLP in protobuf")));
    }
}
