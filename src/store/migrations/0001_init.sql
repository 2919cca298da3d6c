-- Times are unix milliseconds, UTC. Hashes are 16 bytes unless said otherwise.

-- One row a setting of the store itself.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value ANY  NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES
    ('epoch', 0),                   -- rises with every process that opens the store for writing
    ('instance', randomblob(16));   -- keeps Message-IDs of two stores apart

CREATE TABLE feed (
    id              INTEGER PRIMARY KEY,
    url             TEXT    NOT NULL UNIQUE,  -- as configured, without fragment
    bucket          INTEGER NOT NULL,         -- 0..1023, hash of the host: the unit of ownership
    active          INTEGER NOT NULL,         -- 1 while configured
    name            TEXT,                     -- as configured
    title           TEXT,                     -- the feed's own
    etag            BLOB,                     -- verbatim
    last_modified   BLOB,                     -- verbatim
    body_hash       INTEGER,                  -- 64 bits of the last body read in full
    added_at_ms     INTEGER NOT NULL,
    baseline_at_ms  INTEGER,                  -- first successful poll
    last_poll_at_ms INTEGER,
    last_ok_at_ms   INTEGER,
    next_poll_at_ms INTEGER NOT NULL,
    failures        INTEGER NOT NULL,         -- in a row
    failure_kind    TEXT,                     -- while failures > 0
    failure_message TEXT,
    told_at_ms      INTEGER                   -- the operator was told that it fails, and not yet that it recovered
) STRICT;

CREATE TABLE story (
    id               INTEGER PRIMARY KEY,
    key              BLOB UNIQUE,             -- hash of the canonical link; NULL: a story of one item
    first_seen_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE item (
    id               INTEGER PRIMARY KEY,
    feed_id          INTEGER NOT NULL REFERENCES feed (id),
    story_id         INTEGER NOT NULL REFERENCES story (id),
    guid             TEXT,
    link             TEXT,
    title            TEXT    NOT NULL,        -- visible text, as all texts here
    summary          TEXT    NOT NULL,
    content          TEXT    NOT NULL,
    author           TEXT,
    tags             TEXT    NOT NULL,        -- a line each
    lang             TEXT,
    published_at_ms  INTEGER,
    first_seen_at_ms INTEGER NOT NULL,
    baseline         INTEGER NOT NULL         -- 1: stored by a first poll, never announced
) STRICT;
CREATE INDEX item_by_feed ON item (feed_id);
CREATE INDEX item_by_story ON item (story_id);
CREATE INDEX item_by_first_seen ON item (first_seen_at_ms);

-- What an item is recognised by. Rows stay when the item's content is pruned.
CREATE TABLE item_key (
    feed_id INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    hash    BLOB    NOT NULL,
    item_id INTEGER NOT NULL,
    PRIMARY KEY (feed_id, kind, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE match (
    item_id       INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    topic         TEXT    NOT NULL,
    revision      INTEGER NOT NULL,           -- of the topic
    hits          TEXT    NOT NULL,           -- JSON: [{"clause","field","start","end"}], byte offsets
    matched_at_ms INTEGER NOT NULL,
    PRIMARY KEY (item_id, topic)
) STRICT, WITHOUT ROWID;
CREATE INDEX match_by_topic ON match (topic, matched_at_ms);

-- A match that waits to be mailed to one recipient. Deleted by the transaction that enqueues the mail.
CREATE TABLE pending (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription  TEXT    NOT NULL,
    recipient     TEXT    NOT NULL,
    topic         TEXT    NOT NULL,
    story_id      INTEGER NOT NULL,
    item_id       INTEGER NOT NULL,
    matched_at_ms INTEGER NOT NULL,
    UNIQUE (subscription, recipient, topic, item_id)
) STRICT;
CREATE INDEX pending_by_item ON pending (item_id);

-- The outbox: one rendered mail to one recipient.
CREATE TABLE notification (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT    NOT NULL UNIQUE,   -- local part of the Message-ID
    dedup_key          TEXT    NOT NULL UNIQUE,
    kind               TEXT    NOT NULL,          -- alert | rollup | digest | operator
    subscription       TEXT    NOT NULL,
    recipient          TEXT    NOT NULL,
    subject            TEXT    NOT NULL,
    body_text          TEXT    NOT NULL,          -- '' once pruned
    body_html          TEXT    NOT NULL,          -- '' once pruned
    state              TEXT    NOT NULL CHECK (state IN ('queued', 'leased', 'sent', 'dead')),
    attempts           INTEGER NOT NULL,          -- counted before the attempt
    next_attempt_at_ms INTEGER NOT NULL,          -- leased: end of the lease
    created_at_ms      INTEGER NOT NULL,
    settled_at_ms      INTEGER,                   -- sent or dead
    note               TEXT,                      -- last error, or the server's reply
    told_at_ms         INTEGER                    -- dead: the operator was told
) STRICT;
CREATE INDEX notification_due ON notification (next_attempt_at_ms) WHERE state IN ('queued', 'leased');
CREATE INDEX notification_dead ON notification (seq) WHERE state = 'dead';
CREATE INDEX notification_by_created_at ON notification (created_at_ms);

-- Who was alerted of which story.
CREATE TABLE alerted (
    recipient      TEXT    NOT NULL,
    story_id       INTEGER NOT NULL,
    enqueued_at_ms INTEGER NOT NULL,
    PRIMARY KEY (recipient, story_id)
) STRICT, WITHOUT ROWID;

-- Which story was in which reader's digest.
CREATE TABLE digested (
    recipient      TEXT    NOT NULL,
    story_id       INTEGER NOT NULL,
    subscription   TEXT    NOT NULL,
    enqueued_at_ms INTEGER NOT NULL,
    PRIMARY KEY (recipient, story_id, subscription)
) STRICT, WITHOUT ROWID;

-- Up to when each reader's digests are complete.
CREATE TABLE digest_run (
    subscription  TEXT    NOT NULL,
    recipient     TEXT    NOT NULL,
    window_end_ms INTEGER NOT NULL,
    PRIMARY KEY (subscription, recipient)
) STRICT, WITHOUT ROWID;
