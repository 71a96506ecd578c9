//! `tailsift topics`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use tailsift_config::Config;
use tailsift_kafka::{Admin, Ensured, TopicPlan};

use crate::app::client_settings;
use crate::app::topics::{dead_letters_plan, decisions_plan, output_admin, room};
use crate::cli::TopicsArgs;
use crate::command::load;

/// Of topics that are made, unless told otherwise.
const DEFAULT_PARTITIONS: i32 = 8;

/// Makes missing topics and lists how existing ones differ from what tailsift needs.
pub(crate) fn topics(args: &TopicsArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    let admin = Admin::new(&client_settings(&config))?;
    let elsewhere = output_admin(&config)?;
    let output_admin = elsewhere.as_ref().unwrap_or(&admin);
    let mut out = std::io::stdout().lock();
    let mut all_right = true;
    for plan in plans(&config, args, &admin, output_admin)? {
        let is_export = plan.name == config.output.topic;
        match if is_export { output_admin } else { &admin }.ensure(&plan)? {
            Ensured::Created => {
                writeln!(out, "{}: made, {} partitions", plan.name, plan.partitions)?;
            }
            Ensured::Existed(findings) if findings.is_empty() => {
                writeln!(out, "{}: exists, as it should be", plan.name)?;
            }
            Ensured::Existed(findings) => {
                all_right = false;
                writeln!(out, "{}: exists, but differs:", plan.name)?;
                for finding in findings {
                    writeln!(
                        out,
                        "  {}: expected {}, got {}; {}",
                        finding.what, finding.expected, finding.got, finding.remedy
                    )?;
                }
            }
        }
    }
    Ok(if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plans(
    config: &Config,
    args: &TopicsArgs,
    admin: &Admin,
    elsewhere: &Admin,
) -> anyhow::Result<Vec<TopicPlan>> {
    let replication_factor = args.replication_factor;
    let plan = |admin: &Admin, name: &str, at_least| -> anyhow::Result<TopicPlan> {
        let partitions = match args.partitions {
            Some(partitions) => partitions,
            None => admin.partitions(name)?.unwrap_or(DEFAULT_PARTITIONS),
        };
        let name = name.to_owned();
        Ok(TopicPlan { name, partitions, replication_factor, at_least, ..TopicPlan::default() })
    };
    let input = plan(admin, &config.input.topic, BTreeMap::new())?;
    let output = plan(elsewhere, &config.output.topic, room(config))?;
    let log = decisions_plan(config, admin, input.partitions, replication_factor)?;
    let mut plans = vec![input, output, log];
    plans.extend(
        config
            .dead_letters
            .as_deref()
            .map(|topic| TopicPlan { replication_factor, ..dead_letters_plan(config, topic) }),
    );
    Ok(plans)
}
