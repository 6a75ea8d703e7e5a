//! `headgate status`: one screen.

use serde_json::Value;

use super::{cell, json, line};
use crate::error::CliError;

/// Prints the state of the appliance. Something that is wrong is said with what to type.
pub(crate) fn status(answer: &Value, as_json: bool) -> Result<(), CliError> {
    if as_json {
        return json(answer);
    }
    let outbox = &answer["outbox"];
    line(&format!("appliance  {}", cell(&answer["appliance"])))?;
    line(&format!(
        "seen       sensor {}",
        if answer["sensor"]["connected"] == true { "connected" } else { "away" }
    ))?;
    for interface in answer["sensor"]["interfaces"].as_array().into_iter().flatten() {
        line(&format!("           {}: {}", cell(&interface["name"]), cell(&interface["state"])))?;
    }
    for counters in answer["counters"].as_array().into_iter().flatten() {
        line(&format!(
            "           {}: {} frames in the period to {}, {} lost by the kernel",
            cell(&counters["interface"]),
            counters["frames"],
            cell(&counters["to"]),
            counters["frames_lost"],
        ))?;
    }
    let kinds = answer["records"].as_object().into_iter().flatten();
    let kept: Vec<String> =
        kinds.filter(|(_, n)| n.as_u64() != Some(0)).map(|(kind, n)| format!("{n} {kind}")).collect();
    line(&format!("kept       {} records", if kept.is_empty() { "no".into() } else { kept.join(", ") }))?;
    line(&format!(
        "           {} of {} KiB on disk",
        answer["bytes_on_disk"].as_u64().unwrap_or(0) / 1024,
        answer["cap"].as_u64().unwrap_or(0) / 1024,
    ))?;
    line(&format!(
        "sent       batch {} of {} receipted; {} wait",
        outbox["last_receipted"], outbox["last_sequence"], outbox["batches"],
    ))?;
    if let Some(key) = answer["sealed_to"].as_str() {
        line(&format!("           sealed to the receiver's key {key}"))?;
    }
    for (title, key, of) in [("withheld", "withheld", "kind"), ("lost", "lost", "class")] {
        for row in answer[key].as_array().into_iter().flatten() {
            line(&format!(
                "{title:<10} {} {} records: {}",
                row["records"],
                cell(&row[of]),
                cell(&row["reason"])
            ))?;
        }
    }
    problems(answer)
}

fn problems(answer: &Value) -> Result<(), CliError> {
    if let Some(waiting) = answer["requests_waiting"].as_u64().filter(|waiting| *waiting > 0) {
        line(&format!(
            "           {waiting} requests of the receiver wait for an answer: headgate requests"
        ))?;
    }
    let mut problems = Vec::new();
    if answer["sensor"]["connected"] != true {
        problems.push("the sensor is not connected: systemctl status headgate-sensor".to_owned());
    }
    for interface in answer["sensor"]["interfaces"].as_array().into_iter().flatten() {
        if interface["state"] != "up" {
            let (name, state) = (cell(&interface["name"]), cell(&interface["state"]));
            problems.push(format!("{name} is {state}, and is watched again when it is up: headgate doctor"));
        }
    }
    if answer["receiver_configured"] == false {
        problems.push("no receiver is configured, so nothing leaves: [uplink] in headgate.toml".to_owned());
    } else if answer["link_configured"] == false {
        line("           by carried media: headgate bundle list")?;
    } else if answer["uplink"].is_null() {
        problems.push("the uplink is not connected: systemctl status headgate-uplink".to_owned());
    } else if answer["uplink"]["connected"] != true && answer["uplink"]["problem"] == "" {
        line("           the uplink has had nothing to send since it began")?;
    } else if answer["uplink"]["connected"] != true {
        problems.push(format!(
            "the receiver is not reached: {}; next attempt in {} s, nothing is lost meanwhile",
            cell(&answer["uplink"]["problem"]),
            answer["uplink"]["retry_ms"].as_u64().unwrap_or(0).div_ceil(1000),
        ));
    }
    for (at, what) in answer["problems"].as_object().into_iter().flatten() {
        problems.push(format!("the store fails at {at}: {}; journalctl -u headgate", cell(what)));
    }
    if answer["room_on_disk"] == false {
        problems.push(
            "the disk of the buffer is full: the least valuable gives way early; df, headgate buffer stats"
                .to_owned(),
        );
    }
    if !answer["rules_refused"].is_null() {
        problems.push(format!(
            "changed rules were refused, the last good ones hold: {}; headgate rules check",
            cell(&answer["rules_refused"])
        ));
    }
    for (key, what) in [
        ("quarantined", "damaged parts of the buffer are set aside"),
        ("missing", "parts of the buffer are missing"),
        ("values_unsound", "counts of the store are not what was written; these figures may be wrong"),
        ("databases_set_aside", "a buffer that could not be opened lies aside, and another was begun"),
        ("malformed", "malformed records were refused"),
    ] {
        let count =
            answer[key].as_u64().or(answer[key].as_array().map(|rows| rows.len() as u64)).unwrap_or(0);
        if count > 0 {
            problems.push(format!("{count}: {what}; headgate ledger"));
        }
    }
    for problem in problems {
        line(&format!("wrong      {problem}"))?;
    }
    Ok(())
}
