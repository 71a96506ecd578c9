//! What a running tailsift shows over HTTP. It has to be started with `--log json`.

use std::time::Duration;

use anyhow::Context as _;
use tailsift_fixture::{Tailsift, http_address, http_get};

const PATIENCE: Duration = Duration::from_secs(60);

/// Where it listens.
#[derive(Debug, Clone)]
pub(crate) struct Surface {
    address: String,
}

/// What `/metrics` showed.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(String);

impl Surface {
    /// Waits until it listens.
    pub(crate) fn of(process: &mut Tailsift) -> anyhow::Result<Self> {
        process.wait_for_stderr("http is up", PATIENCE, |log| http_address(log).is_some())?;
        Ok(Self { address: http_address(&process.stderr()).context("no address")? })
    }

    /// The body of a page, which has to be there.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<String> {
        http_get(&self.address, path, PATIENCE)
    }

    /// As published last; they are five times a second.
    pub(crate) fn metrics(&self) -> anyhow::Result<Metrics> {
        self.get("/metrics").map(Metrics)
    }
}

impl Metrics {
    /// The sum of a metric's series; 0 if there is none.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let samples = self.0.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_are_added_up() {
        let text = "# HELP a_total b\na_total{worker=\"0\"} 2\na_total{worker=\"1\"} 3.5\n\
                    a_total_of 9\nb 7\n";
        let metrics = Metrics(text.to_owned());
        assert_eq!((metrics.sum("a_total"), metrics.sum("b"), metrics.sum("c")), (5.5, 7.0, 0.0));
    }
}
