-- Tokens that are out, and those that were used: nothing of a token but a hash.
CREATE TABLE token (
    id        BLOB PRIMARY KEY,     -- 16 octets
    hash      BLOB NOT NULL,        -- SHA-256 of id and secret
    appliance TEXT NOT NULL,
    expires   INTEGER NOT NULL,     -- seconds since 1970
    key       BLOB                  -- SHA-256 of the public key that it was used for; NULL while it was not
) STRICT, WITHOUT ROWID;

-- The least generation of an appliance's secret that counts: that of the last one that was proved, or one after a revocation.
CREATE TABLE secret (
    appliance TEXT PRIMARY KEY,
    least     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the operator asks of sites. It goes with receipts until a later batch shows that it has arrived.
CREATE TABLE request (
    id        BLOB PRIMARY KEY,     -- 8 octets
    appliance TEXT NOT NULL,
    content   BLOB NOT NULL,
    asked     INTEGER NOT NULL,     -- seconds since 1970
    expires   INTEGER NOT NULL,     -- seconds since 1970
    epoch     BLOB,                 -- of the batch with whose receipt it went; NULL while it did not
    sequence  BLOB,
    arrived   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX request_appliance ON request (appliance, arrived);
