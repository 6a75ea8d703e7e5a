//! What the report is about: the running appliance, or captures.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use headgate_record::local::ControlRequest;
use headgate_record::{Kind, Record};
use headgate_rules::Rules;
use headgate_sensor::Engine;
use headgate_service::config::Headgate;
use serde_json::Value;

use super::flows::Flows;
use crate::ask::Store;
use crate::error::CliError;
use crate::figures::time_of;
use crate::replay::{self, Latest};
use crate::{health, processing, show};

/// All that the report says, before it is put into words.
pub(super) struct Site {
    /// Names of the captures; without any it is of the running appliance.
    pub(super) captures: Vec<String>,
    /// When it was made, nanoseconds since 1970; of captures nothing is said that is not in them.
    pub(super) made: Option<u64>,
    pub(super) status: Value,
    pub(super) wrong: Vec<health::Finding>,
    pub(super) ledger: Value,
    /// The facts of the record of processing.
    pub(super) processing: Value,
    /// The effective rules, as text.
    pub(super) rules: String,
    /// The latest record of each subject.
    pub(super) records: BTreeMap<Kind, Vec<Value>>,
    /// Records that found no room.
    pub(super) left_out: BTreeMap<Kind, u64>,
    pub(super) flows: Flows,
}

impl Site {
    /// Asks the running appliance.
    ///
    /// # Errors
    /// As of asking, and of reading the configuration.
    pub(super) fn of_appliance(config: &Path) -> Result<Site, CliError> {
        let (settings, rules) = replay::settings(config)?;
        let mut store = Store::connect(config)?;
        let status = store.ask(&ControlRequest::Status)?;
        let mut site = Site::new(&settings, &rules);
        site.wrong = health::findings(&status);
        site.wrong.extend(health::clock());
        site.status = status;
        for kind in Kind::ALL {
            let answer =
                store.ask(&ControlRequest::Records { kind: kind.name().into(), limit: MAX_RECORDS })?;
            let Value::Array(mut records) = answer else { continue };
            // The store gives the newest first.
            records.reverse();
            if kind == Kind::Flow {
                records.iter().for_each(|flow| site.flows.add(flow));
            }
            site.records.insert(kind, records);
        }
        site.ledger = store.ask(&ControlRequest::Ledger { limit: MAX_ENTRIES })?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        site.made = u64::try_from(now.as_nanos()).ok();
        Ok(site)
    }

    /// Reads captures, each through the same rules as a wire. A file that is damaged gives what comes before the damage, and
    /// the error is given beside.
    ///
    /// # Errors
    /// As of reading the configuration.
    pub(super) fn of_captures(
        config: &Path,
        files: &[PathBuf],
    ) -> Result<(Site, Result<(), CliError>), CliError> {
        let (settings, rules) = replay::settings(config)?;
        let mut site = Site::new(&settings, &rules);
        let mut engine = Engine::new(rules, &settings);
        let (mut latest, mut flows, mut result) = (Latest::default(), Flows::default(), Ok(()));
        let mut take = |records: Vec<Record>| {
            for record in records {
                if record.kind() == Kind::Flow {
                    flows.add(&record.to_json());
                }
                latest.add(record);
            }
            ControlFlow::Continue(())
        };
        for file in files {
            let name = file.file_name().unwrap_or(file.as_os_str());
            site.captures.push(name.to_string_lossy().into_owned());
            if let Err(error) = headgate_sensor::replay(&mut engine, file, &mut take) {
                show::problem(&headgate_service::exit::chain(&error));
                result = Err(CliError::Said(Box::new(error)));
            }
        }
        engine.finish_into(&mut take);
        engine.account([0; 3]);
        let _ = take(engine.take());
        let (records, left_out) = latest.into_json();
        (site.records, site.left_out, site.flows) = (records, left_out, flows);
        Ok((site, result))
    }

    pub(super) fn new(settings: &Headgate, rules: &Rules) -> Site {
        Site {
            captures: Vec::new(),
            made: None,
            status: Value::Null,
            wrong: Vec::new(),
            ledger: Value::Null,
            processing: processing::facts(settings, rules),
            rules: rules.show(),
            records: BTreeMap::new(),
            left_out: BTreeMap::new(),
            flows: Flows::default(),
        }
    }

    /// Whether it is of the running appliance.
    pub(super) fn is_live(&self) -> bool {
        self.captures.is_empty()
    }

    /// The records of a kind, oldest first.
    pub(super) fn of(&self, kind: Kind) -> &[Value] {
        self.records.get(&kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// From the first to the last frame that was counted, nanoseconds since 1970.
    pub(super) fn period(&self) -> Option<(u64, u64)> {
        let counters = self.of(Kind::Counters);
        let from = counters.iter().filter_map(|row| time_of(&row["from"])).min()?;
        let to = counters.iter().filter_map(|row| time_of(&row["to"])).max()?;
        Some((from, to))
    }
}

/// Most records of a kind that are asked for; the store gives no more.
const MAX_RECORDS: u32 = 16_384;
/// Most entries of the ledger.
const MAX_ENTRIES: u32 = 1_000;
