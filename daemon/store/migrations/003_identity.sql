-- What identifies somebody stands here and in no segment. A row is one subject's in one key epoch or sensor session, or, where
-- `shared`, holds addresses of other ends. `wrapped` is the key of its own under which `sealed` is: with it the row is
-- readable, without it neither the row nor the segments say who it was. `blind` is the epoch of the key that its tags are under.
CREATE TABLE identity (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch   INTEGER,
  session INTEGER,
  blind   INTEGER NOT NULL,
  shared  INTEGER NOT NULL,
  wrapped BLOB NOT NULL,
  sealed  BLOB NOT NULL,
  CHECK ((epoch IS NULL) <> (session IS NULL))
) STRICT;
CREATE INDEX identity_session ON identity (session) WHERE session IS NOT NULL;
CREATE INDEX identity_shared ON identity (id) WHERE shared = 1;

-- By what a row is found: 64 bits of a keyed hash of an identifier.
CREATE TABLE blind (
  tag      INTEGER NOT NULL,
  identity INTEGER NOT NULL,
  PRIMARY KEY (tag, identity)
) STRICT, WITHOUT ROWID;

-- Of each segment of format 2: which entries of which rows it refers to, sealed. Segments of format 1 have no row here.
CREATE TABLE segment_mention (
  segment INTEGER PRIMARY KEY,
  epoch   INTEGER,
  session INTEGER,
  sealed  BLOB NOT NULL
) STRICT;
DROP TRIGGER segment_removed;
CREATE TRIGGER segment_removed AFTER DELETE ON segment BEGIN
  DELETE FROM segment_kind WHERE segment = OLD.id;
  DELETE FROM segment_mention WHERE segment = OLD.id;
END;

-- What the receiver is to forget and no batch has told it yet, one value each.
CREATE TABLE tombstone (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch  INTEGER NOT NULL,
  sealed BLOB NOT NULL
) STRICT;
-- How many values a batch in the outbox asks to forget: its receipt must say so.
CREATE TABLE outbox_forget (
  sequence INTEGER PRIMARY KEY,
  forget   INTEGER NOT NULL
) STRICT;
CREATE TRIGGER outbox_removed AFTER DELETE ON outbox BEGIN
  DELETE FROM outbox_forget WHERE sequence = OLD.sequence;
END;
