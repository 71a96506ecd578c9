//! What can be chosen.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// Longest load: beyond it a demonstration is a service.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

/// The options of `tailsift demo`; none is needed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {
    /// How long requests are sent, such as 20s or 2m [default: 20s; with --bootstrap without end]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Requests a second, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) rate: u32,
    /// What goes wrong hangs on this number
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
    /// Write the load to a topic of this Kafka instead, without broker and pipeline
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) bootstrap: Option<String>,
    /// The topic to write to, with --bootstrap
    #[arg(long, value_name = "NAME", default_value = "otlp_spans", requires = "bootstrap")]
    pub(crate) topic: String,
}

fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let parsed = UNITS.into_iter().find_map(|(unit, milliseconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(number.checked_mul(milliseconds)?))
    });
    match parsed {
        Some(duration) if !duration.is_zero() && duration <= DURATION_MAX => Ok(duration),
        _ => Err("expected a time above 0 and up to 24h, such as 500ms, 20s, 2m or 1h".to_owned()),
    }
}
