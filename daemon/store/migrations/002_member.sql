-- Which stations are in a group, as far as its name leaves only where there are enough. Both are keyed pseudonyms of the
-- collect gate, of the epoch that they are of; the rows of an epoch go with its key.
CREATE TABLE member (
  epoch   INTEGER NOT NULL,
  team    BLOB NOT NULL,
  station BLOB NOT NULL,
  PRIMARY KEY (epoch, team, station)
) STRICT, WITHOUT ROWID;
