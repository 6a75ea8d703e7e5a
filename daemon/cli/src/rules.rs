//! `headgate rules`: checking and showing the rule files.

use std::path::Path;

use headgate_sensor::read_rules;
use headgate_service::config;
use serde_json::json;

use crate::error::CliError;
use crate::show;

/// Checks the configuration and the rules. An error names file, line and column.
pub(crate) fn check(config_file: &Path, as_json: bool) -> Result<(), CliError> {
    config::load(config_file)?;
    let rules = read_rules(config_file)?;
    let digest: String = rules.digest().iter().map(|octet| format!("{octet:02x}")).collect();
    let instructions = rules.filter().instructions().len();
    let profile = rules.release().profile().name();
    let opted_out = rules.collect().exclusions().opted_out();
    let fingerprints = rules.fingerprints().len();
    let depth = rules.collect().depth();
    let whole: Vec<&str> = [
        (depth.radius, "RADIUS messages"),
        (depth.eap_identity, "EAP Identity responses"),
        (depth.service_types, "multicast DNS messages"),
    ]
    .into_iter()
    .filter_map(|(is_whole, what)| is_whole.then_some(what))
    .collect();
    if as_json {
        return show::json(&json!({
            "digest": digest,
            "filter_instructions": instructions,
            "profile": profile,
            "opted_out": opted_out,
            "fingerprints": fingerprints,
            "whole_beyond_default": whole,
        }));
    }
    show::line(&format!(
        "{} and the rules beside it are good.\nThe kernel filter has {instructions} instructions; the rules' digest is {digest}.\nThe profile of what leaves is {profile}. Stations that have opted out: {opted_out}.\nThere are {fingerprints} fingerprints of DHCP clients.\nBeyond the default the kernel hands over whole: {}.",
        config_file.display(),
        if whole.is_empty() { "nothing".to_owned() } else { whole.join(", ") },
    ))
}

/// Prints the effective rules in the form of a rule file.
pub(crate) fn show(config_file: &Path, as_json: bool) -> Result<(), CliError> {
    let text = read_rules(config_file)?.show();
    if as_json { show::json(&json!({ "rules": text })) } else { show::line(text.trim_end()) }
}
