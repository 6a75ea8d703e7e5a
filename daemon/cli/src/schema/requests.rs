//! The keys of `[requests]` in `rules.toml`.

use headgate_rules::MAX_CAPTURE_MINUTES;
use serde_json::{Value, json};

use super::described;

/// The keys, each with what it takes.
pub(super) fn keys() -> [(&'static str, Value); 3] {
    let minutes = json!({ "type": "integer", "minimum": 0, "maximum": MAX_CAPTURE_MINUTES });
    let yes_or_no = |meaning: &str| described(json!({ "type": "boolean" }), meaning, Some(false.into()));
    [
        (
            "capture_minutes",
            described(minutes, "Longest capture of headers, minutes; 0 refuses.", Some(0.into())),
        ),
        ("rules", yes_or_no("Whether a change of the rules may be proposed.")),
        ("look", yes_or_no("Whether figures of the appliance may be asked for.")),
    ]
}
