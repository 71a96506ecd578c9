//! Rules of redaction: what belongs to which action, and rules compiled on trial.

use tailsift_otlp::{
    HashKey, Preset, RedactionAction, RedactionKeys, RedactionPlace, RedactionRule,
    RedactionValues, Redactor,
};

use super::{on_one_line, without_secrets};
use crate::check::Check;
use crate::node::{Form, Node, Value, join};
use crate::read;
use crate::table::{ACTIONS, PLACES, PRESETS, REDACTION_RULE};
use crate::view::View;

/// What may stand in the place of a value: it may stand there often.
const WITH_MAX: usize = 256;

/// The rules; `None` if an error has been reported for one.
pub(super) fn rules(root: &Node, view: &View<'_>, check: &mut Check) -> Option<Vec<RedactionRule>> {
    let items: &[Node] = match view.own("redaction").map(|node| &node.value) {
        None | Some(Value::Null) => &[],
        Some(Value::List(items)) => items,
        Some(Value::Scalar(_) | Value::Map(_) | Value::Broken) => return None,
    };
    let read = |(index, node)| rule(node, &format!("redaction[{index}]"), check);
    let rules: Vec<_> = items.iter().enumerate().map(read).collect();
    let rules: Vec<_> = rules.into_iter().collect::<Option<_>>()?;
    if let Err(errors) = Redactor::new(&rules) {
        for error in errors {
            let rule = format!("redaction[{}]", error.rule);
            let path = match error.field {
                "" => rule.clone(),
                field => format!("{rule}.{field}"),
            };
            let message = without_secrets(&on_one_line(&error.message), root.at(&rule));
            check.error(root.at(&path).place, &path, message);
        }
        return None;
    }
    Some(rules)
}

fn rule(node: &Node, path: &str, check: &mut Check) -> Option<RedactionRule> {
    let view = View::new(&REDACTION_RULE, Some(node));
    let rule = Rule { view, path, node };
    let action = rule.action(check);
    let keys = rule.keys(check);
    let values = rule.values(check);
    let all = RedactionPlace::ALL;
    let place = |node: &Node| Some(all[read::choice(node, &PLACES, &[]).ok()?]);
    let places = match view.own("in") {
        Some(_) => view.list("in", place)?,
        None => Vec::new(),
    };
    Some(RedactionRule { action: action?, keys: keys?, values: values?, places })
}

/// A rule as it was written.
struct Rule<'t> {
    view: View<'t>,
    path: &'t str,
    node: &'t Node,
}

/// What else an action wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Nothing,
    With,
    Key,
    Above,
}

impl Rule<'_> {
    fn error(&self, check: &mut Check, key: &str, message: impl Into<String>) {
        let place = self.view.own(key).map_or(self.node.place, |node| node.place);
        check.error(place, &join(self.path, key), message.into());
    }

    fn action(&self, check: &mut Check) -> Option<RedactionAction> {
        let names: [&str; 5] = ACTIONS.each_ref().map(|action| action.name);
        let name = self.view.choice("action", &ACTIONS, names)?;
        let wants = match name {
            "mask" | "replace" => Wants::With,
            "hash" => Wants::Key,
            "truncate" => Wants::Above,
            _ => Wants::Nothing,
        };
        for (key, use_of, owner) in [
            ("with", Wants::With, "mask and replace"),
            ("key", Wants::Key, "hash"),
            ("above", Wants::Above, "truncate"),
        ] {
            if wants != use_of && self.view.own(key).is_some() {
                self.error(
                    check,
                    key,
                    format!("is for {owner}, and this rule has {name}: remove it"),
                );
            }
        }
        Some(match name {
            "delete" => RedactionAction::Delete,
            "mask" => {
                let with = self.with(check, Some("****"))?;
                RedactionAction::Mask { with }
            }
            "replace" => RedactionAction::Replace { with: self.with(check, None)? },
            "hash" => RedactionAction::Hash { key: self.key(check)? },
            _ => RedactionAction::Truncate { above: self.above(check)? },
        })
    }

    fn with(&self, check: &mut Check, default: Option<&str>) -> Option<String> {
        if self.view.own("with").is_none() {
            if default.is_none() {
                let message = "is required by `action: replace`, for example `with: \"[card]\"`";
                self.error(check, "with", message);
            }
            return default.map(str::to_owned);
        }
        let with = self.view.text("with")?;
        if with.len() > WITH_MAX {
            let message = format!("expected at most {WITH_MAX} bytes, got {}", with.len());
            self.error(check, "with", message);
            return None;
        }
        Some(with)
    }

    /// A secret that stands in the file is shared with it, and shown in excerpts of it.
    fn key(&self, check: &mut Check) -> Option<HashKey> {
        const EXAMPLE: &str = "`key: ${env:REDACTION_KEY}`";
        let Some(node) = self.view.own("key") else {
            let message = format!(
                "is required by `action: hash`, for example {EXAMPLE}: without a secret anyone could \
                 compute the hashes of what they guess"
            );
            self.error(check, "key", message);
            return None;
        };
        let scalar = read::scalar(node)?;
        if !matches!(scalar.form, Form::Filled(_)) {
            let message = format!(
                "expected a reference such as {EXAMPLE} or ${{file:path}}, got a text in the file"
            );
            self.error(check, "key", message);
            return None;
        }
        (!scalar.text.is_empty()).then(|| HashKey(scalar.text.clone().into_bytes()))
    }

    fn above(&self, check: &mut Check) -> Option<usize> {
        if self.view.own("above").is_none() {
            let message = "is required by `action: truncate`, for example `above: 4KB`";
            self.error(check, "above", message);
        }
        self.view.size("above")
    }

    fn keys(&self, check: &mut Check) -> Option<RedactionKeys> {
        match (self.view.own("keys"), self.view.own("keys_matching")) {
            (Some(_), Some(_)) => {
                let message =
                    "cannot stand beside keys: write two rules, or one regular expression";
                self.error(check, "keys_matching", message);
                None
            }
            (Some(_), None) => self.view.texts("keys").map(RedactionKeys::Listed),
            (None, Some(_)) => self.view.text("keys_matching").map(RedactionKeys::Matching),
            (None, None) => Some(RedactionKeys::Any),
        }
    }

    fn values(&self, check: &mut Check) -> Option<Option<RedactionValues>> {
        if self.view.own("values").is_none() {
            return Some(None);
        }
        let view = self.view.section("values")?;
        let values = match (view.own("preset"), view.own("regex")) {
            (Some(_), None) => {
                let preset = view.choice("preset", &PRESETS, Preset::ALL)?;
                RedactionValues::Preset(preset)
            }
            (None, Some(_)) => RedactionValues::Regex(view.text("regex")?),
            (None, None) | (Some(_), Some(_)) => {
                self.error(check, "values", "expected one of preset and regex");
                return None;
            }
        };
        Some(Some(values))
    }
}
