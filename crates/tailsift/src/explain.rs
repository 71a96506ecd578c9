//! `tailsift explain`: why traces are or would be kept.

mod args;
mod json;
mod spans;
mod text;
mod topics;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tailsift_config::{Config, SamplingStrategy};
use tailsift_otlp::{ScanError, Scanner};
use tailsift_policy::PolicySet;
use tailsift_sampler::{Manner, Trial, Tried};

use crate::command::{import, load};
use crate::worker::wall_now;
use args::Format;
pub(crate) use args::{ExplainArgs, PoliciesArgs};
pub(crate) use text::{counted, shown};

/// Prints what becomes of each trace of a file.
pub(crate) fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    if let Some(trace_id) = args.trace_id {
        return topics::explain(args, trace_id);
    }
    let path = args.spans.as_deref().unwrap_or(Path::new(""));
    let told = Judge::of(&args.policies)?.file(path)?;
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", json::array(&told.traces, &told.names))?,
        Format::Text => text::write(&mut out, &told)?,
    }
    if told.malformed > 0 {
        let spans = told.malformed;
        writeln!(
            std::io::stderr(),
            "warning: {spans} spans have no usable trace ID (16 bytes, not all zeros): they are in \
             no trace, and run counts them as malformed"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Policies, and the way they are asked.
struct Judge {
    policies: Arc<PolicySet>,
    manner: Manner,
    /// Spans without a trace ID are one trace of their own.
    blank_ids: bool,
}

/// What became of a file's traces.
struct Told {
    traces: Vec<Tried>,
    names: Names,
    malformed: u64,
    /// What ended, so that traces were judged.
    ended: &'static str,
}

/// Policies' names, and those within composites.
struct Names(Arc<PolicySet>);

impl Judge {
    fn of(args: &PoliciesArgs) -> anyhow::Result<Self> {
        if let Some(path) = &args.tail_sampling {
            let import = import(path, args.processor.as_deref())?;
            let manner = match import.strategy {
                SamplingStrategy::TraceComplete => Manner::AtEnd,
                SamplingStrategy::SpanIngest => Manner::Fragments,
            };
            return Ok(Self {
                policies: import.config.policy_set().into(),
                manner,
                blank_ids: true,
            });
        }
        let path = args.config.as_deref().unwrap_or(Path::new(""));
        Ok(Self::of_run(&load(path, &args.overrides)?))
    }

    /// As `run` judges.
    fn of_run(config: &Config) -> Self {
        let limits = config.limits(1);
        let manner = Manner::Bounded {
            spans_per_trace: limits.spans_per_trace,
            bytes_per_trace: limits.bytes_per_trace,
        };
        Self { policies: config.policy_set().into(), manner, blank_ids: false }
    }

    fn file(self, path: &Path) -> anyhow::Result<Told> {
        Ok(self.batches("the file ended", |take| spans::each_batch(path, take))?)
    }

    /// Judges what `each` hands over, batch by batch.
    fn batches<E>(
        self,
        ended: &'static str,
        each: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), ScanError>) -> Result<(), E>,
    ) -> Result<Told, E> {
        let names = Names(Arc::clone(&self.policies));
        let scanner = Scanner::new(self.policies.interest().clone());
        let mut scanner = if self.blank_ids { scanner.with_blank_trace_ids() } else { scanner };
        let mut trial = Trial::new(self.policies, self.manner, wall_now());
        let mut malformed = 0;
        each(&mut |payload| {
            let batch = scanner.scan(payload)?;
            malformed += u64::from(batch.malformed);
            trial.handle_batch(&batch);
            scanner.recycle(batch);
            Ok(())
        })?;
        Ok(Told { traces: trial.finish(), names, malformed, ended })
    }
}

impl Names {
    fn all(&self) -> &[String] {
        self.0.names()
    }

    /// The policy that decided.
    fn decider(&self, tried: &Tried) -> Option<&str> {
        tried.outcome.policy.map(|policy| self.0.name(policy))
    }
}
