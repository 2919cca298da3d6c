-- What was learned of each feed beside its items: how it fares, how often it has news, whether it can be trusted.
ALTER TABLE feed ADD COLUMN health TEXT NOT NULL DEFAULT 'ok' CHECK (health IN ('ok', 'degraded', 'failing', 'dormant'));
ALTER TABLE feed ADD COLUMN health_since_at_ms INTEGER;        -- NULL: never left 'ok'
ALTER TABLE feed ADD COLUMN patience_until_at_ms INTEGER;      -- the server asked not to be visited before
ALTER TABLE feed ADD COLUMN moving_to TEXT;                    -- permanent redirect that is being watched
ALTER TABLE feed ADD COLUMN moving_polls INTEGER NOT NULL DEFAULT 0;   -- polls in a row that led there
ALTER TABLE feed ADD COLUMN moving_since_at_ms INTEGER;
ALTER TABLE feed ADD COLUMN moved_to TEXT;                     -- adopted address; url stays the identity and the fallback
ALTER TABLE feed ADD COLUMN answered_by TEXT;                  -- address that gave the validators; NULL: url itself
ALTER TABLE feed ADD COLUMN gone_polls INTEGER NOT NULL DEFAULT 0;     -- polls in a row that were answered 410
ALTER TABLE feed ADD COLUMN gone_since_at_ms INTEGER;          -- the first of them
ALTER TABLE feed ADD COLUMN hint_wait_ms INTEGER;              -- longest of ttl, max-age, sy:update
ALTER TABLE feed ADD COLUMN hint_skip_hours INTEGER NOT NULL DEFAULT 0;  -- bit n: hour n UTC
ALTER TABLE feed ADD COLUMN hint_skip_days INTEGER NOT NULL DEFAULT 0;   -- bit 0: Monday
ALTER TABLE feed ADD COLUMN full_at_ms INTEGER;                -- last read in full: 200, or an answer to an unconditional request
ALTER TABLE feed ADD COLUMN liar_since_at_ms INTEGER;          -- its 304s or ETags were found to be untrue
ALTER TABLE feed ADD COLUMN pace_items_micro INTEGER NOT NULL DEFAULT 0; -- new items, forgotten with time, in millionths
ALTER TABLE feed ADD COLUMN pace_alerts_micro INTEGER NOT NULL DEFAULT 0; -- readers alerted because of them, likewise
ALTER TABLE feed ADD COLUMN pace_span_ms INTEGER NOT NULL DEFAULT 0;     -- time watched, forgotten likewise
ALTER TABLE feed ADD COLUMN pace_at_ms INTEGER;                -- as of when
ALTER TABLE feed ADD COLUMN longest_gap_ms INTEGER NOT NULL DEFAULT 0;   -- between two polls with news, slowly forgotten
ALTER TABLE feed ADD COLUMN gaps_seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed ADD COLUMN last_new_at_ms INTEGER;            -- when a poll last found a new item
ALTER TABLE feed ADD COLUMN window_items INTEGER NOT NULL DEFAULT 0;     -- items in the last body read
ALTER TABLE feed ADD COLUMN rolling INTEGER NOT NULL DEFAULT 0;          -- evidence that new items push old ones out
ALTER TABLE feed ADD COLUMN gap_at_ms INTEGER;                 -- a possible gap was last reported
ALTER TABLE feed ADD COLUMN renumbered_at_ms INTEGER;          -- new guids for known items were last reported
ALTER TABLE feed ADD COLUMN on_trial INTEGER NOT NULL DEFAULT 0;         -- 1: etag and last_modified are known to be out of date
ALTER TABLE feed ADD COLUMN silent_since_at_ms INTEGER;        -- set while it is silent
ALTER TABLE feed ADD COLUMN hit_at_ms INTEGER;                 -- last item that matched a topic of an alert

-- What happened to feeds: told to the operator, shown in status and in the footers of digests.
CREATE TABLE feed_event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    feed_id    INTEGER NOT NULL REFERENCES feed (id),
    kind       TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL,
    count      INTEGER,                 -- of items, where the kind has one
    detail     TEXT    NOT NULL,        -- in plain words, without secrets
    told_at_ms INTEGER                  -- the operator was told
) STRICT;
CREATE INDEX feed_event_by_at ON feed_event (at_ms);
CREATE INDEX feed_event_untold ON feed_event (id) WHERE told_at_ms IS NULL;

-- The items of the last body read of each feed, to tell whether the next one overlaps it. Apart from the feed's row, which
-- is rewritten at each poll.
CREATE TABLE feed_window (
    feed_id INTEGER NOT NULL PRIMARY KEY REFERENCES feed (id),
    items   BLOB    NOT NULL            -- item.id, 8 bytes each, little-endian, at most 256
) STRICT;

-- Which text of an item is stored, to notice edits without reading it. Items of older versions get a row once they are
-- seen again.
CREATE TABLE item_text (
    item_id INTEGER NOT NULL PRIMARY KEY REFERENCES item (id) ON DELETE CASCADE,
    hash    INTEGER NOT NULL,           -- 64 bits of the last text read
    edits   INTEGER NOT NULL            -- how often it was replaced
) STRICT;

-- What is known of the sites that feeds belong to; politeness survives a restart.
CREATE TABLE site (
    name             TEXT    NOT NULL PRIMARY KEY,  -- registrable domain, host:port, or the name of a group
    tokens_milli     INTEGER NOT NULL,              -- left in the bucket, in thousandths
    counted_at_ms    INTEGER NOT NULL,              -- as of when
    not_before_at_ms INTEGER,                       -- no visit before
    spacing_ms       INTEGER,                       -- learned from refusals; NULL: as configured
    learned_at_ms    INTEGER                        -- when spacing_ms last changed
) STRICT, WITHOUT ROWID;
