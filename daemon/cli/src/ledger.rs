//! `headgate ledger verify | export | key`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use ed25519_dalek::pkcs8::DecodePublicKey;
use ed25519_dalek::{Signature, VerifyingKey};
use headgate_record::ledger::{Broken, Chain, Entry, Header, MAX_LINE};
use headgate_record::local::ControlRequest;
use serde_json::json;

use crate::args::LedgerCommand;
use crate::ask::Store;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Does what the command line says.
///
/// # Errors
/// [`CliError::Nothing`] for a ledger that is not whole; why it cannot be read.
pub(crate) fn run(config: &Path, command: LedgerCommand, as_json: bool) -> Result<(), CliError> {
    match command {
        LedgerCommand::Verify { file, key } => {
            let key = key.as_deref().map(read_key).transpose()?;
            let verdict = match &file {
                Some(file) => of_file(file, key.as_ref())?,
                None => of_store(config, key)?,
            };
            verdict.show(as_json)
        }
        LedgerCommand::Export { file } => export(config, file.as_deref(), as_json),
        LedgerCommand::Key => {
            let key = Store::connect(config)?.ask(&ControlRequest::LedgerKey)?;
            match key.as_str() {
                Some(_) if as_json => show::json(&json!({ "key": key })),
                Some(pem) => show::text(pem),
                None => Err(CliError::Nothing("nothing has been signed yet".into())),
            }
        }
    }
}

/// What verifying found.
struct Verdict {
    found: Result<(u64, u64), Broken>,
    signatures: bool,
}

impl Verdict {
    fn show(&self, as_json: bool) -> Result<(), CliError> {
        let Verdict { found, signatures } = self;
        match found {
            Ok((entries, signed)) if as_json => show::json(&json!({
                "verified": true, "entries": entries, "signed_through": signed, "signatures_checked": signatures,
            })),
            Ok((entries, _)) if *signatures => {
                show::line(&format!("The ledger is whole: {entries} entries, signed by the store."))
            }
            Ok((entries, _)) => show::line(&format!(
                "The chain of {entries} entries is whole. Who wrote it was not verified: --key FILE, with what `headgate ledger key` prints."
            )),
            Err(Broken { number, why }) => {
                if as_json {
                    show::json(&json!({ "verified": false, "broken_at": number, "why": why }))?;
                }
                Err(CliError::Nothing(format!("the ledger is broken at entry {number}: {why}")))
            }
        }
    }
}

fn of_store(config: &Path, key: Option<VerifyingKey>) -> Result<Verdict, CliError> {
    let mut store = Store::connect(config)?;
    let key = match key {
        Some(key) => Some(key),
        None => {
            let pem = store.ask(&ControlRequest::LedgerKey)?;
            let parsed = pem.as_str().map(VerifyingKey::from_public_key_pem).transpose();
            parsed.map_err(|e| CliError::Answer(e.to_string()))?
        }
    };
    let mut tries = 0;
    loop {
        let mut header = None;
        let found = entries(&mut store, &mut header, key.as_ref());
        let pruned = header.map_or(0, |header| header.pruned);
        let now = page(&mut store, u64::MAX)?.0;
        tries += 1;
        // What left while it was read is not missing.
        if now.pruned == pruned || tries == MOST_TRIES {
            return Ok(Verdict { found: found?, signatures: key.is_some() });
        }
    }
}

/// Verifies a running store's entries as they come, up to the one that was the last at the beginning.
fn entries(
    store: &mut Store,
    header: &mut Option<Header>,
    key: Option<&VerifyingKey>,
) -> Result<Result<(u64, u64), Broken>, CliError> {
    let (first, mut entries) = page(store, 0)?;
    let first = &*header.insert(first);
    let verify = |bytes: &[u8], signature: &[u8; 64]| is_signed(key, bytes, signature);
    let mut chain = match Chain::new(first, &verify) {
        Ok(chain) => chain,
        Err(broken) => return Ok(Err(broken)),
    };
    loop {
        for entry in entries.iter().filter(|entry| entry.number <= first.last) {
            if let Err(broken) = chain.next(entry) {
                return Ok(Err(broken));
            }
        }
        let known = chain.expected().saturating_sub(1);
        if entries.is_empty() || known >= first.last {
            return Ok(chain.end());
        }
        entries = page(store, known)?.1;
    }
}

