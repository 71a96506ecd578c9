//! Logs: to stderr, as text for people or JSON lines for machines.

#[cfg(test)]
mod tests;

use std::io::{IsTerminal as _, stderr};

use anyhow::Context as _;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

/// The environment variable that says what is logged, as `info` or `tailsift_kafka=debug,warn`.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people; coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Text,
    /// A JSON object per line.
    Json,
}

/// Starts logging. Once per process. `RUST_LOG` filters; without it, `level` and above.
///
/// # Errors
/// If `RUST_LOG` is no filter, or logging was started already.
pub(crate) fn init(format: LogFormat, level: LevelFilter) -> anyhow::Result<()> {
    let filter = filter(std::env::var(FILTER_VARIABLE).ok().as_deref(), level)?;
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = stderr().is_terminal() && !no_colour;
    subscriber(format, filter, colours, stderr)
        .try_init()
        .context("logging was started twice; start it once")
}

/// The span that a worker's thread enters, so that its lines carry the worker's number.
///
/// At error level: it is there whatever the filter lets through.
pub(crate) fn worker_span(worker: usize) -> tracing::Span {
    tracing::error_span!("worker", worker)
}

fn filter(text: Option<&str>, level: LevelFilter) -> anyhow::Result<EnvFilter> {
    let builder = EnvFilter::builder().with_default_directive(level.into());
    let text = text.unwrap_or_default();
    builder.parse(text).with_context(|| {
        format!(
            "{FILTER_VARIABLE}: expected a level such as debug, or directives such as \
             tailsift_kafka=debug,warn, got {text:?}; correct or unset it"
        )
    })
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Text => Box::new(builder.with_ansi(colours).finish()),
        LogFormat::Json => {
            // The innermost span is the worker's; the list of all would only repeat it.
            Box::new(builder.json().flatten_event(true).with_span_list(false).finish())
        }
    }
}
