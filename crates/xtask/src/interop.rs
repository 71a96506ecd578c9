//! `cargo xtask interop`: a real Collector on both sides of tailsift.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use tailsift_fixture::{
    Collector, CollectorUnavailable, KafkaBroker, KafkaUnavailable, NamedPolicy, Tailsift,
    eventually, free_port,
};
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::collector::{configured, find};
use crate::repository::{cargo, root};

use bodies::Bodies;
use form::Form;
use judge::Judged;
use table::Row;

mod bodies;
mod form;
mod judge;
mod table;

/// What the policies of `config/peers.yaml` are to the reference.
const POLICIES: &str = "error,latency=500,confidence=0.5";
const PARTITIONS: u32 = 4;
const WRITER: &str = include_str!("interop/writer.yaml");
const READER: &str = include_str!("interop/reader.yaml");
/// For a Collector to open its port.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// For one run of tailsift.
const DECIDED_WITHIN: Duration = Duration::from_secs(180);
/// For the second Collector to read what there is.
const READ_WITHIN: Duration = Duration::from_secs(60);
/// How long after its last line a Collector is believed to have read all.
const QUIET: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The exit code where it cannot be run, as test harnesses have it.
const SKIPPED: u8 = 77;

/// Has a real OpenTelemetry Collector write recorded traces to a Kafka of its own in three forms
/// (without keys, keyed by trace, JSON), tailsift process each, and another Collector read what
/// was exported; prints what became of the traces beside what the reference sampler says, span by
/// span. Fails unless all is exact; exit code 77 where there is no Kafka, or neither Go nor
/// --collector
#[derive(Debug, Args)]
pub(crate) struct Interop {
    /// Recorded OTLP requests in protobuf: a path, or a name in integration/corpus; may be repeated
    #[arg(
        long,
        value_name = "FILE",
        default_values = ["otlp_proto_unkeyed.bin", "sdk_raw.bin"]
    )]
    corpus: Vec<PathBuf>,
    /// A Collector's binary, in place of one that is built
    #[arg(long, value_name = "FILE")]
    collector: Option<PathBuf>,
    /// Another tailsift, in place of this source's debug build
    #[arg(long, value_name = "FILE")]
    tailsift: Option<PathBuf>,
}

impl Interop {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.rows(out) {
            Ok(rows) => {
                table::write(out, &rows)?;
                let is_exact = rows.iter().all(Row::is_exact);
                writeln!(out, "\n{}", if is_exact { "all right" } else { "NOT RIGHT" })?;
                Ok(if is_exact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Err(error) if error.is::<CollectorUnavailable>() || error.is::<KafkaUnavailable>() => {
                writeln!(out, "skipped: {error:#}")?;
                Ok(ExitCode::from(SKIPPED))
            }
            Err(error) => Err(error),
        }
    }

    fn rows(&self, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
        let bodies = Bodies::read(&self.corpus)?;
        let collector = find(self.collector.as_deref())?;
        let tailsift = self.find_tailsift()?;
        let kafka = KafkaBroker::start("interop")?;
        let stage = Stage {
            bootstrap: kafka.bootstrap_servers(),
            cluster: Cluster::at(&kafka.bootstrap_servers()),
            collector: &collector,
            tailsift: &tailsift,
        };
        stage.make_topics()?;
        writeln!(out, "a Collector writes {} requests", bodies.len())?;
        stage.write(&bodies).context("the Collector that writes")?;
        for form in Form::ALL {
            writeln!(out, "tailsift reads {}", form.title())?;
            stage.process(form).with_context(|| format!("tailsift on {}", form.title()))?;
        }
        writeln!(out, "a Collector reads what was exported\n")?;
        stage.judged(&bodies)
    }

    fn find_tailsift(&self) -> anyhow::Result<PathBuf> {
        if let Some(given) = &self.tailsift {
            return Ok(given.clone());
        }
        // Wherever else it would be built to, what lies there is what is started.
        let target = root().join("target");
        cargo(&["build", "-p", "tailsift", "--target-dir", &target.to_string_lossy()], &[])?;
        Ok(target.join("debug/tailsift"))
    }
}

/// What all of it happens on.
struct Stage<'a> {
    bootstrap: String,
    cluster: Cluster,
    collector: &'a Path,
    tailsift: &'a Path,
}

