//! What the receiver did and has, as OpenMetrics text (OpenMetrics 1.0.0). Of appliances there are names and counts; of what is in
//! their batches nothing.

use headgate_service::openmetrics::Exposition;

use crate::accounts::{Accounts, Outcome};
use crate::engine::Figures;

/// The text.
#[must_use]
pub fn text(accounts: &Accounts, figures: &Figures) -> String {
    let mut text = Exposition::new(PREFIX);
    text.family("build", "info", "", "The program that runs.");
    text.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);

    text.family(
        "batches",
        "counter",
        "",
        "Batches that came over the network and got a receipt, since the start.",
    );
    for (outcome, label) in [(Outcome::Stored, "stored"), (Outcome::Repeated, "repeated")] {
        text.sample("batches_total", &[("outcome", label)], accounts.of(outcome));
    }
    text.family("refused", "counter", "", "Requests and connections that got no receipt, since the start.");
    for (outcome, reason) in REFUSED {
        text.sample("refused_total", &[("reason", reason)], accounts.of(outcome));
    }
    text.family(
        "received_bytes",
        "counter",
        "bytes",
        "Bodies that arrived whole, as they were sealed, since the start.",
    );
    text.sample("received_bytes_total", &[], accounts.octets());

    text.family("media_imported", "counter", "", "Carried media that were imported, ever.");
    text.sample("media_imported_total", &[], figures.media);
    text.family("batches_imported", "counter", "", "Batches that were stored from media, ever.");
    text.sample("batches_imported_total", &[], figures.imported);

    text.family("appliances", "gauge", "", "Appliances of which there are batches.");
    text.sample("appliances", &[], figures.known);
    text.family("appliance_batches", "counter", "", "Batches of an appliance that were stored, ever.");
    for of in &figures.appliances {
        text.sample("appliance_batches_total", &[("appliance", &of.name)], of.batches);
    }
    text.family(
        "appliance_missing_batches",
        "gauge",
        "",
        "Numbers below the highest of each epoch under which nothing was stored.",
    );
    for of in &figures.appliances {
        text.sample("appliance_missing_batches", &[("appliance", &of.name)], of.missing);
    }
    text.family(
        "appliance_quiet_seconds",
        "gauge",
        "seconds",
        "Since a batch of an appliance was stored last.",
    );
    for of in &figures.appliances {
        text.sample("appliance_quiet_seconds", &[("appliance", &of.name)], seconds(of.quiet_ms));
    }

    text.family(
        "oldest_records_seconds",
        "gauge",
        "seconds",
        "Since the oldest records that are kept were stored.",
    );
    if let Some(age_ms) = figures.oldest_ms {
        text.sample("oldest_records_seconds", &[], seconds(age_ms));
    }
    text.family("database_bytes", "gauge", "bytes", "Size of the database file.");
    text.sample("database_bytes", &[], figures.octets);
    text.finish()
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

const PREFIX: &str = "headgate_receiver_";
const REFUSED: [(Outcome, &str); 7] = [
    (Outcome::Handshake, "handshake"),
    (Outcome::Malformed, "malformed"),
    (Outcome::Foreign, "foreign"),
    (Outcome::Unproved, "unproved"),
    (Outcome::Region, "region"),
    (Outcome::Conflict, "conflict"),
    (Outcome::Unstored, "unstored"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_reason_of_its_own() {
        let accounts = Accounts::default();
        for (outcome, _) in REFUSED {
            accounts.count(outcome);
        }
        assert_eq!(accounts.refused(), 7);
        let text = text(&accounts, &Figures::default());
        assert_eq!(text.matches("headgate_receiver_refused_total{reason=").count(), 7);
        assert_eq!(text.lines().filter(|l| l.contains("refused_total{") && l.ends_with(" 1")).count(), 7);
    }
}
