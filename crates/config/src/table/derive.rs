//! Derived attributes: what policies speak of, whatever spans call it.

use super::key;
use crate::key::Presence::{Default, Optional, Required};
use crate::key::{Key, Presence, Section, Type};

pub(super) static DERIVE: Section = Section {
    keys: &[
        section("confidence", &CONFIDENCE, "A prediction's confidence"),
        section("model", &MODEL, "The model that answered"),
        section("model_version", &MODEL_VERSION, "The version of the model that answered"),
        section(
            "preprocessing_version",
            &PREPROCESSING_VERSION,
            "The version of what prepared the model's input",
        ),
    ],
    refused: &[],
};

const NAMES: Type = Type::List { item: &Type::Text, min: 1, max: 64 };

const fn section(name: &'static str, section: &'static Section, doc: &'static str) -> Key {
    key(name, Type::Section(section), Optional("all defaults"), doc)
}

const NAMED: &str = "Attributes that hold it; the first that is there counts, a span's before its resource's. Listing others replaces a default pattern too";
const FROM: &str =
    "A text attribute that holds it among other things; looked at where none of the attributes is";
const REGEX: &str =
    "A regular expression that may match anywhere; its first group is what is meant, or all of it";

static PATTERN: Section = Section {
    keys: &[
        key("from", Type::Text, Required("url.path"), FROM),
        key("regex", Type::Text, Required("\"/v2/models/[^/]+/versions/([^/]+)\""), REGEX),
    ],
    refused: &[],
};

const fn pattern(presence: Presence) -> Key {
    key("pattern", Type::Section(&PATTERN), presence, "Finds it within another attribute")
}

static CONFIDENCE: Section = Section {
    keys: &[
        key(
            "attributes",
            NAMES,
            Default(
                "[prediction_confidence, prediction.confidence, model.confidence, confidence, gen_ai.evaluation.score.value, evaluation.score]",
            ),
            "Attributes that hold it, as numbers; all that a span carries are looked at",
        ),
        pattern(Optional("no pattern")),
    ],
    refused: &[],
};

static MODEL: Section = Section {
    keys: &[
        key(
            "attributes",
            NAMES,
            Default(
                "[gen_ai.response.model, gen_ai.request.model, llm.model_name, llm.response.model_name, llm.request.model_name, triton.model_name, model.id, remote_model, ai.model_id]",
            ),
            NAMED,
        ),
        pattern(Default("{from: url.path, regex: \"/v[12]/models/([^/:]+)\"}")),
    ],
    refused: &[],
};

static MODEL_VERSION: Section = Section {
    keys: &[
        key(
            "attributes",
            NAMES,
            Default("[model_version, triton.model_version, service.version]"),
            NAMED,
        ),
        pattern(Default("{from: url.path, regex: \"/v2/models/[^/]+/versions/([^/]+)\"}")),
    ],
    refused: &[],
};

static PREPROCESSING_VERSION: Section = Section {
    keys: &[
        key("attributes", NAMES, Default("[preprocessing_version, preprocessing.version]"), NAMED),
        pattern(Optional("no pattern")),
    ],
    refused: &[],
};
