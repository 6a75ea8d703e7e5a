//! `headgate dictionary`: the declaration that all processes and gates share.

use headgate_record::{Field, Person};
use serde_json::json;

use crate::error::CliError;
use crate::show;

/// Prints every field with its type, source and defaults.
pub(crate) fn print(as_json: bool) -> Result<(), CliError> {
    if as_json {
        let rows = Field::ALL.iter().map(|field| {
            let row = field.definition();
            json!({
                "name": row.name, "number": row.number, "type": row.value_type.name(), "unit": row.unit,
                "attribute": row.attribute, "source": row.source, "person": person(row.person),
                "collect": row.collect.name(), "release": row.release.name(),
            })
        });
        return show::json(&rows.collect());
    }
    let header = ["ELEMENT", "TYPE", "PERSON", "COLLECT", "RELEASE", "SOURCE"].map(String::from).to_vec();
    let rows = Field::ALL.iter().map(|field| {
        let row = field.definition();
        let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
        vec![
            row.name.to_owned(),
            format!("{}{unit}", row.value_type.name()),
            person(row.person).to_owned(),
            row.collect.name().to_owned(),
            row.release.name().to_owned(),
            row.source.to_owned(),
        ]
    });
    show::table(header, rows.collect())
}

/// Whether an element tells of a person, in a word.
pub(crate) fn person(person: Person) -> &'static str {
    match person {
        Person::No => "no",
        Person::Weak => "weak",
        Person::Yes => "yes",
    }
}
