-- What every column promises is said in src/lib.rs. Times are milliseconds since 1970, wall clock.

-- Single values: identity of the database, cursor of the release gate, counts that survive deletion.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY NOT NULL,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of an epoch, wrapped under a key derived from the master key. Purposes: see keys.rs.
CREATE TABLE key (
  epoch      INTEGER NOT NULL,
  purpose    INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  wrapped    BLOB NOT NULL,
  PRIMARY KEY (epoch, purpose)
) STRICT, WITHOUT ROWID;

-- Sessions of sensors. `wrapped` is the key of the session's own segments, NULL once destroyed.
CREATE TABLE session (
  number    INTEGER PRIMARY KEY AUTOINCREMENT,
  id        BLOB NOT NULL UNIQUE,
  committed INTEGER NOT NULL,
  wrapped   BLOB
) STRICT;

-- Sealed records. The blob is last, so that rows are walked without reading it.
CREATE TABLE segment (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  class      INTEGER NOT NULL,
  records    INTEGER NOT NULL,
  epoch      INTEGER,
  session    INTEGER,
  created_ms INTEGER NOT NULL,
  sealed     BLOB NOT NULL,
  CHECK ((epoch IS NULL) <> (session IS NULL))
) STRICT;
CREATE INDEX segment_class ON segment (class, id);
CREATE INDEX segment_session ON segment (session) WHERE session IS NOT NULL;

-- How many records of each kind a segment holds, and how many are kept in all.
CREATE TABLE segment_kind (
  segment INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (segment, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE kept (
  kind    INTEGER PRIMARY KEY,
  records INTEGER NOT NULL
) STRICT;
CREATE TRIGGER segment_kind_added AFTER INSERT ON segment_kind BEGIN
  INSERT INTO kept VALUES (NEW.kind, NEW.records)
    ON CONFLICT (kind) DO UPDATE SET records = records + NEW.records;
END;
CREATE TRIGGER segment_kind_removed AFTER DELETE ON segment_kind BEGIN
  UPDATE kept SET records = records - OLD.records WHERE kind = OLD.kind;
END;
CREATE TRIGGER segment_removed AFTER DELETE ON segment BEGIN
  DELETE FROM segment_kind WHERE segment = OLD.id;
END;

-- Batches without a receipt. `digest` is the content hash of the batch that `sealed` holds.
CREATE TABLE outbox (
  sequence      INTEGER PRIMARY KEY,
  created_ms    INTEGER NOT NULL,
  epoch         INTEGER NOT NULL,
  first_segment INTEGER NOT NULL,
  bulk          INTEGER NOT NULL,
  state         INTEGER NOT NULL,
  account       INTEGER NOT NULL,
  digest        BLOB NOT NULL,
  sealed        BLOB NOT NULL
) STRICT;

-- Rows of `segment` and `outbox` that do not open, as they were found.
CREATE TABLE quarantine (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  source     TEXT NOT NULL,
  row        INTEGER NOT NULL,
  class      INTEGER,
  records    INTEGER NOT NULL,
  epoch      INTEGER,
  session    INTEGER,
  created_ms INTEGER NOT NULL,
  sealed     BLOB NOT NULL
) STRICT;

-- Records that ended otherwise than in a segment, by reason. `pending` goes into the next batch.
CREATE TABLE account (
  what    INTEGER NOT NULL,
  of      INTEGER NOT NULL,
  reason  TEXT NOT NULL,
  pending INTEGER NOT NULL,
  total   INTEGER NOT NULL,
  PRIMARY KEY (what, of, reason)
) STRICT, WITHOUT ROWID;

-- What happened, hash-chained. Only ever appended to; the oldest entries leave when it outgrows its share.
CREATE TABLE ledger (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms  INTEGER NOT NULL,
  event  TEXT NOT NULL,
  detail TEXT NOT NULL,
  hash   BLOB NOT NULL
) STRICT;
