//! The answer to [`headgate_record::local::ControlRequest::Status`].

use std::collections::BTreeMap;

use headgate_record::Kind;
use headgate_record::local::LinkState;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::Error;
use crate::account;
use crate::database::{get_number, meta, number, on_disk};
use crate::kept;
use crate::outbox;
use crate::query;
use crate::release;
use crate::requests;
use crate::store::Store;

/// What the store knows that is not in its database.
#[derive(Default)]
pub(crate) struct Peers {
    /// Connections of the sensor.
    pub(crate) sensors: u32,
    /// Last committed record of the present session, once there was one.
    pub(crate) committed: Option<u64>,
    /// What the sensor last said of its interfaces.
    pub(crate) interfaces: Vec<(String, LinkState)>,
    /// What the uplink last said of itself.
    pub(crate) uplink: Option<UplinkState>,
}

/// See [`headgate_record::local::FromUplink::State`].
pub(crate) struct UplinkState {
    /// Whether the last attempt succeeded.
    pub(crate) connected: bool,
    /// The last failure, or empty.
    pub(crate) problem: String,
    /// Milliseconds until the next attempt, or 0.
    pub(crate) retry_ms: u64,
    /// When it said so.
    pub(crate) at_ms: u64,
}

/// Health and accounts; `problems` are what the store cannot do at present, and why. Members are only
/// ever added.
pub(crate) fn status(
    store: &Store,
    peers: &Peers,
    problems: &BTreeMap<&'static str, String>,
    now_ms: u64,
) -> Result<Value, Error> {
    let db = store.connection();
    let [withheld, lost, malformed, not_collected] = account::totals(db)?;
    let (batches, batch_records, batch_octets) = outbox::totals(db)?;
    let oldest = outbox::oldest(db)?.map(|w| now_ms.saturating_sub(w.created_ms));
    let settings = store.settings();
    Ok(json!({
        "appliance": settings.appliance,
        "epoch": store.epoch(),
        "records": records(db)?,
        "segments": count(db, "segment")?,
        "bytes_on_disk": on_disk(&settings.database()),
        "cap": settings.cap,
        "waiting": release::waiting(db)?,
        "outbox": {
            "batches": batches,
            "records": batch_records,
            "bytes": batch_octets,
            "oldest_age_ms": oldest,
            "last_sequence": get_number(db, meta::SEQUENCE)?,
            "last_receipted": get_number(db, meta::RECEIPTED)?,
            "batches_lost": get_number(db, meta::BATCHES_LOST)?,
        },
        "lost": lost,
        "withheld": withheld,
        "malformed": malformed,
        "not_collected": not_collected,
        "quarantined": count(db, "quarantine")?,
        "missing": get_number(db, meta::MISSING)?,
        "values_unsound": get_number(db, meta::UNSOUND)?,
        "databases_set_aside": crate::database::aside::aside(settings).map_or(0, |aside| aside.len()),
        "room_on_disk": store.has_room(),
        "sensor": {
            "connected": peers.sensors > 0,
            "committed": peers.committed,
            "interfaces": peers.interfaces.iter()
                .map(|(name, state)| json!({ "name": name, "state": state.name() })).collect::<Vec<_>>(),
        },
        "uplink": peers.uplink.as_ref().map(|u| json!({
            "connected": u.connected,
            "problem": u.problem,
            "retry_ms": u.retry_ms,
            "age_ms": now_ms.saturating_sub(u.at_ms),
        })),
        "receiver_configured": settings.has_receiver,
        "link_configured": settings.has_link,
        "sealed_to": store.recipient().map(|recipient| recipient.id().to_string()),
        "rules": hex::encode(store.rules().digest()),
        "rules_refused": store.rules_refused(),
        "requests_waiting": requests::waiting(db, now_ms)?,
        "problems": problems,
        "counters": query::records(db, store.keys(), Kind::Counters, COUNTERS)?,
    }))
}

/// How many records of each kind are kept, by name.
fn records(db: &Connection) -> Result<Value, Error> {
    let kept = kept::records(db)?.into_iter();
    let kept: serde_json::Map<_, _> =
        kept.map(|(kind, records)| (kind.name().to_owned(), json!(records))).collect();
    Ok(kept.into())
}

fn count(db: &Connection, table: &str) -> Result<u64, Error> {
    Ok(number(db.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |r| r.get(0))?))
}

/// Latest counters records shown: one for each interface, and more are unlikely.
const COUNTERS: u32 = 32;
