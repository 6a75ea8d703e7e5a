//! `headgate rules processing`: the record of processing activities (GDPR, Article 30), made from what is in force.
//!
//! What the organisation alone knows, who is responsible and why it may, is left open for it to fill in; nothing is said that
//! the files do not say.

use std::path::Path;

use headgate_record::{Field, Kind, Person, Treatment};
use headgate_rules::{Rules, StationGroup};
use headgate_service::config::Headgate;
use serde_json::{Value, json};

use crate::dictionary::person;
use crate::error::CliError;
use crate::replay::settings;
use crate::show;

/// Prints it as Markdown, or the same facts as JSON.
pub(crate) fn print(config_file: &Path, as_json: bool) -> Result<(), CliError> {
    let (settings, rules) = settings(config_file)?;
    let facts = Facts::new(&settings, &rules);
    if as_json { show::json(&facts.to_json()) } else { show::text(&facts.to_markdown()) }
}

/// The same facts, as JSON.
pub(crate) fn facts(settings: &Headgate, rules: &Rules) -> Value {
    Facts::new(settings, rules).to_json()
}

struct Facts<'a> {
    settings: &'a Headgate,
    rules: &'a Rules,
    elements: Vec<Element>,
}

/// An element of data that is kept.
struct Element {
    field: Field,
    kept: Treatment,
    leaves: Treatment,
}

impl<'a> Facts<'a> {
    fn new(settings: &'a Headgate, rules: &'a Rules) -> Facts<'a> {
        let kinds = Kind::ALL.into_iter().filter(|kind| rules.collect().collects(*kind));
        let elements = kinds.flat_map(|kind| {
            let leaves = move |field| match rules.release().releases(kind) && has_recipient(settings) {
                true => rules.release().treatment(field),
                false => Treatment::Drop,
            };
            Field::of(kind).map(move |field| Element {
                field,
                kept: rules.collect().treatment(field),
                leaves: leaves(field),
            })
        });
        let elements = elements.filter(|element| element.kept != Treatment::Drop).collect();
        Facts { settings, rules, elements }
    }

    fn recipients(&self) -> Vec<String> {
        let uplink = &self.settings.uplink;
        let mut recipients = Vec::new();
        if let Some(receiver) = &uplink.receiver {
            recipients.push(format!(
                "the receiver {}, over mutual TLS 1.3, sealed to the organisation's key",
                receiver.as_str()
            ));
        }
        if let Some(collector) = &uplink.collector {
            recipients.push(format!("the site's own collector {} (OpenTelemetry)", collector.as_str()));
        }
        if uplink.bundles {
            recipients.push("whoever carries media to the receiver; they hold ciphertext, sealed to the organisation's key".into());
        }
        recipients
    }

    fn regions(&self) -> Vec<String> {
        self.settings.uplink.regions.names()
    }

    /// Days, by what they are of.
    fn retention(&self) -> [(&'static str, u32); 3] {
        let retention = &self.settings.retention;
        [
            ("flows", retention.flows.get()),
            ("devices, neighbours, leases, exchanges, authentications and bridges", retention.devices.get()),
            ("counters", retention.counters.get()),
        ]
    }

    fn digest(&self) -> String {
        self.rules.digest().iter().map(|octet| format!("{octet:02x}")).collect()
    }

    fn groups(&self) -> Vec<&str> {
        self.rules.collect().stations().iter().map(StationGroup::name).collect()
    }

    fn to_json(&self) -> Value {
        let elements = self.elements.iter().map(|Element { field, kept, leaves }| {
            let row = field.definition();
            json!({
                "name": row.name, "source": row.source, "person": person(row.person),
                "kept": kept.name(), "leaves": leaves.name(),
            })
        });
        json!({
            "appliance": self.settings.appliance.id.as_str(),
            "rules_digest": self.digest(),
            "interfaces": self.settings.capture.interfaces.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "opted_out": self.rules.collect().exclusions().opted_out(),
            "groups": self.groups(),
            "profile": self.rules.release().profile().name(),
            "group_size": self.rules.release().group_size(),
            "recipients": self.recipients(),
            "regions": self.regions(),
            "retention_days": self.retention().map(|(of, days)| json!({ "of": of, "days": days })),
            "elements": elements.collect::<Vec<_>>(),
        })
    }

    fn to_markdown(&self) -> String {
        let mut text = format!(
            "# Record of processing activities: Headgate, appliance {}\n\n\
             Made by `headgate rules processing` from the files in force (rules {}). Lines that end in `____` are for the organisation.\n\n\
             ## Responsible\n\n- Controller and its contact: ____\n- Data protection officer: ____\n- Processors, with their contracts: ____\n\n\
             ## Purposes and legal basis\n\n\
             - To run and secure the site's network: who and what is on it, and how well it works.\n- Legal basis, and the balance where it is a legitimate interest: ____\n\n\
             ## Whose data\n\n- Whoever uses a device that can be heard on: {}\n- Left out because they opted out: {} stations\n",
            self.settings.appliance.id.as_str(),
            self.digest(),
            listed(
                &self
                    .settings
                    .capture
                    .interfaces
                    .iter()
                    .map(|name| format!("`{}`", name.as_str()))
                    .collect::<Vec<_>>()
            ),
            self.rules.collect().exclusions().opted_out(),
        );
        let groups = self.groups();
        if !groups.is_empty() {
            text += &format!("- Of these groups of stations less is kept or leaves: {}\n", groups.join(", "));
        }
        text += "\n## What data\n\nNo payload: the kernel hands over headers, and what devices announce, alone. \"Leaves as\" is what the recipients below get.\n\n\
                 | element | from | tells of a person | kept as | leaves as |\n|---|---|---|---|---|\n";
        for Element { field, kept, leaves } in &self.elements {
            let row = field.definition();
            text += &format!(
                "| {} | {} | {} | {} | {} |\n",
                row.name,
                row.source.replace('|', "\\|"),
                person(row.person),
                kept.name(),
                not_at_all(*leaves),
            );
        }
        let personal = self.elements.iter().filter(|e| e.field.definition().person != Person::No);
        let leaving = personal.clone().filter(|element| element.leaves != Treatment::Drop).count();
        text += &format!(
            "\n{} elements are kept, {} of which tell of a person; {leaving} of these leave in some form. Profile of what leaves: `{}`; counts of groups with fewer than {} members do not leave.\n",
            self.elements.len(),
            personal.count(),
            self.rules.release().profile().name(),
            self.rules.release().group_size(),
        );
        text += &format!(
            "\n## Who receives it\n\n- {}\n- Stored in: {}\n- Transfers to third countries, and their guarantees: ____\n\n## How long\n\n",
            listed(&self.recipients()).replace("; ", "\n- "),
            match self.regions() {
                regions if regions.is_empty() => "no region is pinned".to_owned(),
                regions => format!("{}, pinned: the appliance sends to no other", regions.join(", ")),
            },
        );
        for (of, days) in self.retention() {
            text += &format!("- {of}: {days} days on the appliance\n");
        }
        text + MEASURES
    }
}

