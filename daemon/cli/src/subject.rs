//! `headgate subject`: one person's rights. What is kept is only known to the store, which is asked.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use headgate_record::Value as RecordValue;
use headgate_record::subject::{Action, MAX_PAGE, Who};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::ask;
use crate::error::CliError;
use crate::show::{self, cell};

mod form;
use form::Form;

/// What is done about a person.
#[derive(Debug, Subcommand)]
pub(crate) enum SubjectCommand {
    /// Who is found, and how much is kept
    Find(Person),
    /// All that is kept, as JSON, as CSV and as a page to read (root)
    Export {
        #[command(flatten)]
        person: Person,
        /// Write subject.json, subject.csv and subject.html into this new or empty directory
        #[arg(long, value_name = "DIR", conflicts_with = "format")]
        output: Option<PathBuf>,
        /// Print one of them instead
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
    /// Set a value right in all that is kept; it is written down that it was (root)
    Correct {
        #[command(flatten)]
        person: Person,
        /// The field, as `headgate dictionary` names it: lease.hostname
        #[arg(long, value_name = "FIELD")]
        field: String,
        /// The right value; items of a list with commas between them
        #[arg(long, value_name = "VALUE")]
        value: String,
    },
    /// Forget the person for good, here and at the receiver (root)
    Erase {
        #[command(flatten)]
        person: Person,
        /// Do it; without this, say who it would be
        #[arg(long)]
        yes: bool,
    },
}

/// Who is meant.
#[derive(Debug, Args)]
pub(crate) struct Person {
    /// By MAC address
    #[arg(long, value_name = "MAC", group = "by", required = true)]
    mac: Option<String>,
    /// By IP address
    #[arg(long, value_name = "ADDRESS", group = "by")]
    ip: Option<String>,
    /// Whoever had the IP address at this time: 2026-03-01T09:30:00Z
    #[arg(long, value_name = "TIME", requires = "ip", value_parser = moment)]
    at: Option<u64>,
    /// By the name of a host
    #[arg(long, value_name = "NAME", group = "by")]
    name: Option<String>,
    /// By the name of a user, or its pseudonym
    #[arg(long, value_name = "USER", group = "by")]
    user: Option<String>,
}

/// A form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For programs: all of it
    Json,
    /// For spreadsheets: one line for each value
    Csv,
    /// For people: a page that needs nothing else
    Html,
}

/// Does what is asked about a person.
pub(crate) fn run(config: &Path, command: SubjectCommand, as_json: bool) -> Result<(), CliError> {
    match command {
        SubjectCommand::Find(person) => match find(config, &person.who()?, as_json)? {
            true => Ok(()),
            false => Err(CliError::Nothing("nobody is found by this".into())),
        },
        SubjectCommand::Export { person, output, format } => {
            let who = person.who()?;
            match output {
                Some(directory) => export_to(config, who, &directory),
                None => {
                    let out = BufWriter::new(io::stdout().lock());
                    export(config, &who, vec![Form::new(format, Box::new(out))]).map(|_| ())
                }
            }
        }
        SubjectCommand::Correct { person, field, value } => {
            let answer = ask::subject(config, person.who()?, Action::Correct { field, value })?;
            if as_json {
                return show::json(&answer);
            }
            show::line(&format!("{} is set right in {} places.", cell(&answer["field"]), answer["places"]))
        }
        SubjectCommand::Erase { person, yes: false } => {
            if !find(config, &person.who()?, as_json)? {
                return Err(CliError::Nothing(
                    "nobody is kept who is found by this: say --yes to have the receiver forget what has left of them".into(),
                ));
            }
            Err(CliError::Nothing("nothing is erased: say --yes to erase this person for good".into()))
        }
        SubjectCommand::Erase { person, yes: true } => erase(config, person.who()?, as_json),
    }
}

/// Shows who is found. Gives whether anybody is.
fn find(config: &Path, who: &Who, as_json: bool) -> Result<bool, CliError> {
    let answer = ask::subject(config, who.clone(), Action::Find)?;
    let subjects = answer["subjects"].as_array().map(Vec::as_slice).unwrap_or_default();
    if subjects.is_empty() {
        return Ok(false);
    }
    if as_json {
        return show::json(&answer).map(|()| true);
    }
    let columns = ["macs", "addresses", "names", "users", "periods", "segments"];
    let header = columns.iter().map(|column| column.to_uppercase()).collect();
    let rows = subjects.iter().map(|subject| columns.iter().map(|column| cell(&subject[column])).collect());
    show::table(header, rows.collect()).map(|()| true)
}