fn page(store: &mut Store, after: u64) -> Result<(Header, Vec<Entry>), CliError> {
    let mut answer = store.ask(&ControlRequest::LedgerEntries { after })?;
    let failed = |e: serde_json::Error| CliError::Answer(e.to_string());
    let header = serde_json::from_value(answer["header"].take()).map_err(failed)?;
    Ok((header, serde_json::from_value(answer["entries"].take()).map_err(failed)?))
}

fn of_file(file: &Path, key: Option<&VerifyingKey>) -> Result<Verdict, CliError> {
    let mut lines = Lines::open(file)?;
    let header: Header = lines.next()?.ok_or_else(|| lines.wrong("the file is empty"))?;
    let verify = |bytes: &[u8], signature: &[u8; 64]| is_signed(key, bytes, signature);
    let verdict = |found| Ok(Verdict { found, signatures: key.is_some() });
    let mut chain = match Chain::new(&header, &verify) {
        Ok(chain) => chain,
        Err(broken) => return verdict(Err(broken)),
    };
    while let Some(entry) = lines.next::<Entry>()? {
        if let Err(broken) = chain.next(&entry) {
            return verdict(Err(broken));
        }
    }
    verdict(chain.end())
}

fn export(config: &Path, file: Option<&Path>, as_json: bool) -> Result<(), CliError> {
    let mut store = Store::connect(config)?;
    let (header, mut entries) = page(&mut store, 0)?;
    let mut output = Output::create(file)?;
    let text = |line: serde_json::Result<String>| line.map_err(|e| CliError::Answer(e.to_string()));
    output.write(&format!("{}\n", text(serde_json::to_string(&header))?))?;
    let mut written = 0_u64;
    while let Some(last) = entries.last().map(|entry| entry.number) {
        for entry in entries.iter().filter(|entry| entry.number <= header.last) {
            output.write(&format!("{}\n", text(serde_json::to_string(entry))?))?;
            written += 1;
        }
        if last >= header.last {
            break;
        }
        entries = page(&mut store, last)?.1;
    }
    match output.finish()? {
        true if as_json => show::json(&json!({ "entries": written })),
        true => show::line(&format!("{written} entries are written.")),
        false => Ok(()),
    }
}

/// Whether the key signed; without a key nothing is said against it.
fn is_signed(key: Option<&VerifyingKey>, bytes: &[u8], signature: &[u8; 64]) -> bool {
    key.is_none_or(|key| key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok())
}

fn read_key(file: &Path) -> Result<VerifyingKey, CliError> {
    let mut pem = String::new();
    let read = File::open(file).and_then(|f| f.take(MAX_KEY).read_to_string(&mut pem));
    read.map_err(|source| CliError::NoInput { file: file.into(), source })?;
    let what = "this does not begin an Ed25519 public key in PEM".to_owned();
    VerifyingKey::from_public_key_pem(pem.trim()).map_err(|_| CliError::Data {
        file: file.into(),
        line: 1,
        what,
    })
}

/// JSON values, one on each line of a file.
struct Lines<'a> {
    file: &'a Path,
    reader: BufReader<File>,
    line: u64,
}

impl<'a> Lines<'a> {
    fn open(file: &'a Path) -> Result<Lines<'a>, CliError> {
        let reader = File::open(file).map_err(|source| CliError::NoInput { file: file.into(), source })?;
        Ok(Lines { file, reader: BufReader::new(reader), line: 0 })
    }

    fn next<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, CliError> {
        self.line += 1;
        let mut text = Vec::new();
        let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut text);
        if read.map_err(|source| CliError::NoInput { file: self.file.into(), source })? == 0 {
            return Ok(None);
        }
        let value: Result<T, _> = serde_json::from_slice(&text);
        value
            .map(Some)
            .map_err(|error| self.wrong(&format!("this is not what an exported ledger holds: {error}")))
    }

    fn wrong(&self, what: &str) -> CliError {
        CliError::Data { file: self.file.into(), line: self.line, what: what.to_owned() }
    }
}

/// How often a ledger is read again of which entries leave meanwhile.
const MOST_TRIES: u32 = 3;
/// Octets of a key file that are read.
const MAX_KEY: u64 = 4_096;
