//! `tailsift topics`.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use tailsift_config::Config;
use tailsift_kafka::{Admin, Ensured, TopicPlan};

use crate::app::topics::{dead_letters_plan, decisions_plan, output_admin, repartition_plan, room};
use crate::app::{client_settings, knock};
use crate::cli::TopicsArgs;
use crate::command::{acls, load};

/// Of topics that are made, unless told otherwise.
const DEFAULT_PARTITIONS: i32 = 8;

/// Makes missing topics and lists how existing ones differ from what tailsift needs.
pub(crate) fn topics(args: &TopicsArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    if args.acls {
        return acls::print(&config);
    }
    knock(&config)?;
    let admin = Admin::new(&client_settings(&config))?;
    let elsewhere = output_admin(&config)?;
    let output_admin = elsewhere.as_ref().unwrap_or(&admin);
    let mut out = std::io::stdout().lock();
    let mut all_right = true;
    let inputs = config.input.topics.iter().filter(|topic| !topic.starts_with('^'));
    for input in inputs {
        let plan = plan(args, &admin, input, BTreeMap::new())?;
        all_right &= ensure(&admin, &plan, &mut out)?;
    }
    let mut partitions = match config.input.topics.first() {
        Some(topic) => admin.partitions(topic)?.unwrap_or(DEFAULT_PARTITIONS),
        None => DEFAULT_PARTITIONS,
    };
    if let Some(repartition) = &config.repartition {
        let (plan, _) = repartition_plan(&config, repartition, &admin, args.replication_factor)?;
        partitions = plan.partitions;
        all_right &= ensure(&admin, &plan, &mut out)?;
    }
    let output = plan(args, output_admin, &config.output.topic, room(&config))?;
    all_right &= ensure(output_admin, &output, &mut out)?;
    for plan in internal_plans(&config, args, &admin, partitions)? {
        all_right &= ensure(&admin, &plan, &mut out)?;
    }
    Ok(if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes a topic or says how it differs; true if nothing is to be done about it.
fn ensure(admin: &Admin, plan: &TopicPlan, out: &mut impl Write) -> anyhow::Result<bool> {
    match admin.ensure(plan)? {
        Ensured::Created => {
            writeln!(out, "{}: made, {} partitions", plan.name, plan.partitions)?;
            Ok(true)
        }
        Ensured::Existed(findings) if findings.is_empty() => {
            writeln!(out, "{}: exists, as it should be", plan.name)?;
            Ok(true)
        }
        Ensured::Existed(findings) => {
            let differs = findings.iter().any(|finding| finding.is_told);
            let outcome = if differs { "but differs" } else { "as far as can be told" };
            writeln!(out, "{}: exists, {outcome}:", plan.name)?;
            for finding in findings {
                writeln!(
                    out,
                    "  {}: expected {}, got {}; {}",
                    finding.what, finding.expected, finding.got, finding.remedy
                )?;
            }
            Ok(!differs)
        }
    }
}

fn plan(
    args: &TopicsArgs,
    admin: &Admin,
    name: &str,
    at_least: BTreeMap<String, i64>,
) -> anyhow::Result<TopicPlan> {
    let replication_factor = args.replication_factor;
    let partitions = match args.partitions {
        Some(partitions) => partitions,
        None => admin.partitions(name)?.unwrap_or(DEFAULT_PARTITIONS),
    };
    let name = name.to_owned();
    Ok(TopicPlan { name, partitions, replication_factor, at_least, ..TopicPlan::default() })
}

/// Of topics that nobody else reads or writes, for an input of so many partitions.
fn internal_plans(
    config: &Config,
    args: &TopicsArgs,
    admin: &Admin,
    partitions: i32,
) -> anyhow::Result<Vec<TopicPlan>> {
    let replication_factor = args.replication_factor;
    let mut plans = vec![decisions_plan(config, admin, partitions, replication_factor)?];
    plans.extend(
        config
            .dead_letters
            .as_deref()
            .map(|topic| TopicPlan { replication_factor, ..dead_letters_plan(config, topic) }),
    );
    Ok(plans)
}
