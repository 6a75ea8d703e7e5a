//! `headgate rules`: checking and showing the rule files.

use std::path::Path;

use headgate_rules::filter::Left;
use headgate_rules::{Places, Rule, Rules, StationGroup};
use headgate_sensor::{check_threads, read_rules, read_rules_with_places};
use headgate_service::config;
use serde_json::json;

use crate::error::CliError;
use crate::show;

/// Checks the configuration and the rules. An error names file, line and column.
pub(crate) fn check(config_file: &Path, as_json: bool) -> Result<(), CliError> {
    let settings = config::load(config_file)?;
    let (rules, places) = read_rules_with_places(config_file)?;
    check_threads(&settings, &rules)?;
    let warnings = never_matching(&rules, &places);
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
            "left_to_collect_gate": left(&rules),
            "fingerprints": fingerprints,
            "whole_beyond_default": whole,
            "rules": rules.collect().rules().iter().map(Rule::name).collect::<Vec<_>>(),
            "stations": rules.collect().stations().iter().map(StationGroup::name).collect::<Vec<_>>(),
            "warnings": warnings,
        }));
    }
    let warnings: String = warnings.iter().map(|warning| format!("\nWarning: {warning}")).collect();
    show::line(&format!(
        "{} and the rules beside it are good.\nThe kernel filter has {instructions} instructions; the rules' digest is {digest}.\nThe profile of what leaves is {profile}. Stations that have opted out: {opted_out}.\nThere are {fingerprints} fingerprints of DHCP clients.\nBeyond the default the kernel hands over whole: {}.\n{}{warnings}",
        config_file.display(),
        if whole.is_empty() { "nothing".to_owned() } else { whole.join(", ") },
        decided(&rules),
    ))
}

/// Prints the effective rules in the form of a rule file, and who decides the exclusions.
pub(crate) fn show(config_file: &Path, as_json: bool) -> Result<(), CliError> {
    let rules = read_rules(config_file)?;
    let text = rules.show();
    if as_json {
        return show::json(&json!({ "rules": text, "left_to_collect_gate": left(&rules) }));
    }
    show::line(&format!("{}\n\n# {}", text.trim_end(), decided(&rules).replace('\n', "\n# ")))
}

/// The rules and the groups of stations that can never match, and why.
fn never_matching(rules: &Rules, places: &Places) -> Vec<String> {
    let list = rules.collect().rules();
    let said = |rule: usize| {
        let name = list.iter().nth(rule).map_or("", Rule::name);
        let place = places.rule(rule).map(ToString::to_string).unwrap_or_default();
        format!("rule {name:?} ({place})")
    };
    let warning = |what: String, before: String| {
        format!("{what} never matches: {before} comes before it and takes all of it")
    };
    let group = |at: usize| places.stations(at).to_string();
    let covered_rules = list.covered().map(|(rule, before)| warning(said(rule), said(before)));
    let covered_groups = rules.collect().stations().covered();
    covered_rules.chain(covered_groups.map(|(at, before)| warning(group(at), group(before)))).collect()
}

/// What does not fit into the kernel's program.
fn left(rules: &Rules) -> Vec<String> {
    rules.keep().left().iter().map(Left::name).collect()
}

fn decided(rules: &Rules) -> String {
    match left(rules) {
        left if left.is_empty() => {
            "All of [exclude], [headers_only] and the rules that the kernel can decide fits into its program."
                .to_owned()
        }
        left => format!(
            "These do not fit into the kernel's program; the collect gate decides them, when the headers have reached the sensor: {}.\nFewer or wider entries of these and of other sorts would fit.",
            left.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_leaves_to_the_collect_gate_is_said() {
        let rules = |text: &str| Rules::parse(&[("rules.toml".into(), text.into())]).unwrap();
        assert_eq!(
            decided(&rules("")),
            "All of [exclude], [headers_only] and the rules that the kernel can decide fits into its program."
        );
        let list = |entry: fn(u32) -> String| (0..64).map(|n| format!("{:?}", entry(n))).collect::<Vec<_>>();
        let [vlans, prefixes] = [
            list(|n| format!("{}-{}", n * 3, n * 3 + 1)),
            list(|n| format!("2001:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}")),
        ];
        let full = rules(&format!(
            "[exclude]\nvlans = [{}]\nprefixes = [{}]\n",
            vlans.join(", "),
            prefixes.join(", ")
        ));
        assert_eq!(left(&full), ["vlan within tunnels", "prefix within tunnels"]);
        assert!(decided(&full).contains("the collect gate decides them"));
    }

    #[test]
    fn a_rule_that_can_never_match_is_warned_of() {
        let text = "[[rule]]\nname = \"imaging\"\nvlans = [30]\ncollect = \"headers\"\n\
                    [[rule]]\nname = \"modality\"\nvlans = [30]\nprotocols = [\"tcp/104\"]\ncollect = \"none\"\n";
        let (rules, places) = Rules::parse_with_places(&[("rules.toml".into(), text.into())]).unwrap();
        assert_eq!(
            never_matching(&rules, &places),
            [
                "rule \"modality\" (rules.toml:6:8) never matches: rule \"imaging\" (rules.toml:2:8) comes before it and takes all of it"
            ]
        );
    }
}
