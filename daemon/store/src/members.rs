//! How many stations are in a group, so that the name of a small one does not leave.
//!
//! Counted are stations, each once, for as long as the pseudonyms of one period last; when it ends, counting begins anew.
//! Whatever goes wrong counts nobody: then the name does not leave.

use headgate_record::{Field, Record, Value, is_randomised};
use headgate_rules::{GROUP_SIZES, Groups, Pseudonymise, Purpose, Rules};
use rusqlite::{Connection, params};

use crate::Error;
use crate::database::sql;
use crate::keys::Keys;

/// The groups that the database knows.
pub(crate) struct Members<'a> {
    /// The database.
    pub(crate) db: &'a Connection,
    /// The keys of the present period.
    pub(crate) keys: &'a Keys,
}

impl Groups for Members<'_> {
    fn members(&self, field: Field, value: &Value) -> usize {
        count(self.db, self.keys, &team(self.keys, field, value)).unwrap_or(0)
    }
}

/// Notes the groups that a handed-over record says its station is in, where their names leave by their size. A record
/// without a station, or of one with a randomised address, of which one person may have many, is of no member.
pub(crate) fn note(db: &Connection, keys: &Keys, rules: &Rules, record: &Record) -> Result<(), Error> {
    let station = record.kind().subject().and_then(|field| record.get(field));
    let Some(station) = station.filter(|_| !is_randomised(record)) else { return Ok(()) };
    let station = keys.pseudonym(Purpose::Collect, format!("member\0{station}").as_bytes());
    let (_, most) = GROUP_SIZES;
    for (field, value) in rules.release().groups_of(record) {
        let values = match value {
            Value::List(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let team = team(keys, field, value);
            if count(db, keys, &team)? >= usize::from(most) || all(db)? >= MAX_MEMBERS {
                continue;
            }
            db.prepare_cached("INSERT OR IGNORE INTO member (epoch, team, station) VALUES (?1, ?2, ?3)")?
                .execute(params![sql(keys.pseudonym_epoch()), team, station])?;
        }
    }
    Ok(())
}

fn team(keys: &Keys, field: Field, value: &Value) -> [u8; 16] {
    keys.pseudonym(Purpose::Collect, format!("team\0{}\0{value}", field.name()).as_bytes())
}

fn count(db: &Connection, keys: &Keys, team: &[u8; 16]) -> Result<usize, Error> {
    let mut statement = db.prepare_cached("SELECT COUNT(*) FROM member WHERE epoch = ?1 AND team = ?2")?;
    let count: i64 = statement.query_row(params![sql(keys.pseudonym_epoch()), team], |r| r.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn all(db: &Connection) -> Result<i64, Error> {
    Ok(db.prepare_cached("SELECT COUNT(*) FROM member")?.query_row([], |r| r.get(0))?)
}

/// Most members of all groups together; further ones are not counted.
const MAX_MEMBERS: i64 = 65_536;

#[cfg(test)]
mod tests {
    use headgate_record::{Kind, Mac};

    use super::*;
    use crate::database::in_memory;
    use crate::master::MasterKey;

    fn rules(size: u16) -> Rules {
        let text = format!(
            "[collect.authentication]\nassigned_vlan = \"keep\"\nfilter_ids = \"keep\"\n\
             [release]\ngroup_size = {size}\n[release.authentication]\nassigned_vlan = \"group\"\nfilter_ids = \"group\"\n"
        );
        Rules::parse(&[("rules.toml".into(), text)]).unwrap()
    }

    fn authentication(mac: [u8; 6], vlan: &str) -> Record {
        let mut record = Record::new(Kind::Authentication);
        record.set(Field::AuthenticationMac, Mac(mac)).unwrap();
        record.set(Field::AuthenticationAssignedVlan, vlan).unwrap();
        record.set(Field::AuthenticationFilterIds, Value::List(vec!["staff".into(), vlan.into()])).unwrap();
        record
    }

    #[test]
    fn a_group_has_each_station_once_and_none_with_a_randomised_address() {
        let (db, mut keys) = in_memory(&MasterKey::random());
        let rules = rules(2);
        for (last, first) in [(1, 0), (1, 0), (2, 0), (3, 2)] {
            note(&db, &keys, &rules, &authentication([first, 0x1b, 0x21, 0, 0, last], "guests")).unwrap();
        }
        note(&db, &keys, &rules, &authentication([0, 0x1b, 0x21, 0, 0, 9], "ward")).unwrap();
        let of = |keys: &Keys, field, value: &str| Members { db: &db, keys }.members(field, &value.into());
        assert_eq!(of(&keys, Field::AuthenticationAssignedVlan, "guests"), 2);
        assert_eq!(of(&keys, Field::AuthenticationAssignedVlan, "ward"), 1);
        assert_eq!(of(&keys, Field::AuthenticationFilterIds, "staff"), 3);
        assert_eq!(of(&keys, Field::AuthenticationFilterIds, "nobody"), 0);
        // A new period knows nobody, and nothing is left of the one before.
        keys.rotate(&db, crate::keys::Rotation::Pseudonym, 1_000).unwrap();
        keys.reload(&db).unwrap();
        assert_eq!((of(&keys, Field::AuthenticationAssignedVlan, "guests"), all(&db).unwrap()), (0, 0));
    }

    #[test]
    fn what_leaves_whatever_the_size_of_its_group_is_not_counted() {
        let (db, keys) = in_memory(&MasterKey::random());
        let open = "[collect.authentication]\nassigned_vlan = \"keep\"\n[release.authentication]\nassigned_vlan = \"keep\"\n";
        for text in ["", open] {
            let rules = Rules::parse(&[("rules.toml".into(), text.into())]).unwrap();
            note(&db, &keys, &rules, &authentication([0, 0x1b, 0x21, 0, 0, 1], "guests")).unwrap();
        }
        assert_eq!(all(&db).unwrap(), 0);
    }
}
