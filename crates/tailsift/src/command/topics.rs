//! `tailsift topics`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use tailsift_config::Config;
use tailsift_kafka::{Admin, Ensured, TopicPlan};

use crate::app::client_settings;
use crate::app::topics::{dead_letters_plan, decisions_plan, room};
use crate::cli::TopicsArgs;
use crate::command::load;

/// Makes missing topics and lists how existing ones differ from what tailsift needs.
pub(crate) fn topics(args: &TopicsArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    let admin = Admin::new(&client_settings(&config))?;
    let mut out = std::io::stdout().lock();
    let mut all_right = true;
    for plan in plans(&config, args, &admin)? {
        match admin.ensure(&plan)? {
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

fn plans(config: &Config, args: &TopicsArgs, admin: &Admin) -> anyhow::Result<Vec<TopicPlan>> {
    let replication_factor = args.replication_factor;
    let plan = |name: &str, partitions, configs| TopicPlan {
        name: name.to_owned(),
        partitions,
        replication_factor,
        configs,
        ..TopicPlan::default()
    };
    let mut plans = vec![
        plan(&config.input.topic, args.partitions, BTreeMap::new()),
        plan(&config.output.topic, args.partitions, room(config)),
        decisions_plan(config, admin, args.partitions, replication_factor)?,
    ];
    plans.extend(
        config
            .dead_letters
            .as_deref()
            .map(|topic| TopicPlan { replication_factor, ..dead_letters_plan(config, topic) }),
    );
    Ok(plans)
}
