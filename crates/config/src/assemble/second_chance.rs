//! What becomes of dropped traces that late spans want kept.

use crate::check::Check;
use crate::settings::{Decisions, SecondChance};
use crate::view::View;

/// What the Collector's answers know nothing of is off there, and refused if it is asked for.
pub(super) fn second_chance(
    root: &View<'_>,
    decisions: Option<&Decisions>,
    check: &mut Check,
) -> Option<Option<SecondChance>> {
    let view = root.section("second_chance")?;
    let is_collectors = super::is_collectors(root);
    let is_enabled = view.boolean("enabled")?;
    if is_enabled && is_collectors && view.own("enabled").is_some() {
        let message = format!(
            "must be false or left out with `compatibility: collector`: a Collector never keeps a \
             trace that it has dropped; got {}",
            view.given("enabled"),
        );
        check.error(view.place("enabled"), "second_chance.enabled", message);
    }
    let longest = decisions?.remember;
    let mut remember = view.duration("remember")?;
    if remember > longest {
        if view.own("remember").is_some() {
            let message = format!(
                "must be at most decisions.remember ({}), got {}: a verdict that is forgotten \
                 cannot be turned",
                root.section("decisions")?.given("remember"),
                view.given("remember"),
            );
            check.error(view.place("remember"), "second_chance.remember", message);
        }
        remember = longest;
    }
    let chance = SecondChance {
        remember,
        timeout: view.duration("timeout")?,
        traces_per_second: u64::try_from(view.integer("traces_per_second")?).ok()?,
        bytes_per_second: view.size("bytes_per_second")? as u64,
    };
    Some((is_enabled && !is_collectors).then_some(chance))
}