fn erase(config: &Path, who: Who, as_json: bool) -> Result<(), CliError> {
    let answer = ask::subject(config, who, Action::Erase)?;
    if as_json {
        return show::json(&answer);
    }
    if answer["rows"] == 0 {
        show::line(&format!(
            "Nobody is kept who is found by this; {} batches that wait are written anew.",
            answer["batches"],
        ))?;
    } else {
        show::line(&format!(
            "Erased: {} rows with their keys, {} addresses of other ends; {} batches that wait are written anew.",
            answer["rows"], answer["ends"], answer["batches"],
        ))?;
    }
    if answer["wal_cut"] == false {
        show::line("Somebody reads the database: what was erased is in its log until they end.")?;
    }
    match answer["tombstone"].as_u64() {
        Some(0) | None => show::line("Nothing ever left this site that the receiver would have to forget."),
        Some(values) => show::line(&format!(
            "The next batch tells the receiver to forget {values} pseudonyms or values; `headgate ledger` shows its receipt."
        )),
    }
}

fn export_to(config: &Path, who: Who, directory: &Path) -> Result<(), CliError> {
    let failed = |file: &Path| {
        let file = file.to_path_buf();
        move |source| CliError::File { file, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed(directory))?;
    let mut forms = Vec::new();
    for (format, name) in [(Format::Json, "json"), (Format::Csv, "csv"), (Format::Html, "html")] {
        let file = directory.join(format!("subject.{name}"));
        if file.exists() {
            return Err(CliError::Directory {
                directory: directory.into(),
                what: "an export is there already",
            });
        }
        let open: File =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).map_err(failed(&file))?;
        forms.push(Form::new(format, Box::new(BufWriter::new(open))));
    }
    let records = export(config, &who, forms)?;
    show::line(&format!(
        "{records} records are in {}: subject.json for programs, subject.csv for spreadsheets, subject.html to read.",
        directory.display()
    ))
}

/// Writes all that is kept, page by page, in each of the forms. Gives how many records.
fn export(config: &Path, who: &Who, mut forms: Vec<Form<'_>>) -> Result<u64, CliError> {
    let (mut after, mut count) = (0, 0_u64);
    loop {
        let page = ask::subject(config, who.clone(), Action::Export { after, limit: MAX_PAGE })?;
        if after == 0 {
            forms.iter_mut().try_for_each(|form| form.begin(&page["subject"]))?;
        }
        for record in page["records"].as_array().into_iter().flatten() {
            count += 1;
            forms.iter_mut().try_for_each(|form| form.record(count, record))?;
        }
        match page["next"].as_u64() {
            // A store that does not get on would never end.
            Some(next) if next > after => after = next,
            Some(_) => return Err(CliError::Answer("the next page is the same".into())),
            None => break,
        }
    }
    forms.into_iter().try_for_each(Form::end)?;
    Ok(count)
}

impl Person {
    fn who(self) -> Result<Who, CliError> {
        match (self.mac, self.ip, self.name, self.user) {
            (Some(mac), ..) => Ok(Who::Mac(mac)),
            (_, Some(address), ..) => Ok(Who::Address { address, at_ms: self.at }),
            (_, _, Some(name), _) => Ok(Who::Name(name)),
            (_, _, _, Some(user)) => Ok(Who::User(user)),
            // The command line does not let it come to this.
            _ => Err(CliError::Nothing("nobody is named".into())),
        }
    }
}

fn moment(text: &str) -> Result<u64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "no time: write it as 2026-03-01T09:30:00Z or 2026-03-01T10:30:00+01:00".to_owned())?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| "before 1970".to_owned())
}

/// The time of a correction as records show times.
pub(crate) fn time_text(at_ms: &Value) -> String {
    at_ms.as_u64().map(|ms| RecordValue::Time(ms.saturating_mul(1_000_000)).to_string()).unwrap_or_default()
}

/// Ends a form's file: what is in memory is written.
pub(crate) fn finish(mut out: Box<dyn Write + '_>) -> Result<(), CliError> {
    Ok(out.flush()?)
}