fn has_recipient(settings: &Headgate) -> bool {
    let uplink = &settings.uplink;
    uplink.receiver.is_some() || uplink.collector.is_some() || uplink.bundles
}

fn not_at_all(leaves: Treatment) -> &'static str {
    if leaves == Treatment::Drop { "not at all" } else { leaves.name() }
}

fn listed(items: &[String]) -> String {
    if items.is_empty() { "nobody, nothing".to_owned() } else { items.join("; ") }
}

const MEASURES: &str = "- at the receiver: its `[retention] days`: ____\n\n\
    ## How it is protected\n\n\
    - The site's rules are enforced in the kernel, before any program sees a frame; a rule file that is wrong changes nothing.\n\
    - The process that sees has no network, no disk and no keys; the one that keeps has no network; the one that sends sees released batches alone.\n\
    - What is kept is encrypted (AES-256-GCM); a person's identity under a key of its own, which erasure destroys.\n\
    - Every change of rules, release, export and erasure stands in a signed, hash-chained ledger: `headgate ledger verify`.\n\
    - Rights of the person: `headgate subject find | export | correct | erase`.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(toml: &str, rules: &str, check: impl Fn(&Facts<'_>)) {
        let settings: Headgate = toml::from_str(toml).unwrap();
        let rules = Rules::parse(&[("rules.toml".into(), rules.into())]).unwrap();
        check(&Facts::new(&settings, &rules));
    }

    fn leaves(facts: &Facts<'_>, name: &str) -> Option<(Treatment, Treatment)> {
        let element = facts.elements.iter().find(|element| element.field.definition().name == name)?;
        Some((element.kept, element.leaves))
    }

    #[test]
    fn without_a_recipient_nothing_leaves() {
        facts("", "", |facts| {
            assert_eq!(leaves(facts, "device.mac"), Some((Treatment::Keep, Treatment::Drop)));
            assert!(facts.elements.iter().all(|element| element.leaves == Treatment::Drop));
            assert!(facts.to_markdown().contains("nobody, nothing"));
        });
    }

    #[test]
    fn what_the_files_say_stands_in_it() {
        let toml = "[capture]\ninterfaces = [\"eth1\"]\n[uplink]\nreceiver = \"collector.example:8443\"\nregions = [\"eu\"]\n[retention]\nflows = 7\n";
        facts(toml, "[collect]\nkinds = [\"device\"]\n[collect.device]\nhostname = \"drop\"\n", |facts| {
            assert_eq!(leaves(facts, "device.mac"), Some((Treatment::Keep, Treatment::Pseudonym)));
            assert_eq!(leaves(facts, "device.hostname"), None);
            assert_eq!(leaves(facts, "flow.bytes"), None);
            let text = facts.to_markdown();
            for said in ["`eth1`", "collector.example:8443", "eu, pinned", "flows: 7 days", "| device.mac |"]
            {
                assert!(text.contains(said), "{said}: {text}");
            }
            let json = facts.to_json();
            assert_eq!(json["retention_days"][0]["days"], 7);
            assert_eq!(json["elements"].as_array().unwrap().len(), facts.elements.len());
        });
    }
}
