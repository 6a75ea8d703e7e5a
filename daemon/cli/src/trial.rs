//! `headgate trial`: the whole chain once, in a throw-away site, with the real programs.
//!
//! It makes keys, certificates and configuration in a temporary directory, starts receiver, store,
//! uplink and sensor as separate processes, feeds them a capture, waits until every record that may
//! leave has a verified receipt, and says what happened.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use headgate_record::Kind;
use headgate_service::stop::Stop;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::ask;
use crate::error::CliError;
use crate::programs::Programs;
use crate::show;

mod opener;
mod page;
mod process;
mod site;

use process::Process;
use site::Site;

/// What the administrator wants to try.
pub(crate) struct Wish {
    pub(crate) pcap: Option<PathBuf>,
    pub(crate) interface: Option<String>,
    pub(crate) seconds: u32,
    pub(crate) keep: Option<PathBuf>,
    pub(crate) json: bool,
}

/// Runs the trial and prints its page.
pub(crate) fn run(wish: &Wish) -> Result<(), CliError> {
    let stop = Stop::install().map_err(|source| CliError::System { step: "watch for signals", source })?;
    let progress = Progress::new();
    progress.say("finding the programs, or building those that are not up to date");
    let programs = Programs::find()?;
    let started = Instant::now();
    progress.say("making keys, certificates and configuration");
    let site = Site::make(wish, &programs)?;

    progress.say("starting receiver, store and uplink");
    let mut receiver = Process::start(&site, "headgate-receiver", {
        let mut command = programs.command("headgate-receiver");
        command.args(["run", "--listen", "127.0.0.1:0", "--config"]).arg(site.receiver_config());
        command
    })?;
    let address = receiver.wait_for_line("listening on ", START_LIMIT)?;
    site.name_receiver(&address)?;
    let mut store = Process::start(&site, "headgate-store", with_config(&programs, "headgate-store", &site))?;
    store.wait_until(START_LIMIT, || ask::status(&site.config()).is_ok())?;
    let mut uplink =
        Process::start(&site, "headgate-uplink", with_config(&programs, "headgate-uplink", &site))?;

    let mut sensor = match &wish.interface {
        Some(interface) => {
            progress.say("opening the capture socket");
            let (name, socket) = opener::open(&programs, &site)?;
            progress.say(&format!("watching {interface} for {} seconds (Ctrl-C ends earlier)", wish.seconds));
            let mut command = with_config(&programs, "headgate-sensor", &site);
            command.arg("--capture-stdin").arg(name).stdin(socket);
            Process::start_with_stdin(&site, "headgate-sensor", command)?
        }
        None => {
            progress.say("reading the capture");
            let mut command = with_config(&programs, "headgate-sensor", &site);
            command.arg("--replay").arg(site.capture());
            Process::start(&site, "headgate-sensor", command)?
        }
    };
    let watching = wish.interface.as_ref().map(|_| Duration::from_secs(wish.seconds.into()));
    let mut wait = Wait {
        site: &site,
        progress: &progress,
        stop: &stop,
        others: [&mut receiver, &mut store, &mut uplink],
    };
    let sensor_result = wait.for_sensor(&mut sensor, watching);
    let sent = match &sensor_result {
        Ok(()) => wait.until_all_is_receipted(),
        Err(_) => Ok(()),
    };
    progress.say("collecting the result");
    let facts = page::Facts::gather(&site, &programs, started.elapsed());
    // The one that speaks first, so that nobody speaks to a process that has gone.
    for process in [&mut uplink, &mut store, &mut receiver] {
        process.stop();
    }
    progress.done();
    sensor_result.and(sent)?;
    let facts = facts?;
    if wish.json { show::json(&facts.to_json()) } else { show::line(&facts.to_text(&site)) }
}

fn with_config(programs: &Programs, program: &str, site: &Site) -> std::process::Command {
    let mut command = programs.command(program);
    command.arg("run").arg("--config").arg(site.config());
    command
}

/// Waiting, while the other processes must stay alive.
struct Wait<'a> {
    site: &'a Site,
    progress: &'a Progress,
    stop: &'a Stop,
    others: [&'a mut Process; 3],
}

impl Wait<'_> {
    /// Until the sensor has ended by itself, or has watched for so long and ended on request.
    fn for_sensor(&mut self, sensor: &mut Process, watching: Option<Duration>) -> Result<(), CliError> {
        let started = Instant::now();
        let mut asked = false;
        loop {
            if let Some(status) = sensor.ended()? {
                return sensor.check(status);
            }
            let enough = watching.is_some_and(|limit| started.elapsed() >= limit) || self.stop.is_requested();
            if enough && !asked {
                asked = true;
                sensor.ask_to_stop();
            }
            self.look()?;
        }
    }

    /// Until everything that may leave has left and has a receipt.
    fn until_all_is_receipted(&mut self) -> Result<(), CliError> {
        self.progress.say("waiting for the receiver's receipts");
        let started = Instant::now();
        let interrupted = self.stop.is_requested();
        while started.elapsed() < RECEIPT_LIMIT {
            let status = self.look()?;
            // Ctrl-C ends the watching; said again, or said of a file, it ends the trial.
            if self.stop.is_requested() && !interrupted {
                return Err(CliError::Nothing("stopped on request".into()));
            }
            if status["waiting"] == 0 && status["outbox"]["batches"] == 0 {
                return Ok(());
            }
        }
        let said = self.others.iter().map(|p| p.said()).collect::<Vec<_>>().join("\n");
        Err(CliError::NotReady { program: "receipts: the uplink", seconds: RECEIPT_LIMIT.as_secs(), said })
    }

    /// One look at everything, a moment after the last.
    fn look(&mut self) -> Result<Value, CliError> {
        std::thread::sleep(LOOK_INTERVAL);
        for process in &mut self.others {
            if let Some(status) = process.ended()? {
                return Err(process.failed(status));
            }
        }
        let status = ask::status(&self.site.config())?;
        let kept: u64 = Kind::ALL.iter().filter_map(|k| status["records"][k.name()].as_u64()).sum();
        self.progress.count(&format!(
            "{kept} records kept, batch {} of {} receipted",
            status["outbox"]["last_receipted"], status["outbox"]["last_sequence"]
        ));
        Ok(status)
    }
}

/// A spinner on a terminal, lines elsewhere.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn new() -> Progress {
        let bar = ProgressBar::new_spinner();
        if bar.is_hidden() {
            return Progress(None);
        }
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress(Some(bar))
    }

    fn say(&self, what: &str) {
        match &self.0 {
            Some(bar) => {
                bar.set_prefix(what.to_owned());
                bar.set_message("");
            }
            None => show::progress(what),
        }
    }

    fn count(&self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(format!("({what})"));
        }
    }

    fn done(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A process that is not ready after so long will not be.
const START_LIMIT: Duration = Duration::from_secs(20);
/// All receipts on one machine come within this.
const RECEIPT_LIMIT: Duration = Duration::from_secs(40);
const LOOK_INTERVAL: Duration = Duration::from_millis(150);
