//! The command line.

use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use clap::{Parser, Subcommand};
use headgate_service::stop::Stop;
use headgate_service::{config, credential, lockdown, notify};

use crate::OpenError;
use crate::config::Settings;
use crate::keeper::{Keeper, Request, now_ms};
use crate::master::MasterKey;
use crate::sockets::Sockets;
use crate::store::Store;

/// The process that remembers: encrypted buffer, outbox, ledger.
#[derive(Debug, Parser)]
#[command(name = "headgate-store", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the master key and the directories; an existing key is never changed
    Init(File),
    /// Make the master key that `headgate keys rotate --master` is to use from then on
    NewKey(File),
    /// Keep the records of this appliance
    Run(File),
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
}

/// Does what the command line says.
///
/// # Errors
/// Why it cannot.
pub fn run(arguments: &Arguments) -> Result<(), OpenError> {
    match &arguments.command {
        Command::Init(file) => init(&Settings::load(&file.config)?),
        Command::NewKey(file) => new_key(&Settings::load(&file.config)?),
        Command::Run(file) => serve(&file.config),
    }
}

fn init(settings: &Settings) -> Result<(), OpenError> {
    make_directory(&settings.directory)?;
    make_directory(&settings.credentials)?;
    MasterKey::create(&settings.credentials)?;
    // Nobody may be reading.
    let _ = writeln!(std::io::stdout().lock(), "made the master key in {}", settings.credentials.display());
    Ok(())
}

fn new_key(settings: &Settings) -> Result<(), OpenError> {
    MasterKey::create_next(&settings.credentials)?;
    let file = settings.credentials.join(credential::NEXT_MASTER_KEY);
    // Nobody may be reading.
    let _ = writeln!(std::io::stdout().lock(), "made {}", file.display());
    Ok(())
}

fn serve(config: &Path) -> Result<(), OpenError> {
    let system = |what| move |source| OpenError::System { what, source };
    lockdown::privileges().map_err(system("cannot give up privileges"))?;
    if !lockdown::memory().map_err(system("cannot lock memory"))? {
        log::warn!(event = "memory_unlocked"; "keys may come into swap: memory is not locked (LimitMEMLOCK=infinity in the unit, or no swap)");
    }
    let stop = Stop::install().map_err(system("cannot watch signals"))?;
    let settings = Settings::load(config)?;
    make_directory(&settings.directory)?;
    let store = Store::open(settings, now_ms())?;
    let sockets = Sockets::bind(store.settings())?;
    let (sender, requests) = sync_channel(QUEUE);
    sockets.listen(&sender)?;
    let waker = sender.clone();
    stop.wake_with(move || waker.send(Request::Look).is_ok()).map_err(system("cannot watch signals"))?;
    drop(sender);
    notify::ready("remembering");
    log::info!(event = "ready"; "ready, epoch {}", store.epoch());
    let ended = Keeper::new(store).run(&requests, &stop);
    notify::stopping();
    Ok(ended?)
}

/// Makes a directory that only its owner can use. One that exists is left as it is, but must not be
/// writable by others.
fn make_directory(directory: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { what: "cannot make", file: directory.into(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let mode = std::fs::metadata(directory).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(OpenError::OpenDirectory { directory: directory.into(), mode });
    }
    Ok(())
}

/// Requests that wait for the keeper; who sends more waits.
const QUEUE: usize = 64;
