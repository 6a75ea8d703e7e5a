-- What whoever runs the receiver asked for, and what became of it. The content is sealed, and goes when the request is settled.
CREATE TABLE request (
  id          BLOB PRIMARY KEY NOT NULL,
  kind        TEXT NOT NULL,
  received_ms INTEGER NOT NULL,
  expires_ms  INTEGER NOT NULL,
  state       TEXT NOT NULL,
  epoch       INTEGER,
  sealed      BLOB
) STRICT, WITHOUT ROWID;
