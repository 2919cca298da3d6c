-- What the last alert or update told its recipient of the story, so that only news is mailed afterwards.
ALTER TABLE alerted ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;   -- 0: told before this schema; nothing is news
ALTER TABLE alerted ADD COLUMN told_at_ms INTEGER;                    -- of the last mail; NULL with revision 0
ALTER TABLE alerted ADD COLUMN sources INTEGER NOT NULL DEFAULT 0;    -- distinct ones it counted
ALTER TABLE alerted ADD COLUMN first_tier INTEGER NOT NULL DEFAULT 0; -- 1: one of them was
ALTER TABLE alerted ADD COLUMN headline TEXT NOT NULL DEFAULT '';
ALTER TABLE alerted ADD COLUMN clauses BLOB NOT NULL DEFAULT x'';     -- hashes, 8 bytes each, little end first
ALTER TABLE alerted ADD COLUMN thread TEXT;                           -- notification.id of the first mail

ALTER TABLE notification ADD COLUMN in_reply_to TEXT;                 -- notification.id of the mail it follows up on

-- Which story was in which mail.
CREATE TABLE mail_story (
    mail_id  TEXT    NOT NULL,          -- notification.id
    story_id INTEGER NOT NULL,
    PRIMARY KEY (mail_id, story_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_story_by_story ON mail_story (story_id);

-- Stories that a recipient wants no alerts of for a while.
CREATE TABLE muted (
    recipient   TEXT    NOT NULL,       -- '*': everybody
    story_id    INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL,
    muted_at_ms INTEGER NOT NULL,
    PRIMARY KEY (recipient, story_id)
) STRICT, WITHOUT ROWID;

-- Pending matches that were settled without a mail, and why.
CREATE TABLE settled (
    item_id       INTEGER NOT NULL,
    topic         TEXT    NOT NULL,
    subscription  TEXT    NOT NULL,
    recipient     TEXT    NOT NULL,
    story_id      INTEGER NOT NULL,
    reason        TEXT    NOT NULL,     -- already-alerted | already-digested | subscription-gone | muted
    settled_at_ms INTEGER NOT NULL,
    PRIMARY KEY (item_id, topic, subscription, recipient)
) STRICT, WITHOUT ROWID;
CREATE INDEX settled_by_at ON settled (settled_at_ms);

-- Signs the addresses that mute a story: whoever holds the mail may mute, nobody else.
INSERT INTO meta (key, value) VALUES ('mute_key', randomblob(32));