impl Stage<'_> {
    fn make_topics(&self) -> anyhow::Result<()> {
        for topic in Form::ALL.iter().flat_map(|form| [form.written(), form.kept()]) {
            self.cluster.make_topic_of_large_records(&topic, PARTITIONS)?;
        }
        Ok(())
    }

    /// Once the Collector has ended, all that it took is written.
    fn write(&self, bodies: &Bodies) -> anyhow::Result<()> {
        let receiver = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let values = [("BROKERS", self.bootstrap.as_str()), ("HTTP", &receiver.to_string())];
        let mut process = Collector::start(self.collector, &configured(WRITER, &values))?;
        eventually(&format!("it listens on {receiver}"), READY_WITHIN, || {
            process.ensure_running()?;
            Ok(TcpStream::connect(receiver).is_ok().then_some(()))
        })?;
        bodies.post(receiver).with_context(|| process.log())?;
        process.stop()
    }

    fn process(&self, form: Form) -> anyhow::Result<()> {
        let config = root().join("config/peers.yaml");
        let mut arguments: Vec<String> = ["run", "-c", &config.to_string_lossy()]
            .into_iter()
            .chain(["--exit-when-idle", "5s"])
            .map(String::from)
            .collect();
        let settings = [
            format!("kafka.bootstrap_servers={}", self.bootstrap),
            format!("group=tailsift-{}", form.name()),
            format!("input.topic={}", form.written()),
            format!("output.topic={}", form.kept()),
            "http=off".to_owned(),
        ];
        for setting in settings.into_iter().chain(form.settings()) {
            arguments.extend(["--set".to_owned(), setting]);
        }
        let mut process = Tailsift::spawn(self.tailsift, &arguments, &[])?;
        let status = process.wait(DECIDED_WITHIN)?;
        ensure!(status.success(), "{status}\n{}", process.stderr());
        Ok(())
    }

    fn judged(&self, bodies: &Bodies) -> anyhow::Result<Vec<Row>> {
        let all = bodies.judged(&["always".parse::<NamedPolicy>()?])?;
        let policies = POLICIES.split(',').map(str::parse).collect::<Result<Vec<_>, _>>()?;
        let kept = bodies.judged(&policies)?;
        let settings = self.cluster.settings();
        let mut exports = Vec::new();
        for form in Form::ALL {
            exports.push((form, judge::exported(form, &settings, &kept)?));
        }
        let files = tempfile::tempdir().context("a directory for what is read")?;
        self.read(&files, &exports).context("the Collector that reads")?;
        let row = |(form, exported): (Form, Judged)| {
            let written = judge::written(form, &settings, &all)?;
            let read = judge::filed(&file_of(form, &files), &kept)?;
            Ok(Row { form, written, exported, read })
        };
        exports.into_iter().map(row).collect()
    }

    /// Reads until nothing more comes after all that is there, or for as long as that may take:
    /// what is missing then, the table tells.
    fn read(&self, files: &TempDir, exports: &[(Form, Judged)]) -> anyhow::Result<()> {
        let directory = files.path().to_string_lossy();
        let values = [("BROKERS", self.bootstrap.as_str()), ("FILES", &directory)];
        let mut process = Collector::start(self.collector, &configured(READER, &values))?;
        let deadline = Instant::now() + READ_WITHIN;
        let mut last = (Vec::new(), Instant::now());
        while Instant::now() < deadline {
            process.ensure_running()?;
            let lines: Vec<u64> =
                exports.iter().map(|(form, _)| judge::lines_in(&file_of(*form, files))).collect();
            let are_all_there =
                exports.iter().zip(&lines).all(|((_, exported), lines)| *lines >= exported.records);
            if lines != last.0 {
                last = (lines, Instant::now());
            } else if are_all_there && last.1.elapsed() > QUIET {
                break;
            }
            sleep(LOOK_EVERY);
        }
        process.stop()
    }
}

fn file_of(form: Form, files: &TempDir) -> PathBuf {
    files.path().join(form.name()).with_extension("jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_name_every_form() {
        let files = ("FILES", "/files");
        let values = [("BROKERS", "127.0.0.1:9092"), ("HTTP", "127.0.0.1:4318"), files];
        let (writer, reader) = (configured(WRITER, &values), configured(READER, &values));
        for form in Form::ALL {
            let (name, kept) = (form.name(), form.kept());
            let written = format!(
                "  kafka/{name}:\n    brokers: [\"127.0.0.1:9092\"]\n    \
                 traces: {{topic: {}, encoding: otlp_{}}}\n",
                form.written(),
                if form.is_json() { "json" } else { "proto" }
            );
            for (text, part) in [
                (&writer, written),
                (&reader, format!("traces: {{topics: [{kept}], encoding: otlp_proto}}")),
                (&reader, format!("file/{name}: {{path: \"/files/{name}.jsonl\"")),
                (&reader, format!("{{receivers: [kafka/{name}], exporters: [file/{name}]}}")),
            ] {
                assert!(text.contains(&part), "{part} is not in\n{text}");
            }
        }
        assert_eq!(writer.matches("partition_traces_by_id: true").count(), 1);
        // Its own comment names the form of what is filled in.
        assert!(
            !(writer + &reader).replace("${…}", "").contains("${"),
            "something is not filled in"
        );
    }
}
