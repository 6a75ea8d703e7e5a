//! What whoever runs the receiver asks of the site: kept, shown, and decided by the rules and by the administrator (ADR 0023).
//!
//! Nothing here carries anything out. A request that the rules do not let be made is refused as it comes; of another one the
//! administrator says what becomes of it. Each step is in the ledger, without what is asked: that may name somebody.

mod state;

use headgate_record::batch::digest;
use headgate_record::receipt::Receipt;
use headgate_record::request::{Ask, Request, RequestId};
use headgate_rules::Rules;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::Error;
use crate::database::{column, number, sql};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::seal::{KeyRef, Place};

use state::State;

/// Keeps what a receipt that was accepted asks for, in the caller's transaction. Again said, it changes nothing.
pub(crate) fn receive(
    db: &Connection,
    keys: &Keys,
    rules: &Rules,
    receipt: &[u8],
    now_ms: u64,
) -> Result<(), Error> {
    let bytes = Receipt::decode(receipt)?.statement.request;
    if bytes.is_empty() {
        return Ok(());
    }
    let Ok(request) = Request::decode(&bytes) else {
        // Of a later version, perhaps: it is signed, and nobody here knows what it asks for.
        log::warn!(event = "request_unread"; "a request of the receiver cannot be read, and is refused");
        let unread = Event::Request {
            event: "request-refused",
            id: String::new(),
            kind: "unread",
            by: "store",
            digest: digest(&bytes),
        };
        return ledger::append(db, &unread, now_ms);
    };
    let known = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM request WHERE id = ?1)")?
        .query_row([request.id.0], |r| r.get(0))?;
    if known {
        return Ok(());
    }
    make_room(db)?;
    let open: u32 = db.query_row("SELECT COUNT(*) FROM request", [], |r| r.get(0))?;
    let step = |state: State, by| Event::Request {
        event: state.event(),
        id: request.id.to_string(),
        kind: request.ask.name(),
        by,
        digest: digest(&bytes),
    };
    if open >= MAX_REQUESTS {
        return ledger::append(db, &step(State::Refused, "store"), now_ms);
    }
    ledger::append(db, &step(State::Waiting, "receiver"), now_ms)?;
    let is_allowed = may_be_asked(rules, &request);
    let state = if is_allowed { State::Waiting } else { State::RefusedByRules };
    if is_allowed {
        log::info!(event = "request_waits"; "the receiver asks for something ({}): headgate requests", request.ask.name());
    } else {
        ledger::append(db, &step(state, "rules"), now_ms)?;
    }
    let key = keys.present();
    let sealed = if is_allowed {
        Some(keys.seal(key, Place::Request { id: request.id.0, key }, &bytes)?)
    } else {
        None
    };
    let epoch = sealed.as_ref().and_then(|_| key.columns().0);
    db.execute(
        "INSERT INTO request (id, kind, received_ms, expires_ms, state, epoch, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            request.id.0,
            request.ask.name(),
            sql(now_ms),
            sql(request.expires.saturating_mul(1_000)),
            state.name(),
            epoch,
            sealed
        ],
    )?;
    Ok(())
}

