//! The effective rules as text, and their digest.

use std::fmt::Write;

use headgate_record::Kind;
use sha2::{Digest, Sha256};

use crate::exclude::text;
use crate::file::Rules;

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

    /// `shown` is with comments and names of lists.
    fn write(&self, shown: bool) -> String {
        let mut text = String::new();
        let exclusions = self.collect.exclusions();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "[exclude]");
        if shown {
            let _ = writeln!(
                text,
                "# Interfaces are not opened; the other exclusions are decided in the kernel."
            );
        }
        let _ = writeln!(text, "interfaces = {}", list(&exclusions.interfaces, Clone::clone));
        let _ = writeln!(text, "vlans = {}", list(&exclusions.vlans, text::show_vlans));
        let _ = writeln!(text, "macs = {}", list(&exclusions.macs, text::show_mac));
        let _ = writeln!(text, "prefixes = {}", list(&exclusions.prefixes, text::show_prefix));
        let _ = writeln!(text, "protocols = {}", list(&exclusions.protocols, text::show_protocol));
        if shown {
            let opt_outs = &exclusions.opt_outs;
            let names: Vec<&str> = opt_outs.names().collect();
            let stations = opt_outs.len();
            let _ = writeln!(
                text,
                "# {stations} stations, looked up in the collect gate: the kernel takes no such list."
            );
            let _ = writeln!(text, "opt_out_lists = {}", list(&names, |name| (*name).to_owned()));
        }
        let gates = [
            ("collect", &self.collect.kinds, &self.collect.treatments, self.collect.lengths),
            ("release", &self.release.kinds, &self.release.treatments, self.release.lengths),
        ];
        for (name, kinds, treatments, lengths) in gates {
            let _ = writeln!(text, "\n[{name}]\nkinds = {}", list(kinds, |k| k.name().to_owned()));
            let _ = writeln!(text, "ipv4_prefix = {}\nipv6_prefix = {}", lengths.v4, lengths.v6);
            if name == "release" && shown {
                let _ = writeln!(text, "profile = \"{}\"", self.release.profile.name());
            }
            if name == "release" {
                let _ = writeln!(text, "randomised_macs = {}", self.release.randomised_macs);
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
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(|i| format!("\"{}\"", show(i))).collect::<Vec<_>>().join(", "))
}
