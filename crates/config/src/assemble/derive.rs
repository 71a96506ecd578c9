//! The section `derive`.

use tailsift_policy::{Derive, DerivePattern, Derived};

use crate::view::View;

/// What could not be read has been reported; nothing is derived from it.
pub(super) fn read(derive: &View<'_>) -> Option<Derive> {
    let defaults = Derive::default();
    Some(Derive {
        model: derived(&derive.section("model")?, defaults.model),
        model_version: derived(&derive.section("model_version")?, defaults.model_version),
        preprocessing_version: derived(
            &derive.section("preprocessing_version")?,
            defaults.preprocessing_version,
        ),
        confidence: derived(&derive.section("confidence")?, defaults.confidence),
    })
}

/// Whoever lists other attributes means these: a default pattern would speak beside them.
fn derived(view: &View<'_>, default: Derived) -> Derived {
    let attributes = view.texts("attributes").unwrap_or_default();
    let own = view.own("pattern").and_then(|_| {
        let pattern = view.section("pattern")?;
        Some(DerivePattern { from: pattern.text("from")?, regex: pattern.text("regex")? })
    });
    let kept = default.pattern.filter(|_| attributes == default.attributes);
    Derived { attributes, pattern: own.or(kept) }
}
