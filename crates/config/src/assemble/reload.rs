//! How rules are replaced at run time.

use crate::check::Check;
use crate::node::Form;
use crate::read;
use crate::reload::{Reload, Token};
use crate::view::View;

pub(super) fn reload(root: &View<'_>, check: &mut Check) -> Option<Reload> {
    let view = root.section("reload")?;
    let interval = Some(view.duration("interval")?).filter(|interval| !interval.is_zero());
    Some(Reload { interval, token: token(&view, check)? })
}

/// A secret that stands in the file is shared with it, and one of `--set` shown in lists of
/// processes.
fn token(view: &View<'_>, check: &mut Check) -> Option<Option<Token>> {
    let Some(node) = view.own("token") else { return Some(None) };
    let scalar = read::scalar(node)?;
    let is_reference = matches!(scalar.form, Form::Filled(_) | Form::FilledText(_));
    let message = match (is_reference, scalar.text.is_empty()) {
        (true, false) => return Some(Some(Token::new(scalar.text.clone()))),
        (false, true) => return Some(None),
        (false, false) => {
            "expected a reference such as `token: ${env:RELOAD_TOKEN}` or ${file:path}, got a text in the file"
        }
        (true, true) => {
            "expected a secret, got nothing from the reference: leave the key out if nobody may ask over HTTP"
        }
    };
    check.error(view.place("token"), "reload.token", message);
    None
}
