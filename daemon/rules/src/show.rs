//! The effective rules as text, and their digest.

use std::fmt::Write;

use headgate_record::Kind;
use sha2::{Digest, Sha256};

use crate::exclude::{Exclusion, Exclusions, text};
use crate::file::Rules;
use crate::filter::{Left, Scope, Tunnel};
use crate::rule::Collect;

impl Rules {
    /// SHA-256 of the effective rules, whatever files, lists and comments they came from.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(self.write(false));
        let opt_outs = self.collect.exclusions.opt_outs.sorted();
        opt_outs.iter().for_each(|mac| digest.update(mac.to_be_bytes()));
        digest.finalize().into()
    }

    /// The effective rules in the form of a rule file. Comments say who decides; of opt-out lists it has the names.
    #[must_use]
    pub fn show(&self) -> String {
        self.write(true)
    }

    /// What is left to the collect gate, of some scopes.
    fn but(&self, is_of: impl Fn(Scope) -> bool) -> String {
        let left = self.keep.left().iter();
        let left = left.filter(|left| is_of(left.scope) && left.exclusion != Exclusion::Rule);
        match left.map(Left::name).collect::<Vec<_>>()[..] {
            [] => String::new(),
            ref left => {
                format!(", but for {}, which do not fit and are left to the collect gate", left.join(", "))
            }
        }
    }

    /// `shown` is with comments and names of lists.
    fn write(&self, shown: bool) -> String {
        let mut text = String::new();
        let exclusions = self.collect.exclusions();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "[exclude]");
        if shown {
            let _ = writeln!(
                text,
                "# Interfaces are not opened. The others are decided in the kernel{}.",
                self.but(|scope| scope != Scope::HeadersOnly)
            );
        }
        choice(&mut text, exclusions);
        if shown {
            let opt_outs = &exclusions.opt_outs;
            let names: Vec<&str> = opt_outs.names().collect();
            let stations = opt_outs.len();
            let _ = writeln!(
                text,
                "# Stations in these lists: {stations}. They are looked up in the collect gate: the kernel takes no such list."
            );
            let _ = writeln!(text, "opt_out_lists = {}", list(&names, |name| (*name).to_owned()));
        }
        let _ = writeln!(text, "\n[headers_only]");
        if shown {
            let _ = writeln!(
                text,
                "# VLANs, MAC addresses and protocols are decided in the kernel{}. Interfaces and prefixes are decided in the collect gate.",
                self.but(|scope| scope == Scope::HeadersOnly)
            );
        }
        choice(&mut text, self.collect.headers_only());
        self.write_rules(&mut text, shown);
        self.write_stations(&mut text, shown);
        self.requests.write(&mut text, shown);
        let gates = [
            ("collect", &self.collect.kinds, &self.collect.treatments, self.collect.lengths),
            ("release", &self.release.kinds, &self.release.treatments, self.release.lengths),
        ];
        for (name, kinds, treatments, lengths) in gates {
            let _ = writeln!(text, "\n[{name}]\nkinds = {}", list(kinds, |k| k.name().to_owned()));
            let _ = writeln!(text, "ipv4_prefix = {}\nipv6_prefix = {}", lengths.v4, lengths.v6);
            if name == "collect" {
                let tunnels: Vec<Tunnel> = self.collect.tunnels.iter().collect();
                let _ = writeln!(text, "tunnels = {}", list(&tunnels, |t| t.name().to_owned()));
            }
            if name == "release" && shown {
                let _ = writeln!(text, "profile = \"{}\"", self.release.profile.name());
            }
            if name == "release" {
                let _ = writeln!(text, "randomised_macs = {}", self.release.randomised_macs);
                let _ = writeln!(text, "group_size = {}", self.release.group_size);
            }
            for kind in Kind::ALL {
                let _ = writeln!(text, "\n[{name}.{}]", kind.name());
                for (field, treatment) in treatments.iter().filter(|(f, _)| f.kind() == kind) {
                    let _ = writeln!(text, "{} = \"{}\"", field.short_name(), treatment.name());
                }
            }
        }
        text
    }

    /// Nothing where there are none, so that they change no digest.
    fn write_stations(&self, text: &mut String, shown: bool) {
        for group in self.collect.stations.iter() {
            let conditions = &group.conditions;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n[[stations]]");
            if shown {
                let _ = writeln!(text, "# Decided for each record: by the collect gate, and as it leaves.");
            }
            let _ = writeln!(text, "name = \"{}\"", group.name());
            for (key, values) in [
                ("interfaces", values(&conditions.interfaces, Clone::clone)),
                ("vlans", values(&conditions.vlans, text::show_vlans)),
                ("macs", values(&conditions.macs, text::show_mac)),
                ("kinds", group.kinds.as_ref().map(|kinds| list(kinds, |kind| kind.name().to_owned()))),
                (
                    "profile",
                    group.release.as_ref().map(|released| format!("\"{}\"", released.profile.name())),
                ),
                ("group_size", group.group_size.map(|size| size.to_string())),
            ] {
                if let Some(values) = values {
                    let _ = writeln!(text, "{key} = {values}");
                }
            }
        }
    }

    /// Nothing where there are none, so that they change no digest.
    fn write_rules(&self, text: &mut String, shown: bool) {
        let rules = self.collect.rules();
        let in_kernel = self.keep.rules().count();
        // A rule that changes nothing is not in the program.
        let left =
            self.keep.left().iter().any(|l| l.exclusion == Exclusion::Rule && l.scope == Scope::Frames);
        for (at, rule) in rules.iter().enumerate() {
            let conditions = &rule.conditions;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n[[rule]]");
            if shown {
                let _ = match (conditions.interfaces.is_empty(), rule.collect()) {
                    (false, _) => writeln!(
                        text,
                        "# Decided in the collect gate: one kernel program serves all interfaces. The kernel keeps what it keeps without rules."
                    ),
                    (true, _) if at >= in_kernel && left => writeln!(
                        text,
                        "# Decided in the collect gate: it does not fit into the kernel's program."
                    ),
                    (true, Collect::Control) => {
                        writeln!(text, "# The kernel keeps what it keeps without rules.")
                    }
                    (true, _) if rules.iter().take(at).any(|r| !r.conditions.interfaces.is_empty()) => {
                        writeln!(
                            text,
                            "# Decided in the kernel, but for frames that a rule of interfaces before it may match."
                        )
                    }
                    (true, _) => writeln!(text, "# Decided in the kernel."),
                };
            }
            let _ = writeln!(text, "name = \"{}\"", rule.name());
            for (key, values) in [
                ("interfaces", values(&conditions.interfaces, Clone::clone)),
                ("vlans", values(&conditions.vlans, text::show_vlans)),
                ("macs", values(&conditions.macs, text::show_mac)),
                ("prefixes", values(&conditions.prefixes, text::show_prefix)),
                ("protocols", values(&conditions.protocols, text::show_protocol)),
            ] {
                if let Some(values) = values {
                    let _ = writeln!(text, "{key} = {values}");
                }
            }
            let _ = writeln!(text, "collect = \"{}\"", rule.collect().name());
        }
    }
}

/// The values of a condition that is given.
fn values<T>(items: &[T], show: impl Fn(&T) -> String) -> Option<String> {
    (!items.is_empty()).then(|| list(items, show))
}

fn choice(text: &mut String, frames: &Exclusions) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "interfaces = {}", list(&frames.interfaces, Clone::clone));
    let _ = writeln!(text, "vlans = {}", list(&frames.vlans, text::show_vlans));
    let _ = writeln!(text, "macs = {}", list(&frames.macs, text::show_mac));
    let _ = writeln!(text, "prefixes = {}", list(&frames.prefixes, text::show_prefix));
    let _ = writeln!(text, "protocols = {}", list(&frames.protocols, text::show_protocol));
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(|i| format!("\"{}\"", show(i))).collect::<Vec<_>>().join(", "))
}