/// Every request that is kept, the latest first. In the caller's transaction: those that it is too late for are settled.
pub(crate) fn list(db: &Connection, keys: &Keys, now_ms: u64) -> Result<Value, Error> {
    expire(db, now_ms)?;
    let mut statement = db.prepare_cached(
        "SELECT id, kind, received_ms, expires_ms, state, epoch, sealed FROM request ORDER BY received_ms DESC, id LIMIT ?1",
    )?;
    let rows = statement.query_map([MAX_REQUESTS], |row| {
        let id: Vec<u8> = row.get(0)?;
        let kind: String = row.get(1)?;
        let state: String = row.get(4)?;
        Ok((
            id,
            kind,
            number(column(row, 2)),
            number(column(row, 3)),
            state,
            row.get::<_, Option<i64>>(5)?,
            row.get::<_, Option<Vec<u8>>>(6)?,
        ))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (id, kind, received_ms, expires_ms, state, epoch, sealed) = row?;
        let mut entry = json!({
            "id": hex::encode(&id), "kind": kind, "received_ms": received_ms, "expires_ms": expires_ms, "state": state,
        });
        let opened =
            id.as_slice().try_into().ok().zip(sealed).and_then(|(id, sealed)| open(keys, id, epoch, &sealed));
        if let (Some(request), Some(entry)) = (opened, entry.as_object_mut()) {
            entry.insert("why".into(), json!(request.why));
            entry.insert("minutes".into(), json!(request.minutes));
            entry.insert("content".into(), json!(request.content));
        }
        all.push(entry);
    }
    Ok(json!({ "requests": all }))
}

/// The administrator's word about a request, in the caller's transaction. Gives it, where it is allowed.
///
/// # Errors
/// [`Error::Unusable`] for one that is not waiting, that is expired, or that the rules do not let be asked by now.
pub(crate) fn decide(
    db: &Connection,
    keys: &Keys,
    rules: &Rules,
    id: &str,
    allow: bool,
    now_ms: u64,
) -> Result<Value, Error> {
    expire(db, now_ms)?;
    let (id, request) = find(db, keys, id, State::Waiting)?;
    if allow && !may_be_asked(rules, &request) {
        return Err(Error::Unusable("the rules in force do not allow that: [requests] in rules.toml"));
    }
    let state = if allow { State::Allowed } else { State::Refused };
    settle(db, id, request.ask, state, &request, now_ms)?;
    Ok(json!({
        "id": id.to_string(), "kind": request.ask.name(), "why": request.why, "minutes": request.minutes,
        "content": request.content, "state": state.name(),
    }))
}

/// What was allowed is done, or was given up; in the caller's transaction.
///
/// # Errors
/// [`Error::Unusable`] for one that was not allowed.
pub(crate) fn done(db: &Connection, keys: &Keys, id: &str, done: bool, now_ms: u64) -> Result<Value, Error> {
    let (id, request) = find(db, keys, id, State::Allowed)?;
    let state = if done { State::Done } else { State::GivenUp };
    settle(db, id, request.ask, state, &request, now_ms)?;
    Ok(json!({ "id": id.to_string(), "state": state.name() }))
}

/// How many wait for the administrator.
pub(crate) fn waiting(db: &Connection, now_ms: u64) -> Result<u64, Error> {
    let mut statement =
        db.prepare_cached("SELECT COUNT(*) FROM request WHERE state = ?1 AND expires_ms >= ?2")?;
    Ok(number(statement.query_row(params![State::Waiting.name(), sql(now_ms)], |r| r.get(0))?))
}

fn may_be_asked(rules: &Rules, request: &Request) -> bool {
    let allowed = rules.requests();
    match request.ask {
        Ask::Capture => request.minutes <= allowed.capture_minutes,
        Ask::Rules => allowed.rules,
        Ask::Look => allowed.look,
    }
}

fn find(db: &Connection, keys: &Keys, id: &str, state: State) -> Result<(RequestId, Request), Error> {
    let id: RequestId = id.parse().map_err(|_| Error::Unusable("a request has 16 hexadecimal digits"))?;
    let found = db
        .query_row("SELECT state, epoch, sealed FROM request WHERE id = ?1", [id.0], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<Vec<u8>>>(2)?))
        })
        .optional()?;
    let (found, epoch, sealed) =
        found.ok_or(Error::Unusable("no such request; `headgate requests` lists them"))?;
    if State::of(&found) != state {
        return Err(Error::Unusable(
            "this request is not at that step; `headgate requests` says how far it is",
        ));
    }
    let request = sealed.and_then(|sealed| open(keys, id.0, epoch, &sealed)).ok_or(Error::Sealed)?;
    Ok((id, request))
}

fn open(keys: &Keys, id: [u8; 8], epoch: Option<i64>, sealed: &[u8]) -> Option<Request> {
    let key = KeyRef::Epoch(number(epoch?));
    Request::decode(&keys.open(key, Place::Request { id, key }, sealed).ok()?).ok()
}

/// Takes a step, and writes it down. What is settled has no content any more.
fn settle(
    db: &Connection,
    id: RequestId,
    kind: Ask,
    state: State,
    request: &Request,
    now_ms: u64,
) -> Result<(), Error> {
    db.execute("UPDATE request SET state = ?2 WHERE id = ?1", params![id.0, state.name()])?;
    if state.is_settled() {
        db.execute("UPDATE request SET epoch = NULL, sealed = NULL WHERE id = ?1", [id.0])?;
    }
    let digest = digest(&request.encode());
    let step = Event::Request {
        event: state.event(),
        id: id.to_string(),
        kind: kind.name(),
        by: "administrator",
        digest,
    };
    ledger::append(db, &step, now_ms)
}

/// Settles what it is too late for: what waits, and what was allowed and never said to be done.
fn expire(db: &Connection, now_ms: u64) -> Result<(), Error> {
    let mut statement = db.prepare_cached(
        "SELECT id, kind, state FROM request
           WHERE (state = ?1 AND expires_ms < ?3) OR (state = ?2 AND expires_ms < ?4)",
    )?;
    let late = statement
        .query_map(
            params![
                State::Waiting.name(),
                State::Allowed.name(),
                sql(now_ms),
                // What was allowed at the last moment may still run.
                sql(now_ms.saturating_sub(LONGEST_MS)),
            ],
            |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)),
        )?
        .collect::<Result<Vec<_>, _>>()?;
    for (id, kind, before) in late {
        let state = if before == State::Waiting.name() { State::Expired } else { State::GivenUp };
        db.execute(
            "UPDATE request SET state = ?2, epoch = NULL, sealed = NULL WHERE id = ?1",
            params![id, state.name()],
        )?;
        let kind = Ask::from_name(&kind).map_or("unread", Ask::name);
        let step =
            Event::Request { event: state.event(), id: hex::encode(&id), kind, by: "store", digest: [0; 32] };
        ledger::append(db, &step, now_ms)?;
    }
    Ok(())
}

/// The oldest that are settled leave, so that there is a place for another.
fn make_room(db: &Connection) -> Result<(), Error> {
    db.execute(
        "DELETE FROM request WHERE id IN (
           SELECT id FROM request WHERE state NOT IN (?1, ?2) ORDER BY received_ms DESC LIMIT -1 OFFSET ?3)",
        params![State::Waiting.name(), State::Allowed.name(), KEPT],
    )?;
    Ok(())
}

/// Most requests that are kept.
const MAX_REQUESTS: u32 = 64;
/// Of those that are settled so many stay, to be seen.
const KEPT: u32 = 32;
/// A capture lasts at most a day.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1_000;

#[cfg(test)]
mod tests;
