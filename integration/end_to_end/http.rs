//! What a process serves over HTTP, asked plainly.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::Tailsift;

use crate::rig::PATIENCE;

/// An HTTP surface.
pub(crate) struct Surface {
    address: String,
}

impl Surface {
    /// The surface that a process says it serves.
    pub(crate) fn of(child: &mut Tailsift) -> anyhow::Result<Self> {
        child.wait_for_stderr("http is up", PATIENCE, |log| address(log).is_some())?;
        Ok(Self { address: address(&child.stderr()).context("no address")? })
    }

    /// Status and body.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        self.request("GET", path, "")
    }

    /// Status and answer to a POST with a bearer token.
    pub(crate) fn post(&self, path: &str, token: &str) -> anyhow::Result<(u16, Value)> {
        let headers = format!("Authorization: Bearer {token}\r\nContent-Length: 0\r\n");
        let (status, body) = self.request("POST", path, &headers)?;
        Ok((status, serde_json::from_str(&body).with_context(|| format!("{path}: {body}"))?))
    }

    fn request(&self, method: &str, path: &str, more: &str) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).context("connecting")?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let address = &self.address;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).with_context(|| format!("reading {path}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no end of headers")?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        Ok((status, body.to_owned()))
    }

    pub(crate) fn json(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        let (status, body) = self.get(path)?;
        Ok((status, serde_json::from_str(&body).with_context(|| format!("{path}: {body}"))?))
    }

    /// The sum of each metric over its labels.
    pub(crate) fn metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let (status, body) = self.get("/metrics")?;
        ensure!(status == 200, "/metrics: {status}");
        let mut sums = BTreeMap::new();
        for line in body.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (series, value) = line.rsplit_once(' ').context("a line without a value")?;
            let name = series.split('{').next().unwrap_or_default();
            *sums.entry(name.to_owned()).or_default() += value.parse::<f64>()?;
        }
        Ok(sums)
    }
}

fn address(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("\"url\":\"http://")?;
    Some(rest.split_once('"')?.0.to_owned())
}
