//! What can be chosen.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// The options of `tailsift demo`; none is needed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {
    /// How long requests are sent, such as 20s or 2m [default: 20s; with --bootstrap without end]
    #[arg(long, value_name = "TIME", value_parser = crate::cli::time)]
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
