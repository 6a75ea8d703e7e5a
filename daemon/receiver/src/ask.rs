//! The operator's commands about requests to sites.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use headgate_record::Value;
use headgate_record::request::{Ask, Request, RequestId};

use crate::args::{AskCommon, What};
use crate::trust::{Asked, Trust};
use crate::{Config, Error, files};

/// Keeps a request, to go with the next receipt of `appliance`; gives its identifier.
///
/// # Errors
/// [`Error::Token`] for what cannot be asked; those of the files and of the database.
pub fn ask(appliance: &str, what: &What) -> Result<RequestId, Error> {
    let (common, kind, minutes, content) = match what {
        What::Capture { common, minutes, conditions } => (common, Ask::Capture, *minutes, conditions.clone()),
        What::Rules { common, file } => {
            let text = String::from_utf8(files::read(file)?.to_vec());
            let text = text.map_err(|_| Error::Token("the rule file is no text"))?;
            (common, Ask::Rules, 0, text)
        }
        What::Look { common } => (common, Ask::Look, 0, String::new()),
    };
    let AskCommon { why, hours, config } = common;
    let mut id = [0; 8];
    getrandom::fill(&mut id).map_err(|_| Error::Key)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let expires = now.saturating_add(u64::from(*hours).saturating_mul(3_600));
    let request = Request { id: RequestId(id), ask: kind, expires, why: why.clone(), minutes, content };
    request.check().map_err(|_| {
        Error::Token(
            "a reason has 1 to 160 octets on one line, conditions or rules at most 400, and all is printable",
        )
    })?;
    Trust::at_once(&Config::load(config)?, async |trust| trust.ask(appliance, &request).await)?;
    Ok(request.id)
}

/// Lists what was asked and has not expired. Gives how many there are.
///
/// # Errors
/// [`Error::Output`]; [`Error::Database`], [`Error::Cluster`].
pub fn asked(config: &Config, as_json: bool, out: &mut dyn Write) -> Result<u64, Error> {
    let all = Trust::at_once(config, async |trust| trust.asked())?;
    for Asked { appliance, request, asked, has_arrived } in &all {
        let line = if as_json {
            json!({
                "id": request.id.to_string(), "appliance": appliance, "kind": request.ask.name(), "why": request.why,
                "minutes": request.minutes, "content": request.content, "asked": asked,
                "expires": request.expires, "arrived": has_arrived,
            })
            .to_string()
        } else {
            let until = Value::Time(request.expires.saturating_mul(1_000_000_000));
            let state = if *has_arrived { "arrived" } else { "under way" };
            format!(
                "{}  {appliance}  {}  until {until}  {state}: {}",
                request.id,
                request.ask.name(),
                request.why
            )
        };
        writeln!(out, "{line}").map_err(Error::Output)?;
    }
    Ok(u64::try_from(all.len()).unwrap_or(u64::MAX))
}

/// Takes a request back. Whether it had not arrived.
///
/// # Errors
/// [`Error::Database`], [`Error::Cluster`].
pub fn withdraw(config: &Config, id: RequestId) -> Result<bool, Error> {
    Trust::at_once(config, async |trust| trust.withdraw(id).await)
}
